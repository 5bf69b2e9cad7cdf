"""The index of stored instances: what an arrival becomes, variants, and finding again what was lost."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from appliance import clerk
from appliance.arrivals import FOLDER, Arrival, ArrivalLog, prepare
from appliance.clerk import Clerk
from appliance.database import Database, FastTransaction
from appliance.instances import InstanceIndex, Outcome
from appliance.jobs import JobEvent, Jobs, NewJob
from media.instance import scan_header
from media.part10 import scan_file
from media.store import InstanceStore
from tests.instances import instance


class Shelf:
    """An index and its store."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder / "jobs.db")
        self.database.migrate()
        self.store = InstanceStore(folder / "store")
        self.index = InstanceIndex(self.database, self.store)
        prepare(self.store.folder / FOLDER)
        self.log = ArrivalLog(self.store.folder / FOLDER)
        self.jobs = Jobs(self.database)

    def received(self, data_set: Any, station: str = "DISC", association: str = "a1") -> Arrival:
        """Store one instance as the storage service does."""
        from io import BytesIO

        from pydicom.filebase import DicomBytesIO
        from pydicom.filewriter import write_dataset

        buffer = DicomBytesIO()
        buffer.is_little_endian, buffer.is_implicit_VR = True, False
        write_dataset(buffer, data_set)
        data = BytesIO(buffer.getvalue()).getvalue()
        syntax = str(data_set.file_meta.TransferSyntaxUID)
        incoming = self.store.begin(data_set.SOPClassUID, data_set.SOPInstanceUID, syntax)
        incoming.write(memoryview(data))
        header = scan_header(data, syntax)
        file = incoming.keep()
        size = self.store.path(file).stat().st_size
        return Arrival.of(header, file, size, incoming.data_offset, syntax, 1.0, station, "CT1", association)

    def arrive(self, data_set: Any, station: str = "DISC") -> Outcome:
        """Receive one instance, and enter it."""
        (outcome,) = self.index.enter([self.received(data_set, station)])
        return outcome

    def count(self, table: str) -> int:
        with self.database.read() as connection:
            return int(connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one())

    def take_all(self, station: str = "DISC") -> str:
        """Give everything that waits to a disc job, as the collector does."""
        waiting = [one for _, one in self.index.pending([station])]
        return self.jobs.create(
            NewJob("disc", station), also=lambda connection, job: self.index.take(connection, waiting, job.id)
        ).id


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_a_new_instance_is_a_row_and_a_reception(shelf: Shelf) -> None:
    assert shelf.arrive(instance(1)) is Outcome.NEW
    ((station, reception),) = shelf.index.pending(["DISC"])
    assert station == "DISC" and reception.identity.patient_id == "4711"
    assert shelf.index.sender(reception) == "CT1"
    assert shelf.index.pending(["OTHER"]) == [] and shelf.index.pending([]) == []


def test_the_same_again_is_one_copy_and_no_second_reception_while_the_first_is_open(shelf: Shelf) -> None:
    shelf.arrive(instance(1))
    assert shelf.arrive(instance(1)) is Outcome.SAME
    assert (shelf.count("instance"), shelf.count("reception")) == (1, 1)
    assert len(list(shelf.store.files())) == 1


def test_the_same_sent_to_another_station_is_received_there(shelf: Shelf) -> None:
    shelf.arrive(instance(1))
    assert shelf.arrive(instance(1), station="OTHER") is Outcome.SAME
    assert (shelf.count("instance"), shelf.count("reception")) == (1, 2)


def test_the_same_again_while_its_disc_is_made_is_no_new_disc_and_afterwards_it_is_one(shelf: Shelf) -> None:
    shelf.arrive(instance(1))
    job = shelf.take_all()
    shelf.arrive(instance(1))
    assert shelf.index.pending(["DISC"]) == [], "the disc in hand has it"
    shelf.jobs.advance(job, JobEvent.CLAIM, owner="w")
    shelf.jobs.advance(job, JobEvent.FINISH, files=[])
    shelf.arrive(instance(1))
    assert len(shelf.index.pending(["DISC"])) == 1
    again = shelf.take_all()
    assert len(shelf.index.of_job(again)) == 1 == len(shelf.index.of_job(job))


def test_another_content_under_the_same_uid_is_kept_aside_once(shelf: Shelf) -> None:
    shelf.arrive(instance(1))
    other = instance(1, ImageComments="another content")
    assert shelf.arrive(other) is Outcome.VARIANT
    assert shelf.arrive(other) is Outcome.SAME, "the second content again is the second content"
    assert shelf.arrive(instance(1)) is Outcome.SAME
    assert (shelf.count("instance"), shelf.count("variant")) == (1, 1)
    assert len(list(shelf.store.files())) == 2


