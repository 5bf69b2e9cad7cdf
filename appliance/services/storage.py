"""Storage as SCP (PS3.4 Annex B): an instance is on stable storage and in the log of arrivals before its 0000.

The association streams the data set into an `IncomingInstance`; when the last fragment has come, the durable sequence
is done (fsync file, rename, fsync folder, a synced line in the log), on the loop or in a thread: see `Pace`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, NoReturn

from appliance.arrivals import Arrival, ArrivalLog, Unsure
from appliance.association.message import Association, CommandField, DataSetSink, Ending, Refused, Request, Response
from media.instance import InstanceHeader, MissingIdentity, NeedMore, Unparsable, check_rest, scan_header
from media.store import HEAD_BYTES, IncomingInstance, InstanceStore

log = logging.getLogger("gravure.storage")

# PS3.4 B.2.3 and PS3.7 C.5: the failure statuses of C-STORE.
SUCCESS = 0x0000
INVALID_INSTANCE = 0x0117
OUT_OF_RESOURCES = 0xA700
DATA_SET_MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
MISSING_HIERARCHY = 0xC001


def is_uid(value: str) -> bool:
    """PS3.5 §9.1, leading zeros let pass. (A regular expression takes ten times as long, twice an instance.)"""
    return len(value) <= 64 and ".." not in f".{value}." and value.isascii() and value.replace(".", "").isdigit()


is_class_uid = lru_cache(maxsize=256)(is_uid)


@dataclass(slots=True)
class Reserve:
    """Free bytes that no instance may touch, so that the database, the log and the running jobs can go on."""

    folder: Path
    free_bytes: int
    looked_s: float = float("-inf")

    AGAIN_S: ClassVar[float] = 0.1
    """How long a look that found room is believed: the reserve is larger than what can arrive in that time."""

    def check(self) -> None:
        """Refuse with A700 where less is free than the reserve. Inodes count too: a full table is a full disk."""
        now_s = time.monotonic()
        if now_s - self.looked_s < self.AGAIN_S:
            return
        disk = os.statvfs(self.folder)
        if disk.f_bavail * disk.f_frsize < self.free_bytes or (disk.f_files and disk.f_favail < 64):
            raise Refused(OUT_OF_RESOURCES, "disk reserve reached, try again later")
        self.looked_s = now_s


LONG_HEAD_BYTES = 128 * 1024
"""Looked at where the first part of a data set does not say enough, before the whole file is."""


class Pace:
    """Whether the durable sequence is worth a thread.

    A disk that makes us wait gets threads, and the loop goes on with the other peers. Where the sequence takes less
    than the way to a thread and back (a file system in memory, a drive with a cache that survives a power cut), that
    way, and the fight of two threads for one interpreter, cost more than the work.

    Only sequences on the loop are measured: a thread's time is mostly its wait for the interpreter. One that never
    slept did not wait for the disk, however long it took: another process had the processor. Of the others the median
    is followed, not the mean, as a few of them waited for another writer's sync.
    """

    QUICK_S = 0.0008
    """About four times what a thread switch costs under load (by trial: 100 to 200 µs)."""
    STALLED_S = 0.05
    """One sequence as slow as this is enough."""
    LEAST_S = 0.0004
    """Less is not worth remembering: seven slow sequences in a row, and there are threads again."""
    STEP = 1.1
    SOON, AGAIN = 8, 64
    """With threads, one in so many is tried on the loop: soon at first, as a slow beginning says little, and after each
    trial that was slow half as often."""
    SAMPLE = 8
    """On a disk that never made us wait, one in so many is measured: measuring costs a fiftieth of an instance."""
    SMALL_BYTES = 2 * 1024 * 1024
    """Longer instances always get a thread: how long an fsync takes grows with what is not yet written."""

    def __init__(self) -> None:
        self.associations = 0
        """How many there are that may store, in this process."""
        self.others: Callable[[], bool] = lambda: False
        """Whether there are any in others."""
        self._median_s = self.QUICK_S / self.STEP
        self._threads_in_a_row = 0
        self._again = self.SOON
        self._unmeasured = 0

    @property
    def alone(self) -> bool:
        """One association alone leaves pauses, in which its next file can be made ready. Where there are others, there
        are no such pauses, and giving a file its room takes longer than it saves (measured)."""
        return self.associations == 1 and not self.others()

    def is_quick(self, size: int) -> bool:
        """Whether an instance of this size is kept on the loop."""
        if size > self.SMALL_BYTES:
            return False
        if self._median_s < self.QUICK_S:
            self._again = self.SOON
            return True
        if self._threads_in_a_row >= self._again:
            self._threads_in_a_row = 0
            self._again = min(2 * self._again, self.AGAIN)
            return True
        self._threads_in_a_row += 1
        return False

    def measures(self) -> bool:
        """Whether the next durable sequence on the loop is measured."""
        self._unmeasured += 1
        if self._median_s <= self.LEAST_S and self._unmeasured < self.SAMPLE:
            return False
        self._unmeasured = 0
        return True

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Around one."""
        slept = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        began_s = time.perf_counter()
        yield
        seconds = time.perf_counter() - began_s
        self.took(seconds if resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw > slept else 0.0)

    def took(self, waited_s: float) -> None:
        """One durable sequence on the loop is done; 0 where it never slept."""
        if waited_s > self.STALLED_S:
            self._median_s = self.STALLED_S
        elif waited_s > self._median_s:
            self._median_s *= self.STEP
        elif self._median_s > self.LEAST_S:
            self._median_s /= self.STEP


