"""The service units: what systemd thinks of them, and whether the daemon speaks its protocols."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance import Config
from tests.serving import FOREIGN, ROOT, Serving

UNITS = ROOT / "systemd"


@pytest.mark.peers("systemd")
def test_the_sandbox_scores_at_most_2() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", str(UNITS / "gravure.service")],
        capture_output=True,
        text=True,
        check=True,
    )
    score = re.search(r"exposure level for gravure.service: ([0-9.]+)", done.stdout)
    assert score is not None and float(score[1]) <= 2.0, done.stdout[-300:]


@pytest.mark.peers("systemd")
def test_systemd_verifies_the_units(tmp_path: Path) -> None:
    for unit in ("gravure.service", "gravure.socket"):
        text = (UNITS / unit).read_text().replace("/opt/gravure/bin/gravure", "/bin/true")
        (tmp_path / unit).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "gravure.service"), str(tmp_path / "gravure.socket")],
        capture_output=True,
        text=True,
    )
    complaints = [line for line in done.stderr.splitlines() if "gravure" in line]
    assert (done.returncode, complaints) == (0, [])


def test_the_command_line_finds_the_service_that_the_shipped_configuration_makes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service has its state folder from systemd; whoever types `gravure status` has the configuration alone."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    config = Config.load(UNITS / "gravure.toml")
    (state,) = re.findall(r"^StateDirectory=(\S+)$", (UNITS / "gravure.service").read_text(), re.M)
    assert config.state == Path("/var/lib") / state


def test_the_folder_is_no_package() -> None:
    assert not (UNITS / "__init__.py").exists(), "it would shadow systemd's own Python package"


def test_ready_watchdog_and_stopping_are_told(tmp_path: Path) -> None:
    address = f"\0gravure-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(20)
        one = Serving(tmp_path).start(NOTIFY_SOCKET="@" + address[1:], WATCHDOG_USEC="400000", WATCHDOG_PID="")
        try:
            heard = []
            while "READY=1" not in heard or heard.count("WATCHDOG=1") < 3:
                heard.append(manager.recv(4096).decode())
            assert one.stop() == 0
            while "STOPPING=1" not in heard:
                heard.append(manager.recv(4096).decode())
        finally:
            one.kill()


@pytest.mark.peers("systemd", "dcmtk")
def test_an_inherited_socket_is_listened_on(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = Serving(tmp_path)
    process = subprocess.Popen(
        [
            *("systemd-socket-activate", "-l", f"127.0.0.1:{port}"),
            *(sys.executable, "-m", "appliance", "serve", "--config", str(one.config)),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for _ in range(100):  # until systemd-socket-activate listens
            echo = subprocess.run(
                ["/usr/bin/echoscu", "-to", "20", "-aec", "FILM", "127.0.0.1", str(port)],
                env=FOREIGN,
                timeout=60,
                stderr=subprocess.DEVNULL,
            )
            if echo.returncode == 0:
                break
            time.sleep(0.1)
        assert echo.returncode == 0
        assert process.stdout is not None
        assert f":{port} " in process.stdout.readline()
    finally:
        process.terminate()
        process.wait(20)
