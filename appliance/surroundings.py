"""What the machine must have for a configuration: folders, a group, addresses. `gravure check` looks and changes
nothing.

Whoever asks may be another user than the one that the service runs as. What only tells of the asking user is no problem
of the configuration: a folder of somebody else's, a port below 1024.
"""

from __future__ import annotations

import errno
import grp
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from appliance.config import Config
from appliance.control import is_running


def missing(config: Config) -> Iterator[str]:
    """What keeps the appliance from starting, or from making what it is for: `key: what is wrong`."""
    yield from _places(config)
    if config.appliance.file_group:
        try:
            grp.getgrnam(config.appliance.file_group)
        except KeyError:
            yield f"appliance.file_group: there is no group {config.appliance.file_group}"
    for file in config.appliance.fonts:
        if problem := _font_problem(file):
            yield f"appliance.fonts: {file}: {problem}"
    for key, peer in config.peers.items():
        for host in peer.address:
            if not _is_known(host):
                yield f"peers.{key}.address: no host of the name {host} is found"
    yield from _listeners(config)


def _places(config: Config) -> Iterator[str]:
    if problem := _folder_problem(config.state):
        yield f"appliance.state: {problem}"
    places: dict[str, Path] = {}
    for kind in ("printers", "discs"):
        for key, table in getattr(config, kind).items():
            makes_files = table.output in ("folder", "iso", "zip")
            if makes_files and (not problem or Path(table.folder).is_absolute()):
                places[f"{kind}.{key}.folder"] = config.folder(table.folder)
    for key, folder in places.items():
        if problem := _folder_problem(folder):
            yield f"{key}: {problem}"


def _folder_problem(folder: Path) -> str:
    """Why a folder cannot be made or written to; empty if it can, as far as this user may know."""
    here = folder
    while True:
        try:
            owner = here.stat().st_uid
            break
        except (FileNotFoundError, NotADirectoryError):
            here = here.parent
        except OSError as failure:
            return f"{here}: {failure.strerror}"
    if not here.is_dir():
        return f"{here} is no folder"
    if os.access(here, os.W_OK | os.X_OK) or owner not in (0, os.geteuid()):
        return ""
    return f"{here} cannot be written to"


def _font_problem(file: str) -> str:
    from reportlab.pdfbase.ttfonts import TTFError, TTFontFile

    try:
        TTFontFile(file)
    except (OSError, TTFError):
        return "no TrueType font that can be read"
    return ""


def _is_known(host: str) -> bool:
    """Whether an address stands for something: a name is looked up, as at the start."""
    if "/" in host:
        return True
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return True


def _listeners(config: Config) -> Iterator[str]:
    """Addresses that cannot be listened on. Of a port that the appliance itself listens on now there is no question."""
    own = is_running(config.state)
    for address in config.listen.address:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((address, 0))
            except OSError as failure:
                yield f"listen.address: {address}: {failure.strerror}"
                continue
        if own or not config.listen.port:
            continue
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((address, config.listen.port))
            except OSError as failure:
                if failure.errno == errno.EADDRINUSE:
                    yield (
                        f"listen.port: {config.listen.port} on {address} is taken, by another program or by "
                        "gravure.socket"
                    )
