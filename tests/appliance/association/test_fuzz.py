"""Mutated sessions: no bytes stop the acceptor, raise in it, or leave an association, a socket or a file behind.

Deterministic: the seed stands in the test's name. GRAVURE_FUZZ multiplies the budget.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from appliance.association.message import CommandField, Request, Response
from tests.appliance.association.acceptor import LIMITS, accepting, open_files
from tests.appliance.association.peer import (
    C_STORE,
    CT_IMAGE_STORAGE,
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
    PRINTER,
    PRINTER_INSTANCE,
    RELEASE,
    VERIFICATION,
    associate_request,
    command_set,
    context,
    echo,
    identity,
    message,
    pdu,
    request,
    role,
    user_items,
    window,
)

BUDGET = int(os.environ.get("GRAVURE_FUZZ", "1"))

ASSOCIATE = associate_request(
    [
        context(1, GRAYSCALE_META, IMPLICIT, EXPLICIT),
        context(3, VERIFICATION, IMPLICIT),
        context(5, CT_IMAGE_STORAGE, EXPLICIT),
    ],
    user=user_items(more=window(1, 1) + role(VERIFICATION, 1, 0) + identity(2, b"name", b"passcode", answer=True)),
)
CONFIRM = message(
    1, command_set(affected_class=PRINTER, field=N_EVENT_REPORT | 0x8000, responded=1, data=0x0101, status=0)
)
SESSIONS: tuple[tuple[bytes, ...], ...] = (
    (ASSOCIATE, echo(3, 1), RELEASE),
    (
        ASSOCIATE,
        request(1, N_GET, 1, PRINTER, PRINTER_INSTANCE, attributes=(0x21100010, 0x21100020)),
        request(1, N_CREATE, 2, FILM_SESSION, None, b"a film session"),
        request(1, N_SET, 3, IMAGE_BOX, "1.2.3.4", bytes(range(256)), most=100),
        CONFIRM,
        request(1, N_ACTION, 4, FILM_BOX, "1.2.3.4", action=1),
        request(1, N_DELETE, 5, FILM_SESSION, "1.2.3.4"),
        RELEASE,
    ),
    (
        ASSOCIATE,
        request(5, C_STORE, 1, CT_IMAGE_STORAGE, "1.2.3", bytes(3000), most=1000),
        request(5, C_STORE, 2, CT_IMAGE_STORAGE, "1.2.4", bytes(10)),
        echo(3, 3),
    ),
)


def _flip(random: Random, raw: bytes) -> bytes:
    at = random.randrange(len(raw))
    return raw[:at] + bytes((raw[at] ^ 1 << random.randrange(8),)) + raw[at + 1 :]


def _boundary(random: Random, raw: bytes) -> bytes:
    """A length field is likely to be hit: values at the edges of 8, 16 and 32 bits."""
    at, width = random.randrange(len(raw)), random.choice((1, 2, 4))
    value = random.choice((0, 1, 2, 5, 6, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF))
    return (
        raw[:at] + (value & (1 << 8 * width) - 1).to_bytes(width, random.choice(("big", "little"))) + raw[at + width :]
    )


def _cut(random: Random, raw: bytes) -> bytes:
    start = random.randrange(len(raw))
    return raw[:start] + raw[start + random.randrange(40) :]


def _repeat(random: Random, raw: bytes) -> bytes:
    start = random.randrange(len(raw))
    return raw[:start] + raw[start : start + random.randrange(60)] * random.randrange(2, 5) + raw[start:]


def _insert(random: Random, raw: bytes) -> bytes:
    at = random.randrange(len(raw))
    return raw[:at] + random.randbytes(random.randrange(1, 30)) + raw[at:]


def _end(random: Random, raw: bytes) -> bytes:
    return raw[: random.randrange(len(raw))]


BYTE_MUTATIONS: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flip,
    _flip,
    _boundary,
    _boundary,
    _cut,
    _repeat,
    _insert,
    _end,
)


def mutated(random: Random) -> bytes:
    """A session with PDUs in another order or other bytes, or both."""
    parts = list(random.choice(SESSIONS))
    for _ in range(random.choice((0, 0, 1, 2))):
        a, b = random.randrange(len(parts)), random.randrange(len(parts))
        how = random.randrange(4)
        if how == 0:
            parts[a], parts[b] = parts[b], parts[a]
        elif how == 1:
            parts.insert(a, parts[b])
        elif how == 2:
            del parts[a]
        else:
            parts.insert(a, pdu(random.randrange(9), random.randbytes(random.randrange(12))))
        parts = parts or [ASSOCIATE]
    head = parts.pop(0) if random.random() < 0.7 else b""  # mostly, the association is opened first
    raw = b"".join(parts)
    for _ in range(random.choice((0, 1, 1, 2, 4))):
        raw = random.choice(BYTE_MUTATIONS)(random, raw) if raw else raw
    return head + raw


async def _answer(request: Request) -> Response:
    if request.command_field is CommandField.N_GET_RQ:
        return Response(0x0000, None, b"printer attributes")
    if request.command_field is CommandField.N_CREATE_RQ:
        return Response(0x0107, "1.2.3.4", None, "made", (0x20000010,))
    return Response(0x0000)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_sessions_in_memory(seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    random = Random(seed)
    opened = served = 0

    async def run() -> None:
        nonlocal opened, served
        async with accepting(tmp_path, replace(LIMITS, associations=1000, associations_per_peer=1000)) as acceptor:
            acceptor.answer = _answer
            for number in range(1000 * BUDGET):
                peer = acceptor.in_memory(random.choice((1, 3, 64, 1 << 16)))
                await peer.try_to_send(mutated(random))
                for _ in range(3):
                    await asyncio.sleep(0)
                peer.close()
                if number % 200 == 0:
                    await acceptor.echoes()
            await acceptor.nothing_left()
            opened, served = len(acceptor.opened), len(acceptor.served)

    caplog.set_level(logging.CRITICAL, "gravure.association")
    asyncio.run(run())
    assert opened > 300 * BUDGET and served > 300 * BUDGET, "the mutants go deep enough"
    assert not [one for one in caplog.records if one.name == "asyncio"]


@pytest.mark.parametrize("seed", (100,))
def test_mutated_sessions_over_tcp(seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    random = Random(seed)

    async def run() -> None:
        files = open_files()
        async with accepting(tmp_path) as acceptor:
            acceptor.answer = _answer
            for number in range(200 * BUDGET):
                peer = await acceptor.connect()
                await peer.try_to_send(mutated(random))
                (peer.wire.reset if random.random() < 0.5 else peer.close)()
                if number % 20 == 0:
                    await acceptor.echoes()
            await acceptor.nothing_left()
        await acceptor.until(lambda: open_files() <= files, "every descriptor is closed")
        assert acceptor.opened and acceptor.served

    asyncio.run(run())
    assert not [one for one in caplog.records if one.exc_info]
