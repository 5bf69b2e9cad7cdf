"""The index of what is stored: instance, reception and variant rows, taken over from the log of arrivals.

An *instance* is one SOP Instance with the directory keys that were recorded when it came, so that no disc needs a
second header pass. A *reception* says that an AE title of ours was sent it: discs are made of receptions. A *variant*
is a second content under a UID that is taken: it is kept aside until it is known whether it is really another one.

What a peer was told is in the log (`arrivals`) first, and here as soon as anybody asks (`catch_up`). It may be read
there twice, after a crash: no two arrivals have the same file, so the second time changes nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, bindparam, text

from appliance.arrivals import FOLDER, Arrival, is_finished, log_files, read_lines
from appliance.database import REMEMBER, Database, FastTransaction
from media.identity import Identity
from media.instance import Unparsable
from media.part10 import scan_file
from media.records import for_patient_discs
from media.store import InstanceStore

log = logging.getLogger("gravure.storage")


class Outcome(Enum):
    """What became of one arrival."""

    NEW = "new"
    SAME = "same"
    """The same instance again: one copy, the reception recorded."""
    VARIANT = "variant"
    """A UID that is taken, with other bytes: kept aside."""


@dataclass(frozen=True, slots=True)
class Reception:
    """One instance that a station was sent and that no disc job has taken yet."""

    id: int
    instance_id: int
    identity: Identity
    sop_class_uid: str


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """One row of the index, as a disc needs it."""

    id: int
    file: str
    file_bytes: int
    data_offset: int
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    keys: bytes
    sha256: str | None


@dataclass(frozen=True, slots=True)
class _Known:
    id: int
    file: str
    data_offset: int
    file_bytes: int
    transfer_syntax_uid: str


INSERT_INSTANCE = text(
    "INSERT INTO instance (sop_instance_uid, sop_class_uid, study_instance_uid, series_instance_uid, patient_id,"
    " issuer, patient_name, patient_birth_date, transfer_syntax_uid, file, file_bytes, data_offset, keys, received)"
    " VALUES (:sop_instance_uid, :sop_class_uid, :study_instance_uid, :series_instance_uid, :patient_id,"
    " :issuer, :patient_name, :patient_birth_date, :transfer_syntax_uid, :file, :file_bytes, :data_offset, :keys,"
    " :received) ON CONFLICT (sop_instance_uid) DO NOTHING"
)
INSERT_RECEPTION = text(
    "INSERT INTO reception (instance_id, ae_title, calling_ae_title, association_id, study_instance_uid, received)"
    " VALUES (:instance_id, :ae_title, :calling_ae_title, :association_id, :study_instance_uid, :received)"
)
INSERT_VARIANT = text(
    "INSERT INTO variant (instance_id, file, file_bytes, data_offset, transfer_syntax_uid, ae_title,"
    " calling_ae_title, received, verdict)"
    " VALUES (:instance_id, :file, :file_bytes, :data_offset, :transfer_syntax_uid, :ae_title,"
    " :calling_ae_title, :received, 'unknown')"
)
KNOWN = text(
    "SELECT id, file, data_offset, file_bytes, transfer_syntax_uid FROM instance WHERE sop_instance_uid = :uid"
)
KNOWN_VARIANTS = text(
    "SELECT id, file, data_offset, file_bytes, transfer_syntax_uid FROM variant WHERE instance_id = :id"
)
# A reception that a disc job still has in hand covers the same instance sent again; after the job's end it does not.
OPEN_RECEPTION = text(
    "SELECT reception.id FROM reception LEFT JOIN job ON job.id = reception.job_id"
    " WHERE reception.instance_id = :instance_id AND reception.ae_title = :ae_title"
    " AND (reception.job_id IS NULL OR job.state NOT IN ('DONE', 'FAILURE'))"
)
TAKE_RECEPTION = text("UPDATE reception SET job_id = :job_id WHERE id = :id AND job_id IS NULL")
PENDING = text(
    "SELECT reception.id, reception.instance_id, instance.patient_id, instance.issuer, instance.patient_name,"
    " instance.patient_birth_date, instance.study_instance_uid, instance.sop_class_uid, reception.ae_title"
    " FROM reception JOIN instance ON instance.id = reception.instance_id"
    " WHERE reception.job_id IS NULL AND reception.ae_title IN :ae_titles ORDER BY reception.received, reception.id"
).bindparams(bindparam("ae_titles", expanding=True))


HASHED_TO = "hashed to"
"""Among what the appliance remembers: the last instance that the hasher looked at."""


OF_JOB = text(
    "SELECT DISTINCT instance.patient_name AS patient_name, instance.patient_id AS patient_id,"
    " instance.issuer AS issuer, instance.patient_birth_date AS patient_birth_date,"
    " instance.study_instance_uid AS study_instance_uid"
    " FROM reception JOIN instance ON instance.id = reception.instance_id WHERE reception.job_id = :job_id"
    " ORDER BY patient_id, patient_name, study_instance_uid LIMIT :most"
)
MOST_PATIENTS = 20
"""Studies of a disc that are named to a person."""


def patients_of(database: Database, job_id: str) -> list[dict[str, str]]:
    """Whose studies a disc job carries, while its instances are kept: looked up for whoever asks, and kept nowhere."""
    with database.read() as connection:
        rows = connection.execute(OF_JOB, {"job_id": job_id, "most": MOST_PATIENTS}).mappings()
        return [{key: str(value) for key, value in row.items()} for row in rows]


class InstanceIndex:
    """The instance, reception and variant tables.

    Args:
        database: where they are.
        store: where their files are, and the logs of those that arrived.
        wall: the wall clock, seconds since the epoch; a label only, nothing is decided by it.
    """

    def __init__(self, database: Database, store: InstanceStore, wall: Callable[[], float] = time.time) -> None:
        self._database = database
        self._store = store
        self._wall = wall
        self.collected: frozenset[str] = frozenset()
        """Stations whose receptions wait for a disc job."""
        self._turn = threading.Lock()
        self._positions: dict[str, int] = {}
        """How far each file of the log has been taken over, by name."""

    # -- arrivals -----------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Take over what the logs say; on return there is a row for everything that a peer was told of before.

        Raises:
            Exception: the database cannot be written now. What it does not have yet is taken over the next time.
        """
        with self._turn:
            for file in log_files(self._store.folder / FOLDER):
                finished = is_finished(file)  # asked before it is read: nothing is written to it afterwards
                for arrivals, position in read_lines(file, self._positions.get(file.name, 0)):
                    self.enter(arrivals)
                    self._positions[file.name] = position
                if finished:
                    file.unlink()
                    self._positions.pop(file.name, None)

    def enter(self, arrivals: Iterable[Arrival]) -> list[Outcome]:
        """Make the rows of arrivals, in this order; those of which there is no file any more are passed over.

        Raises:
            Exception: the database cannot be written now; of any of them there is a row or none.
        """
        folder = str(self._store.folder)
        rest = deque(one for one in arrivals if os.path.exists(f"{folder}/{one.file}"))
        outcomes: list[Outcome] = []
        while rest:
            known: _Known | None = None
            with self._database.fast_transaction() as connection:
                entered = 0
                for one in rest:
                    if not self._insert(connection, one):
                        known = self._known(connection, one.sop_instance_uid)
                        break
                    entered += 1
            outcomes += [Outcome.NEW] * entered
            for _ in range(entered):
                rest.popleft()
            if known is not None:
                outcomes.append(self._again(rest.popleft(), known))
        return outcomes

    def _insert(self, connection: FastTransaction, arrival: Arrival) -> bool:
        row = connection.insert(
            INSERT_INSTANCE,
            (
                arrival.sop_instance_uid,
                arrival.sop_class_uid,
                arrival.study_instance_uid,
                arrival.series_instance_uid,
                arrival.patient_id,
                arrival.issuer,
                arrival.patient_name,
                arrival.patient_birth_date,
                arrival.transfer_syntax_uid,
                arrival.file,
                arrival.file_bytes,
                arrival.data_offset,
                arrival.keys,
                arrival.received,
            ),
        )
        if row is None:
            return False
        self._receive(connection, arrival, row)
        return True

    @staticmethod
    def _receive(connection: Connection | FastTransaction, arrival: Arrival, instance_id: int) -> None:
        if arrival.ae_title:
            connection.execute(
                INSERT_RECEPTION,
                {
                    "instance_id": instance_id,
                    "ae_title": arrival.ae_title,
                    "calling_ae_title": arrival.calling_ae_title,
                    "association_id": arrival.association_id,
                    "study_instance_uid": arrival.study_instance_uid,
                    "received": arrival.received,
                },
            )

    @staticmethod
    def _known(connection: FastTransaction, sop_instance_uid: str) -> _Known:
        return _Known(*connection.execute(KNOWN, {"uid": sop_instance_uid}).fetchone())

    def _again(self, arrival: Arrival, known: _Known) -> Outcome:
        """A UID that is taken: the same bytes are the same instance, others are kept aside."""
        with self._database.read() as connection:
            variants = [
                _Known(row.id, row.file, row.data_offset, row.file_bytes, row.transfer_syntax_uid)
                for row in connection.execute(KNOWN_VARIANTS, {"id": known.id})
            ]
        if arrival.file == known.file:
            return Outcome.NEW  # and has been taken over before
        if any(arrival.file == one.file for one in variants):
            return Outcome.VARIANT  # likewise
        same = any(self._same_bytes(arrival, one) for one in (known, *variants))
        with self._database.transaction() as connection:
            open_reception = connection.execute(
                OPEN_RECEPTION, {"instance_id": known.id, "ae_title": arrival.ae_title}
            ).first()
            if open_reception is None:
                self._receive(connection, arrival, known.id)
            if not same:
                connection.execute(
                    INSERT_VARIANT,
                    {
                        "instance_id": known.id,
                        "file": arrival.file,
                        "file_bytes": arrival.file_bytes,
                        "data_offset": arrival.data_offset,
                        "transfer_syntax_uid": arrival.transfer_syntax_uid,
                        "ae_title": arrival.ae_title,
                        "calling_ae_title": arrival.calling_ae_title,
                        "received": arrival.received,
                    },
                )
        if same:
            self._store.remove(arrival.file)
            return Outcome.SAME
        log.warning("a known SOP Instance UID came with other bytes: kept aside", extra={"instance": known.id})
        return Outcome.VARIANT

    def _same_bytes(self, arrival: Arrival, known: _Known) -> bool:
        if arrival.transfer_syntax_uid != known.transfer_syntax_uid:
            return False
        if arrival.file_bytes - arrival.data_offset != known.file_bytes - known.data_offset:
            return False
        try:
            with self._store.path(arrival.file).open("rb") as new, self._store.path(known.file).open("rb") as old:
                new.seek(arrival.data_offset)
                old.seek(known.data_offset)
                while chunk := new.read(1 << 20):
                    if chunk != old.read(len(chunk)):
                        return False
        except FileNotFoundError:
            return False
        return True

    # -- what the collector and the discs ask -------------------------------------------------------------------

    def pending(self, ae_titles: Iterable[str]) -> list[tuple[str, Reception]]:
        """(station, reception) of everything that no disc job has taken, in order of arrival."""
        stations = sorted(ae_titles)
        if not stations:
            return []
        self.catch_up()
        with self._database.read() as connection:
            return [
                (
                    row.ae_title,
                    Reception(
                        row.id,
                        row.instance_id,
                        Identity(
                            row.patient_id,
                            row.issuer,
                            row.patient_name,
                            row.patient_birth_date,
                            row.study_instance_uid,
                        ),
                        row.sop_class_uid,
                    ),
                )
                for row in connection.execute(PENDING, {"ae_titles": stations})
            ]

    def take(self, connection: FastTransaction, receptions: Iterable[Reception], job_id: str) -> None:
        """Give receptions to a disc job, in the transaction that makes the job."""
        for one in receptions:
            connection.execute(TAKE_RECEPTION, {"job_id": job_id, "id": one.id})

    def sender(self, reception: Reception) -> str:
        """Calling AE title of a reception."""
        with self._database.read() as connection:
            statement = text("SELECT calling_ae_title FROM reception WHERE id = :id")
            return str(connection.execute(statement, {"id": reception.id}).scalar_one())

    def of_job(self, job_id: str) -> list[StoredInstance]:
        """What a disc job carries, in order of arrival."""
        statement = text(
            "SELECT instance.id, file, file_bytes, data_offset, sop_class_uid, sop_instance_uid, transfer_syntax_uid,"
            " keys, sha256 FROM reception JOIN instance ON instance.id = reception.instance_id"
            " WHERE reception.job_id = :job_id ORDER BY instance.received, instance.id"
        )
        with self._database.read() as connection:
            return [StoredInstance(*row) for row in connection.execute(statement, {"job_id": job_id})]

    def earlier_job(self, ae_title: str, study_instance_uid: str) -> str | None:
        """The newest disc job of a station that carries instances of this study: what an addendum adds to."""
        statement = text(
            "SELECT job_id FROM reception WHERE ae_title = :ae_title AND study_instance_uid = :study"
            " AND job_id IS NOT NULL ORDER BY received DESC LIMIT 1"
        )
        with self._database.read() as connection:
            row = connection.execute(statement, {"ae_title": ae_title, "study": study_instance_uid}).first()
        return None if row is None else row.job_id

    def variants(self, instance_ids: Iterable[int], verdict: str) -> list[Mapping[str, Any]]:
        """Variants of these instances with one verdict: unknown, different."""
        wanted = set(instance_ids)
        statement = text(
            "SELECT variant.id AS id, variant.instance_id AS instance_id, variant.file AS file,"
            " variant.transfer_syntax_uid AS transfer_syntax_uid, instance.file AS kept,"
            " instance.transfer_syntax_uid AS kept_transfer_syntax_uid"
            " FROM variant JOIN instance ON instance.id = variant.instance_id WHERE variant.verdict = :verdict"
        )
        with self._database.read() as connection:
            rows = connection.execute(statement, {"verdict": verdict}).mappings().all()
        return [dict(row) for row in rows if row["instance_id"] in wanted]

    def judge_variant(self, variant_id: int, *, same: bool) -> None:
        """Record whether a variant is really another content. The same one is removed: one copy of one content."""
        with self._database.transaction() as connection:
            if same:
                file = connection.execute(
                    text("DELETE FROM variant WHERE id = :id RETURNING file"), {"id": variant_id}
                ).scalar()
            else:
                connection.execute(text("UPDATE variant SET verdict = 'different' WHERE id = :id"), {"id": variant_id})
        if same and file:
            self._store.remove(file)

    # -- hashes -------------------------------------------------------------------------------------------------

    def unhashed(self, limit: int) -> list[tuple[int, str]]:
        """(id, file) of the next instances whose content has no recorded SHA-256 yet, in the order they came.

        Looked for behind the last that was looked at, in place of an index of those without one: it would be written
        with every instance that comes (measured: a fiftieth of its time).
        """
        after = int(self._database.recall(HASHED_TO) or 0)
        with self._database.read() as connection:
            rows = connection.execute(
                text("SELECT id, file FROM instance WHERE id > :after AND sha256 IS NULL ORDER BY id LIMIT :limit"),
                {"after": after, "limit": limit},
            )
            return [(row.id, row.file) for row in rows]

    def record_hashes(self, hashes: Mapping[int, str], *, hashed_to: int | None = None) -> None:
        """Record the SHA-256 of whole files by instance.

        Args:
            hashes: by instance.
            hashed_to: the last instance of `unhashed` that was looked at. One whose file could not be read is passed
                over with it: who makes a disc of it finds out again, and says so.
        """
        rows = [{"id": key, "sha256": value} for key, value in hashes.items()]
        with self._database.transaction() as connection:
            if rows:
                connection.execute(text("UPDATE instance SET sha256 = :sha256 WHERE id = :id"), rows)
            if hashed_to is not None:
                connection.execute(REMEMBER, {"name": HASHED_TO, "value": str(hashed_to)})

    # -- forgetting and finding again -----------------------------------------------------------------------------

    def see(self, seen: float) -> None:
        """Note what came since the last look, with the time of the appliance's own calendar: see `retention`."""
        with self._database.transaction() as connection:
            for table in ("instance", "reception"):
                connection.execute(text(f"UPDATE {table} SET seen = :seen WHERE seen IS NULL"), {"seen": seen})

    def forget(self, limits: Mapping[str, float], otherwise: float, most: int = 1000) -> int:
        """Delete instances that no station keeps any longer.

        An instance stays while one of its receptions is younger than its station's limit, waits for a disc job, or
        belongs to a job that has not ended. One that nobody was sent (found again after a lost database) goes by
        its own age.

        Args:
            limits: by station, the time of the appliance's own calendar before which its receptions are forgotten.
            otherwise: that time for stations that are gone from the configuration, and for what nobody was sent.
            most: how many are deleted in one transaction.

        Returns:
            How many were deleted.
        """
        total = 0
        while batch := self._forgettable(limits, otherwise, most):
            files = [file for one in batch for file in self._delete(one, limits, otherwise)]
            for file in files:
                self._store.remove(file)
            total += len(batch)
            if not files:
                break  # all of them were sent again in the meantime
        return total

    def _delete(self, instance_id: int, limits: Mapping[str, float], otherwise: float) -> list[str]:
        with self._database.transaction() as connection:
            if self._kept(connection, instance_id, limits, otherwise):
                return []
            one = {"id": instance_id}
            files = list(connection.execute(text("SELECT file FROM variant WHERE instance_id = :id"), one).scalars())
            connection.execute(text("DELETE FROM variant WHERE instance_id = :id"), one)
            connection.execute(text("DELETE FROM reception WHERE instance_id = :id"), one)
            return [
                *files,
                *connection.execute(text("DELETE FROM instance WHERE id = :id RETURNING file"), one).scalars(),
            ]

    def _forgettable(self, limits: Mapping[str, float], otherwise: float, most: int) -> list[int]:
        latest = max([*limits.values(), otherwise])
        old = text("SELECT id, seen FROM instance WHERE seen < :latest ORDER BY seen, id")
        found: list[int] = []
        with self._database.read() as connection:
            for row in connection.execute(old, {"latest": latest}):
                if not self._kept(connection, row.id, limits, otherwise):
                    found.append(row.id)
                    if len(found) == most:
                        break
        return found

    def _kept(self, connection: Connection, instance_id: int, limits: Mapping[str, float], otherwise: float) -> bool:
        receptions = connection.execute(
            text(
                "SELECT reception.ae_title, reception.seen, reception.job_id, job.state, instance.sop_class_uid"
                " FROM reception JOIN instance ON instance.id = reception.instance_id"
                " LEFT JOIN job ON job.id = reception.job_id WHERE reception.instance_id = :id"
            ),
            {"id": instance_id},
        ).all()
        for one in receptions:
            # An object of no patient waits for no disc: nothing would ever take it.
            waits = one.job_id is None and one.ae_title in self.collected and for_patient_discs(one.sop_class_uid)
            running = one.state is not None and one.state not in ("DONE", "FAILURE")
            young = one.seen is None or one.seen >= limits.get(one.ae_title, otherwise)
            if waits or running or young:
                return True
        if receptions:
            return False
        seen = connection.execute(text("SELECT seen FROM instance WHERE id = :id"), {"id": instance_id}).scalar()
        return seen is None or seen >= otherwise

    def adopt(self, files: Iterable[str]) -> int:
        """Index files of the store that no row names: what a crash left between rename and commit, or all of them
        after the database was lost. A file that is no instance is moved aside, never deleted.

        Args:
            files: relative to the store's folder, listed before anything new could arrive.

        Returns:
            How many were indexed.
        """
        self.catch_up()
        with self._database.read() as connection:
            named = set(connection.execute(text("SELECT file FROM instance UNION SELECT file FROM variant")).scalars())
        adopted = 0
        for file in files:
            if file in named:
                continue
            try:
                adopted += self._adopt(file)
            except FileNotFoundError:
                continue  # since it was listed, it has been found to be the same instance again
            except (Unparsable, OSError) as failure:
                self._store.set_aside(file)
                log.error("a stored file is damaged: set aside", extra={"file": file, "error": str(failure)})
        return adopted

    def _adopt(self, file: str) -> bool:
        path = self._store.path(file)
        header, meta = scan_file(path)
        size = path.stat().st_size
        arrival = Arrival.of(header, file, size, meta.data_offset, meta.transfer_syntax_uid, self._wall())
        with self._database.fast_transaction() as connection:
            inserted = self._insert(connection, arrival)
        if not inserted:
            # A second content that was never acknowledged: its sender will send it again.
            self._store.set_aside(file)
        return inserted
