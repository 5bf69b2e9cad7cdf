"""The limit cases that need a process of their own: few descriptors, SIGTERM, names that reach real services."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance.association import peer as wire
from tests.appliance.association.peer import (
    C_STORE,
    CT_IMAGE_STORAGE,
    EXPLICIT,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_META,
    IMPLICIT,
    N_CREATE,
    VERIFICATION,
    Aborted,
    Accepted,
    Closed,
    Peer,
    TcpWire,
    context,
)
from tests.serving import Serving, serving

DESCRIPTORS = 300
HOSTILE_UIDS = (
    "../../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "1.2\r\nforged line",
    "1.2\0.3",
    "$(touch forged)",
    "`touch forged`",
    "-rf",
    "1" * 64 + ".2",
    "1..2",
    "'\";--",
)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("daemon"), prefix=("prlimit", f"--nofile={DESCRIPTORS}:{DESCRIPTORS}")) as one:
        yield one


async def _peer(daemon: Serving, *contexts: bytes, called: bytes = b"FILM") -> Peer:
    peer = Peer(await TcpWire.connect(daemon.port))
    assert isinstance(await peer.associate(*contexts, called=called), Accepted)
    return peer


async def _echoes(daemon: Serving) -> None:
    peer = await _peer(daemon, called=b"GRAVURE")
    assert await peer.echo() == 0x0000
    await peer.release()


def test_P24_more_connections_than_descriptors_still_leave_room_for_a_legal_peer(daemon: Serving) -> None:
    async def run() -> None:
        flood = [Peer(await TcpWire.connect(daemon.port)) for _ in range(DESCRIPTORS * 2)]
        for _ in range(3):
            await _echoes(daemon)
        for peer in flood:
            peer.close()
        await _echoes(daemon)

    asyncio.run(run())


@pytest.mark.parametrize("uid", HOSTILE_UIDS, ids=repr)
def test_P27_names_that_are_paths_lines_and_commands_name_nothing(daemon: Serving, uid: str) -> None:
    async def run() -> None:
        peer = await _peer(daemon, context(1, CT_IMAGE_STORAGE, EXPLICIT), called=b"BURN_CD")
        assert (await peer.ask(1, C_STORE, 1, CT_IMAGE_STORAGE, uid, bytes(100))).status == 0x0117
        await peer.release()
        console = await _peer(daemon, context(1, GRAYSCALE_META, IMPLICIT))
        assert (await console.ask(1, N_CREATE, 1, FILM_SESSION, uid)).status == 0x0117
        assert (await console.ask(1, N_CREATE, 2, FILM_BOX, uid)).status == 0x0112
        await console.send(wire.ABORT)
        console.close()
        await _echoes(daemon)

    before = _names(daemon.state)
    asyncio.run(run())
    assert _names(daemon.state) == before and not list((daemon.state / "spool").rglob("*.*"))
    assert not [line for line in daemon.log.read_text().splitlines() if line.startswith("forged")]
    assert not list(daemon.state.parent.glob("forged*"))


def _names(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


@pytest.mark.parametrize("title", (b"A\r\nforged line", b"A\x1b[31mB", b"\xff\xfe", b""), ids=repr)
def test_P28_a_title_that_is_none_makes_no_line_of_its_own(daemon: Serving, title: bytes) -> None:
    async def run() -> None:
        for side in ("called", "calling"):
            peer = Peer(await TcpWire.connect(daemon.port))
            assert await peer.associate(context(1, VERIFICATION, IMPLICIT), **{side: title}) == Aborted(2, 6)
            peer.close()
        await _echoes(daemon)

    asyncio.run(run())
    written = daemon.log.read_text()
    assert "\x1b" not in written and not [line for line in written.splitlines() if line.startswith("forged")]


def test_P25_SIGTERM_with_a_hundred_associations_open_ends_in_order(daemon: Serving) -> None:
    # The last test of this file: the daemon is gone after it.
    async def run() -> int:
        peers = [await _peer(daemon, context(1, GRAYSCALE_META, IMPLICIT)) for _ in range(100)]
        ending = asyncio.create_task(asyncio.to_thread(daemon.stop))
        for peer in peers:
            assert isinstance(await peer.ended(), Aborted | Closed)
            peer.close()
        return await ending

    assert asyncio.run(run()) == 0
