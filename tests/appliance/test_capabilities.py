"""The conformance statement and the running daemon say the same, both ways.

Every SOP class, transfer syntax and role in pynetdicom's and pydicom's tables is proposed to every AE title of the
daemon, each pair in a presentation context of its own, by a peer that builds its own bytes. What is accepted must
stand in what `gravure conformance` prints, and what stands there must be accepted.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pytest
from pydicom.uid import UID_dictionary  # type: ignore[attr-defined]
from pynetdicom import ALL_TRANSFER_SYNTAXES, sop_class

from printing.elements import write
from printing.printer import Printer
from printing.printer_configuration import VRS, configuration_values
from printing.terms import Command
from tests.appliance.association import peer as wire
from tests.appliance.association.peer import (
    ABORT,
    C_ECHO,
    C_FIND,
    C_STORE,
    EXPLICIT,
    IMPLICIT,
    N_ACTION,
    N_CREATE,
    N_DELETE,
    N_EVENT_REPORT,
    N_GET,
    N_SET,
    Accepted,
    Message,
    Peer,
    TcpWire,
    context,
    role,
    user_items,
)
from tests.printing.console import StepConsole, data_set, decode, image
from tests.serving import DEFAULT, ROOT, Serving, serving

CLASSES = sorted(
    {str(one) for one in vars(sop_class).values() if isinstance(one, sop_class.SOPClass)}
    | {uid for uid, (_, kind, *_) in UID_dictionary.items() if kind in ("SOP Class", "Meta SOP Class")}
)
PRIVATE = "1.3.6.1.4.1.9999.1.2"
SYNTAXES = sorted(
    {str(one) for one in ALL_TRANSFER_SYNTAXES}
    | {uid for uid, (_, kind, *_) in UID_dictionary.items() if kind == "Transfer Syntax"}
)
PRIVATE_SYNTAX = "1.3.6.1.4.1.9999.9"
ROLES: dict[str, tuple[int, int] | None] = {"none": None, "SCU": (1, 0), "SCP": (0, 1), "both": (1, 1)}

# What each AE title of the daemon is for; the title that serves both has a printer and an inbox.
TITLES = {"FILM": {"print"}, "BURN_CD": {"store"}, "STORE": {"store"}, "BOTH": {"print", "store"}, "GRAVURE": set()}
MORE = "[printers.BOTH]\n[inboxes.BOTH]\n"

ACCEPTED, USER_REJECTION, NO_CLASS, NO_SYNTAX = 0, 1, 3, 4


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("daemon"), MORE, DEFAULT) as one:
        yield one


@pytest.fixture(scope="module")
def statement() -> dict[str, Any]:
    """What `gravure conformance` prints."""
    command = [sys.executable, "-m", "appliance", "conformance", "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return dict(json.loads(done.stdout))


def _services(row: dict[str, Any]) -> set[str]:
    """The titles' words that a row of the statement belongs to; Verification is on every title."""
    if "C-ECHO" in row["operations"]:
        return {"echo"}
    return {"store"} if "C-STORE" in row["operations"] else {"print"}


def _expected(statement: dict[str, Any], title: str, abstract_syntax: str, syntax: str, proposed: str) -> int:
    """The result that the statement promises."""
    offered = TITLES[title] | {"echo"}
    rows = [one for one in statement["sop_classes"] if one["uid"] == abstract_syntax and _services(one) & offered]
    if rows:
        syntaxes = rows[0]["transfer_syntaxes"]
    elif not abstract_syntax.startswith("1.2.840.10008.") and "store" in offered and statement["private_storage"]:
        syntaxes = next(one["transfer_syntaxes"] for one in statement["sop_classes"] if _services(one) == {"store"})
    else:
        return NO_CLASS
    if proposed == "SCP":
        return USER_REJECTION
    return ACCEPTED if syntax in syntaxes else NO_SYNTAX


