"""What a C-STORE is told of its data set, before anything is promised (PS3.4 B.2.3)."""

from __future__ import annotations

import asyncio
import errno
import os
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from appliance.arrivals import FOLDER, ArrivalLog, prepare
from appliance.association.message import AcceptedContext, Association, CommandField, Ending, Refused, Request
from appliance.database import Database
from appliance.instances import InstanceIndex
from appliance.services.storage import GuardedSink, Pace, Reserve, Station, StorageService, checked, is_uid
from media.instance import check_rest
from media.store import HEAD_BYTES, InstanceStore
from tests.media.test_runs import data_set, element

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
WHOLE = data_set([b"value"] * 20) + element(0x7FE00010, b"OB", b"\1" * 200_000)


def arrived(
    folder: Path, data: bytes, sop_class: str = CT, instance: str = "1.2.3", reserve: int = 0
) -> tuple[GuardedSink, Request]:
    incoming = InstanceStore(folder).begin(sop_class, instance, EXPLICIT)
    sink = GuardedSink(incoming, EXPLICIT, Reserve(folder, reserve))
    for first in range(0, len(data), 16384):
        sink.write(memoryview(data)[first : first + 16384])
    sink.complete()
    context = AcceptedContext(1, sop_class, EXPLICIT)
    return sink, Request(CommandField.C_STORE_RQ, 1, context, sop_class, instance, {}, sink)


@pytest.mark.parametrize("value", ["1.2.3", "0", "1.02.3", "9" * 64, "1." + "2" * 62])
def test_ps3_5_9_1_a_uid_is_one(value: str) -> None:
    assert is_uid(value)


@pytest.mark.parametrize("value", ["", ".", "..", "1.", ".1", "1..2", "1.a", "1 2", "1.2\0", "1.²", "1.٣", "9" * 65])
def test_ps3_5_9_1_no_uid_is_none(value: str) -> None:
    assert not is_uid(value)


def test_a_whole_data_set_is_taken_and_its_header_was_read_on_the_way(tmp_path: Path) -> None:
    sink, request = arrived(tmp_path, WHOLE)
    assert sink.header is not None
    assert checked(sink, request) is sink.header


