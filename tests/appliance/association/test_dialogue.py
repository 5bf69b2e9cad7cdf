"""Dialogues as messages: the same scripts in memory, in memory byte by byte, and over TCP (PS3.7 §7, PS3.8 §9.2)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from appliance import Appliance, Config
from appliance.association import dialogue
from appliance.association.dialogue import DialogueLog, read_records
from appliance.association.limits import Limits
from appliance.association.message import Association, Ending, Refused, Request, Response
from tests.appliance.association.acceptor import HASTY, LIMITS, Acceptor, accepting
from tests.appliance.association.peer import (
    ABORT,
    C_CANCEL,
    C_ECHO,
    C_FIND,
    C_STORE,
    CT_IMAGE_STORAGE,
    DATA,
    EXPLICIT,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_META,
    IMAGE_BOX,
    IMPLICIT,
    N_ACTION,
    N_CREATE,
    N_DELETE,
    N_EVENT_REPORT,
    N_GET,
    N_SET,
    NO_DATA,
    PRINTER,
    PRINTER_INSTANCE,
    RELEASE,
    RESPONSE,
    VERIFICATION,
    Aborted,
    Accepted,
    Closed,
    Message,
    Peer,
    Released,
    TcpWire,
    associate_request,
    command_set,
    context,
    echo,
    message,
    pdu,
    pdv,
    request,
)

COLOR_META, COLOR_BOX = "1.2.840.10008.5.1.1.18", "1.2.840.10008.5.1.1.4.1"
PRINT_JOB = "1.2.840.10008.5.1.1.14"
MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
BOX = "1.2.3.4"

CONTEXTS = (
    context(1, GRAYSCALE_META, IMPLICIT),
    context(3, VERIFICATION, IMPLICIT),
    context(5, CT_IMAGE_STORAGE, EXPLICIT),
)

Script = Callable[[Acceptor, Peer], Awaitable[None]]
WIRES: dict[str, Callable[[Acceptor], Awaitable[Peer]]] = {}


def over(name: str) -> Callable[[Callable[[Acceptor], Awaitable[Peer]]], None]:
    """A row of the wires that scripts are played over."""
    return lambda make: WIRES.__setitem__(name, make)


@over("memory")
async def _memory(acceptor: Acceptor) -> Peer:
    return acceptor.in_memory()


@over("memory in pieces of 7")
async def _pieces(acceptor: Acceptor) -> Peer:
    return acceptor.in_memory(7)


@over("tcp")
async def _tcp(acceptor: Acceptor) -> Peer:
    return await acceptor.connect()


SCRIPTS: dict[str, tuple[Script, Limits]] = {}


def script(name: str, limits: Limits = LIMITS) -> Callable[[Script], Script]:
    """A row of the scripts."""

    def add(one: Script) -> Script:
        SCRIPTS[name] = (one, limits)
        return one

    return add


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", SCRIPTS)
def test_dialogue(name: str, wire: str, tmp_path: Path) -> None:
    play, limits = SCRIPTS[name]

    async def run() -> None:
        async with accepting(tmp_path, limits) as acceptor:
            peer = await WIRES[wire](acceptor)
            assert isinstance(await peer.associate(*CONTEXTS), Accepted)
            await play(acceptor, peer)

    asyncio.run(run())


# -- requests and responses ---------------------------------------------------------------------------------------


@script("every command of a film and its response")
async def film(acceptor: Acceptor, peer: Peer) -> None:
    made = {N_CREATE: Response(0x0000, "1.2.3.9", b"made")}
    answers = {
        **made,
        N_SET: Response(0xB604, None, None, "image cropped"),
        N_GET: Response(0x0000, None, b"got it"),
        N_ACTION: Response(0x0000, None, b"a job"),
    }

    async def answer(request: Request) -> Response:
        return answers.get(int(request.command_field), Response(0x0000))

    acceptor.answer = answer
    created = await peer.ask(1, N_CREATE, 7, FILM_SESSION, None, b"data")
    assert created == Message(
        1,
        {
            "affected_class": FILM_SESSION,
            "field": N_CREATE | RESPONSE,
            "responded": 7,
            "data": DATA,
            "status": 0,
            "affected_instance": "1.2.3.9",
        },
        b"made",
        created.longest_pdu,
    )
    changed = await peer.ask(1, N_SET, 8, IMAGE_BOX, BOX, b"pixels")
    assert (changed.status, changed.command["comment"], changed.command["affected_instance"]) == (
        0xB604,
        "image cropped",
        BOX,
    )
    got = await peer.ask(1, N_GET, 9, PRINTER, PRINTER_INSTANCE, attributes=(0x21100010,))
    assert got.data == b"got it" and got.command["affected_class"] == PRINTER
    assert acceptor.served[-1].request.elements["AttributeIdentifierList"] == (0x21100010,)
    printed = await peer.ask(1, N_ACTION, 10, FILM_BOX, BOX, action=1)
    assert printed.data == b"a job" and printed.command["action"] == 1
    gone = await peer.ask(1, N_DELETE, 11, FILM_BOX, BOX)
    assert gone.command["field"] == N_DELETE | RESPONSE and gone.data is None
    assert await peer.echo(3, 12) == 0x0000
    await peer.release()
    assert [int(one.request.command_field) for one in acceptor.served] == [N_CREATE, N_SET, N_GET, N_ACTION, N_DELETE]
    assert acceptor.endings == [Ending.RELEASED]


@script("N-CREATE without a UID gets ours, with success and with a warning")
async def made_uid(acceptor: Acceptor, peer: Peer) -> None:
    for status in (0x0000, 0x0107, 0x0116, 0xB600, 0xB605):

        async def answer(request: Request, status: int = status) -> Response:
            assert request.sop_instance_uid is None
            return Response(status, "1.2.3.77", b"attributes")

        acceptor.answer = answer
        heard = await peer.ask(1, N_CREATE, 1, FILM_BOX, None, b"data")
        assert (heard.status, heard.command["affected_instance"], heard.data) == (status, "1.2.3.77", b"attributes")


@script("a refusal carries its words and elements")
async def refusals(acceptor: Acceptor, peer: Peer) -> None:
    for status, name in ((0x0105, "attributes"), (0x0106, "attributes"), (0x0120, "offending"), (0xC603, "offending")):

        async def answer(request: Request, status: int = status) -> Response:
            raise Refused(status, "not\\this\nway", (0x20100050, 0x20200010))

        acceptor.answer = answer
        heard = await peer.ask(1, N_SET, 1, IMAGE_BOX, BOX, b"data")
        assert heard.status == status and heard.command["comment"] == "not/this way"
        assert heard.command[name] == (0x20100050, 0x20200010)


@script("any fragments make the same message")
async def fragments(acceptor: Acceptor, peer: Peer) -> None:
    random = Random(5)
    data = random.randbytes(3000)
    command = command_set(requested_class=IMAGE_BOX, requested_instance=BOX, field=N_SET, id=1, data=DATA)
    ways = [
        message(1, command, data),
        message(1, command, data, together=True),
        message(1, command, data, most=10),
        message(1, command, data, most=10, together=True),
        # The last fragment is an empty one; so is one in the middle.
        pdu(4, pdv(1, 1, command) + pdv(1, 3, b"")) + pdu(4, pdv(1, 0, data) + pdv(1, 0, b"") + pdv(1, 2, b"")),
    ]
    for _ in range(5):
        cuts = sorted(random.randrange(len(data)) for _ in range(6))
        parts = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        pdvs = [pdv(1, 0, part) for part in parts[:-1]] + [pdv(1, 2, parts[-1])]
        ways.append(pdu(4, pdv(1, 3, command) + b"".join(pdvs[:3])) + b"".join(pdu(4, one) for one in pdvs[3:]))
    for way in ways:
        await peer.send(way)
        assert (await peer.message()).status == 0x0000
    sums = {one.sha256 for one in acceptor.served}
    assert len(acceptor.served) == len(ways) and sums == {hashlib.sha256(data).hexdigest()}


@script("a large data set goes to disk and a small one does not")
async def sizes(acceptor: Acceptor, peer: Peer) -> None:
    bound = acceptor.server.limits.memory_bytes
    for number, size in enumerate((0, 1, bound - 1, bound, bound + 1, bound * 3)):
        data = Random(size).randbytes(size)
        assert (await peer.ask(5, C_STORE, number, CT_IMAGE_STORAGE, "1.2.3", data)).status == 0x0000
        served = acceptor.served[-1]
        assert (served.size, served.in_memory) == (size, size <= bound)
        assert served.sha256 == hashlib.sha256(data).hexdigest()


@script("pipelined requests are answered one by one in their order", replace(LIMITS, normalized_data_set_bytes=100_000))
async def pipelined(acceptor: Acceptor, peer: Peer) -> None:
    at_once = 0

    async def answer(request: Request) -> Response:
        nonlocal at_once
        at_once += 1
        assert at_once == 1
        await asyncio.sleep(0)
        at_once -= 1
        return Response(0x0000)

    acceptor.answer = answer
    too_long = bytes(acceptor.server.limits.normalized_data_set_bytes + 1)
    asked = [
        (request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(500)), 0x0000),
        (echo(3, 2), 0x0000),
        (request(1, N_SET, 3, CT_IMAGE_STORAGE, BOX, bytes(500)), 0x0118),
        (request(1, N_GET, 4, PRINTER, PRINTER_INSTANCE), 0x0000),
        (request(1, N_SET, 5, IMAGE_BOX, BOX, too_long, most=100_000), 0x0213),
        (request(5, C_STORE, 6, CT_IMAGE_STORAGE, "1.2.3", bytes(70_000)), 0x0000),
        (echo(3, 7), 0x0000),
        (echo(3, 8), 0x0000),
    ]
    everything = b"".join(one for one, _ in asked) + RELEASE
    sending = asyncio.create_task(peer.send(everything))
    for number, (_, status) in enumerate(asked, 1):
        heard = await peer.message()
        assert heard.command["responded"] == number
        assert heard.status == status
    assert await peer.hear() == Released()
    await sending
    assert acceptor.endings == [Ending.RELEASED]


@script("message IDs are the peer's own business")
async def message_ids(acceptor: Acceptor, peer: Peer) -> None:
    for number in (0, 1, 1, 65535, 256):
        assert (await peer.ask(1, N_GET, number, PRINTER, PRINTER_INSTANCE)).command["responded"] == number


@script("a cancel has no answer")
async def cancel(acceptor: Acceptor, peer: Peer) -> None:
    await peer.send(message(5, command_set(field=C_CANCEL, responded=3, data=NO_DATA)))
    assert await peer.echo(3, 4) == 0x0000


# -- our own requests ---------------------------------------------------------------------------------------------


def _report(ours: Association, event: int = 2, data: bytes | None = None) -> asyncio.Task[int | None]:
    """An event of ours, on its way."""
    printer = ours.accepted(GRAYSCALE_META)
    assert printer is not None
    return asyncio.create_task(ours.send_event_report(printer, PRINTER, PRINTER_INSTANCE, event, data))


def _confirm(message_id: int, status: int = 0, data: bytes | None = None) -> bytes:
    """The response to an event."""
    command = command_set(
        affected_class=PRINTER,
        affected_instance=PRINTER_INSTANCE,
        field=N_EVENT_REPORT | RESPONSE,
        responded=message_id,
        data=NO_DATA if data is None else DATA,
        status=status,
        event=2,
    )
    return message(1, command, data)


@script("an event and its answer")
async def event(acceptor: Acceptor, peer: Peer) -> None:
    report = _report(acceptor.opened[0], 3, b"failure")
    heard = await peer.message()
    assert (heard.context_id, heard.data) == (1, b"failure")
    assert heard.command == {
        "affected_class": PRINTER,
        "field": N_EVENT_REPORT,
        "id": heard.command["id"],
        "data": DATA,
        "affected_instance": PRINTER_INSTANCE,
        "event": 3,
    }
    await peer.send(_confirm(heard.command["id"], 0x0110, b"an event reply"))
    assert await report == 0x0110
    await peer.release()


@script("a peer that goes on asking answers our event later")
async def event_between(acceptor: Acceptor, peer: Peer) -> None:
    report = _report(acceptor.opened[0])
    # The peer sends its own request at the same moment: the event is not taken for the answer to it.
    await peer.send(request(1, N_GET, 1, PRINTER, PRINTER_INSTANCE))
    first, second = await peer.message(), await peer.message()
    assert {first.command["field"], second.command["field"]} == {N_EVENT_REPORT, N_GET | RESPONSE}
    ours = first if first.command["field"] == N_EVENT_REPORT else second
    for number in range(2, 6):
        assert (await peer.ask(1, N_SET, number, IMAGE_BOX, BOX, bytes(1000))).status == 0x0000
    assert not report.done()
    await peer.send(request(1, N_SET, 6, IMAGE_BOX, BOX, bytes(100)) + _confirm(ours.command["id"]))
    assert (await peer.message()).command["responded"] == 6
    assert await report == 0x0000


@script("events are matched to their answers by message ID")
async def event_order(acceptor: Acceptor, peer: Peer) -> None:
    reports = [_report(acceptor.opened[0], number) for number in (1, 2, 3)]
    heard = [await peer.message() for _ in reports]
    assert [one.command["event"] for one in heard] == [1, 2, 3]
    await peer.send(_confirm(999))
    for one in reversed(heard):
        await peer.send(_confirm(one.command["id"], one.command["event"]))
    assert [await one for one in reports] == [1, 2, 3]


@script("an event waits for the answer to the request in hand")
async def event_after(acceptor: Acceptor, peer: Peer) -> None:
    acceptor.gate.clear()
    await peer.send(request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(100)) + request(1, N_GET, 2, PRINTER, PRINTER_INSTANCE))
    await acceptor.until(lambda: acceptor.served, "the request is being answered")
    report = _report(acceptor.opened[0])
    await asyncio.sleep(0)
    acceptor.gate.set()
    fields = [(await peer.message()).command for _ in range(3)]
    assert [one["field"] for one in fields] == [N_SET | RESPONSE, N_GET | RESPONSE, N_EVENT_REPORT]
    await peer.send(_confirm(fields[2]["id"]))
    assert await report == 0x0000


# A message of which half has come when an event is due, and what the peer hears first: nothing may hold the event up
# for longer than that message.
HALF = {
    "an echo": (echo(3, 1), C_ECHO | RESPONSE),
    "an instance": (request(5, C_STORE, 1, CT_IMAGE_STORAGE, "1.2.3", bytes(500)), C_STORE | RESPONSE),
    "a refused message": (request(1, N_SET, 1, CT_IMAGE_STORAGE, BOX, bytes(500)), N_SET | RESPONSE),
    "a cancel": (message(5, command_set(field=C_CANCEL, responded=3, data=NO_DATA)), None),
    "an answer to nothing": (_confirm(777, 0, bytes(500)), None),
}


def _event_meanwhile(half: bytes, answer: int | None) -> Script:
    async def play(acceptor: Acceptor, peer: Peer) -> None:
        await peer.send(half[: len(half) // 2])
        ours = acceptor.opened[0]
        await acceptor.until(lambda: ours._busy(), "half of it is here")  # type: ignore[attr-defined]
        report = _report(ours)
        for _ in range(3):
            await asyncio.sleep(0)
        await peer.send(half[len(half) // 2 :])
        if answer is not None:
            assert (await peer.message()).command["field"] == answer
        heard = await peer.message()
        assert heard.command["field"] == N_EVENT_REPORT
        await peer.send(_confirm(heard.command["id"]))
        assert await report == 0x0000

    return play


for _name, (_half, _answer) in HALF.items():
    SCRIPTS[f"an event comes right after {_name}"] = (_event_meanwhile(_half, _answer), LIMITS)


ENDS: dict[str, Callable[[Peer], Awaitable[object]]] = {
    "release": Peer.release,
    "abort": lambda peer: peer.send(ABORT),
    "a lost connection": lambda peer: _close(peer),
    "a broken PDU": lambda peer: peer.try_to_send(pdu(99, bytes(4))),
}


async def _close(peer: Peer) -> None:
    peer.close()


def _event_at_end(end: Callable[[Peer], Awaitable[object]]) -> Script:
    async def play(acceptor: Acceptor, peer: Peer) -> None:
        # event_s is 30 s: who waited for it would wait longer than this test.
        report = _report(acceptor.opened[0])
        await peer.message()
        await end(peer)
        async with asyncio.timeout(10):
            assert await report is None
        assert await _report(acceptor.opened[0]) is None

    return play


for _name, _end in ENDS.items():
    SCRIPTS[f"an event ends with {_name}"] = (_event_at_end(_end), LIMITS)


@script("an event that waits for its turn ends with the association")
async def queued_event_at_end(acceptor: Acceptor, peer: Peer) -> None:
    acceptor.gate.clear()
    await peer.send(request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(100)))
    await acceptor.until(lambda: acceptor.served, "the request is being answered")
    report = _report(acceptor.opened[0])
    await asyncio.sleep(0)
    await peer.send(ABORT)
    async with asyncio.timeout(10):
        assert await report is None
    acceptor.gate.set()


@script("an event that nobody answers is given up and the association goes on", replace(LIMITS, event_s=0.2))
async def unanswered_event(acceptor: Acceptor, peer: Peer) -> None:
    assert await _report(acceptor.opened[0]) is None
    first = await peer.message()
    await peer.send(_confirm(first.command["id"]))  # too late, passed over
    assert await peer.echo(3, 1) == 0x0000
    report = _report(acceptor.opened[0])
    second = await peer.message()
    assert second.command["id"] != first.command["id"]
    await peer.send(_confirm(second.command["id"], 5))
    assert await report == 5


@script("an event that was given up before its turn is never sent", replace(LIMITS, event_s=0.2))
async def late_event(acceptor: Acceptor, peer: Peer) -> None:
    acceptor.gate.clear()
    await peer.send(request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(100)))
    await acceptor.until(lambda: acceptor.served, "the request is being answered")
    assert await _report(acceptor.opened[0]) is None
    acceptor.gate.set()
    assert (await peer.message()).command["field"] == N_SET | RESPONSE
    assert await peer.echo(3, 2) == 0x0000


@script("whoever sends an event can be cancelled")
async def cancelled_event(acceptor: Acceptor, peer: Peer) -> None:
    report = _report(acceptor.opened[0])
    await peer.message()
    report.cancel()
    with pytest.raises(asyncio.CancelledError):
        await report
    assert await peer.echo(3, 1) == 0x0000


# -- release and abort at any point -------------------------------------------------------------------------------


@script("a release in the middle of a message")
async def release_in_message(acceptor: Acceptor, peer: Peer) -> None:
    command = command_set(requested_class=IMAGE_BOX, requested_instance=BOX, field=N_SET, id=1, data=DATA)
    await peer.send(pdu(4, pdv(1, 3, command)) + pdu(4, pdv(1, 0, bytes(1000))))
    await peer.release()
    assert not acceptor.served and acceptor.endings == [Ending.RELEASED]


@script("a release while an answer is on its way comes after it")
async def release_while_answering(acceptor: Acceptor, peer: Peer) -> None:
    acceptor.gate.clear()
    await peer.send(request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(100)) + RELEASE)
    await acceptor.until(lambda: acceptor.served, "the request is being answered")
    acceptor.gate.set()
    assert (await peer.message()).status == 0x0000
    assert await peer.hear() == Released()


@script("what comes behind a release is not heard, and the end of the connection is", replace(LIMITS, handshake_s=600))
async def requests_behind_release(acceptor: Acceptor, peer: Peer) -> None:
    acceptor.gate.clear()
    await peer.send(request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(100)) + RELEASE + echo(3, 2))
    sending = asyncio.create_task(peer.send(echo(3, 3) + echo(3, 4)))
    await acceptor.until(lambda: acceptor.served, "the request is being answered")
    acceptor.gate.set()
    while isinstance(heard := await peer.hear(), Message):
        assert heard.command["responded"] in (1, 2)
    assert heard == Released()
    await sending
    peer.close()
    await acceptor.nothing_left()


@script("an abort while an answer is on its way")
async def abort_while_answering(acceptor: Acceptor, peer: Peer) -> None:
    acceptor.gate.clear()
    await peer.send(request(1, N_SET, 1, IMAGE_BOX, BOX, bytes(100_000)))
    await acceptor.until(lambda: acceptor.served, "the request is being answered")
    await peer.send(ABORT)
    await acceptor.until(lambda: acceptor.endings, "the service hears of it at once")
    assert acceptor.endings == [Ending.ABORTED_BY_PEER]
    acceptor.gate.set()
    assert await peer.hear() == Closed()


@script("an abort of ours")
async def our_abort(acceptor: Acceptor, peer: Peer) -> None:
    acceptor.opened[0].abort()
    acceptor.opened[0].abort()
    assert await peer.ended() == Aborted(0, 0)
    assert acceptor.endings == [Ending.ABORTED_BY_US]


# Every part ends with a whole PDU.
SESSION_PARTS = (
    associate_request(CONTEXTS),
    request(1, N_CREATE, 1, FILM_SESSION, None, b"data"),
    request(1, N_SET, 2, IMAGE_BOX, BOX, bytes(20), most=16),
    echo(3, 3),
    request(1, N_ACTION, 4, FILM_BOX, BOX, action=1),
    RELEASE,
)
SESSION = b"".join(SESSION_PARTS)


def test_a_session_may_be_aborted_between_any_two_messages(tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            for count in range(1, len(SESSION_PARTS)):
                await acceptor.in_memory().send(b"".join(SESSION_PARTS[:count]) + ABORT)
            await acceptor.until(lambda: len(acceptor.endings) == len(SESSION_PARTS) - 1, "all are over")
            assert acceptor.endings == [Ending.ABORTED_BY_PEER] * (len(SESSION_PARTS) - 1)
            await acceptor.echoes()

    asyncio.run(run())


def test_a_request_behind_an_abort_is_not_heard(tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            for peer in (acceptor.in_memory(), await acceptor.connect()):
                await peer.send(ABORT + SESSION)
                assert await peer.hear() == Closed()
            assert not acceptor.opened and not list(acceptor.server.dialogues.recent())

    asyncio.run(run())


def test_a_connection_may_be_lost_at_every_byte(tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path, replace(LIMITS, associations=2000, associations_per_peer=2000)) as acceptor:
            began = len(SESSION_PARTS[0])
            for end in range(len(SESSION)):
                peer = acceptor.in_memory()
                await peer.send(SESSION[:end])
                await asyncio.sleep(0)
                peer.close()
            await acceptor.until(lambda: len(acceptor.endings) == len(SESSION) - began, "each ended once")
            assert len(acceptor.opened) == len(SESSION) - began and set(acceptor.endings) == {Ending.LOST}
            await acceptor.echoes()

    asyncio.run(run())


IDLE = replace(HASTY, idle_echo_s=0.3, idle_storage_s=0.3, idle_print_s=60.0)


@pytest.mark.parametrize(("called", "stays"), ((b"FILM", True), (b"STORE", False), (b"GRAVURE", False)))
def test_silence_is_borne_as_long_as_the_service_asks_for(called: bytes, stays: bool, tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path, IDLE) as acceptor:
            quiet = await acceptor.peer(called=b"GRAVURE")
            peer = await acceptor.peer(called=called)
            assert await peer.echo() == 0x0000
            assert isinstance(await quiet.ended(), Aborted | Closed)
            if stays:
                assert await peer.echo() == 0x0000
            else:
                assert isinstance(await peer.ended(), Aborted | Closed)

    asyncio.run(run())


def test_a_slow_answer_of_ours_is_no_silence_of_the_peer(tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path, IDLE) as acceptor:
            quiet = await acceptor.peer(called=b"STORE")
            peer = await acceptor.peer(context(1, CT_IMAGE_STORAGE, EXPLICIT), called=b"STORE")
            acceptor.gate.clear()
            await peer.send(request(1, C_STORE, 1, CT_IMAGE_STORAGE, "1.2.3", bytes(100)))
            await quiet.ended()
            acceptor.gate.set()
            assert (await peer.message()).status == 0x0000

    asyncio.run(run())


# -- classes and contexts -----------------------------------------------------------------------------------------

OFFERED = {
    1: GRAYSCALE_META,
    3: COLOR_META,
    5: FILM_SESSION,
    7: PRINTER,
    9: CT_IMAGE_STORAGE,
    11: MR_IMAGE_STORAGE,
    13: VERIFICATION,
}
MEMBERS = (FILM_SESSION, FILM_BOX, IMAGE_BOX, COLOR_BOX, PRINT_JOB, PRINTER)


def _legal(abstract_syntax: str, sop_class_uid: str) -> bool:
    """PS3.4 H.3.2.2: the members on either meta class, and beside them; everything else on its own context."""
    if abstract_syntax in (GRAYSCALE_META, COLOR_META, *MEMBERS):
        return sop_class_uid in MEMBERS
    return abstract_syntax == sop_class_uid


def test_a_message_is_served_on_the_contexts_of_its_class_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            peer = await acceptor.peer(*(context(number, uid, IMPLICIT) for number, uid in OFFERED.items()))
            for number, abstract_syntax in OFFERED.items():
                for uid in MEMBERS:
                    heard = await peer.ask(number, N_SET, 1, uid, BOX, b"ab")
                    assert heard.status == (0x0000 if _legal(abstract_syntax, uid) else 0x0118), (abstract_syntax, uid)
                for uid in (CT_IMAGE_STORAGE, MR_IMAGE_STORAGE):
                    heard = await peer.ask(number, C_STORE, 1, uid, BOX, b"ab")
                    assert heard.status == (0x0000 if abstract_syntax == uid else 0x0122), (abstract_syntax, uid)
                echoed = await peer.ask(number, C_ECHO, 1, VERIFICATION)
                assert echoed.status == (0x0000 if abstract_syntax == VERIFICATION else 0x0122)

    asyncio.run(run())


# Commands that no service serves, on a context of their class.
UNSERVED = (
    (9, C_FIND, CT_IMAGE_STORAGE, b"ab"),
    (9, 0x0021, CT_IMAGE_STORAGE, b"ab"),
    (9, 0x0010, CT_IMAGE_STORAGE, b"ab"),
    (7, N_EVENT_REPORT, PRINTER, b"ab"),
)


@pytest.mark.parametrize("asked", UNSERVED, ids=lambda one: f"{one[1]:04X}")
def test_what_is_not_served_is_an_unrecognized_operation(asked: tuple[int, int, str, bytes], tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            peer = await acceptor.peer(*(context(number, uid, IMPLICIT) for number, uid in OFFERED.items()))
            number, command, uid, data = asked
            heard = await peer.ask(number, command, 1, uid, None, data)
            assert heard.status == 0x0211 and heard.command["comment"] and not acceptor.served
            assert await peer.echo(13, 2) == 0x0000

    asyncio.run(run())


# -- dialogue records ---------------------------------------------------------------------------------------------


def test_equal_messages_are_counted_in_one_line_and_lines_are_bounded(tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path, replace(LIMITS, dialogue_messages=3)) as acceptor:
            peer = await acceptor.peer(*CONTEXTS)
            for number in range(50):
                assert await peer.echo(3, number) == 0x0000
            for number in range(6):
                await peer.ask(1, (N_GET, N_DELETE)[number % 2], number, PRINTER, PRINTER_INSTANCE)
            await peer.release()

    asyncio.run(run())
    (record,) = read_records(tmp_path / "dialogues")
    assert [(one["message"], one["count"]) for one in record["messages"]] == [
        ("C_ECHO_RQ", 50),
        ("N_GET_RQ", 1),
        ("N_DELETE_RQ", 3),
    ]
    assert record["messages_left_out"] == 2


def test_records_are_kept_for_days_and_a_line_cut_short_is_passed_over(tmp_path: Path) -> None:
    now_s = 1_700_000_000.0
    log = DialogueLog(tmp_path, keep=2, keep_days=3, wall=lambda: now_s)
    for day in range(5):
        now_s = 1_700_000_000.0 + day * 86400
        log.ended(log.began(f"a{day}", "192.0.2.1"), "released")
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3 and all(one.stat().st_mode & 0o077 == 0 for one in files)
    with files[-1].open("a") as newest:
        newest.write('{"id": "cut sho')
    assert [one["id"] for one in read_records(tmp_path)] == ["a2", "a3", "a4"]
    assert [one["id"] for one in read_records(tmp_path, 1)] == ["a4"]
    assert [one["id"] for one in log.recent()] == ["a3", "a4"]


def test_days_dated_ahead_are_the_first_to_go_and_today_never_is(tmp_path: Path) -> None:
    """The clock was ten years ahead for a moment, and a start of a board without a battery is in 1970."""
    days = [0, 3650, 1, 2, -19000]
    for at, day in enumerate(days):
        log = DialogueLog(tmp_path, keep_days=3, wall=lambda day=day: 1_700_000_000.0 + day * 86400)
        log.ended(log.began(f"a{at}", "192.0.2.1"), "released")
        log.close()
    assert [one["id"] for one in log.recent()][-3:] == ["a2", "a3", "a4"]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_new_start_knows_the_records_of_the_one_before(tmp_path: Path) -> None:
    now_s = 1_700_000_000.0
    log = DialogueLog(tmp_path, wall=lambda: now_s)
    for number in range(3):
        log.ended(log.began(f"a{number}", "192.0.2.1"), "released")
        now_s += 86400
    log.close()
    with sorted(tmp_path.iterdir())[-1].open("a") as newest:
        newest.write('{"id": "cut sho')
    now_s -= 86400
    log = DialogueLog(tmp_path, keep=3, wall=lambda: now_s)
    assert [one["id"] for one in log.recent()] == ["a0", "a1", "a2"]
    log.ended(log.began("a3", "192.0.2.1"), "released")
    log.close()
    assert [one["id"] for one in log.recent()] == ["a1", "a2", "a3"]
    assert [one["id"] for one in read_records(tmp_path)] == ["a0", "a1", "a2", "a3"]


def test_a_flood_of_associations_fills_neither_disk_nor_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dialogue, "DAY_BYTES", 200_000)
    monkeypatch.setattr(dialogue, "RECENT_BYTES", 100_000)
    now_s = 1_700_000_000.0
    log = DialogueLog(tmp_path, wall=lambda: now_s)

    def flood(name: str) -> None:
        for number in range(50):
            one = log.began(f"{name}{number}", "192.0.2.1")
            one.implementation_version_name = "x" * 10_000
            log.ended(one, "released")

    flood("a")
    (file,) = tmp_path.iterdir()
    assert 150_000 < file.stat().st_size <= 200_000
    kept = [one["id"] for one in log.recent()]
    assert kept[-1] == "a49" and 5 <= len(kept) < 10
    log.close()
    flood("b")  # a new start on the same day has no other room
    assert file.stat().st_size <= 200_000
    assert sum("full" in one.message for one in caplog.records) == 2
    now_s += 86400
    flood("c")
    assert [one["id"] for one in read_records(tmp_path)][-1].startswith("c")


def test_a_disk_that_fails_costs_the_record_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "dialogues"
    log = DialogueLog(folder)
    folder.rmdir()
    log.ended(log.began("a1", "192.0.2.1"), "released")
    assert [one["id"] for one in log.recent()] == ["a1"]


def test_a_record_has_no_patient_data(tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            peer = await acceptor.peer(*CONTEXTS)
            data = b"\x10\0\x10\0PN\x0e\0CANARY^PATIENT"
            assert (await peer.ask(5, C_STORE, 1, CT_IMAGE_STORAGE, "1.2.3", data)).status == 0x0000
            await peer.release()

    asyncio.run(run())
    (file,) = (tmp_path / "dialogues").iterdir()
    assert "CANARY" not in file.read_text() and json.loads(file.read_text())["bytes_received"] == 24 - 2


def test_the_configuration_says_for_how_many_days_records_are_kept(tmp_path: Path) -> None:
    config = Config.from_dict(
        {"appliance": {"state": str(tmp_path)}, "listen": {"port": 0}, "limits": {"dialogue_days": 2}}
    )
    folder = tmp_path / "dialogues"
    folder.mkdir()
    for day in range(1, 5):
        (folder / f"2020010{day}.jsonl").touch()

    async def run() -> None:
        async with Appliance(config) as running:
            peer = Peer(await TcpWire.connect(running.dicom_port))
            assert isinstance(await peer.associate(called=b"FILM"), Accepted)
            await peer.release()

    asyncio.run(run())
    kept = sorted(file.name for file in folder.iterdir())
    assert len(kept) == 2 and kept[0] == "20200104.jsonl"
