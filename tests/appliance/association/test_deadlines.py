"""Deadlines by the clock that they are judged with, hours in no time; and what TLS will need (design of PS3.15 B.12).

What a passed deadline does to a connection is in the tests of hostile peers; here is when it passes.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from appliance.association.limits import KIB, MIB, Limits
from appliance.association.protocol import AssociationProtocol
from tests.appliance.association.acceptor import Acceptor, accepting
from tests.appliance.association.peer import (
    C_STORE,
    CT_IMAGE_STORAGE,
    DATA,
    GRAYSCALE_META,
    IMAGE_BOX,
    IMPLICIT,
    N_GET,
    N_SET,
    PATIENCE_S,
    PRINTER,
    PRINTER_INSTANCE,
    RELEASE,
    VERIFICATION,
    Accepted,
    Closed,
    Peer,
    Released,
    associate_request,
    command_set,
    context,
    pdu,
    pdv,
    request,
)

LIMITS = Limits()
UNHURRIED = replace(LIMITS, pdu_s=1e6)
HOUR_S = 3600.0

PRINT = context(1, GRAYSCALE_META, IMPLICIT)
COMMAND = command_set(requested_class=IMAGE_BOX, requested_instance="1.2.3", field=N_SET, id=1, data=DATA)

Play = Callable[[Acceptor, Peer], Awaitable[None]]


def opened(called: bytes, *after: bytes) -> Play:
    """An open association on which something was said."""

    async def play(acceptor: Acceptor, peer: Peer) -> None:
        contexts = (context(1, VERIFICATION, IMPLICIT),) if called == b"GRAVURE" else (PRINT,)
        assert isinstance(await peer.associate(*contexts, called=called), Accepted)
        await peer.send(b"".join(after))

    return play


def said(data: bytes) -> Play:
    """A connection on which something was said."""

    async def play(acceptor: Acceptor, peer: Peer) -> None:
        await peer.send(data)

    return play


async def answering(acceptor: Acceptor, peer: Peer) -> None:
    """A request whose answer takes its time."""
    acceptor.gate.clear()
    await opened(b"FILM", request(1, N_GET, 1, PRINTER, PRINTER_INSTANCE))(acceptor, peer)
    await acceptor.until(lambda: acceptor.served, "it is being answered")


async def unread(acceptor: Acceptor, peer: Peer) -> None:
    """An answer that the peer does not read."""
    await opened(b"FILM")(acceptor, peer)
    protocol_of(peer).pause_writing()


async def read_again(acceptor: Acceptor, peer: Peer) -> None:
    """An answer that the peer did not read for a while."""
    await unread(acceptor, peer)
    protocol_of(peer).resume_writing()


async def released(acceptor: Acceptor, peer: Peer) -> None:
    """A released association whose connection stays."""
    await opened(b"FILM", RELEASE)(acceptor, peer)
    assert await peer.hear() == Released()


@dataclass(frozen=True)
class Deadline:
    """What a connection is given, and what it is asked for then."""

    words: str
    play: Play
    seconds: float
    awaited: str
    limits: Limits = LIMITS


IN_MESSAGE = pdu(4, pdv(1, 3, COMMAND))
DEADLINES = (
    Deadline("a silent connection", said(b""), 10, "A-ASSOCIATE-RQ"),
    Deadline("a header and no more", said(pdu(1, b"", 500)), 10, "A-ASSOCIATE-RQ"),
    Deadline("most of a request", said(associate_request([PRINT])[:-1]), 10, "A-ASSOCIATE-RQ"),
    Deadline("silence on an echo title", opened(b"GRAVURE"), 60, "the next message"),
    Deadline("silence on an inbox", opened(b"STORE"), 600, "the next message"),
    Deadline("silence on a printer", opened(b"FILM"), 4 * HOUR_S, "the next message"),
    Deadline("silence of a caller with a limit of its own", opened(b"PATIENT"), 24 * HOUR_S, "the next message"),
    Deadline("silence after an answered request", opened(b"FILM", request(1, N_SET, 1, VERIFICATION, "1", b"")),
             4 * HOUR_S, "the next message"),
    Deadline("a PDU that does not end", opened(b"FILM", IN_MESSAGE[:-1]), 30, "the end of a PDU"),
    Deadline("a message that does not go on", opened(b"FILM", IN_MESSAGE), 30, "the next part of a message"),
    Deadline("a message that does not end", opened(b"FILM", IN_MESSAGE), 60, "the end of a message", UNHURRIED),
    Deadline("the same, with data", opened(b"FILM", IN_MESSAGE, pdu(4, pdv(1, 0, bytes(160 * KIB)))), 70,
             "the end of a message", UNHURRIED),
    Deadline("the same, with much of it",
             opened(b"FILM", IN_MESSAGE, *[pdu(4, pdv(1, 0, bytes(1 * MIB)))] * 16), 60 + 1024,
             "the end of a message", UNHURRIED),
    Deadline("an answer that is not read", unread, 30, "reading our answer"),
    Deadline("an answer that is read again", read_again, 4 * HOUR_S, "the next message"),
    Deadline("a connection that stays after the release", released, 10, "the closed connection"),
)  # fmt: skip


def protocol_of(peer: Peer) -> AssociationProtocol:
    """Our side of a connection in memory."""
    protocol = peer.wire._protocol
    assert isinstance(protocol, AssociationProtocol)
    return protocol


@pytest.mark.parametrize("one", DEADLINES, ids=lambda one: one.words)
def test_a_deadline_passes_when_it_should_and_not_before(one: Deadline, tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path, one.limits) as acceptor:
            loop = asyncio.get_running_loop()
            before_s = loop.time()
            peer = acceptor.in_memory()
            await one.play(acceptor, peer)
            after_s = loop.time()
            ours = protocol_of(peer)
            assert ours.overdue(before_s + one.seconds - 0.001) == ""
            assert ours.overdue(after_s + one.seconds + 0.001) == one.awaited

    asyncio.run(run())


def test_nobody_is_hurried_while_we_answer(tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            peer = acceptor.in_memory()
            await answering(acceptor, peer)
            assert protocol_of(peer).overdue(asyncio.get_running_loop().time() + 1e9) == ""
            acceptor.gate.set()
            assert (await peer.message()).status == 0x0000

    asyncio.run(run())


def test_bytes_inside_of_a_PDU_win_no_time(tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            loop = asyncio.get_running_loop()
            peer = acceptor.in_memory()
            await opened(b"FILM", IN_MESSAGE + pdu(4, b"", 4000))(acceptor, peer)
            began_s = loop.time()
            await asyncio.sleep(0.2)
            await peer.send(b"\0\0\x0f\x9c\1\0" + bytes(100))
            assert protocol_of(peer).overdue(began_s + LIMITS.pdu_s + 0.001) == "the end of a PDU"

    asyncio.run(run())


# -- TLS: the handshake belongs to each connection, not to the listener ----------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of ours and its key, for this test run."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost -days 1"
    arguments = [*command.split(), "-out", str(files[0]), "-keyout", str(files[1])]
    subprocess.run(arguments, check=True, capture_output=True)
    return files


class TlsWire:
    """A TLS connection, by asyncio's streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        try:
            return await self._reader.read(1 << 16)
        except (ConnectionError, ssl.SSLError):
            return b""

    def close(self) -> None:
        self._writer.close()


