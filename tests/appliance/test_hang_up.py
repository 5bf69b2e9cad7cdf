"""A terminal that is closed: the appliance ends as it does at SIGTERM, and stays where nohup asked for it."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from appliance.control import SOCKET
from tests.serving import Serving

TERMINAL = ("env", "--default-signal=HUP")
"""As a shell starts it, whatever these tests were started by."""


@pytest.mark.parametrize("prefix", [TERMINAL, ("nohup",)], ids=["terminal", "nohup"])
def test_a_closed_terminal(prefix: tuple[str, ...], tmp_path: Path) -> None:
    one = Serving(tmp_path).start(prefix=prefix)
    assert one.process is not None
    try:
        one.process.send_signal(signal.SIGHUP)
        if prefix != TERMINAL:
            assert one.gravure("status").returncode == 0
            with socket.create_connection(("127.0.0.1", one.port), 5):
                pass
        else:
            assert one.process.wait(20) == 0
            assert "stopping" in one.log.read_text() and not (one.state / SOCKET).exists()
    finally:
        one.stop()