@dataclass(frozen=True, slots=True)
class Station:
    """An AE title that stores: a disc station or an inbox of the configuration."""

    ae_title: str
    on_arrival: Callable[[Arrival], None]
    """Called on the event loop after each acknowledged arrival; the collector counts quiet seconds from it."""
    on_closed: Callable[[str], None]
    """Called with the association's id when it ends."""


STORED = Response(SUCCESS)


class StorageService:
    """One association's Storage SCP."""

    def __init__(
        self,
        association: Association,
        station: Station,
        store: InstanceStore,
        arrivals: ArrivalLog,
        reserve: Reserve,
        executor: Executor,
        pace: Pace,
    ) -> None:
        self._association = association
        self._station = station
        self._store = store
        self._log = arrivals
        self._reserve = reserve
        self._executor = executor
        self._pace = pace
        pace.associations += 1
        self._arrivals = 0
        self._closed = False

    def serves(self, request: Request) -> bool:
        """Every C-STORE: the context has been negotiated as a storage class."""
        return request.command_field is CommandField.C_STORE_RQ

    def sink(self, request: Request) -> DataSetSink:
        """A file in the store for the instance that is about to arrive."""
        uid = request.sop_instance_uid or ""
        if not (is_uid(uid) and is_class_uid(request.sop_class_uid)):
            raise Refused(INVALID_INSTANCE, "the SOP UID of the command is not a UID")
        self._reserve.check()
        try:
            incoming = self._store.begin(request.sop_class_uid, uid, request.context.transfer_syntax)
        except OSError as failure:
            raise disk_refusal(failure) from failure
        return GuardedSink(incoming, request.context.transfer_syntax, self._reserve)

    async def answer(self, request: Request) -> Response:
        """The durable sequence, then the status (promise 1)."""
        if request.command_field is not CommandField.C_STORE_RQ or not isinstance(request.data, GuardedSink):
            raise Refused(0x0211, "a C-STORE request needs a data set")
        if self._pace.is_quick(request.data.size):
            if self._pace.measures():
                with self._pace.measured():
                    arrival = self._put(request, request.data)
            else:
                arrival = self._put(request, request.data)
            if self._pace.alone:
                # After the answer is sent: the loop comes to it while the peer reads its next file.
                asyncio.get_running_loop().call_soon(self._store.expect, arrival.file_bytes)
        else:
            arrival = await asyncio.get_running_loop().run_in_executor(self._executor, self._put, request, request.data)
        self._arrivals += 1
        self._station.on_arrival(arrival)
        if self._closed:
            # The peer went while its instance was being made durable: nobody else will say that it did, and its study
            # would wait for it for ever.
            self._station.on_closed(self._association.id)
        return STORED

    def _put(self, request: Request, sink: GuardedSink) -> Arrival:
        incoming = sink.incoming
        try:
            header = checked(sink, request)
            relative = incoming.keep()
            arrival = Arrival.of(
                header,
                relative,
                incoming.data_offset + incoming.size,
                incoming.data_offset,
                request.context.transfer_syntax,
                self._log.wall(),
                self._station.ae_title,
                self._association.calling_ae_title,
                self._association.id,
            )
            self._log.put(arrival)
        except BaseException as failure:
            promise_nothing(incoming, failure)
        return arrival

    def closed(self, ending: Ending) -> None:
        """The association is over: its studies may now become quiet."""
        self._store.expect_nothing()
        self._pace.associations -= not self._closed
        self._closed = True
        if self._arrivals:
            self._station.on_closed(self._association.id)


