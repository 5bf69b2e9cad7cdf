"""The service units: what systemd thinks of them, and whether the daemon speaks its protocols."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance import Appliance, Config
from appliance.policy import CannotStart
from tests.appliance.association.peer import Peer, Rejected, TcpWire
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


class WideSocket(socket.socket):
    """Bound to loopback, and says that it is bound to every address, as the socket of gravure.socket is."""

    def getsockname(self) -> tuple[str, int]:
        return "0.0.0.0", super().getsockname()[1]


def wide_socket() -> WideSocket:
    sock = WideSocket()
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def test_a_stranger_is_rejected_on_an_inherited_socket_of_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped configuration says 127.0.0.1, where strangers are welcome; the sockets that systemd opened count."""
    known = {"CT1": {"ae_title": "CT1", "address": "192.0.2.21"}}
    config = Config.from_dict({"appliance": {"state": str(tmp_path)}, "peers": known})
    assert config.unknown_peers == "accept"
    monkeypatch.setattr("appliance.daemon.inherited_sockets", lambda: [wide_socket()])

    async def run() -> None:
        async with Appliance(config) as running:
            peer = Peer(await TcpWire.connect(running.dicom_port))
            assert await peer.associate(called=b"FILM") == Rejected(1, 1, 3)

    asyncio.run(run())


def test_an_inherited_socket_of_a_network_is_not_served_where_nothing_says_who_may_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config.from_dict({"appliance": {"state": str(tmp_path)}})
    monkeypatch.setattr("appliance.daemon.inherited_sockets", lambda: [wide_socket()])
    with pytest.raises(CannotStart, match="that may call"):
        asyncio.run(Appliance(config).start())
