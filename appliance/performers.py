"""How each kind of job is carried out: a film from its spool folder to an output, a disc from its rows to an image.

A performer names its steps in the order of the job table, leaves what is heavy or hostile to a child process, and
turns what went wrong into one of three words: try again, ask a person, or failed.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import logging
import shutil
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance import __version__
from appliance.calibrations import Calibrations, tone_of
from appliance.children import ChildFailed, Children
from appliance.clerk import file_sha256
from appliance.config import Config, DiscTable, PrinterTable
from appliance.fallback import Silences, Way, give, way_of
from appliance.files import FileOwner, publish
from appliance.instances import InstanceIndex, StoredInstance
from appliance.jobs import STALLED, Job, rfc3339
from appliance.runner import CANCELLED_BY_HAND, Failed, Held, Result, Retryable, Step
from appliance.second_contents import SECOND_CONTENTS, SecondContents
from appliance.threads import in_thread
from media.store import InstanceStore
from printing.outputs import (
    DICOM,
    Delivered,
    NotDelivered,
    Output,
    PossiblyDelivered,
    RenderedFilm,
    Stop,
    Target,
    Undecided,
)
from printing.page import DOCUMENT
from printing.printer import Printer
from printing.terms import ExecutionStatus

log = logging.getLogger("gravure.print")

MIB = 1024 * 1024
FILM_MEMORY_BYTES = 512 * MIB
"""Address space of a rendering child: twice what the largest images on the largest films take (measured); a bomb takes
more."""
FILM_CPU_S, FILM_WALL_S = 300, 900
DISC_MEMORY_BYTES = 1536 * MIB
DISC_CPU_S, DISC_WALL_S = 6 * 3600, 12 * 3600.0

NOT_RENDERED: Mapping[str, Any] = {"files": (), "warnings": (), "paper": "", "pages": 0}
"""Of a film that goes out as it came, to an imager."""
DELIVERED = 0.9
"""Progress of a film that is rendered."""
PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})
"""Disk errors that may pass by themselves."""


def spool_folder(state: Path, job: Job) -> Path:
    """Where a job keeps what it works with."""
    return state / "spool" / f"{job.kind}s" / (job.folder or job.id)


def file_stem(job: Job) -> str:
    """What a job's files are called: date, time, job; never a word of a peer."""
    return f"{datetime.fromtimestamp(job.created):%Y%m%d-%H%M%S}-{job.id}"