@pytest.mark.parametrize("same", [True, False])
def test_a_judged_variant_is_removed_or_stays_as_another_content(shelf: Shelf, same: bool) -> None:
    shelf.arrive(instance(1))
    shelf.arrive(instance(1, ImageComments="x"))
    waiting = [one.instance_id for _, one in shelf.index.pending(["DISC"])]
    (variant,) = shelf.index.variants(waiting, "unknown")
    assert shelf.index.variants([waiting[0] + 1], "unknown") == []
    shelf.index.judge_variant(variant["id"], same=same)
    assert shelf.index.variants(waiting, "unknown") == []
    assert len(shelf.index.variants(waiting, "different")) == (0 if same else 1)
    assert shelf.store.path(variant["file"]).exists() is not same
    assert shelf.store.path(variant["kept"]).exists()


def test_a_variant_whose_first_content_is_gone_from_the_disk_is_not_called_the_same(shelf: Shelf) -> None:
    shelf.arrive(instance(1))
    (first,) = shelf.store.files()
    shelf.store.remove(first)
    assert shelf.arrive(instance(1)) is Outcome.VARIANT, "what cannot be compared is kept"


def test_of_the_same_uid_received_at_the_same_moment_exactly_one_is_kept(shelf: Shelf) -> None:
    barrier = threading.Barrier(6)

    def send() -> None:
        arrival = shelf.received(instance(1))
        barrier.wait()
        shelf.log.put(arrival)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shelf.index.catch_up()
    assert (shelf.count("instance"), shelf.count("reception"), len(list(shelf.store.files()))) == (1, 1, 1)


def test_what_the_log_says_is_there_for_whoever_asks(shelf: Shelf) -> None:
    for number in range(1, 6):
        shelf.log.put(shelf.received(instance(number)))
    assert shelf.count("instance") == 0
    assert len(shelf.index.pending(["DISC"])) == 5 == shelf.count("instance")
    shelf.log.put(shelf.received(instance(6)))
    assert len(shelf.index.pending(["DISC"])) == 6


def test_read_again_after_a_crash_the_log_changes_nothing(shelf: Shelf) -> None:
    """The one that forgot how far it had read is the process that was killed between a commit and the file's end."""
    other = instance(1, ImageComments="another content")
    for data_set in (instance(1), instance(2), instance(1), other, instance(3), other):
        shelf.log.put(shelf.received(data_set))
    shelf.index.catch_up()
    before = [shelf.count(table) for table in ("instance", "reception", "variant")], set(shelf.store.files())
    assert before[0] == [3, 3, 1] and len(before[1]) == 4
    for _ in range(2):
        InstanceIndex(shelf.database, shelf.store).catch_up()
        assert before == (
            [shelf.count(table) for table in ("instance", "reception", "variant")],
            set(shelf.store.files()),
        )


@pytest.mark.parametrize("stopped_at", range(1, 8))
def test_a_database_that_fails_in_the_middle_has_everything_when_it_is_well_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, stopped_at: int
) -> None:
    other = instance(1, ImageComments="another content")
    for data_set in (instance(1), instance(2), instance(1), other, instance(3), other, instance(4)):
        shelf.log.put(shelf.received(data_set))
    statements = 0
    whole = FastTransaction.insert

    def failing(self: FastTransaction, *args: Any) -> int | None:
        nonlocal statements
        statements += 1
        if statements == stopped_at:
            raise OperationalError("INSERT", {}, Exception("disk I/O error"))
        return whole(self, *args)

    monkeypatch.setattr(FastTransaction, "insert", failing)
    with pytest.raises(OperationalError):
        shelf.index.catch_up()
    monkeypatch.undo()
    shelf.index.catch_up()
    assert [shelf.count(table) for table in ("instance", "reception", "variant")] == [4, 4, 1]
    assert len(list(shelf.store.files())) == 5


def test_a_line_whose_file_was_taken_back_is_no_instance(shelf: Shelf) -> None:
    refused = shelf.received(instance(1))
    shelf.log.put(refused)
    shelf.store.remove(refused.file)
    shelf.log.put(shelf.received(instance(1)))
    shelf.index.catch_up()
    assert (shelf.count("instance"), shelf.count("variant")) == (1, 0)


