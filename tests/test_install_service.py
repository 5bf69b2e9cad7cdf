"""`make install-service` into a tree (DESTDIR) and under a prefix of its own, as a packager runs it; the machine is
left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT

PREFIX = "/opt/films"
OTHERS = ("sysinit", "basic", "shutdown", "sockets", "network-online")
"""Targets that the units name and that a real root has."""


def install(root: Path) -> None:
    """`make install-service`, the first time or as an upgrade."""
    python = Path(sys.base_prefix) / "bin" / "python3"
    subprocess.run(
        ["make", "--silent", "install-service"],
        cwd=ROOT,
        env={**os.environ, "DESTDIR": str(root), "PREFIX": PREFIX, "PYTHON": str(python)},
        check=True,
        capture_output=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    install(root)
    return root


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("gravure.service", "usr/lib/systemd/system/gravure.service"),
        ("gravure.socket", "usr/lib/systemd/system/gravure.socket"),
        ("gravure.sysusers", "usr/lib/sysusers.d/gravure.conf"),
        ("gravure.tmpfiles", "usr/lib/tmpfiles.d/gravure.conf"),
        ("gravure.toml", "etc/gravure/gravure.toml"),
    ],
)
def test_files_are_in_their_places_and_name_the_prefix(tree: Path, name: str, place: str) -> None:
    assert (tree / place).read_text() == (ROOT / "systemd" / name).read_text().replace("/opt/gravure", PREFIX)
    assert (tree / place).stat().st_mode & 0o777 == (0o640 if name.endswith(".toml") else 0o644)


def test_what_was_installed_runs_without_the_checkout(tree: Path, tmp_path: Path) -> None:
    installed = tree / PREFIX[1:]
    config = tree / "etc/gravure/gravure.toml"
    command = [installed / "bin/python", "-m", "appliance", "check", "--config", config]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    # Whether this machine has a free port 104 and a state folder for this user is another matter.
    assert "port 104" in done.stdout and "BURN_CD" in done.stdout and not done.stderr, done.stdout + done.stderr
    assert (installed / "share/doc/generated/configuration.md").is_file()
    for script in (installed / "bin").iterdir():
        first = script.read_bytes().split(b"\n", 1)[0]
        assert not first.startswith(b"#!") or first == f"#!{PREFIX}/bin/python".encode(), script.name
    assert (installed / "share/doc/operator.md").is_file(), "Documentation= in the service"


@pytest.mark.peers("systemd")
def test_systemd_verifies_the_tree(tree: Path) -> None:
    """As on the machine where it goes: programs are looked for below the tree, by the paths that the units name."""
    for name in OTHERS:
        (tree / f"usr/lib/systemd/system/{name}.target").write_text(f"[Unit]\nDescription={name}\n")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"--root={tree}", "gravure.service", "gravure.socket"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    users = subprocess.run(["systemd-sysusers", "--dry-run", f"--root={tree}"], capture_output=True, text=True)
    assert users.returncode == 0 and "Creating user 'gravure'" in users.stderr, users.stderr


def test_an_upgrade_keeps_the_configuration_and_replaces_the_rest(tree: Path) -> None:
    """Last in this file: it spoils the tree, and mends it."""
    config, unit = tree / "etc/gravure/gravure.toml", tree / "usr/lib/systemd/system/gravure.service"
    own_profile = config.with_name("console.toml")
    program = next((tree / PREFIX[1:]).glob("lib/python*/site-packages/appliance/__init__.py"))
    written = config.read_text() + '\n[peers.PACS]\nae_title = "PACS"\naddress = "192.0.2.10"\n'
    config.write_text(written)
    config.chmod(0o600)
    own_profile.write_text("# of this hospital")
    before = config.stat()
    unit.write_text("[Unit]\nDescription=of an older release\n")
    program.write_text("__version__ = '0.0.1'\n")
    install(tree)
    after = config.stat()
    assert config.read_text() == written and own_profile.read_text() == "# of this hospital"
    assert (after.st_ino, after.st_mtime_ns, after.st_mode) == (before.st_ino, before.st_mtime_ns, before.st_mode)
    assert "older release" not in unit.read_text() and "0.0.1" not in program.read_text()
    assert sorted(one.name for one in config.parent.iterdir()) == ["console.toml", "gravure.toml"]


def test_nothing_else_that_is_installed_writes_the_configuration() -> None:
    """tmpfiles.d can empty folders and write files at every boot, and a wheel can carry files for any place."""
    lines = [line.split() for line in (ROOT / "systemd/gravure.tmpfiles").read_text().splitlines()]
    rules = [line for line in lines if line and not line[0].startswith("#")]
    assert rules and all(rule[0] == "d" and rule[-1] == "-" for rule in rules), "made where it is not there, never aged"
    unit = (ROOT / "systemd/gravure.service").read_text()
    assert "ConfigurationDirectory=" not in unit and "ReadWritePaths=/etc" not in unit
    assert "shared-data" not in (ROOT / "pyproject.toml").read_text()
