"""systemd's side of the daemon: readiness, watchdog and inherited sockets, in its documented datagrams."""

from __future__ import annotations

import asyncio
import os
import socket


def notify(message: str) -> None:
    """Tell the service manager, if there is one: READY=1, STOPPING=1, WATCHDOG=1, STATUS=…"""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto(message.encode(), address)
        except OSError:
            pass  # a manager that went away is not our trouble


def inherited_sockets() -> list[socket.socket]:
    """Listening sockets that systemd opened for us (socket activation): port 104 without any privilege."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    sockets = [socket.socket(fileno=3 + number) for number in range(count)]
    for one in sockets:
        os.set_inheritable(one.fileno(), False)
        one.setblocking(False)
    return sockets


def address_of(sock: socket.socket) -> str:
    """The address that a socket listens on; of one that is not TCP, its name."""
    name = sock.getsockname()
    return str(name[0] if isinstance(name, tuple) else name)


def watchdog_s() -> float | None:
    """How often the service manager wants to hear of us: half its limit; None where it does not care."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    if not limit.isdigit() or (os.environ.get("WATCHDOG_PID") or str(os.getpid())) != str(os.getpid()):
        return None
    return int(limit) / 2_000_000


async def feed_watchdog() -> None:
    """Say WATCHDOG=1 from the event loop for ever: a loop that hangs is heard by its silence."""
    every_s = watchdog_s()
    while every_s is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