class GuardedSink:
    """An `IncomingInstance` whose disk errors are answers.

    The header is read as soon as the first part of a long data set is there, while the peer is sending the rest.
    """

    __slots__ = ("_look_at", "_reserve", "_syntax", "_unread", "header", "incoming")

    LOOK_BYTES: ClassVar[int] = 8 * 1024 * 1024
    """The reserve is looked at again after so many."""

    def __init__(self, incoming: IncomingInstance, transfer_syntax_uid: str, reserve: Reserve) -> None:
        self.incoming = incoming
        self._reserve = reserve
        self._look_at = self.LOOK_BYTES
        self.header: InstanceHeader | None = None
        """What the first part says; None until it is there, and where it does not say enough."""
        self._syntax = transfer_syntax_uid
        self._unread = True

    @property
    def size(self) -> int:
        return self.incoming.size

    def write(self, *fragments: memoryview) -> None:
        try:
            self.incoming.write(*fragments)
        except OSError as failure:
            raise disk_refusal(failure) from failure
        if self.incoming.size > self._look_at:
            self._look_at += self.LOOK_BYTES
            self._reserve.check()
        if self._unread and self.incoming.size > HEAD_BYTES:
            self._unread = False
            with contextlib.suppress(Unparsable):  # which is looked into when all is there
                self.header = scan_header(self.incoming.head, self._syntax, complete=False)

    def complete(self) -> None:
        try:
            self.incoming.complete()
        except OSError as failure:
            raise disk_refusal(failure) from failure

    def discard(self) -> None:
        self.incoming.discard()


def promise_nothing(incoming: IncomingInstance, failure: BaseException) -> NoReturn:
    """What failed before an instance was promised: nothing of it stays, if that is known, and the fault is an answer.
    (A function that is called in the one case in many: a context manager costs each instance that succeeds.)

    Raises:
        Refused: a disk that fails.
        BaseException: anything else, as it came.
    """
    if isinstance(failure, Unsure):  # somebody may have read of it already: the same again is the same instance
        log.error("the log of arrivals failed", extra={"error": failure})
        raise Refused(OUT_OF_RESOURCES, "storage fault, try again later") from failure
    incoming.discard()
    if isinstance(failure, OSError):
        raise disk_refusal(failure) from failure
    raise failure


def header_of(incoming: IncomingInstance, syntax: str) -> InstanceHeader:
    """The header of what arrived.

    Raises:
        Refused: Cxxx where the data set cannot be parsed (PS3.4 B.2.3).
    """
    try:
        if incoming.size <= len(incoming.head):
            return scan_header(incoming.head, syntax)
        with contextlib.suppress(NeedMore):
            return scan_header(incoming.read_at(0, LONG_HEAD_BYTES), syntax, complete=False)
        with incoming.mapped() as file, memoryview(file) as view, view[incoming.data_offset :] as data_set:
            return scan_header(data_set, syntax)
    except NeedMore:
        raise Refused(CANNOT_UNDERSTAND, "the data set ends in the middle of an element") from None
    except MissingIdentity as failure:
        raise Refused(MISSING_HIERARCHY, str(failure)) from failure
    except Unparsable as failure:
        raise Refused(CANNOT_UNDERSTAND, str(failure)) from failure


def checked(sink: GuardedSink, request: Request) -> InstanceHeader:
    """The header of what arrived, which says of class and instance what the command says, and is all there.

    Raises:
        Refused: A900 where header and command differ, Cxxx where the data set cannot be parsed (PS3.4 B.2.3).
    """
    incoming, syntax = sink.incoming, request.context.transfer_syntax
    header = sink.header or header_of(incoming, syntax)
    if header.sop_class_uid != request.sop_class_uid:
        raise Refused(DATA_SET_MISMATCH, "SOP Class UID differs between command and data set", (0x00080016,))
    if header.sop_instance_uid != request.sop_instance_uid:
        raise Refused(DATA_SET_MISMATCH, "SOP Instance UID differs between command and data set", (0x00080018,))
    try:
        check_rest(incoming.read_at, header.read_bytes, incoming.size, syntax)
    except Unparsable:
        raise Refused(CANNOT_UNDERSTAND, "the data set ends in the middle of an element") from None
    return header


def disk_refusal(failure: OSError) -> Refused:
    """What a peer hears of a disk error: A700 for a full or failing disk, so that it tries again later."""
    log.error("the store failed", extra={"error": os.strerror(failure.errno or 0)})
    words = "disk full, try again later" if failure.errno in (errno.ENOSPC, errno.EDQUOT) else "storage fault"
    return Refused(OUT_OF_RESOURCES, words)
