"""A-ASSOCIATE: who is let in, on which contexts, in which role, and what we say of us (PS3.8 §7.1.1, PS3.7 D.3)."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.association.access import AccessPolicy, Peer, networks
from appliance.association.associate import UserIdentity
from appliance.association.dialogue import read_records
from appliance.association.limits import KIB
from appliance.capabilities import STORED
from media.store import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from tests.appliance.association.acceptor import HASTY, LIMITS, Acceptor, accepting
from tests.appliance.association.peer import (
    BIG_ENDIAN,
    CT_IMAGE_STORAGE,
    EXPLICIT,
    FILM_SESSION,
    GRAYSCALE_META,
    IMAGE_BOX,
    IMPLICIT,
    N_GET,
    N_SET,
    PRINTER,
    PRINTER_INSTANCE,
    VERIFICATION,
    Aborted,
    Accepted,
    Closed,
    Heard,
    Rejected,
    context,
    identity,
    request,
    role,
    user_items,
    window,
)

ECHO = context(1, VERIFICATION, IMPLICIT)
PRINT = context(1, GRAYSCALE_META, IMPLICIT)


def play(tmp_path: Path, script: Any, **options: Any) -> None:
    """Play a script on an acceptor of its own."""

    async def run() -> None:
        async with accepting(tmp_path, **options) as acceptor:
            await script(acceptor)

    asyncio.run(run())


async def heard(acceptor: Acceptor, *contexts: bytes, **fields: Any) -> Heard:
    """What a peer hears that asks for an association, and leaves."""
    peer = await acceptor.connect()
    answer = await peer.associate(*contexts, **fields)
    peer.close()
    return answer


async def accepted(acceptor: Acceptor, *contexts: bytes, **fields: Any) -> Accepted:
    """The same where it must be accepted."""
    answer = await heard(acceptor, *contexts, **fields)
    assert isinstance(answer, Accepted), answer
    return answer


KNOWN = AccessPolicy.of(
    [
        Peer("console", "CONSOLE", networks(["127.0.0.1"]), frozenset({"echo", "print"})),
        Peer("archive", "ARCHIVE", networks(["192.0.2.0/24"])),
        Peer("sender", "SENDER", (), frozenset({"store"})),
        Peer("any on six", "*", networks(["::1"]), frozenset({"echo"})),
    ],
    "reject",
)

# -- rejections ---------------------------------------------------------------------------------------------------

REJECTIONS: tuple[tuple[str, dict[str, Any], tuple[int, int, int]], ...] = (
    ("an unknown called title", {"called": b"NOBODY"}, (1, 1, 7)),
    ("a called title in another case", {"called": b"film"}, (1, 1, 7)),
    ("an unknown calling title", {"calling": b"STRANGER"}, (1, 1, 3)),
    ("a known title from another address", {"calling": b"ARCHIVE"}, (1, 1, 3)),
    ("a known title in another case", {"calling": b"console"}, (1, 1, 3)),
    ("another application context", {"application_context": "1.2.3"}, (1, 1, 2)),
    ("protocol version 0", {"version": 0}, (1, 2, 2)),
    ("protocol version 2 alone", {"version": 2}, (1, 2, 2)),
    ("a refused identity", {"user": user_items(more=identity(2, b"user", b"wrong"))}, (2, 2, 1)),
    ("a maximum length that carries nothing", {"user": user_items(6)}, (1, 1, 1)),
)


def right(one: UserIdentity) -> bool:
    """The only user there is."""
    return one.secondary == b"right"


@pytest.mark.parametrize(("words", "fields", "reason"), REJECTIONS, ids=[one[0] for one in REJECTIONS])
def test_a_rejection_says_why_and_is_kept_in_the_dialogue_record(
    words: str, fields: dict[str, Any], reason: tuple[int, int, int], tmp_path: Path
) -> None:
    async def script(acceptor: Acceptor) -> None:
        peer = await acceptor.connect()
        assert await peer.associate(**{"calling": b"CONSOLE", **fields}) == Rejected(*reason)
        assert not acceptor.opened and acceptor.open_now == 0
        (record,) = acceptor.server.dialogues.recent()
        assert record["rejected"].startswith("/".join(map(str, reason))) and record["ending"] == "rejected"
        await accepted(acceptor, calling=b"CONSOLE")

    play(tmp_path, script, access=KNOWN, identify=right)


def test_a_rejected_peer_that_does_not_close_is_closed(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        peer = await acceptor.connect()
        assert await peer.associate(called=b"NOBODY") == Rejected(1, 1, 7)
        assert await peer.hear() == Closed()

    play(tmp_path, script, limits=HASTY)


@pytest.mark.parametrize("bound", ("associations", "associations_per_peer"))
def test_too_many_associations_are_rejected_until_one_ends(bound: str, tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        peers = [await acceptor.peer() for _ in range(2)]
        assert await heard(acceptor) == Rejected(2, 3, 2)
        await peers[0].release()
        await acceptor.until(lambda: acceptor.open_now == 1, "one is over")
        assert isinstance(await heard(acceptor), Accepted)

    play(tmp_path, script, limits=replace(LIMITS, **{bound: 2}))


def test_whoever_comes_while_we_shut_down_is_rejected_for_now(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        busy, late = await acceptor.peer(PRINT), await acceptor.connect()
        acceptor.gate.clear()
        await busy.send(request(1, N_GET, 1, PRINTER, PRINTER_INSTANCE))
        await acceptor.until(lambda: acceptor.served, "an answer is on its way")
        closing = asyncio.create_task(acceptor.server.close(30))
        await asyncio.sleep(0)
        assert await late.associate() == Rejected(2, 3, 1)
        acceptor.gate.set()
        assert (await busy.message()).status == 0x0000
        await closing

    play(tmp_path, script)


# -- titles and peers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("called", (b"FILM", b"SPOOL", b" FILM", b"FILM\0\0\0", b"GRAVURE", b"STORE"), ids=repr)
def test_every_title_and_alias_of_ours_is_answered(called: bytes, tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        peer = await acceptor.peer(called=called)
        assert await peer.echo() == 0x0000
        assert peer.accepted is not None and peer.accepted.called == called.ljust(16)[:16]
        assert acceptor.opened[0].called_ae_title == called.decode().strip(" \0")

    play(tmp_path, script)


def test_any_called_ae_answers_for_unknown_titles_with_its_own_contexts(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        contexts = (PRINT, context(3, CT_IMAGE_STORAGE, EXPLICIT))
        anywhere = await accepted(acceptor, *contexts, called=b"WHATEVER")
        assert [result for result, _ in anywhere.contexts.values()] == [3, 0]
        film = await accepted(acceptor, *contexts, called=b"FILM")
        assert [result for result, _ in film.contexts.values()] == [0, 0]

    play(tmp_path, script, any_called_ae="STORE")


# By title and address (all call from 127.0.0.1): results of Verification, Print and two storage classes.
GRANTS = (
    (b"CONSOLE", [0, 0, 1, 1]),
    (b"SENDER", [1, 1, 0, 0]),
)
HARDCOPY_GRAYSCALE_IMAGE_STORAGE = "1.2.840.10008.5.1.1.29"
"""A storage class, although its UID begins like those of print."""


@pytest.mark.parametrize(("calling", "results"), GRANTS, ids=lambda one: str(one))
def test_what_a_peer_may_not_do_is_a_context_that_it_does_not_get(
    calling: bytes, results: list[int], tmp_path: Path
) -> None:
    async def script(acceptor: Acceptor) -> None:
        contexts = (
            ECHO,
            context(3, GRAYSCALE_META, IMPLICIT),
            context(5, CT_IMAGE_STORAGE, EXPLICIT),
            context(7, HARDCOPY_GRAYSCALE_IMAGE_STORAGE, EXPLICIT),
        )
        answer = await accepted(acceptor, *contexts, calling=calling)
        assert [result for result, _ in answer.contexts.values()] == results
        assert acceptor.opened[0].peer == calling.decode().lower()

    play(tmp_path, script, access=KNOWN)


def test_an_address_may_stand_for_any_title(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        peer = await acceptor.peer(host="::1", calling=b"WHOEVER")
        assert acceptor.opened[0].peer == "any on six" and await peer.echo() == 0x0000

    play(tmp_path, script, access=KNOWN, address="::")


def test_unknown_peers_may_be_left_with_echo(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        answer = await accepted(acceptor, ECHO, context(3, GRAYSCALE_META, IMPLICIT))
        assert [result for result, _ in answer.contexts.values()] == [0, 1]
        assert acceptor.opened[0].peer is None

    play(tmp_path, script, access=AccessPolicy.of([], "echo-only"))


def test_an_address_of_four_bytes_within_one_of_sixteen_is_the_same_peer() -> None:
    (peer,) = KNOWN.peers["CONSOLE"]
    assert peer.is_at("127.0.0.1") and peer.is_at("::ffff:127.0.0.1") and not peer.is_at("::1")


# -- contexts and roles -------------------------------------------------------------------------------------------

# (abstract syntax, proposed transfer syntaxes, result, accepted one): our order decides, not theirs.
SYNTAXES = (
    (VERIFICATION, (IMPLICIT, EXPLICIT), 0, EXPLICIT),
    (VERIFICATION, (BIG_ENDIAN,), 0, BIG_ENDIAN),
    (GRAYSCALE_META, (IMPLICIT, EXPLICIT), 0, EXPLICIT),
    (GRAYSCALE_META, (IMPLICIT,), 0, IMPLICIT),
    (GRAYSCALE_META, ("1.2.840.10008.1.2.4.50",), 4, None),
    (CT_IMAGE_STORAGE, ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"), 0, "1.2.840.10008.1.2.4.70"),
    (CT_IMAGE_STORAGE, tuple(reversed(STORED)), 0, EXPLICIT),
    (CT_IMAGE_STORAGE, ("1.2.840.10008.1.2.1.99",), 4, None),
    (CT_IMAGE_STORAGE, ("1.2.3.4",), 4, None),
    ("1.3.6.1.4.1.9999.1", (IMPLICIT,), 0, IMPLICIT),
    ("1.2.840.10008.5.1.4.1.2.2.1", (IMPLICIT,), 3, None),
    ("1.2.840.10008.5.1.1.26", (IMPLICIT,), 3, None),
)


@pytest.mark.parametrize(("abstract", "proposed", "result", "chosen"), SYNTAXES)
def test_our_order_of_transfer_syntaxes_is_the_policy(
    abstract: str, proposed: tuple[str, ...], result: int, chosen: str | None, tmp_path: Path
) -> None:
    async def script(acceptor: Acceptor) -> None:
        answer = await accepted(acceptor, context(1, abstract, *proposed))
        assert answer.contexts[1][0] == result
        assert chosen is None or answer.contexts[1][1] == chosen

    play(tmp_path, script)


def test_128_contexts_are_answered_one_by_one_in_their_order(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        ids = [*range(255, 0, -4), *range(253, 0, -4)]
        classes = (VERIFICATION, "1.2.840.10008.5.1.1.26", GRAYSCALE_META, CT_IMAGE_STORAGE)
        asked = [context(one, classes[one % 3], IMPLICIT) for one in ids]
        answer = await accepted(acceptor, *asked)
        assert list(answer.contexts) == ids and len(ids) == 128
        assert [result for result, _ in answer.contexts.values()] == [(0, 3, 0)[one % 3] for one in ids]

    play(tmp_path, script)


def test_an_association_without_any_accepted_context_is_still_one(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        peer = await acceptor.peer(context(1, "1.2.840.10008.5.1.1.26", IMPLICIT))
        await peer.release()

    play(tmp_path, script)


# (proposed SCU, SCP) → result of the context, and the role item in the answer.
ROLES = (
    ((1, 0), 0, (1, 0)),
    ((1, 1), 0, (1, 0)),
    ((0, 1), 1, None),
    ((0, 0), 1, None),
)


@pytest.mark.parametrize(("proposed", "result", "answered"), ROLES)
@pytest.mark.parametrize("abstract", (VERIFICATION, GRAYSCALE_META, CT_IMAGE_STORAGE))
def test_we_are_SCP_and_say_so_where_a_role_was_proposed(
    abstract: str, proposed: tuple[int, int], result: int, answered: tuple[int, int] | None, tmp_path: Path
) -> None:
    async def script(acceptor: Acceptor) -> None:
        user = user_items(more=role(abstract, *proposed))
        answer = await accepted(acceptor, context(1, abstract, IMPLICIT), user=user)
        assert answer.contexts[1][0] == result
        expected = [] if answered is None else [role(abstract, *answered)[4:]]
        assert answer.sub_items(0x54) == expected

    play(tmp_path, script)


def test_no_role_is_answered_that_nobody_asked_for(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        contexts = (ECHO, context(3, GRAYSCALE_META, IMPLICIT), context(5, CT_IMAGE_STORAGE, EXPLICIT))
        assert (await accepted(acceptor, *contexts)).sub_items(0x54) == []
        # One asked for, of a class that is not proposed: still nobody asked for the other three.
        user = user_items(more=role("1.2.840.10008.5.1.4.1.1.4", 1, 0))
        assert (await accepted(acceptor, *contexts, user=user)).sub_items(0x54) == []

    play(tmp_path, script)


# -- user information ---------------------------------------------------------------------------------------------

IDENTITIES: tuple[tuple[bytes, list[bytes]], ...] = (
    (identity(1, b"name"), []),
    (identity(1, b"name", answer=True), [b"\0\0"]),
    (identity(2, b"name", b"passcode"), []),
    (identity(2, b"name", b"passcode", answer=True), [b"\0\0"]),
    (identity(3, b"ticket", answer=True), []),
    (identity(2, b"", b""), []),
    (b"", []),
)


@pytest.mark.parametrize(("sub_item", "answers"), IDENTITIES, ids=range(len(IDENTITIES)))
def test_a_user_identity_is_answered_where_an_answer_is_wanted(
    sub_item: bytes, answers: list[bytes], tmp_path: Path
) -> None:
    async def script(acceptor: Acceptor) -> None:
        assert (await accepted(acceptor, user=user_items(more=sub_item))).sub_items(0x59) == answers

    play(tmp_path, script)


def test_a_user_is_judged_by_kind_name_and_passcode(tmp_path: Path) -> None:
    asked: list[UserIdentity] = []

    def judge(one: UserIdentity) -> bool:
        asked.append(one)
        return right(one)

    async def script(acceptor: Acceptor) -> None:
        await accepted(acceptor, user=user_items(more=identity(2, b"user", b"right")))
        assert await heard(acceptor, user=user_items(more=identity(1, b"user"))) == Rejected(2, 2, 1)
        await accepted(acceptor)  # who brings none is not asked
        assert [(one.kind, one.primary, one.secondary) for one in asked] == [(2, b"user", b"right"), (1, b"user", b"")]
        assert "right" not in repr(asked[0])

    play(tmp_path, script, identify=judge)


def test_we_say_who_we_are_and_what_we_take(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        answer = await accepted(acceptor, user=user_items(more=window(8, 0)))
        assert dict(answer.user) == {
            0x51: struct.pack(">L", 128 * KIB),
            0x52: IMPLEMENTATION_CLASS_UID.encode(),
            0x53: struct.pack(">HH", 1, 1),
            0x55: IMPLEMENTATION_VERSION_NAME.encode(),
        }
        kinds = [kind for kind, _ in answer.user]
        assert kinds == sorted(kinds)

    play(tmp_path, script)


def test_the_window_is_answered_only_where_one_was_proposed(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        assert (await accepted(acceptor)).sub_items(0x53) == []
        for asked in ((0, 0), (1, 1), (500, 500)):
            user = user_items(more=window(*asked))
            assert (await accepted(acceptor, user=user)).sub_items(0x53) == [b"\0\1\0\1"]

    play(tmp_path, script)


def test_who_the_peer_is_stands_in_the_association_and_in_its_record(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        peer = await acceptor.peer(
            PRINT,
            context(3, VERIFICATION, "1.2.3"),
            user=user_items(0, "1.2.840.99", "CONSOLE_7 \0\0"),
            called=b"SPOOL",
        )
        ours = acceptor.opened[0]
        assert (ours.calling_ae_title, ours.called_ae_title, ours.peer_address) == ("PEER", "SPOOL", "127.0.0.1")
        assert (ours.implementation_class_uid, ours.implementation_version_name) == ("1.2.840.99", "CONSOLE_7")
        assert (await peer.ask(1, N_SET, 1, IMAGE_BOX, "1.2.3", bytes(70_000))).status == 0x0000
        assert (await peer.ask(1, N_GET, 2, FILM_SESSION[:-1] + "77", "1.2")).status == 0x0118
        await peer.release()

    play(tmp_path, script)
    (record,) = read_records(tmp_path / "dialogues")
    assert record["implementation_class_uid"] == "1.2.840.99" and record["maximum_length"] == 0
    assert [(one["result"], one["accepted"]) for one in record["contexts"]] == [
        ("accepted", IMPLICIT),
        ("no common transfer syntax", None),
    ]
    assert [(one["message"], one["status"]) for one in record["messages"]] == [
        ("N_SET_RQ", "0000"),
        ("N_GET_RQ", "0118"),
    ]
    assert record["messages"][1]["comment"] and record["ending"] == "released" and record["bytes_received"] == 70_000


# -- maximum length -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("maximum", (0, 7, 8, 9, 100, 4096, 16384, 128 * KIB, 0xFFFFFFFF))
def test_no_PDU_of_ours_is_longer_than_the_peer_takes(maximum: int, tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        from appliance.association.message import Request, Response

        data = bytes(range(256)) * (2 if maximum < 50 else 2000)

        async def large(request: Request) -> Response:
            return Response(0x0000, None, data)

        acceptor.answer = large
        peer = await acceptor.peer(PRINT, user=user_items(maximum))
        answer = await peer.ask(1, N_GET, 1, PRINTER, PRINTER_INSTANCE)
        assert answer.data == data
        assert answer.longest_pdu <= (maximum or 128 * KIB)

    play(tmp_path, script)


def test_longer_PDUs_than_announced_are_taken_and_much_longer_ones_are_not(tmp_path: Path) -> None:
    async def script(acceptor: Acceptor) -> None:
        peer = await acceptor.peer(PRINT)
        assert (await peer.ask(1, N_SET, 1, IMAGE_BOX, "1.2.3", bytes(900_000), most=900_000)).status == 0x0000
        assert acceptor.served[0].size == 900_000
        await peer.try_to_send(request(1, N_SET, 2, IMAGE_BOX, "1.2.3", bytes(5 << 20), most=5 << 20))
        assert isinstance(await peer.ended(), Aborted | Closed)

    play(tmp_path, script)
