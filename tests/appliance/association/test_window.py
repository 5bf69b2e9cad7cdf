"""The TCP window that a peer is shown."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from appliance.association.window import LEAST_BYTES, MOST_BYTES, set_window, window_for, window_of

UNACKED, SND_WND = 24, 228
"""Where these stand in `struct tcp_info`."""


def info(sock: socket.socket, offset: int) -> int:
    value: int = struct.unpack_from("=I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232), offset)[0]
    return value


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as theirs:
        ours, _ = server.accept()
        with ours:
            yield ours, theirs


@pytest.mark.parametrize(
    ("round_trip_us", "window"),
    [(0, LEAST_BYTES), (3, LEAST_BYTES), (500, 500_000), (4000, 4_000_000), (5000, 0), (80_000, 0)],
)
def test_the_window_is_as_wide_as_the_way_is_long(round_trip_us: int, window: int) -> None:
    assert window_for(round_trip_us) == window


def test_on_the_machine_itself_the_way_is_short(connection: tuple[socket.socket, socket.socket]) -> None:
    assert LEAST_BYTES <= window_of(connection[0]) < MOST_BYTES


def test_what_is_no_tcp_has_none() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert window_of(one) == 0


def test_what_is_sent_is_acknowledged_before_anybody_reads_it(
    connection: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = connection
    part = bytes(64 * 1024)

    def send(parts: int) -> None:
        for _ in range(parts):
            theirs.sendall(part)
            read = 0
            while read < len(part):
                read += len(ours.recv(len(part)))
            set_window(ours, LEAST_BYTES)

    send(20)
    assert info(theirs, SND_WND) <= LEAST_BYTES
    for _ in range(4):  # while nobody reads
        theirs.sendall(part)
    end = time.monotonic() + 0.02  # a delayed acknowledgement takes 40 ms
    while info(theirs, UNACKED) and time.monotonic() < end:
        pass
    assert info(theirs, UNACKED) == 0
    assert info(theirs, SND_WND) > 0
