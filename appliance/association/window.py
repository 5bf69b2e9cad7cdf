"""The TCP window that a peer is shown: as wide as its way to us needs, and of one width.

The kernel lets a window grow to several megabytes, and makes it narrower while bytes lie unread; until they are read it
acknowledges nothing. A sender that measures how fast its bytes are acknowledged (BBR) then takes us for a slow one and
sends by the clock, at a fourth of its speed, while its megabytes lie in memory that no cache remembers. With a window
that stays within what the buffer holds anyway, everything is acknowledged as it comes. (Measured with four senders on
the machine itself: a tenth of the time of all, most of it theirs.)

How wide it must be is a matter of the way: at 1 GB/s as many bytes are under way as come in one round trip.
"""

from __future__ import annotations

import socket
import struct
from typing import Protocol

BYTES_PER_US = 1000
"""A gigabyte a second: what a network of 10 Gbit/s brings."""
LEAST_BYTES = 384 * 1024
"""By trial: less makes senders wait, more gains nothing."""
MOST_BYTES = 4 * 1024 * 1024
"""What is farther away than four milliseconds gets the window that the kernel finds."""

_MIN_RTT = 148
"""Where `tcpi_min_rtt`, in microseconds, stands in `struct tcp_info` (Linux 4.6 and newer)."""


class Socket(Protocol):
    """What is needed of a socket."""

    def getsockopt(self, level: int, option: int, buflen: int, /) -> bytes:
        """As `socket.socket` has it."""

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """As `socket.socket` has it."""


def window_for(round_trip_us: int) -> int:
    """Bytes of the window for a way of so many microseconds; 0: that of the kernel."""
    wanted = max(LEAST_BYTES, BYTES_PER_US * round_trip_us)
    return wanted if wanted <= MOST_BYTES else 0


def window_of(sock: Socket) -> int:
    """Bytes of the window for the peer of a connection, by its shortest round trip until now; 0: that of the kernel."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _MIN_RTT + 4)
    except OSError:
        return 0
    if len(info) < _MIN_RTT + 4:
        return 0
    return window_for(struct.unpack_from("=I", info, _MIN_RTT)[0])


def set_window(sock: Socket, window_bytes: int) -> None:
    """Show this window from now on, until the kernel finds another: it does when the kind of packets changes."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, window_bytes)