@pytest.mark.parametrize("kept", [len(WHOLE) - 1, len(WHOLE) // 2, HEAD_BYTES + 2, HEAD_BYTES, 600, 200, 9])
def test_a_data_set_that_ends_in_a_value_is_refused(tmp_path: Path, kept: int) -> None:
    with pytest.raises(Refused) as refused:
        checked(*arrived(tmp_path, WHOLE[:kept]))
    assert refused.value.status & 0xF000 == 0xC000 and refused.value.comment


@pytest.mark.parametrize(("sop_class", "instance"), [("1.2.840.10008.5.1.4.1.1.4", "1.2.3"), (CT, "1.2.4")])
def test_command_and_data_set_must_name_the_same_instance(tmp_path: Path, sop_class: str, instance: str) -> None:
    with pytest.raises(Refused) as refused:
        checked(*arrived(tmp_path, WHOLE, sop_class, instance))
    assert refused.value.status == 0xA900


def test_a_long_data_set_stops_at_the_disk_reserve(tmp_path: Path) -> None:
    data_set_of_20_mb = WHOLE + bytes(20_000_000)
    with pytest.raises(Refused) as refused:
        arrived(tmp_path, data_set_of_20_mb, reserve=1 << 60)
    assert refused.value.status == 0xA700 and refused.value.comment
    (left,) = (tmp_path / "incoming").iterdir()
    assert left.stat().st_size < 10_000_000


def test_a_peer_that_goes_during_its_commit_holds_its_study_up_no_longer(tmp_path: Path) -> None:
    """The instance is durable, the association over: the study may become quiet, and must not wait for the dead."""
    told: list[str] = []
    instance = WHOLE + element(0xFFFCFFFC, b"OB", bytes(Pace.SMALL_BYTES))
    store = InstanceStore(tmp_path / "store")
    prepare(store.folder / FOLDER)
    station = Station("BURN_CD", lambda one: told.append(one.association_id), lambda one: told.append(f"closed {one}"))

    async def run() -> None:
        with ThreadPoolExecutor(1) as threads:
            service = StorageService(
                cast(Association, SimpleNamespace(id="a1", calling_ae_title="MODALITY")),
                station,
                store,
                ArrivalLog(store.folder / FOLDER),
                Reserve(tmp_path, 0),
                threads,
                Pace(),
            )
            request = Request(CommandField.C_STORE_RQ, 1, AcceptedContext(1, CT, EXPLICIT), CT, "1.2.3")
            sink = service.sink(request)
            sink.write(memoryview(instance))
            sink.complete()
            answer = asyncio.create_task(service.answer(replace(request, data=sink)))
            await asyncio.sleep(0)
            service.closed(Ending.LOST)
            assert (await answer).status == 0x0000

    asyncio.run(run())
    assert told == ["a1", "closed a1"]


def failing(monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    """A call of the log of arrivals fails, as that of a full or a dying disk."""

    def fails(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(f"appliance.arrivals.os.{call}", fails)


@pytest.mark.parametrize(
    ("call", "number", "left"),
    [("open", errno.ENOSPC, 0), ("fsync", errno.EIO, 0), ("pwrite", errno.EIO, 1), ("fdatasync", errno.EIO, 1)],
)
def test_a_log_that_fails_is_a700_and_the_same_again_is_the_same_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, left: int
) -> None:
    """What may be in the log stays, as somebody may have read of it there; all else is taken back."""
    database = Database(tmp_path / "gravure.db")
    database.migrate()
    store = InstanceStore(tmp_path / "store")
    prepare(store.folder / FOLDER)
    association = cast(Association, SimpleNamespace(id="a1", calling_ae_title="MODALITY"))
    station = Station("STORE", lambda _: None, lambda _: None)
    arrivals = ArrivalLog(store.folder / FOLDER)
    service = StorageService(association, station, store, arrivals, Reserve(tmp_path, 0), cast(Executor, None), Pace())

    def stored() -> int:
        request = Request(CommandField.C_STORE_RQ, 1, AcceptedContext(1, CT, EXPLICIT), CT, "1.2.3")
        sink = service.sink(request)
        sink.write(memoryview(WHOLE))
        sink.complete()
        try:
            with monkeypatch.context() as patch:
                if call != "nothing":
                    failing_log(patch)
                return asyncio.run(service.answer(replace(request, data=sink))).status
        except Refused as refused:
            assert refused.comment
            return refused.status

    def failing_log(patch: pytest.MonkeyPatch) -> None:
        whole = service._log._write

        def write(words: bytes) -> None:
            with pytest.MonkeyPatch.context() as inner:
                failing(inner, call, number)
                whole(words)

        patch.setattr(service._log, "_write", write)

    assert stored() == 0xA700
    assert len(list(store.files())) == left
    call = "nothing"
    assert stored() == 0x0000
    InstanceIndex(database, store).catch_up()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM instance").scalar() == 1
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM variant").scalar() == 0
    assert (len(list(store.files())), left) in {(1, 0), (1, 1), (2, 1)}
    database.close()


@pytest.mark.parametrize("padding", [b"", b"\0", b"\0" * 7])
def test_a_few_bytes_of_padding_at_the_end_are_let_pass(padding: bytes) -> None:
    data = WHOLE + padding
    check_rest(lambda at, size: data[at : at + size], 0, len(data), EXPLICIT)


def test_a_missing_last_delimiter_is_let_pass() -> None:
    fragments = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\x00\0\0\0"
    data = data_set([b"value"] * 20)[:-18] + fragments
    check_rest(lambda at, size: data[at : at + size], 0, len(data), EXPLICIT)


def kept_on_the_loop(pace: Pace, instances: int, waited_s: float) -> int:
    """How many of so many instances were, each of which waits so long for the disk."""
    kept = 0
    for _ in range(instances):
        if pace.is_quick(1000):
            kept += 1
            pace.took(waited_s)
    return kept


def test_a_slow_disk_gets_threads_and_is_tried_ever_more_seldom() -> None:
    pace = Pace()
    assert kept_on_the_loop(pace, 1 + 8 + 1 + 16 + 1 + 32 + 1 + 64, 0.01) == 1 + 3
    assert kept_on_the_loop(pace, 65 * 10, 0.01) == 10


def test_one_slow_sequence_at_the_beginning_is_soon_forgotten() -> None:
    pace = Pace()
    assert kept_on_the_loop(pace, 1, 0.001) == 1
    assert kept_on_the_loop(pace, 100, 0.0) == 100 - 8


def test_what_never_waits_stays_on_the_loop_however_long_it_is_in_coming() -> None:
    pace = Pace()
    assert kept_on_the_loop(pace, 1000, 0.0) == 1000
    assert not pace.is_quick(Pace.SMALL_BYTES + 1)
