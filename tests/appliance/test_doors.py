"""Each AE title has its own peers and its own number of associations: `peers` and `associations` of its table."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from appliance import Appliance, Config
from appliance.config import ConfigProblem
from tests.appliance.association.peer import (
    CT_IMAGE_STORAGE,
    GRAYSCALE_META,
    IMPLICIT,
    VERIFICATION,
    Accepted,
    Heard,
    Peer,
    Rejected,
    TcpWire,
    context,
)

TABLES = {
    "printers": {
        "FILM": {"peers": "CT", "aliases": ["LASER"], "associations": 2},
        "BOTH": {"peers": ["CT", "MR"]},
        "ALL": {},
    },
    "discs": {"BOTH": {"peers": ["MR"], "associations": 1}},
    "inboxes": {"STORE": {"associations": 1}},
    "peers": {name: {"ae_title": name, "address": "127.0.0.1"} for name in ("CT", "MR", "US")},
}
CONTEXTS = [
    context(1, VERIFICATION, IMPLICIT),
    context(3, GRAYSCALE_META, IMPLICIT),
    context(5, CT_IMAGE_STORAGE, IMPLICIT),
]
NOT_HERE, TOO_MANY = Rejected(1, 1, 3), Rejected(2, 3, 2)


def config(tmp_path: Path, **more: object) -> Config:
    return Config.from_dict({"appliance": {"state": str(tmp_path)}, "listen": {"port": 0}, **TABLES, **more})


async def call(port: int, calling: str, called: str) -> tuple[Peer, Heard]:
    peer = Peer(await TcpWire.connect(port))
    return peer, await peer.associate(*CONTEXTS, calling=calling.encode(), called=called.encode())


@pytest.mark.parametrize(
    ("calling", "called", "accepted"),
    [
        ("CT", "FILM", {1, 3}),
        ("CT", "LASER", {1, 3}),
        ("MR", "FILM", NOT_HERE),
        ("MR", "LASER", NOT_HERE),
        ("STRANGER", "FILM", NOT_HERE),
        ("STRANGER", "ALL", {1, 3}),
        ("MR", "BOTH", {1, 3, 5}),
        ("CT", "BOTH", {1, 3}),
        ("US", "BOTH", NOT_HERE),
        ("US", "STORE", {1, 5}),
        ("STRANGER", "GRAVURE", {1}),
    ],
)
def test_an_AE_title_is_for_its_own_peers(
    calling: str, called: str, accepted: set[int] | Rejected, tmp_path: Path
) -> None:
    async def run() -> None:
        async with Appliance(config(tmp_path)) as running:
            _, heard = await call(running.dicom_port, calling, called)
            if isinstance(accepted, Rejected):
                assert heard == accepted
            else:
                assert isinstance(heard, Accepted)
                assert {one for one, (result, _) in heard.contexts.items() if result == 0} == accepted

    asyncio.run(run())


def test_an_AE_title_has_its_own_number_of_associations(tmp_path: Path) -> None:
    async def run() -> None:
        async with Appliance(config(tmp_path)) as running:
            peers: list[Peer] = []

            async def answer(calling: str, called: str) -> Heard:
                peer, heard = await call(running.dicom_port, calling, called)
                peers.append(peer)
                return heard

            assert isinstance(await answer("CT", "FILM"), Accepted)
            assert isinstance(await answer("CT", "LASER"), Accepted)
            assert [await answer("CT", title) for title in ("FILM", "LASER")] == [TOO_MANY, TOO_MANY]
            for title in ("ALL", "STORE", "BOTH"):
                assert isinstance(await answer("MR", title), Accepted), "others are not counted"
            for title in ("STORE", "BOTH"):
                assert await answer("MR", title) == TOO_MANY
            await peers[0].release()
            assert isinstance(await answer("CT", "LASER"), Accepted)

    asyncio.run(run())


def test_a_peer_that_there_is_not_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem) as failure:
        config(tmp_path, inboxes={"STORE": {"peers": ["NM"]}})
    assert failure.value.problems == ["configuration: inboxes.STORE.peers: there is no [peers.NM]"]
