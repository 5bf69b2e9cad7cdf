"""One snapshot of the appliance: what you would ask on the phone. `gravure status`, the console, monitoring."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from appliance import __version__
from appliance.calibrations import NOT_CALIBRATED, fallback
from appliance.jobs import Job
from printing.calibration import Calibration
from printing.status_words import words
from printing.terms import PrinterStatus

if TYPE_CHECKING:
    from appliance.daemon import Appliance

OLD_S = 3600.0
"""A job that waits longer than this without being held is worth a look."""


def _printer(
    appliance: Appliance, ae_title: str, jobs: Sequence[Job], calibration: Calibration | None
) -> dict[str, Any]:
    """One printer; all keys are there in every state."""
    device = appliance.events.device(ae_title)
    films = [job for job in jobs if job.kind == "film" and job.ae_title == ae_title]
    return {
        "ae_title": ae_title,
        "output": appliance.config.printers[ae_title].output,
        "status": device.output.status.value,
        "info": device.output.info,
        "words": words(device.output.info),
        "status_policy": device.policy,
        "media": [f"{one.film_size_id} {one.medium_type}" for one in device.printer.media if one.installed],
        "associations": device.associations,
        "films_waiting": sum(1 for job in films if not job.held),
        "films_held": sum(1 for job in films if job.held),
        "calibrated": calibration.measured if calibration is not None else None,
    }


def _printer_problems(printers: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """A printer that fails is critical where films wait for it: they do not come out until somebody goes there."""
    for one in printers:
        if one["status"] != PrinterStatus.NORMAL:
            films = one["films_waiting"]
            failed = one["status"] == PrinterStatus.FAILURE and films
            waiting = f", {films} films wait" if films else ""
            yield "critical" if failed else "warning", f"printer {one['ae_title']}: {one['words']}{waiting}"


def snapshot(appliance: Appliance) -> dict[str, Any]:
    """The appliance as one JSON document; `level` is fine, warning or critical, `problems` says why."""
    config = appliance.config
    disk = os.statvfs(config.state)
    free = disk.f_bavail * disk.f_frsize
    jobs = appliance.jobs.list(ended=False)
    failed = [job for job in appliance.jobs.list(limit=200) if job.state == "FAILURE" and not job.cancelled]
    queue = Counter("held" if job.held else job.step for job in jobs)
    now = appliance._wall()
    problems: list[tuple[str, str]] = []
    if free < appliance.reserve.free_bytes:
        problems.append(("critical", "the disk reserve is reached: nothing more is taken until space is free"))
    elif free < 2 * appliance.reserve.free_bytes:
        problems.append(("warning", "the disk is nearly full"))
    if queue["held"]:
        problems.append(("warning", f"{queue['held']} jobs are held for a person"))
    if any(job.attempts for job in jobs):
        problems.append(("warning", f"{sum(1 for job in jobs if job.attempts)} jobs are being tried again"))
    if any(now - job.created > OLD_S and not job.held for job in jobs):
        problems.append(("warning", "a job has waited for more than an hour"))
    # What is dated ahead failed before the clock was set back: nobody knows when.
    if recent := [job for job in failed if 0 <= now - job.updated < 24 * 3600]:
        problems.append(("warning", f"{len(recent)} jobs failed within a day"))
    calibrations = {key: appliance.calibrations.newest(key) for key in config.printers}
    for key, table in config.printers.items():
        if table.tone == "calibrated" and calibrations[key] is None:
            problems.append(("warning", f"printer {key}: {NOT_CALIBRATED.format(fallback(table), key)}"))
    printers = [_printer(appliance, key, jobs, calibrations[key]) for key in sorted(config.printers)]
    problems.extend(_printer_problems(printers))
    levels = [level for level, _ in problems]
    return {
        "version": __version__,
        "level": "critical" if "critical" in levels else "warning" if levels else "fine",
        "problems": [words for _, words in problems],
        "state": str(config.state),
        "listening": [f"{address}:{port}" for address, port in appliance.dicom_addresses],
        "printers": printers,
        "discs": sorted(config.discs),
        "inboxes": sorted(config.inboxes),
        "peers": sorted(config.peers),
        "associations": sum(1 for _ in appliance.server.open_dialogues()),
        "queue": dict(queue),
        "disk": {
            "free_bytes": free,
            "total_bytes": disk.f_blocks * disk.f_frsize,
            "reserve_bytes": appliance.reserve.free_bytes,
        },
    }
