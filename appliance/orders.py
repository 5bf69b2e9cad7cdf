"""Orders: what one N-ACTION asks for, and the rows of the job table that it becomes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from appliance.jobs import Job, NewJob
from printing.page import FilmDocument, plain

MOST_CLUES = 20
"""Clues to the patient that the row of a job shows; the film's record has all of them."""


WAITS_FOR_RELEASE = "films of this printer wait until somebody releases them"


@dataclass(frozen=True, slots=True)
class Gate:
    """What a film must pass on its way to a printer."""

    hold: bool = False
    """It waits until somebody releases it."""
    films_a_day: int = 0
    """What is more than so many of one caller in a day waits too; 0: any number. Copies count."""


@dataclass(frozen=True, slots=True)
class FilmOrder:
    """What one N-ACTION asks for."""

    document: FilmDocument
    pixels: Path
    """Folder of the pixel files that the document names."""
    print_job_uid: str
    ae_title: str
    """The printer."""
    calling_ae_title: str
    peer_address: str = ""
    warnings: tuple[str, ...] = ()
    duplicate_within_s: float = 0.0
    """The same film from the same caller within this time is the same job; 0 never."""
    gate: Gate = Gate()
    also: Mapping[str, Gate] = field(default_factory=dict)
    """More printers that get the film, each by a job of its own."""


def rows_of(order: FilmOrder) -> Sequence[NewJob]:
    """The job of a film, and those of the other printers that get it."""
    first = _row(order)
    also = [
        replace(
            first,
            ae_title=ae_title,
            uid=None,  # the console's Print Job is the first one
            payload={**first.payload, "film_of": first.id},
            note=f"also the film of job {first.id}",
            id=secrets.token_hex(6),
            folder=secrets.token_hex(8),
            **_held(gate),
        )
        for ae_title, gate in order.also.items()
    ]
    if also:
        first = replace(first, payload={**first.payload, "also": {one.ae_title: one.id for one in also}})
    return [first, *also]


def _row(order: FilmOrder) -> NewJob:
    document = order.document
    first = document.pages[0]
    return NewJob(
        kind="film",
        ae_title=order.ae_title,
        calling_ae_title=order.calling_ae_title,
        uid=order.print_job_uid,
        folder=secrets.token_hex(8),
        payload={
            "films": len(document.pages),
            "number_of_copies": document.number_of_copies,
            "film_size_id": first.film_size_id,
            "film_orientation": first.film_orientation,
            "image_display_format": first.image_display_format,
            "color": first.color,
            "peer_address": order.peer_address,
            "patient_clues": plain(document.patient_clues[:MOST_CLUES]),
        },
        priority=document.print_priority,
        warnings=order.warnings,
        **_held(order.gate),
    )


def _held(gate: Gate) -> dict[str, Any]:
    return {"held": gate.hold, "hold_reason": WAITS_FOR_RELEASE if gate.hold else ""}


def sheets_of(payload: Mapping[str, Any]) -> int:
    """How many films come out for a job."""
    return int(payload.get("films", 1)) * max(1, int(payload.get("number_of_copies", 1)))


def reprint_of(job: Job, document: FilmDocument, printer: str, warnings: Sequence[str]) -> NewJob:
    """The job that prints a film once more."""
    payload = {key: value for key, value in job.payload.items() if key not in ("also", "film_of", "printed_on")}
    return NewJob(
        kind="film",
        ae_title=printer,
        calling_ae_title=job.calling_ae_title,
        folder=secrets.token_hex(8),
        payload={**payload, "number_of_copies": document.number_of_copies, "reprint_of": job.id},
        priority=job.priority,
        warnings=tuple(warnings),
        note=f"the film of job {job.id} once more",
    )


def day_of(now: float) -> tuple[float, float]:
    """When the day of a wall-clock time begins and the next one does, on the clocks of this place; seconds since the
    epoch."""
    begins = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return begins.timestamp(), (begins + timedelta(days=1)).timestamp()