async def _results(
    port: int, title: str, proposed: str, classes: Iterable[str]
) -> dict[tuple[str, str], tuple[int, str]]:
    """(result, accepted transfer syntax) of every class and transfer syntax, 128 contexts an association."""
    pairs = iter([(uid, syntax) for uid in classes for syntax in (*SYNTAXES, PRIVATE_SYNTAX)])
    found: dict[tuple[str, str], tuple[int, str]] = {}
    while batch := list(islice(pairs, 128)):
        numbered = dict(zip(range(1, 256, 2), batch, strict=False))
        roles = ROLES[proposed]
        named = sorted({uid for uid, _ in batch})
        more = b"".join(role(uid, *roles) for uid in named) if roles is not None else b""
        peer = Peer(await TcpWire.connect(port))
        contexts = (context(number, *pair) for number, pair in numbered.items())
        answer = await peer.associate(*contexts, called=title.encode(), user=user_items(more=more))
        assert isinstance(answer, Accepted)
        results = {numbered[number]: result for number, result in answer.contexts.items()}
        # Roles are answered for what was accepted and asked for, and for nothing else.
        granted = {uid for (uid, _), (result, _) in results.items() if result == ACCEPTED} if roles else set()
        assert Counter(answer.sub_items(0x54)) == Counter(role(uid, 1, 0)[4:] for uid in granted)
        found.update(results)
        await peer.send(ABORT)
        peer.close()
    return found


@pytest.mark.parametrize("proposed", ROLES)
@pytest.mark.parametrize("title", TITLES)
def test_what_is_accepted_is_what_is_stated(
    title: str, proposed: str, daemon: Serving, statement: dict[str, Any]
) -> None:
    classes = {*CLASSES, PRIVATE, *(one["uid"] for one in statement["sop_classes"])}
    found = asyncio.run(_results(daemon.port, title, proposed, sorted(classes)))
    assert len(found) == len(classes) * (len(SYNTAXES) + 1)
    wrong = {
        (*pair, result)
        for pair, (result, syntax) in found.items()
        if result != _expected(statement, title, *pair, proposed) or (result == ACCEPTED and syntax != pair[1])
    }
    assert not wrong
    accepted = {uid for (uid, _), (result, _) in found.items() if result == ACCEPTED}
    assert bool(accepted) == (proposed != "SCP")


def test_every_class_is_stated_once_and_every_transfer_syntax_was_proposed(statement: dict[str, Any]) -> None:
    uids = [one["uid"] for one in statement["sop_classes"]]
    assert len(uids) == len(set(uids)) and len(set(uids) & set(CLASSES)) > 200
    assert not set(uids) & {one["uid"] for one in statement["print"]["retired"]}
    assert {syntax for one in statement["sop_classes"] for syntax in one["transfer_syntaxes"]} <= set(SYNTAXES)
    assert {one["role"] for one in statement["sop_classes"]} == {"SCP"}