class Progress:
    """Carries a child's progress to the job row: at once where the step changes, now and then where it does not."""

    EVERY_S = 1.0

    def __init__(self, step: Step, first: str) -> None:
        self._step = step
        self._loop = asyncio.get_running_loop()
        self._current = first
        self._told_s = 0.0
        self._queue: asyncio.Queue[tuple[str, float] | None] = asyncio.Queue()

    def __call__(self, message: dict[str, Any]) -> None:
        """Hear one line of the child."""
        name = str(message.get("step") or self._current)
        now_s = self._loop.time()
        if name != self._current or now_s - self._told_s >= self.EVERY_S:
            self._current, self._told_s = name, now_s
            self._queue.put_nowait((name, float(message.get("progress", 0.0))))

    async def during(self, work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
        """Run the work and advance the job beside it, in order; every step is told before the result returns."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(lambda _: self._queue.put_nowait(None))
        try:
            while (heard := await self._queue.get()) is not None:
                await self._step(*heard)
        except BaseException:
            task.cancel()
            raise
        return await task


class Said:
    """Carries what a device says of a film to the job row, in its order: printing, or what it waits for."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._loop = asyncio.get_running_loop()
        self._last = (ExecutionStatus.PRINTING, "NORMAL")
        self._queue: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()

    def __call__(self, status: ExecutionStatus, info: str) -> None:
        """Hear it, in the output's thread."""
        if (status, info) != self._last:
            self._last = (status, info)
            word = (STALLED, info) if status is ExecutionStatus.PENDING else ("delivering", "")
            self._loop.call_soon_threadsafe(self._queue.put_nowait, word)

    async def during(self, delivery: asyncio.Future[Delivered]) -> Delivered:
        """Wait for a delivery, and tell beside it; all is told before it returns. It goes on when this is cancelled."""
        delivery.add_done_callback(lambda _: self._queue.put_nowait(None))
        while (heard := await self._queue.get()) is not None:
            await self._step(heard[0], DELIVERED, heard[1])
        return delivery.result()


@dataclass(frozen=True, slots=True)
class FilmPerformer:
    """Renders a film in a child process and hands it to the output of its printer, or of the one that it was given to.

    One film is rendered at a time, and delivered beside those of other printers.
    """

    config: Config
    children: Children
    output: Callable[[str], Output]
    """The output of a printer, by AE title."""
    calibrations: Calibrations
    silences: Silences = field(default_factory=Silences)
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """To render."""

    async def __call__(self, job: Job, step: Step) -> Result:
        """Render, deliver.

        Raises:
            Retryable, Held, Failed: see `runner`.
        """
        try:
            way = await asyncio.to_thread(way_of, job.ae_title, spool_folder(self.config.state, job))
            folder = way.folder
            printer = self.config.printers.get(way.printer)
            if printer is None:
                raise Held(f"the configuration has no printer {way.printer} any more")
            output = self.output(way.printer)
            target = await asyncio.to_thread(output.target)
            rendered: Mapping[str, Any] = NOT_RENDERED
            if target.media_type != DICOM:
                async with self.turn:
                    rendered = await self._render(way, printer, target, Progress(step, "rendering"))
            for words in rendered["warnings"]:
                log.info("film", extra={"job": job.id, "printer": way.printer, "what": words})
            await step("delivering", DELIVERED)
            record = self._record(job, way, rendered)
            files = tuple(map(Path, rendered["files"]))
            film = RenderedFilm(file_stem(job), folder, files, record, job.release_reason, target.media_type)
            delivered = await self._deliver(output, film, step)
        except ChildFailed as failure:
            raise film_failure(failure) from failure
        except NotDelivered as failure:
            if not failure.passing:
                self.silences.ended(way.printer)
                raise Failed(failure.info, str(failure)) from failure
            raise await asyncio.to_thread(self._not_taken, way, output, str(failure)) from failure
        except (PossiblyDelivered, Undecided) as failure:
            raise Held(str(failure)) from failure
        except OSError as failure:
            if failure.errno in PASSING:
                raise Retryable("the films folder is full or failing; the film waits") from failure
            raise Held(f"the films folder cannot be written: {failure.strerror}") from failure
        self.silences.ended(way.printer)
        warnings = (*_elsewhere(way), *rendered["warnings"], *delivered.warnings)
        made = tuple(str(file) for file in delivered.files)
        return Result(made, warnings, {"printed_on": way.printer} if way.because else {})

    def _not_taken(self, way: Way, output: Output, words: str) -> Exception:
        """What becomes of a film that its printer did not take, and nothing of it came out: it waits, and goes to
        another printer when that has been so for long."""
        silent_s = self.silences.seconds(way.printer)
        table = self.config.printers[way.printer]
        if way.because or not table.fallback or output.properties.may_have(way.folder):
            return Retryable(words)
        if silent_s < table.fallback_after_seconds:
            return Retryable(words, table.fallback_after_seconds - silent_s)
        try:
            give(way.folder, table.fallback, words)
        except OSError as failure:
            return Retryable(f"{words}; it cannot be given to {table.fallback}: {failure.strerror}")
        return Retryable(f"given to {table.fallback}: {words}", 0.0)

    async def _render(self, way: Way, printer: PrinterTable, target: Target, progress: Progress) -> dict[str, Any]:
        tone, remark = await asyncio.to_thread(self._tone, way, printer)
        made = await progress.during(
            self.children.run(
                "film",
                rendering(self.config, printer, way.folder, target, tone),
                on_progress=progress,
                memory_bytes=FILM_MEMORY_BYTES,
                cpu_s=FILM_CPU_S,
                wall_s=FILM_WALL_S,
            )
        )
        document = await asyncio.to_thread(lambda: json.loads((way.folder / DOCUMENT).read_bytes()))
        high = Printer(dpi=printer.dpi, high_dpi=printer.high_dpi).resolution("HIGH")
        told = (remark, no_finer(document, target.dpi, high))
        return made | {"warnings": [*made["warnings"], *filter(None, told)]}

    def _tone(self, way: Way, printer: PrinterTable) -> tuple[dict[str, Any], str]:
        document = json.loads((way.folder / DOCUMENT).read_bytes())
        tone, remark = tone_of(printer, way.printer, document["medium_type"], self.calibrations)
        return tone, "" if document.get("code_values") else remark

    @staticmethod
    async def _deliver(output: Output, film: RenderedFilm, step: Step) -> Delivered:
        """In a thread that the end of the program does not wait for: what it has done is noted, and taken up again."""
        wish = Stop.NO
        said = Said(step)
        told = replace(film, tell=said)
        delivery = in_thread(lambda: output.deliver(told, lambda: wish), "delivery")
        try:
            return await said.during(delivery)
        except asyncio.CancelledError as why:
            wish = Stop.CANCEL if CANCELLED_BY_HAND in why.args else Stop.LEAVE
            raise

    @staticmethod
    def _record(job: Job, way: Way, rendered: Mapping[str, Any]) -> dict[str, Any]:
        document = json.loads((way.folder / DOCUMENT).read_bytes())
        return {
            "job": job.id,
            "print_job_uid": job.uid,
            "printer": job.ae_title,
            "printed_on": way.printer,
            "calling_ae_title": job.calling_ae_title,
            "received": rfc3339(job.created),
            "warnings": [*job.warnings, *_elsewhere(way), *rendered["warnings"]],
            "paper": rendered["paper"],
            "origin": dict(job.payload),
            "film": document,
        }


def _elsewhere(way: Way) -> tuple[str, ...]:
    return (f"printed on {way.printer} because {way.because}",) if way.because else ()


def no_finer(document: Mapping[str, Any], dpi: float | None, high_dpi: float) -> str:
    """What is said of films that asked for HIGH while nobody knew that their output has one resolution.

    Args:
        document: the films.
        dpi: of the output; None where it has no resolution of its own.
        high_dpi: what HIGH would have been.
    """
    asked = any(page["requested_resolution_id"] == "HIGH" for page in document["pages"])
    if not asked or dpi is None or dpi >= high_dpi:
        return ""
    return f"HIGH resolution was asked for; the printer has one, {dpi:g} dpi"


def rendering(
    config: Config, printer: PrinterTable, folder: Path, target: Target, tone: Mapping[str, Any]
) -> dict[str, Any]:
    """What `work_film` is asked for one film."""
    return {
        "folder": str(folder),
        "media_types": [target.media_type, *target.also],
        "dpi": target.dpi or printer.dpi,
        "high_dpi": target.dpi or Printer(dpi=printer.dpi, high_dpi=printer.high_dpi).resolution("HIGH"),
        "color": target.color,
        "gray": target.gray,
        **tone,
        **({"tone": target.tone} if target.tone else {}),
        "bits": printer.bits,
        "fonts": list(config.appliance.fonts),
        "papers": [(one.name, one.width_mm, one.height_mm, one.margin_mm) for one in target.papers],
        "scaling": printer.scaling,
        "configuration_information": printer.configuration_information == "apply",
    }


def film_failure(failure: ChildFailed) -> Exception:
    """What a rendering child's end means for its film (PS3.3 C.13.8)."""
    if failure.kind == "disk":
        return Retryable("the disk is full; the film waits")
    info = "INSUFFIC MEMORY" if failure.kind in ("memory", "killed") else "INVALID PAGE DES"
    return Failed(info, f"the film could not be rendered: {failure.detail}")


@dataclass(frozen=True, slots=True)
class DiscPerformer:
    """Builds a disc in a child process and puts the image where people find it."""

    config: Config
    children: Children
    index: InstanceIndex
    store: InstanceStore
    owner: FileOwner
    second_contents: SecondContents

    async def __call__(self, job: Job, step: Step) -> Result:
        """Plan, stage, image, verify, deliver.

        Raises:
            Retryable, Held, Failed: see `runner`.
        """
        station = self.config.discs.get(job.ae_title)
        if station is None:
            raise Held(f"the configuration has no disc station {job.ae_title} any more")
        work = spool_folder(self.config.state, job)
        await step("planning", 0.0)
        instances = await asyncio.to_thread(self.index.of_job, job.id)
        await self._look_at_second_contents(job, instances)
        try:
            await asyncio.to_thread(self._prepare, job, station, work, instances)
            progress = Progress(step, "planning")
            made = await progress.during(
                self.children.run(
                    "disc",
                    {"request": str(work / "request.json"), "folder": str(work / "work")},
                    on_progress=progress,
                    memory_bytes=DISC_MEMORY_BYTES,
                    cpu_s=DISC_CPU_S,
                    wall_s=DISC_WALL_S,
                )
            )
            await self._look_at_second_contents(job, instances)  # building takes minutes
            await step("delivering", 0.98)
            files = await asyncio.to_thread(self._deliver, job, station, made["files"])
            await asyncio.to_thread(shutil.rmtree, work, True)
        except ChildFailed as failure:
            raise disc_failure(failure, job.attempts) from failure
        except OSError as failure:
            if failure.errno in PASSING:
                raise Retryable("the disk is full or failing; the disc waits") from failure
            raise Held(f"the discs folder cannot be written: {failure.strerror}") from failure
        return Result(tuple(str(file) for file in files), tuple(made["warnings"]))

    async def _look_at_second_contents(self, job: Job, instances: Sequence[StoredInstance]) -> None:
        """What came while the disc waited, or was built, and nobody has seen yet."""
        seen = job.payload.get(SECOND_CONTENTS, ())
        found = await self.second_contents.look((one.id for one in instances), seen)
        if found.reason:
            raise Held(found.reason, {SECOND_CONTENTS: list(found.seen)})

    def _prepare(self, job: Job, station: DiscTable, work: Path, instances: Sequence[StoredInstance]) -> None:
        shutil.rmtree(work, ignore_errors=True)
        (work / "work").mkdir(parents=True, mode=0o700)
        request = {
            "instances": [self._instance(one) for one in instances],
            "profile": station.profile,
            "medium": station.medium,
            "output": station.output,
            "joliet": station.joliet,
            "icons": station.icons,
            "language": self.config.appliance.language,
            "institution": self.config.appliance.institution,
            "file_set_id": f"DISC{job.number:06d}",
            "now": datetime.fromtimestamp(job.created).astimezone().isoformat(),
            "seed": job.id,
            "version": __version__,
            "addendum": bool(job.payload.get("addendum_to")),
        }
        (work / "request.json").write_text(json.dumps(request))

    def _instance(self, one: StoredInstance) -> dict[str, Any]:
        path = self.store.path(one.file)
        sha256 = one.sha256
        if sha256 is None:  # it came a moment ago, and its hash is still on its way
            sha256 = file_sha256(path)
            self.index.record_hashes({one.id: sha256})
        return {
            "path": str(path),
            "size": one.file_bytes,
            "data_offset": one.data_offset,
            "sop_class_uid": one.sop_class_uid,
            "sop_instance_uid": one.sop_instance_uid,
            "transfer_syntax_uid": one.transfer_syntax_uid,
            "keys": base64.b64encode(one.keys).decode("ascii"),
            "sha256": sha256,
        }

    def _deliver(self, job: Job, station: DiscTable, made: list[str]) -> list[Path]:
        folder = self.config.folder(station.folder)
        stem, several = file_stem(job), len(made) > 1
        targets = []
        for number, file in enumerate(made, 1):
            source = Path(file)
            name = f"{stem}-{number}of{len(made)}" if several else stem
            targets.append(publish(source, folder / f"{name}{source.suffix}", self.owner))
        return targets


MOST_KILLED = 3
"""Tries of a disc whose process was killed: a machine that was short of memory for a moment is not next time."""


def disc_failure(failure: ChildFailed, attempts: int = 0) -> Exception:
    """What a disc child's end means for its job (PS3.3 C.22.1).

    Args:
        attempts: how often this job was put off already.
    """
    if failure.kind == "disk":
        return Retryable("the disk is full; the disc waits")
    if failure.kind == "killed":
        if attempts < MOST_KILLED:
            return Retryable(f"{failure.detail}; the disc is made again")
        return Failed("INSUFFIC_MEMORY", failure.detail)
    if failure.kind == "error" and failure.facts.get("hold"):
        return Held(failure.detail)
    return Failed(str(failure.facts.get("info", "PROC_FAILURE")), failure.detail)
