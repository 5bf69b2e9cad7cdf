"""More than one receiving process: who gets an association, and that nothing depends on who got it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pydicom
import pytest
from pynetdicom import AE
from pynetdicom.association import Association

from appliance import Appliance, Config
from tests.appliance.association.peer import IMPLICIT, associate_request, context
from tests.instances import CT, instance, written
from tests.serving import DEFAULT, FOREIGN, STORESCU, Serving, statuses

pytestmark = pytest.mark.peers("dcmtk")

TWO = DEFAULT.replace("disk_reserve_mb = 1", "disk_reserve_mb = 1\nreceiving_processes = 2")


def associated(one: Serving | SimpleNamespace, called: str = "BURN_CD") -> Association:
    """An association that says nothing: with it open, the next one goes to a receiver."""
    entity = AE("HOLDER")
    entity.add_requested_context(CT)
    association = entity.associate("127.0.0.1", one.port, ae_title=called)
    assert association.is_established
    return association


def receivers(one: Serving) -> list[int]:
    """PIDs of the receiving processes."""
    assert one.process is not None
    children = Path(f"/proc/{one.process.pid}/task/{one.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"_receive" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def runs(pid: int) -> bool:
    """Whether a process is there; one that has ended and that nobody has waited for is not."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


def until(condition: object, what: str) -> None:
    end = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, what
        time.sleep(0.05)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Serving, Association]]:
    """An appliance with a receiver that is ready, and the open association that keeps it busy here."""
    one = Serving(tmp_path, toml=TWO).start()
    try:
        holder = associated(one)
        until(lambda: "receiver started" in one.log.read_text(), "no receiver started")
        yield one, holder
        holder.abort()
    finally:
        if one.process is not None and one.process.poll() is None:
            one.kill()


def stored(one: Serving) -> set[str]:
    return {str(pydicom.dcmread(file).SOPInstanceUID) for file in (one.state / "store").glob("??/*")}


def peers(one: Serving) -> list[dict[str, object]]:
    return list(json.loads(one.gravure("peers", "--json").stdout))


def test_a_second_association_is_stored_by_a_receiver_and_becomes_a_disc(
    two: tuple[Serving, Association], tmp_path: Path
) -> None:
    one, holder = two
    files = written(tmp_path / "in", *(instance(number) for number in range(1, 11)))
    assert statuses(one.storescu(*files)) == ["Success"] * 10
    (record,) = [peer for peer in peers(one) if peer["calling_ae_title"] == "STORESCU"]
    assert record["ending"] == "released" and record["bytes_received"]
    holder.release()
    (job,) = one.all_ended()
    assert job["state"] == "DONE" and len(stored(one)) == 10
    log = one.log.read_text()
    assert log.count("association accepted") == log.count("association ended") == 2


def test_an_association_in_a_receiver_keeps_its_study_open(two: tuple[Serving, Association], tmp_path: Path) -> None:
    one, holder = two
    (file,) = written(tmp_path / "in", instance(1))
    entity = AE("SLOW")
    entity.add_requested_context(CT)
    slow = entity.associate("127.0.0.1", one.port, ae_title="BURN_CD")
    assert slow.send_c_store(pydicom.dcmread(file)).Status == 0
    holder.release()
    until(lambda: [peer["calling_ae_title"] for peer in peers(one) if not peer["ending"]] == ["SLOW"], "not shown")
    time.sleep(1.6)  # longer than quiet_seconds
    assert one.jobs() == []
    slow.release()
    assert one.all_ended()[0]["state"] == "DONE"


def test_a_receiver_that_dies_takes_nothing_acknowledged_with_it(
    two: tuple[Serving, Association], tmp_path: Path
) -> None:
    one, holder = two
    files = written(tmp_path / "in", *(instance(number, side=64) for number in range(1, 201)))
    heard = tmp_path / "sender.log"
    with heard.open("w") as log:
        sender = subprocess.Popen(
            [STORESCU, "-v", "-aec", "BURN_CD", "127.0.0.1", str(one.port), *map(str, files)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=FOREIGN,
        )
        until(lambda: "(Success)" in heard.read_text(), "nothing was stored")
        (pid,) = receivers(one)
        os.kill(pid, signal.SIGKILL)
        sender.wait(30)
    acknowledged = heard.read_text().count("Store Response (Success)")
    assert 0 < acknowledged < 200
    assert len(stored(one)) >= acknowledged
    assert not holder.is_aborted
    holder.release()
    (job,) = one.all_ended()
    assert job["state"] == "DONE"
    until(lambda: "receiver lost" in {peer["ending"] for peer in peers(one)}, "the end is not recorded")
    assert statuses(one.storescu(*files[:3])) == ["Success"] * 3


def test_receivers_end_with_the_appliance_and_the_next_one_starts_at_once(
    two: tuple[Serving, Association], tmp_path: Path
) -> None:
    one, _ = two
    (pid,) = receivers(one)
    other = associated(one)
    one.kill()
    one.start()
    assert not runs(pid)
    other.abort()
    assert statuses(one.storescu(*written(tmp_path / "in", instance(1)))) == ["Success"]


def test_sigterm_ends_receivers_with_open_associations(two: tuple[Serving, Association]) -> None:
    one, _ = two
    others = [associated(one) for _ in range(4)]
    pids = receivers(one)
    began = time.monotonic()
    assert one.stop() == 0
    assert time.monotonic() - began < 10
    assert pids and not any(map(runs, pids))
    until(lambda: all(other.is_aborted for other in others), "an association was not aborted")


@pytest.mark.parametrize("called", ["FILM", "GRAVURE"])
def test_nothing_but_storage_leaves_this_process(two: tuple[Serving, Association], called: str) -> None:
    one, _ = two
    entity = AE("CONSOLE")
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", one.port, ae_title=called)
    (pid,) = receivers(one)
    ours = {link.readlink().name for link in Path(f"/proc/{one.process.pid}/fd").iterdir()}  # type: ignore[union-attr]
    theirs = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir()}
    assert association.send_c_echo().Status == 0
    assert not {name for name in theirs & ours if name.startswith("socket:")}
    association.release()