def test_a_lost_index_is_made_again_from_the_files(shelf: Shelf, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        shelf.arrive(instance(number))
    before = {one.sop_instance_uid: one.keys for one in shelf.index.of_job(shelf.take_all())}
    shelf.database.close()
    for file in tmp_path.glob("jobs.db*"):
        file.unlink()
    again = Shelf(tmp_path)
    assert again.index.adopt(list(again.store.files())) == 3
    assert again.index.adopt(list(again.store.files())) == 0, "what has a row is left alone"
    assert again.index.pending(["DISC"]) == [], "nobody knows which station they were for"
    assert again.arrive(instance(1)) is Outcome.SAME
    assert len(again.index.pending(["DISC"])) == 1
    with again.database.read() as connection:
        found = dict(connection.execute(text("SELECT sop_instance_uid, keys FROM instance")).all())
    assert found == before


def test_a_damaged_file_is_set_aside_and_the_others_are_found(shelf: Shelf) -> None:
    kept = shelf.store.begin("1.2", "1.2.3", "1.2.840.10008.1.2.1")
    kept.write(memoryview(b"\x08\x00\x18\x00UI\xff\xffshort"))
    file = kept.keep()
    assert shelf.index.adopt([file]) == 0
    assert list(shelf.store.files()) == []
    assert len(list((shelf.store.folder / "damaged").iterdir())) == 1


def test_what_the_log_says_is_the_same_again_is_no_damage_at_the_next_start(shelf: Shelf) -> None:
    for data_set in (instance(1), instance(1), instance(2)):
        shelf.log.put(shelf.received(data_set))
    lost = shelf.received(instance(3))  # killed before its line
    listed = list(shelf.store.files())
    assert len(listed) == 4
    assert InstanceIndex(shelf.database, shelf.store).adopt(sorted(listed, key=lambda one: one == lost.file)) == 1
    assert (shelf.count("instance"), shelf.count("reception")) == (3, 2)
    assert len(list(shelf.store.files())) == 3 and not list((shelf.store.folder / "damaged").iterdir())


def test_a_second_content_that_nobody_acknowledged_is_set_aside(shelf: Shelf) -> None:
    first, other = shelf.received(instance(1)), shelf.received(instance(1, ImageComments="x"))
    shelf.index.enter([first, other])
    with shelf.database.transaction() as connection:
        connection.execute(text("DELETE FROM variant"))
    assert shelf.index.adopt(list(shelf.store.files())) == 0
    assert list(shelf.store.files()) == [first.file]
    assert (shelf.store.folder / "damaged" / other.file.rpartition("/")[2]).exists()


def test_hashes_are_recorded_for_those_that_lack_one(shelf: Shelf) -> None:
    for number in (1, 2, 3):
        shelf.arrive(instance(number))
    first, second = shelf.index.unhashed(2)
    shelf.index.record_hashes({first[0]: "aa", second[0]: "bb"}, hashed_to=second[0])
    (last,) = shelf.index.unhashed(5)
    assert last[0] not in (first[0], second[0])


def test_a_file_that_cannot_be_hashed_keeps_nobody_waiting(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clerk, "BATCH", 1)
    for number in (1, 2, 3):
        shelf.arrive(instance(number))
    (first,) = shelf.index.unhashed(1)
    shelf.store.path(first[1]).unlink()

    async def ended() -> None:
        one = Clerk(shelf.index, shelf.store)
        one._hashing.quiet_s = 0.0
        one.ended()
        while shelf.index.unhashed(5):
            await asyncio.sleep(0.01)
        one.close()

    asyncio.run(asyncio.wait_for(ended(), 10))
    assert shelf.index.unhashed(5) == []
    with shelf.database.read() as connection:
        rows = connection.execute(text("SELECT id, sha256 IS NULL FROM instance ORDER BY id")).all()
    assert rows == [(first[0], 1), (rows[1][0], 0), (rows[2][0], 0)]


def test_an_addendum_knows_the_disc_that_it_adds_to(shelf: Shelf) -> None:
    shelf.arrive(instance(1))
    study = instance(1).StudyInstanceUID
    assert shelf.index.earlier_job("DISC", study) is None
    job = shelf.take_all()
    assert shelf.index.earlier_job("DISC", study) == job
    assert shelf.index.earlier_job("OTHER", study) is None


def test_the_recorded_keys_are_those_of_the_file(shelf: Shelf) -> None:
    shelf.arrive(instance(1, PatientComments="no key"))
    (kept,) = shelf.store.files()
    header, _ = scan_file(shelf.store.path(kept))
    (stored,) = shelf.index.of_job(shelf.take_all())
    assert stored.keys == header.keys and b"no key" not in stored.keys
