"""One connection never has the loop for itself: what comes in floods is taken in turns, in order and whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from appliance.association.protocol import MESSAGE_STEPS, MOST_IDLE_WORDS, TURN_STEPS
from tests.appliance.association.acceptor import LIMITS, accepting
from tests.appliance.association.peer import (
    C_CANCEL,
    DATA,
    GRAYSCALE_META,
    IMAGE_BOX,
    IMPLICIT,
    N_EVENT_REPORT,
    N_GET,
    N_SET,
    NO_DATA,
    PRINTER,
    PRINTER_INSTANCE,
    RESPONSE,
    VERIFICATION,
    Aborted,
    MemoryWire,
    command_set,
    context,
    echo,
    pdu,
    pdv,
    request,
)

PRINT = context(1, GRAYSCALE_META, IMPLICIT)
ECHO = context(1, VERIFICATION, IMPLICIT)
RESPONSE_TO_NOTHING = pdu(
    4, pdv(1, 3, command_set(field=N_EVENT_REPORT | RESPONSE, responded=7, data=NO_DATA, status=0))
)
CANCEL = pdu(4, pdv(1, 3, command_set(field=C_CANCEL, responded=7, data=NO_DATA)))
EMPTY = pdu(4, pdv(1, 1, b""))


def test_messages_of_one_read_are_answered_in_turns_in_order_and_all(tmp_path: Path) -> None:
    count = 500

    async def run() -> list[int]:
        async with accepting(tmp_path) as acceptor:
            peer = acceptor.in_memory(1 << 18)
            await peer.associate(ECHO)
            wire = cast(MemoryWire, peer.wire)
            await peer.send(b"".join(echo(1, number) for number in range(1, count + 1)))
            at_once = wire._written.qsize()
            assert 1 <= at_once <= TURN_STEPS // MESSAGE_STEPS + 1, "more than a turn's share in one breath"
            assert not wire.is_reading(), "nothing more is taken from a peer whose words wait for their turn"
            heard = [(await peer.message()).command["responded"] for _ in range(count)]
            await acceptor.until(wire.is_reading, "the peer is read again")
            return heard

    assert asyncio.run(run()) == list(range(1, count + 1))


def test_a_release_behind_a_flood_is_answered_behind_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            peer = acceptor.in_memory(1 << 18)
            await peer.associate(PRINT)
            gets = b"".join(request(1, N_GET, one, PRINTER, PRINTER_INSTANCE) for one in range(1, 101))
            sending = asyncio.create_task(peer.send(gets + pdu(5, bytes(4))))
            assert [(await peer.message()).command["responded"] for _ in range(100)] == list(range(1, 101))
            assert type(await peer.hear()).__name__ == "Released"
            await sending

    asyncio.run(run())


@pytest.mark.parametrize("words", [RESPONSE_TO_NOTHING, CANCEL, EMPTY], ids=["responses", "cancels", "empty parts"])
def test_words_that_ask_for_nothing_are_bounded(words: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with accepting(tmp_path) as acceptor:
            peer = await acceptor.peer(PRINT)
            await peer.send(words * MOST_IDLE_WORDS)
            if words is not EMPTY:  # those were the beginning of a command set
                assert (await peer.ask(1, N_GET, 1, PRINTER, PRINTER_INSTANCE)).status == 0x0000
                await peer.send(words * MOST_IDLE_WORDS)
            await peer.try_to_send(words)
            assert await peer.ended() == Aborted(2, 6)

    with caplog.at_level("INFO", "gravure.association"):
        asyncio.run(run())
    assert sum("response to nothing" in one.message for one in caplog.records) <= 2


FLOODS: dict[str, Callable[[int], bytes]] = {
    "echoes": lambda one: echo(1, one % 0xFFFF),
    "parts of one byte": lambda one: pdu(4, pdv(1, 0, b"a")),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_of_tiny_words_keeps_nobody_waiting(flood: Callable[[int], bytes], tmp_path: Path) -> None:
    """The loop has a turn for others after every few milliseconds, however much one peer sent at once."""

    async def run() -> float:
        async with accepting(tmp_path, LIMITS) as acceptor:
            peer = acceptor.in_memory(1 << 19)
            await peer.associate(PRINT if flood is not FLOODS["echoes"] else ECHO)
            if flood is not FLOODS["echoes"]:
                head = command_set(requested_class=IMAGE_BOX, requested_instance="1.2.3", field=N_SET, id=1, data=DATA)
                await peer.send(pdu(4, pdv(1, 3, head)))
            sending = asyncio.create_task(peer.send(b"".join(flood(one) for one in range(1, 6001))))
            longest, before = 0.0, time.thread_time()
            while not sending.done():
                await asyncio.sleep(0)
                now = time.thread_time()
                longest, before = max(longest, now - before), now
            await sending
            return longest

    # Without turns: 0.2 s and more. Processor time of this thread, so a busy machine changes nothing.
    assert asyncio.run(run()) < 0.05