def test_the_limits_count_associations_wherever_they_are(tmp_path: Path) -> None:
    one = Serving(tmp_path, toml=TWO, more="[limits]\nassociations = 3").start()
    try:
        open_ones = [associated(one)]
        until(lambda: "receiver started" in one.log.read_text(), "no receiver started")
        open_ones += [associated(one), associated(one)]
        entity = AE("FOURTH")
        entity.add_requested_context(CT)
        # Not `is_rejected`: a rejection that comes before pynetdicom looks counts as an abort.
        assert not entity.associate("127.0.0.1", one.port, ae_title="BURN_CD").is_established
        assert [str(peer["rejected"])[:5] for peer in peers(one) if peer["calling_ae_title"] == "FOURTH"] == ["2/3/2"]
        for other in open_ones:
            other.release()
        until(lambda: json.loads(one.gravure("status", "--json").stdout)["associations"] == 0, "still counted")
        associated(one).release()
    finally:
        one.kill()


def test_a_peer_that_goes_on_the_way_to_a_receiver_is_not_counted_for_ever(tmp_path: Path) -> None:
    known = '[peers.ALL]\nae_title = "*"\naddress = "127.0.0.0/8"'
    one = Serving(tmp_path, toml=TWO, more=known).start()
    try:
        holder = associated(one)
        until(lambda: "receiver started" in one.log.read_text(), "no receiver started")
        (pid,) = receivers(one)
        os.kill(pid, signal.SIGSTOP)
        for gone, leave in enumerate((struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)) * 2, 1):  # reset, and closed
            with socket.create_connection(("127.0.0.1", one.port)) as peer:
                peer.sendall(associate_request([context(1, CT, IMPLICIT)], called=b"BURN_CD"))
                until(lambda number=gone: len(peers(one)) == 1 + number, "not handed over")
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, leave)
        os.kill(pid, signal.SIGCONT)
        until(lambda: [peer["ending"] for peer in peers(one)].count("") == 1, "still counted")
        assert "fault" not in one.log.read_text()
        holder.release()
    finally:
        one.kill()


def test_a_receiver_judges_strangers_by_the_inherited_socket_too(tmp_path: Path) -> None:
    """The file names a network, where strangers are rejected; systemd's socket is on loopback, and counts."""
    network = TWO.replace("[listen]\nport = 0", '[listen]\naddress = "192.0.2.1"')
    one = Serving(tmp_path, toml=network, more='[peers.CT1]\nae_title = "CT1"\naddress = "192.0.2.21"')
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        activated = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{inherited.fileno()}'
        one.start(prefix=("bash", "-c", activated, "systemd"), pass_fds=(inherited.fileno(),))
    try:
        holder = associated(one)
        until(lambda: "receiver started" in one.log.read_text(), "no receiver started")
        files = written(tmp_path / "in", instance(1))
        assert statuses(one.storescu(*files)) == ["Success"]
        holder.release()
    finally:
        one.kill()


def test_an_embedded_appliance_has_none(tmp_path: Path) -> None:
    config = Config.from_dict({"appliance": {"state": str(tmp_path)}, "listen": {"port": 0}})

    async def embed() -> None:
        async with Appliance(config) as running:
            one = SimpleNamespace(port=running.dicom_port)
            holders = [await asyncio.to_thread(associated, one, "STORE") for _ in range(3)]
            assert sum(1 for _ in running.server.associations()) == 3
            assert not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
            for holder in holders:
                await asyncio.to_thread(holder.release)

    asyncio.run(embed())


def test_an_inbox_has_an_idle_limit_of_its_own_wherever_it_is_served(tmp_path: Path) -> None:
    one = Serving(tmp_path, "idle_seconds = 1", TWO).start()
    try:
        holder, here = associated(one), associated(one, "STORE")
        until(lambda: "receiver started" in one.log.read_text(), "no receiver started")
        until(lambda: not here.is_established, "an idle association stays open here")
        there = associated(one, "STORE")
        until(lambda: not there.is_established, "an idle association stays open in a receiver")
        assert holder.is_established and one.log.read_text().count("peer is too slow") == 2
        holder.abort()
    finally:
        one.kill()
