"""One snapshot of the appliance: what you would ask on the phone. `gravure status`, the console, monitoring."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from appliance import __version__
from appliance.calibrations import NOT_CALIBRATED, fallback

if TYPE_CHECKING:
    from appliance.daemon import Appliance

OLD_S = 3600.0
"""A job that waits longer than this without being held is worth a look."""


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
    if recent := [job for job in failed if now - job.updated < 24 * 3600]:
        problems.append(("warning", f"{len(recent)} jobs failed within a day"))
    calibrations = {key: appliance.calibrations.newest(key) for key in config.printers}
    for key, table in config.printers.items():
        if table.tone == "calibrated" and calibrations[key] is None:
            problems.append(("warning", f"printer {key}: {NOT_CALIBRATED.format(fallback(table), key)}"))
    levels = [level for level, _ in problems]
    return {
        "version": __version__,
        "level": "critical" if "critical" in levels else "warning" if levels else "fine",
        "problems": [words for _, words in problems],
        "state": str(config.state),
        "listening": [f"{address}:{port}" for address, port in appliance.dicom_addresses],
        "printers": sorted(config.printers),
        "calibrations": {
            key: {"medium": one.medium, "measured": one.measured, "chart": one.chart}
            for key, one in sorted(calibrations.items())
            if one is not None
        },
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