def test_P21_peers_that_never_shake_hands_hold_nobody_up_under_TLS(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ours.load_cert_chain(*certificate)
    theirs.check_hostname = False
    theirs.load_verify_locations(certificate[0])

    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            loop = asyncio.get_running_loop()
            listener = await loop.create_server(
                lambda: AssociationProtocol(acceptor.server, acceptor.server.limits),
                "127.0.0.1",
                0,
                ssl=ours,
                ssl_handshake_timeout=PATIENCE_S,
            )
            acceptor.port = listener.sockets[0].getsockname()[1]
            silent = [await acceptor.connect() for _ in range(20)]
            plain = await acceptor.connect()
            await plain.send(associate_request([PRINT]))
            assert await plain.hear() == Closed()
            peer = Peer(TlsWire(*await asyncio.open_connection("127.0.0.1", acceptor.port, ssl=theirs)))
            contexts = (context(1, VERIFICATION, IMPLICIT), context(3, CT_IMAGE_STORAGE, IMPLICIT))
            assert isinstance(await peer.associate(*contexts), Accepted)
            assert await peer.echo() == 0x0000
            assert (await peer.ask(3, C_STORE, 2, CT_IMAGE_STORAGE, "1.2.3", bytes(3 * MIB))).status == 0x0000
            assert [one.size for one in acceptor.served] == [3 * MIB]
            await peer.release()
            for one in silent:
                one.close()
            listener.close()

    asyncio.run(run())