def test_the_first_stated_transfer_syntax_that_a_peer_has_is_the_one_that_it_gets(
    daemon: Serving, statement: dict[str, Any]
) -> None:
    rows = [one for one in statement["sop_classes"] if _services(one) == {"store"}]

    async def run() -> None:
        for start in range(0, len(rows), 128):
            batch = dict(zip(range(1, 256, 2), rows[start : start + 128], strict=False))
            # In an order of their own, and each class with one preferred syntax less.
            proposed = {
                number: tuple(reversed(row["transfer_syntaxes"][number // 2 % len(row["transfer_syntaxes"]) :]))
                for number, row in batch.items()
            }
            peer = Peer(await TcpWire.connect(daemon.port))
            contexts = (context(number, row["uid"], *proposed[number]) for number, row in batch.items())
            answer = await peer.associate(*contexts, called=b"STORE")
            assert isinstance(answer, Accepted)
            assert {number: (ACCEPTED, proposed[number][-1]) for number in batch} == answer.contexts
            await peer.send(ABORT)
            peer.close()

    asyncio.run(run())


COMMANDS = {
    "C-STORE": C_STORE,
    "C-ECHO": C_ECHO,
    "C-FIND": C_FIND,
    "N-GET": N_GET,
    "N-SET": N_SET,
    "N-ACTION": N_ACTION,
    "N-CREATE": N_CREATE,
    "N-DELETE": N_DELETE,
    "N-EVENT-REPORT": N_EVENT_REPORT,
}
NOT_SERVED = {0x0122, 0x0118, 0x0211}
OURS_TO_SEND = {"N-EVENT-REPORT"}
"""Stated as operations, and refused where a peer sends them to us."""


async def _served(port: int, row: dict[str, Any]) -> set[str]:
    """The operations that a class is served for, on a context of its own."""
    title = {"print": b"FILM", "store": b"STORE", "echo": b"GRAVURE"}[next(iter(_services(row)))]
    peer = Peer(await TcpWire.connect(port))
    syntax = IMPLICIT if IMPLICIT in row["transfer_syntaxes"] else EXPLICIT
    assert isinstance(await peer.associate(context(1, row["uid"], syntax), called=title), Accepted)
    served = set()
    for number, (word, command) in enumerate(COMMANDS.items()):
        # Nothing that a service can act on: what is served is refused for another reason.
        data = b"no data set" if command in (C_STORE, C_FIND) else None
        more = {"action": 9} if command == N_ACTION else {"event": 9} if command == N_EVENT_REPORT else {}
        instance = None if command in (C_ECHO, C_FIND) else "1.2.3.4.5"
        await peer.send(wire.request(1, command, number, row["uid"], instance, data, **more))
        heard = await peer.hear()
        assert isinstance(heard, Message), (row["name"], word)
        if heard.status not in NOT_SERVED:
            served.add(word)
    await peer.release()
    return served


def test_the_stated_operations_are_served_and_no_others(daemon: Serving, statement: dict[str, Any]) -> None:
    async def run() -> dict[str, tuple[set[str], set[str]]]:
        return {
            row["name"]: (set(row["operations"]) - OURS_TO_SEND, await _served(daemon.port, row))
            for row in statement["sop_classes"]
        }

    wrong = {name: pair for name, pair in asyncio.run(run()).items() if pair[0] != pair[1]}
    assert not wrong


def test_the_bounds_and_names_of_the_statement_are_those_of_the_daemon(
    daemon: Serving, statement: dict[str, Any]
) -> None:
    async def run() -> Accepted:
        peer = Peer(await TcpWire.connect(daemon.port))
        answer = await peer.associate(called=b"GRAVURE", user=user_items(more=wire.window(5, 5)))
        assert isinstance(answer, Accepted)
        await peer.release()
        return answer

    answer = asyncio.run(run())
    assert answer.sub_items(0x51) == [statement["association"]["maximum_pdu_bytes"].to_bytes(4, "big")]
    assert answer.sub_items(0x52) == [statement["implementation_class_uid"].encode()]
    assert answer.sub_items(0x55) == [statement["implementation_version_name"].encode()]
    assert answer.sub_items(0x53) == [b"\0\1\0\1"]
    assert statement["association"]["asynchronous_operations"] == "window 1/1"
    assert statement["association"]["presentation_contexts"] == 128


# -- what the statement says of printing ------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", ["STANDARD", "HIGH"])
def test_stated_matrices_are_those_that_consoles_read(statement: dict[str, Any], resolution: str) -> None:
    answer = decode(write(configuration_values(Printer()), VRS, True), True)
    read = {
        one.FilmSizeID: [one.Columns, one.Rows]
        for one in answer.PrinterConfigurationSequence[0].SupportedImageDisplayFormatsSequence
        if (one.ImageDisplayFormat, one.FilmOrientation) == (r"STANDARD\1,1", "PORTRAIT")
        and one.PrinterResolutionID == resolution
    }
    stated = {name: rows[resolution] for name, rows in statement["print"]["matrices"].items()}
    assert stated == read and stated["14INX17IN"] == ([4200, 5100] if resolution == "STANDARD" else [8400, 10200])


def test_colour_on_grey_is_answered_as_stated(statement: dict[str, Any]) -> None:
    console = StepConsole()
    console.film_session()
    console.film_box()
    assert console.image_box(1, image(photometric="RGB")).status == 0x0106
    astray = data_set(ImageBoxPosition=1, BasicColorImageSequence=[image(photometric="RGB")])
    assert console.say(Command.N_SET, console.box_class, console.boxes[0], astray).status == 0x0120
    words = statement["print"]["color_on_grey"]
    assert "0106" in words and "0120" in words


def test_custom_formats_are_answered_as_stated(statement: dict[str, Any]) -> None:
    console = StepConsole()
    console.film_session()
    assert console.film_box(r"CUSTOM\1").status == 0x0106 and "0106" in statement["print"]["custom_formats"]
