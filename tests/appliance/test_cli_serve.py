"""Which configuration `gravure serve` runs on, in its first lines."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT


def first_lines(tmp_path: Path, *options: str, configured: str = "") -> list[str]:
    """What `serve` says until it is ready."""
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    environment.pop("STATE_DIRECTORY", None)
    environment.pop("GRAVURE_CONFIG", None)
    if configured:
        environment["GRAVURE_CONFIG"] = configured
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance", "serve", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready dicom=")
    finally:
        process.terminate()
        _, said = process.communicate(timeout=20)
    return said.splitlines()


@pytest.fixture
def port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def test_an_installed_configuration_that_is_passed_over_is_named(tmp_path: Path, port: str) -> None:
    installed = tmp_path / "gravure.toml"
    installed.write_text("[printers.FILM]\n")
    none, passed_over, *_ = first_lines(tmp_path, "--port", port, configured=str(installed))
    assert 'configuration file="none: built-in defaults and the command line"' in none
    assert "warning" in passed_over and "passed over" in passed_over and f"file={installed}" in passed_over


@pytest.mark.skipif(Path("/etc/gravure/gravure.toml").exists(), reason="this machine has a configuration")
def test_without_one_there_is_nothing_to_pass_over(tmp_path: Path, port: str) -> None:
    said = first_lines(tmp_path, "--port", port)
    assert "none: built-in defaults" in said[0] and not any("passed over" in line for line in said)


@pytest.mark.parametrize("by_option", [True, False])
def test_the_file_that_is_read_is_named(tmp_path: Path, by_option: bool) -> None:
    file = tmp_path / "gravure.toml"
    file.write_text("[listen]\nport = 0\n")
    options = ("--config", str(file)) if by_option else ()
    said = first_lines(tmp_path, *options, configured="" if by_option else str(file))
    assert f"configuration file={file}" in said[0] and not any("passed over" in line for line in said)
