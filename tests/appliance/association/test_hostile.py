"""Hostile and limit input, case by case: whatever one peer does, the next one is served and nothing is left behind.

The cases carry the names P1 to P34 of the study that they come from: there stock acceptors were put out of service by
each of them, or let something through. Every attack ends with a well-behaved second peer, while the attackers are
still connected.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import itertools
import logging
import os
import resource
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from appliance.association.dataset import MemorySink
from appliance.association.limits import Limits
from appliance.association.message import Ending, Request, Response
from tests.appliance.association import peer as wire
from tests.appliance.association.acceptor import HASTY, LIMITS, Acceptor, Service, accepting, open_files
from tests.appliance.association.peer import (
    C_ECHO,
    C_STORE,
    CT_IMAGE_STORAGE,
    DEFLATED,
    EXPLICIT,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_META,
    IMAGE_BOX,
    IMPLICIT,
    N_ACTION,
    N_CREATE,
    N_EVENT_REPORT,
    N_GET,
    N_SET,
    PRINTER,
    PRINTER_INSTANCE,
    VERIFICATION,
    Aborted,
    Accepted,
    Closed,
    Peer,
    Rejected,
    associate_request,
    command_set,
    context,
    element,
    item,
    message,
    pdu,
    pdv,
    request,
)

ECHO = context(1, VERIFICATION, IMPLICIT)
PRINT = context(1, GRAYSCALE_META, IMPLICIT)
STORE = context(1, CT_IMAGE_STORAGE, EXPLICIT)
BOX = "1.2.3.4"

Attack = Callable[[Acceptor], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """One attack, and the bounds it is made against."""

    name: str
    attack: Attack
    limits: Limits


CASES: list[Case] = []


def case(name: str, limits: Limits = LIMITS) -> Callable[[Attack], Attack]:
    """A row of the table."""

    def add(attack: Attack) -> Attack:
        CASES.append(Case(name, attack, limits))
        return attack

    return add


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_the_next_peer_is_served_and_nothing_is_left(one: Case, tmp_path: Path) -> None:
    async def run() -> None:
        files = open_files()
        async with accepting(tmp_path, one.limits) as acceptor:
            await one.attack(acceptor)
            await acceptor.echoes()
        await acceptor.until(lambda: open_files() <= files, "every descriptor is closed")

    asyncio.run(run())


# P1 to P7: connections that take room and say little.

HALVES = {
    "nothing": b"",
    "half a PDU header": b"\x01\x00\x00",
    "half a request": associate_request([ECHO])[:40],
    "all but a byte": associate_request([ECHO])[:-1],
}


def _halves(half: bytes) -> Attack:
    async def attack(acceptor: Acceptor) -> None:
        peers = [await acceptor.connect() for _ in range(LIMITS.associations * 2)]
        for peer in peers:
            await peer.send(half)
        await acceptor.echoes()
        for peer in peers:
            assert await peer.ended() == Closed()

    return attack


for _name, _half in HALVES.items():
    CASES.append(Case(f"P1-before-association-{_name}", _halves(_half), HASTY))


@case("P1-after-association", HASTY)
async def half_data(acceptor: Acceptor) -> None:
    peers = [await acceptor.peer(PRINT) for _ in range(HASTY.associations - 1)]
    for peer in peers:
        await peer.send(request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(1000))[:-500])
    await acceptor.echoes()
    for peer in peers:
        assert isinstance(await peer.ended(), Aborted | Closed)
    assert acceptor.open_now == 0 and acceptor.endings[1:] == [Ending.ABORTED_BY_US] * len(peers)


@case("P2-a-byte-at-a-time", HASTY)
async def dripping_bytes(acceptor: Acceptor) -> None:
    before, after = await acceptor.connect(), await acceptor.peer(PRINT)
    drip = associate_request([ECHO] * 40)

    async def run(peer: Peer, data: bytes) -> None:
        for byte in itertools.cycle(data):
            if not await peer.try_to_send(bytes((byte,))):
                return
            await asyncio.sleep(0.02)

    await after.send(pdu(4, b"", 4000))
    await asyncio.gather(run(before, drip), run(after, b"\0\0\0\x64\1\0" + bytes(94)), acceptor.echoes())


@case("P2-tiny-PDUs-of-a-message-that-never-ends", HASTY)
async def dripping_pdus(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(PRINT)
    await peer.send(pdu(4, pdv(1, 3, SET_COMMAND)))
    while await peer.try_to_send(pdu(4, pdv(1, 0, b"ab"))):
        await asyncio.sleep(0.02)
    assert acceptor.endings == [Ending.ABORTED_BY_US] and not acceptor.served


@case("P2-empty-fragments-for-ever", HASTY)
async def empty_fragments(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(PRINT)
    while await peer.try_to_send(pdu(4, pdv(1, 1, b""))):
        await asyncio.sleep(0.02)


@case("P3-connects-closed-at-once")
async def port_probes(acceptor: Acceptor) -> None:
    for _ in range(50):
        (await acceptor.connect()).close()


@case("P4-silent-connections-kept-refreshed")
async def refreshed(acceptor: Acceptor) -> None:
    for _ in range(10):
        for _ in range(LIMITS.connections // 4):
            await acceptor.connect()
        await acceptor.echoes()


@case("P5-more-idle-connections-than-there-is-room-for", HASTY)
async def idle_connections(acceptor: Acceptor) -> None:
    peers = [await acceptor.connect() for _ in range(HASTY.connections * 3)]
    await acceptor.echoes()
    for peer in peers:
        assert await peer.ended() == Closed()


@case("P6-a-hundred-echoes-at-once", replace(LIMITS, connections=256, associations=128, associations_per_peer=128))
async def burst(acceptor: Acceptor) -> None:
    await asyncio.gather(*(acceptor.echoes() for _ in range(100)))
    assert len(acceptor.endings) == 100


@case("P7-idle-associations", replace(LIMITS, connections=256, associations=101, associations_per_peer=101))
async def idle_associations(acceptor: Acceptor) -> None:
    threads, tasks = threading.active_count(), len(asyncio.all_tasks())
    peers = [await acceptor.peer(PRINT) for _ in range(100)]
    assert threading.active_count() == threads and len(asyncio.all_tasks()) == tasks
    await acceptor.echoes()
    for peer in peers:
        await peer.release()


# P8 to P12: more bytes than anybody needs.


async def _flood(peer: Peer, most: int) -> int:
    """Send zeros until nobody takes them; how many went out."""
    sent = 0
    while sent < most and await peer.try_to_send(bytes(1 << 16)):
        sent += 1 << 16
    return sent


@case("P8-request-of-4-GiB")
async def endless_request(acceptor: Acceptor) -> None:
    peer = await acceptor.connect()
    await peer.send(pdu(1, b"", 0xFFFFFFFF))
    assert await peer.ended() == Aborted(2, 6)
    assert await _flood(peer, 64 << 20) < 64 << 20


@case("P8-request-just-too-long")
async def long_request(acceptor: Acceptor) -> None:
    peer = await acceptor.connect()
    await peer.send(pdu(1, b"", LIMITS.associate_bytes + 1))
    assert await peer.ended() == Aborted(2, 6)


@case("P8-data-of-4-GiB")
async def endless_data(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(PRINT)
    await peer.send(pdu(4, b"", 0xFFFFFFFF))
    assert await peer.ended() == Aborted(2, 6)
    assert await _flood(peer, 64 << 20) < 64 << 20


@case("P9-data-set-of-an-N-service-over-its-bound")
async def long_create(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(PRINT)
    answer = await peer.ask(1, N_CREATE, 1, FILM_SESSION, None, bytes(3 << 20))
    assert answer.status == 0x0213 and answer.command["comment"]
    assert not acceptor.served and not list(acceptor.spool.iterdir())
    # The dialogue goes on: what was too long is not seen by the service, what fits is.
    assert (await peer.ask(1, N_CREATE, 2, FILM_SESSION, None, bytes(1 << 19))).status == 0x0000
    assert [(one.size, one.in_memory) for one in acceptor.served] == [(1 << 19, False)]


@case("P10-instance-goes-to-disk-while-it-arrives")
async def long_store(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(STORE)
    whole = request(1, C_STORE, 1, CT_IMAGE_STORAGE, "1.2.3", bytes(4 << 20))
    await peer.send(whole[:-1000])
    await acceptor.until(
        lambda: sum(one.stat().st_size for one in acceptor.spool.iterdir()) > 3 << 20, "the bytes are on disk"
    )
    await peer.send(whole[-1000:])
    assert (await peer.message()).status == 0x0000
    assert (await peer.ask(1, C_STORE, 2, CT_IMAGE_STORAGE, "1.2.3", bytes(9 << 20))).status == 0xA700
    assert (await peer.ask(1, C_STORE, 3, CT_IMAGE_STORAGE, "1.2.3", bytes(10))).status == 0x0000


async def _memory_of(peer: Peer, head: bytes, fragment: bytes, count: int) -> int:
    """The most memory in bytes that was held while so many fragments were sent behind a command set."""
    await peer.send(head)
    tracemalloc.start()
    try:
        for _ in range(count):
            await peer.send(fragment)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@case("P9-P10-memory-stays-flat-whether-taken-or-refused", replace(LIMITS, data_set_bytes=64 << 20))
async def flat_memory(acceptor: Acceptor) -> None:
    fragment = pdu(4, pdv(1, 0, bytes(1 << 16)))
    store = command_set(affected_class=CT_IMAGE_STORAGE, affected_instance="1.2", field=C_STORE, id=1, data=wire.DATA)
    storing, printing = await acceptor.peer(STORE), await acceptor.peer(PRINT)
    for peer, head in ((storing, store), (printing, SET_COMMAND)):
        held = await _memory_of(peer, pdu(4, pdv(1, 3, head)), fragment, 400)
        assert held < 2 << 20, f"{held} bytes for 25 MiB"
    assert sum(one.stat().st_size for one in acceptor.spool.iterdir()) > 20 << 20
    await printing.send(pdu(4, pdv(1, 2, b"")))
    assert (await printing.message()).status == 0x0213


@case("P10-nothing-stays-of-a-broken-transfer")
async def broken_store(acceptor: Acceptor) -> None:
    whole = request(1, C_STORE, 1, CT_IMAGE_STORAGE, "1.2.3", bytes(1 << 20))
    for share in (0.01, 0.5, 0.99):
        for leave in (Peer.close, lambda one: one.wire.reset()):
            peer = await acceptor.peer(STORE)
            await peer.send(whole[: int(len(whole) * share)])
            leave(peer)
    await acceptor.until(lambda: len(acceptor.endings) == 6, "every association ended")
    assert set(acceptor.endings) == {Ending.LOST} and not acceptor.served and not list(acceptor.spool.iterdir())


@case("P11-command-fragments-without-end")
async def endless_command(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(PRINT)
    sent = 0
    while sent < 64 << 20 and await peer.try_to_send(pdu(4, pdv(1, 1, bytes(16000)))):
        sent += 16000
    assert sent < 64 << 20
    assert isinstance(await peer.ended(), Aborted | Closed) and acceptor.endings == [Ending.ABORTED_BY_US]


@case("P12-sixty-requests-without-waiting")
async def pipelined(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(PRINT)
    acceptor.gate.clear()
    messages = [request(1, N_SET, one, IMAGE_BOX, BOX, bytes(1 << 19)) for one in range(1, 61)]
    sending = asyncio.create_task(peer.send(b"".join(messages)))
    await acceptor.until(lambda: acceptor.served, "the first one is being answered")
    await acceptor.echoes()
    for _ in range(50):
        await asyncio.sleep(0)
    held = sum(one.stat().st_size for one in acceptor.spool.iterdir())
    assert len(acceptor.served) == 1 and not sending.done() and held <= 2 << 19
    acceptor.gate.set()
    answered = [(await peer.message()).command["responded"] for _ in messages]
    assert answered == list(range(1, 61))
    await sending


@case("P12-a-peer-that-asks-and-asks-and-does-not-read")
async def unread_echoes(acceptor: Acceptor) -> None:
    peer = await acceptor.connect(receive_buffer=4096)
    await peer.associate(ECHO)
    many, sent = wire.echo() * 1000, 0
    with contextlib.suppress(TimeoutError):
        while sent < 64 << 20:
            async with asyncio.timeout(1):
                await peer.send(many)
            sent += len(many)
    assert sent < 64 << 20, "our unread answers are bounded, and so is what we take"
    await acceptor.echoes()
    # It reads again, and everything that we took is answered.
    for _ in range(sent // len(wire.echo())):
        assert (await peer.message()).status == 0x0000


# P13 to P16: requests and PDUs that are not well formed.

ALL_CONTEXTS = [context(2 * one + 1, f"1.2.3.{one}", IMPLICIT) for one in range(128)]
GROUND = {
    "128 contexts": (ALL_CONTEXTS, True),
    "128 contexts of 40 transfer syntaxes": (
        [context(2 * one + 1, f"1.2.3.{one}", IMPLICIT, *(f"1.2.{two}" for two in range(39))) for one in range(128)],
        True,
    ),
    "20,000 contexts": (ALL_CONTEXTS * 157, False),
    "129 contexts": ([*ALL_CONTEXTS, ALL_CONTEXTS[0]], False),
    "1000 transfer syntaxes": ([context(1, VERIFICATION, *(f"1.2.{two}" for two in range(1000)))], False),
    "65 transfer syntaxes": ([context(1, VERIFICATION, *(f"1.2.{two}" for two in range(65)))], False),
    "no context": ([], False),
    "an even ID": ([context(2, VERIFICATION, IMPLICIT)], False),
    "an ID twice": ([ECHO, ECHO], False),
    "ID 0": ([context(0, VERIFICATION, IMPLICIT)], False),
}


def _proposed(contexts: list[bytes], served: bool) -> Attack:
    async def attack(acceptor: Acceptor) -> None:
        peer = await acceptor.connect()
        # Refused ones may be aborted before they have sent everything.
        assert await peer.try_to_send(associate_request(contexts, called=b"STORE")) or not served
        heard = await peer.hear()
        if not served:
            assert isinstance(heard, Aborted | Closed)
            return
        assert isinstance(heard, Accepted) and list(heard.contexts) == [2 * one + 1 for one in range(128)]
        assert {result for result, _ in heard.contexts.values()} == {0}

    return attack


for _name, (_contexts, _served) in GROUND.items():
    CASES.append(Case(f"P13-{_name}", _proposed(_contexts, _served), LIMITS))


@case("P14-contexts-without-transfer-syntax")
async def no_syntax(acceptor: Acceptor) -> None:
    peers = [await acceptor.connect() for _ in range(40)]
    for peer in peers:
        await peer.send(associate_request([context(1, VERIFICATION)]))
    for peer in peers:
        assert await peer.ended() == Aborted(2, 6)


@case("P15-another-application-context")
async def other_application(acceptor: Acceptor) -> None:
    for name in ("1.2.3", "", None):
        peer = await acceptor.connect()
        assert await peer.associate(application_context=name) == Rejected(1, 1, 2)


@case("P15-no-user-information")
async def no_user_information(acceptor: Acceptor) -> None:
    # Nothing in it is needed to serve the peer: no maximum length means no limit.
    peer = await acceptor.connect()
    whole = associate_request([ECHO], user=b"")
    await peer.send(pdu(1, whole[6:-4]))
    assert isinstance(await peer.hear(), Accepted)
    assert await peer.echo() == 0x0000


def _us(number: int, value: int) -> bytes:
    return element(number, struct.pack("<H", value))


ECHO_COMMAND = command_set(affected_class=VERIFICATION, field=C_ECHO, id=1, data=wire.NO_DATA)
SET_COMMAND = command_set(requested_class=IMAGE_BOX, requested_instance=BOX, field=N_SET, id=1, data=wire.DATA)
MALFORMED = {
    "PDU type 0": pdu(0, bytes(4)),
    "PDU type 8": pdu(8, bytes(4)),
    "PDU type 255": pdu(255, bytes(4)),
    "A-ASSOCIATE-RQ again": associate_request([ECHO]),
    "A-ASSOCIATE-AC from a requestor": pdu(2, bytes(68)),
    "A-ASSOCIATE-RJ from a requestor": pdu(3, bytes(4)),
    "A-RELEASE-RP without a request": pdu(6, bytes(4)),
    "A-RELEASE-RQ of no bytes": pdu(5, b""),
    "A-RELEASE-RQ of 5 bytes": pdu(5, bytes(5)),
    "P-DATA of no bytes": pdu(4, b""),
    "P-DATA of 5 bytes": pdu(4, bytes(5)),
    "PDV of length 0": pdu(4, pdv(1, 3, b"", 0)),
    "PDV of length 1": pdu(4, pdv(1, 3, b"", 1)),
    "PDV longer than its PDU": pdu(4, pdv(1, 3, ECHO_COMMAND, 5000)),
    "PDV of 4 GiB": pdu(4, pdv(1, 3, ECHO_COMMAND, 0xFFFFFFFF)),
    "PDU that ends in a PDV header": pdu(4, pdv(1, 3, ECHO_COMMAND) + b"\0\0\0"),
    "a context that was not proposed": pdu(4, pdv(9, 3, ECHO_COMMAND)),
    "a context that was not accepted": pdu(4, pdv(5, 3, ECHO_COMMAND)),
    "context 0": pdu(4, pdv(0, 3, ECHO_COMMAND)),
    "a data set without a command": pdu(4, pdv(1, 2, b"abcd")),
    "a command inside a data set": pdu(4, pdv(1, 3, SET_COMMAND) + pdv(1, 0, b"ab") + pdv(1, 3, ECHO_COMMAND)),
    "command and data on two contexts": pdu(4, pdv(1, 3, SET_COMMAND) + pdv(3, 2, b"ab")),
    "one command on two contexts": pdu(4, pdv(1, 1, ECHO_COMMAND[:20]) + pdv(3, 3, ECHO_COMMAND[20:])),
    "an empty command set": pdu(4, pdv(1, 3, b"")),
    "a command set cut short": pdu(4, pdv(1, 3, ECHO_COMMAND[:-3])),
    "a command element longer than the set": pdu(4, pdv(1, 3, element(2, b"1.2", length=4000))),
    "group 0008 in a command set": pdu(4, pdv(1, 3, ECHO_COMMAND + element(0x18, b"1.2 ", group=8))),
    "no Command Field": pdu(4, pdv(1, 3, command_set(affected_class=VERIFICATION, id=1, data=wire.NO_DATA))),
    "no Command Data Set Type": pdu(4, pdv(1, 3, command_set(affected_class=VERIFICATION, field=C_ECHO, id=1))),
    "no Message ID": pdu(4, pdv(1, 3, command_set(affected_class=VERIFICATION, field=C_ECHO, data=wire.NO_DATA))),
    "no SOP Class UID": pdu(4, pdv(1, 3, command_set(field=C_ECHO, id=1, data=wire.NO_DATA))),
    "an unknown Command Field": pdu(4, pdv(1, 3, command_set(affected_class="1.2", field=0x77, id=1, data=0x101))),
    "Command Field of 4 bytes": pdu(4, pdv(1, 3, element(0x100, bytes(4)) + _us(0x800, 0x101))),
    "a SOP Class UID of 66 bytes": pdu(
        4, pdv(1, 3, command_set(affected_class="1." + "2" * 64, field=C_ECHO, id=1, data=wire.NO_DATA))
    ),
    "a SOP Class UID of letters beyond ASCII": pdu(
        4, pdv(1, 3, command_set(affected_class=b"\xff\xfe", field=C_ECHO, id=1, data=wire.NO_DATA))
    ),
    "HTTP": b"GET / HTTP/1.1\r\nHost: printer\r\n\r\n",
}


def _malformed(data: bytes) -> Attack:
    async def attack(acceptor: Acceptor) -> None:
        peer = await acceptor.peer(PRINT, context(3, VERIFICATION, IMPLICIT), context(5, CT_IMAGE_STORAGE, DEFLATED))
        await peer.send(data)
        assert isinstance(await peer.ended(), Aborted | Closed)
        assert acceptor.endings == [Ending.ABORTED_BY_US] and not acceptor.served

    return attack


for _name, _data in MALFORMED.items():
    CASES.append(Case(f"P16-{_name}", _malformed(_data), LIMITS))

FIRST = {
    "P-DATA": wire.echo(),
    "A-RELEASE-RQ": wire.RELEASE,
    "A-ASSOCIATE-AC": pdu(2, bytes(68)),
    "HTTP": MALFORMED["HTTP"],
    "a request of 10 bytes": pdu(1, bytes(10)),
    "an item longer than the request": pdu(1, associate_request([])[6:74] + item(0x10, b"1.2", 4000)),
    "a context longer than the request": pdu(1, associate_request([])[6:74] + item(0x20, ECHO[4:], 4000)),
    "an abstract syntax that is no UID": associate_request([context(1, "../../etc/passwd", IMPLICIT)]),
    "an abstract syntax of 65 signs": associate_request([context(1, "1." + "2" * 63, IMPLICIT)]),
    "a user identity cut short": associate_request([ECHO], user=wire.user_items(more=item(0x58, b"\x02\x00\x00\xff"))),
    "a role cut short": associate_request([ECHO], user=wire.user_items(more=item(0x54, b"\x00\xff1.2\x01\x00"))),
    "an A-ABORT": wire.ABORT,
}


def _first(data: bytes) -> Attack:
    async def attack(acceptor: Acceptor) -> None:
        peer = await acceptor.connect()
        await peer.send(data)
        assert isinstance(await peer.ended(), Aborted | Closed) and not acceptor.opened

    return attack


for _name, _data in FIRST.items():
    CASES.append(Case(f"P16-first-{_name}", _first(_data), LIMITS))


# P17 to P20: legal PDUs, wrong conversation.


@case("P17-a-class-that-was-not-negotiated")
async def not_negotiated(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(ECHO)
    assert (await peer.ask(1, C_STORE, 1, CT_IMAGE_STORAGE, "1.2.3", bytes(100))).status == 0x0122
    assert (await peer.ask(1, N_CREATE, 2, FILM_SESSION, None, bytes(100))).status == 0x0118
    assert (await peer.ask(1, N_GET, 3, PRINTER, PRINTER_INSTANCE)).status == 0x0118
    assert await peer.echo(1, 4) == 0x0000
    store = await acceptor.peer(STORE)
    assert (await store.ask(1, N_CREATE, 1, FILM_SESSION, None, bytes(100))).status == 0x0118
    assert (await store.ask(1, C_STORE, 2, "1.2.840.10008.5.1.4.1.1.4", "1.2.3", bytes(9))).status == 0x0122
    assert (await store.ask(1, C_ECHO, 3, VERIFICATION)).status == 0x0122
    assert not acceptor.served


@case("P18-reset-in-the-middle-of-an-image")
async def reset_in_message(acceptor: Acceptor) -> None:
    whole = request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(300_000))
    for one in range(50):
        peer = await acceptor.peer(PRINT)
        await peer.send(whole[: 1 + one * len(whole) // 51])
        peer.wire.reset()
    await acceptor.until(lambda: len(acceptor.endings) == 50, "all are gone")
    assert not acceptor.served


@case("P18-reset-after-an-image")
async def reset_after_message(acceptor: Acceptor) -> None:
    for _ in range(30):
        peer = await acceptor.peer(PRINT)
        await peer.send(request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(100_000)))
        peer.wire.reset()
    await acceptor.until(lambda: len(acceptor.endings) == 30, "all are gone")


@case("P19-peers-that-never-read", HASTY)
async def never_reads(acceptor: Acceptor) -> None:
    async def large(request: Request) -> Response:
        return Response(0x0000, None, bytes(16 << 20))

    acceptor.answer = large
    peers = []
    for _ in range(HASTY.associations - 1):
        peer = await acceptor.connect(receive_buffer=4096)
        await peer.associate(PRINT)
        await peer.send(request(1, N_GET, 1, PRINTER, PRINTER_INSTANCE))
        peers.append(peer)
    await acceptor.until(lambda: len(acceptor.served) == len(peers), "all answers are on their way")
    await acceptor.echoes()
    await acceptor.until(lambda: acceptor.open_now == 0, "we do not wait for them")


@case("P20-events-to-a-peer-that-is-silent", HASTY)
async def silent_to_events(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(PRINT)
    ours = acceptor.opened[0]
    (printer,) = ours.contexts.values()
    assert await ours.send_event_report(printer, PRINTER, PRINTER_INSTANCE, 2, None) is None
    assert (await peer.message()).command["field"] == N_EVENT_REPORT
    # An unanswered event is no fault: the peer is served as before.
    assert (await peer.ask(1, N_GET, 1, PRINTER, PRINTER_INSTANCE)).status == 0x0000


# P21 to P26: what surrounds us.


@case("P21-a-TLS-client-on-the-plain-port")
async def tls_hello(acceptor: Acceptor) -> None:
    peer = await acceptor.connect()
    await peer.send(bytes.fromhex("16030100c8010000c40303") + bytes(194))
    assert isinstance(await peer.ended(), Aborted | Closed)


@pytest.mark.parametrize("jump_s", (86400, -86400, 50 * 365 * 86400), ids=("forward", "back", "fifty-years"))
def test_P22_a_clock_that_jumps_ends_no_association(
    jump_s: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            waiting, peer = await acceptor.connect(), await acceptor.peer(PRINT)
            now = time.time
            monkeypatch.setattr(time, "time", lambda: now() + jump_s)
            await asyncio.sleep(0.2)  # several looks at the deadlines
            assert (await peer.ask(1, N_GET, 1, PRINTER, PRINTER_INSTANCE)).status == 0x0000
            assert isinstance(await waiting.associate(), Accepted)
            await acceptor.echoes()

    asyncio.run(run())


@case("P23-descriptors-beyond-1024")
async def many_descriptors(acceptor: Acceptor) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        if soft < 1500:
            resource.setrlimit(resource.RLIMIT_NOFILE, (1500, hard))
            stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1100):
            stack.callback(os.close, os.open("/dev/null", os.O_RDONLY))
        await acceptor.echoes()
        peer = await acceptor.peer(PRINT)
        assert peer.wire.sock.fileno() > 1024
        assert (await peer.ask(1, N_SET, 1, IMAGE_BOX, BOX, bytes(200_000))).status == 0x0000


def test_P25_running_answers_are_finished_at_the_end_and_all_others_aborted(tmp_path: Path) -> None:
    async def run() -> None:
        limits = replace(LIMITS, connections=256, associations=128, associations_per_peer=128)
        async with accepting(tmp_path, limits) as acceptor:
            idle = [await acceptor.peer(PRINT) for _ in range(100)]
            busy, silent = await acceptor.peer(PRINT), await acceptor.connect()
            acceptor.gate.clear()
            await busy.send(request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(1000)))
            await acceptor.until(lambda: acceptor.served, "one is being answered")
            closing = asyncio.create_task(acceptor.server.close(30))
            for peer in idle:
                assert await peer.ended() == Aborted(0, 0)
            acceptor.gate.set()
            assert (await busy.message()).status == 0x0000
            assert await busy.ended() == Aborted(0, 0)
            await closing
            assert await silent.ended() == Closed()

    asyncio.run(run())


class NoSpace:
    """A sink on a full disk."""

    size = 0

    def write(self, *fragments: memoryview) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def complete(self) -> None:
        raise AssertionError("it was refused")

    def discard(self) -> None:
        pass


class Broken(MemorySink):
    """A sink with a fault of ours."""

    def write(self, *fragments: memoryview) -> None:
        raise RuntimeError("a bug")


FAULTS = (
    ("a full disk", C_STORE, lambda: NoSpace(), 0xA700),
    ("a full disk under an N-SET", N_SET, lambda: NoSpace(), 0x0213),
    ("a bug in a sink", C_STORE, lambda: Broken(1000), 0x0110),
)


@pytest.mark.parametrize(("words", "command", "sink", "status"), FAULTS, ids=[one[0] for one in FAULTS])
def test_P26_a_fault_of_ours_is_a_status_and_the_association_lives(
    words: str, command: int, sink: Callable[[], object], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            peer = await acceptor.peer(PRINT, context(3, CT_IMAGE_STORAGE, EXPLICIT))
            monkeypatch.setattr(Service, "sink", lambda *_: sink())
            where = (3, C_STORE, 1, CT_IMAGE_STORAGE) if command == C_STORE else (1, N_SET, 1, IMAGE_BOX)
            assert (await peer.ask(*where, BOX, bytes(100_000))).status == status
            assert (await peer.ask(1, N_GET, 2, PRINTER, PRINTER_INSTANCE)).status == 0x0000
            await acceptor.echoes()

    asyncio.run(run())


@case("P26-a-service-that-fails")
async def failing_service(acceptor: Acceptor) -> None:
    async def fail(request: Request) -> Response:
        raise RuntimeError("a bug with /etc/secret in its words")

    acceptor.answer = fail
    peer = await acceptor.peer(PRINT, context(3, CT_IMAGE_STORAGE, EXPLICIT))
    for number, where in enumerate(((1, N_ACTION, 1, FILM_BOX), (3, C_STORE, 2, CT_IMAGE_STORAGE)), 1):
        answer = await peer.ask(*where, BOX, bytes(100))
        assert answer.status == 0x0110 and answer.command["responded"] == number
        assert "secret" not in answer.command["comment"]


def test_P26_a_service_that_cannot_be_opened_costs_its_peer_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            with monkeypatch.context() as patch:
                patch.setattr(Acceptor, "open", lambda *_: 1 / 0)
                peer = await acceptor.connect()
                assert await peer.associate() == Rejected(2, 3, 1)
            await acceptor.echoes()
            assert [one["ending"] for one in acceptor.server.dialogues.recent()] == ["rejected", "released"]

    asyncio.run(run())


# P27 and P28: names that are not names.

UIDS = (
    "../../../etc/passwd",
    "/etc/passwd",
    "1.2\r\nforged",
    "1.2\0.3",
    "$(reboot)",
    "1" * 64,
    "-rf",
    ".",
    "1..2",
    "'",
)


@case("P27-UIDs-that-are-paths-lines-and-commands")
async def hostile_uids(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(PRINT, context(3, CT_IMAGE_STORAGE, EXPLICIT))
    for number, uid in enumerate(UIDS, 1):
        assert (await peer.ask(3, C_STORE, number, uid, "1.2.3", bytes(10))).status == 0x0122
        assert (await peer.ask(1, N_SET, number, uid, BOX, bytes(10))).status == 0x0118
        # An instance UID is for the service to judge; names of files are never made of it.
        assert (await peer.ask(3, C_STORE, number, CT_IMAGE_STORAGE, uid, bytes(100_000))).status == 0x0000
    assert {one.request.sop_class_uid for one in acceptor.served} == {CT_IMAGE_STORAGE}


TITLES = (b"PEER\r\nforged=1", b"P\xc3\xa9er", b"", b"\0" * 16, b"A\\B", b"\x1b[2J", b"\x7f")


@pytest.mark.parametrize("title", TITLES, ids=repr)
@pytest.mark.parametrize("side", ("called", "calling"))
def test_P28_an_AE_title_that_is_none_is_aborted_and_never_logged(
    side: str, title: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            peer = await acceptor.connect()
            assert await peer.associate(**{side: title}) == Aborted(2, 6)
            await acceptor.echoes()
        for record in caplog.records:
            assert "forged" not in str(record.__dict__) and "\x1b" not in str(record.__dict__)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())


# P29 to P34.


@case("P29-very-small-maximum-lengths")
async def small_maximum(acceptor: Acceptor) -> None:
    for length in (1, 6):
        peer = await acceptor.connect()
        assert await peer.associate(user=wire.user_items(length)) == Rejected(1, 1, 1)
    for length in (7, 8, 12, 13):
        peer = await acceptor.peer(PRINT, user=wire.user_items(length))
        answer = await peer.ask(1, N_GET, 1, PRINTER, PRINTER_INSTANCE)
        assert answer.status == 0x0000 and answer.longest_pdu <= length


@pytest.mark.parametrize("host", ("::1", "127.0.0.1"))
def test_P30_any_address_means_both_families(host: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path, address="::") as acceptor:
            peer = await acceptor.peer(host=host)
            assert await peer.echo() == 0x0000
            await peer.release()

    asyncio.run(run())


@case("P31-parallel-senders")
async def parallel(acceptor: Acceptor) -> None:
    random = Random(31)

    async def send(number: int) -> None:
        peer = await acceptor.peer(STORE)
        for one in range(10):
            data = random.randbytes(random.choice((0, 10, 5000, 65536, 100_001, 500_000)))
            instance = f"1.2.{number}.{one}"
            answer = await peer.ask(
                1, C_STORE, one, CT_IMAGE_STORAGE, instance, data, most=random.choice((1000, 60000))
            )
            assert answer.status == 0x0000 and answer.command["affected_instance"] == instance
            sums[instance] = hashlib.sha256(data).hexdigest()
        await peer.release()

    sums: dict[str | None, str] = {}
    await asyncio.gather(*(send(number) for number in range(8)))
    assert {one.request.sop_instance_uid: one.sha256 for one in acceptor.served} == sums and len(sums) == 80


@case("P32-a-flood-of-events-from-the-peer")
async def events_from_peer(acceptor: Acceptor) -> None:
    threads = threading.active_count()
    peer = await acceptor.peer(PRINT)
    flood = b"".join(
        request(1, N_EVENT_REPORT, one % 65536, PRINTER, PRINTER_INSTANCE, event=2) for one in range(1, 1501)
    )
    sending = asyncio.create_task(peer.send(flood))
    for _ in range(1500):
        assert (await peer.message()).status == 0x0211
    await sending
    assert threading.active_count() == threads and not acceptor.served


@case("P32-cancels-and-answers-to-nothing")
async def answers_to_nothing(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(PRINT)
    for number in range(200):
        cancel = command_set(field=wire.C_CANCEL, responded=number, data=wire.NO_DATA)
        unasked = command_set(affected_class=PRINTER, field=0x8100, responded=number, data=wire.NO_DATA, status=0)
        told = command_set(affected_class=PRINTER, field=0x8110, responded=number, data=wire.DATA, status=0)
        await peer.send(message(1, cancel) + message(1, unasked) + message(1, told, bytes(5000)))
    assert (await peer.ask(1, N_GET, 1, PRINTER, PRINTER_INSTANCE)).status == 0x0000
    assert len(acceptor.served) == 1


@case("P33-deflated-data-is-never-inflated")
async def deflated(acceptor: Acceptor) -> None:
    peer = await acceptor.peer(
        context(1, CT_IMAGE_STORAGE, DEFLATED),
        context(3, CT_IMAGE_STORAGE, DEFLATED, EXPLICIT),
        PRINT[:4] + b"\5" + PRINT[5:],
    )
    assert peer.accepted is not None
    assert peer.accepted.contexts[1][0] == 4 and peer.accepted.contexts[3] == (0, EXPLICIT)
    bomb = zlib.compress(bytes(64 << 20))
    assert (await peer.ask(3, C_STORE, 1, CT_IMAGE_STORAGE, "1.2.3", bomb)).status == 0x0000
    assert [one.size for one in acceptor.served] == [len(bomb)]


@pytest.mark.parametrize("kind", (1, 2, 3, 4, 5))
def test_P34_a_passcode_is_in_no_log_and_no_record(kind: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            more = wire.identity(kind, b"CANARY-NAME", b"CANARY-PASSCODE", answer=True)
            peer = await acceptor.peer(user=wire.user_items(more=more))
            assert await peer.echo() == 0x0000
            await peer.release()
            await acceptor.echoes()
            assert "CANARY" not in str(list(acceptor.server.dialogues.recent()))
        kept = "".join(one.read_text() for one in (tmp_path / "dialogues").iterdir())
        assert "PEER" in kept and "CANARY" not in kept
        assert "CANARY" not in "".join(str(record.__dict__) for record in caplog.records)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(run())


def test_every_case_of_the_study_has_its_test() -> None:
    elsewhere = {22, 24, 25, 28, 30, 34}  # tests of their own in this file; P24 needs a process of its own
    named = {int(one.name[1:].partition("-")[0]) for one in CASES}
    assert named | elsewhere == set(range(1, 35))
