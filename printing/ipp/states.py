"""What an IPP printer says of itself and of a job, in DICOM's words (RFC 8011 §5.3.7 and §5.4.11, PS3.3 C.13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from printing.printer import NORMAL, Medium, PrinterState
from printing.supply_terms import supply_term
from printing.terms import ExecutionStatus, PrinterStatus

# job-state (RFC 8011 §5.3.7).
PENDING, PENDING_HELD, PROCESSING, PROCESSING_STOPPED, CANCELED, ABORTED, COMPLETED = range(3, 10)
ENDED = frozenset({CANCELED, ABORTED, COMPLETED})

REASONS: Mapping[str, str] = {
    "media-empty": "SUPPLY EMPTY",
    "media-needed": "REQ MED NOT INST",
    "media-low": "SUPPLY LOW",
    "media-jam": "FILM JAM",
    "cover-open": "COVER OPEN",
    "door-open": "COVER OPEN",
    "interlock-open": "COVER OPEN",
    "output-area-full": "RECEIVER FULL",
    "input-tray-missing": "NO SUPPLY MGZ",
    "output-tray-missing": "NO RECEIVE MGZ",
    "toner-empty": "NO RIBBON",
    "marker-supply-empty": "NO RIBBON",
    "toner-low": "SUPPLY LOW",
    "marker-supply-low": "SUPPLY LOW",
    "paused": "PRINTER OFFLINE",
    "offline": "PRINTER OFFLINE",
    "shutdown": "PRINTER OFFLINE",
    "stopping": "PRINTER OFFLINE",
    "moving-to-paused": "PRINTER OFFLINE",
    "connecting-to-device": "PRINTER BUSY",
    "timed-out": "PRINTER DOWN",
    "spool-area-full": "PRINT BUFF FULL",
    "fuser-over-temp": "CHECK PRINTER",
    "fuser-under-temp": "CHECK PRINTER",
    "developer-empty": "CHECK PRINTER",
    "developer-low": "CHECK PRINTER",
    "opc-life-over": "CHECK PRINTER",
    "marker-waste-full": "CHECK PRINTER",
}
"""printer-state-reasons without suffix → Printer Status Info. What stands first says most to whoever goes there."""

_ORDER = {name: number for number, name in enumerate(REASONS)}
_LEVELS = {"report": PrinterStatus.NORMAL, "warning": PrinterStatus.WARNING, "error": PrinterStatus.FAILURE}
_SEVERITY = {PrinterStatus.FAILURE: 0, PrinterStatus.WARNING: 1, PrinterStatus.NORMAL: 2}
_LOW = frozenset({"media-low", "toner-low", "marker-supply-low", "developer-low"})
_STOPPERS = frozenset(
    {
        *("media-empty", "media-jam", "cover-open", "door-open", "interlock-open", "output-area-full"),
        *("input-tray-missing", "output-tray-missing", "toner-empty", "marker-supply-empty", "marker-waste-full"),
    }
)
"""What the next film would not come out with."""
IDLE, STOPPED = 3, 5
"""printer-state."""


def printer_state(
    state: int,
    reasons: Iterable[str],
    *,
    empty: Iterable[Medium] = (),
    low: Iterable[Medium] = (),
    accepting: bool = True,
) -> PrinterState:
    """Printer Status of printer-state and printer-state-reasons: the worst that is said.

    Args:
        state: printer-state: 3 idle, 4 processing, 5 stopped.
        reasons: printer-state-reasons, with their suffixes.
        empty: media that are known to be empty.
        low: media that are known to be low.
        accepting: printer-is-accepting-jobs.
    """
    found: list[tuple[int, int, PrinterState]] = []
    for reason in reasons:
        if reason == "none":
            continue
        name, _, suffix = reason.rpartition("-")
        name = name if suffix in _LEVELS else reason
        # Without a suffix a reason is an error (RFC 8011 §5.4.12), but nobody stops for what is merely low.
        level = _LEVELS.get(suffix) or (PrinterStatus.WARNING if name in _LOW else PrinterStatus.FAILURE)
        if level is PrinterStatus.NORMAL and state == IDLE and name in _STOPPERS:
            # An idle printer reports an empty tray, for nobody waits; the next film would.
            level = PrinterStatus.WARNING
        if level is PrinterStatus.NORMAL:
            continue
        info = REASONS.get(name, "UNKNOWN")
        if name == "media-empty":
            info = supply_term("EMPTY", empty)
        elif name == "media-low":
            info = supply_term("LOW", low)
        found.append((_SEVERITY[level], _ORDER.get(name, 999), PrinterState(level, info)))
    if found:
        return min(found, key=lambda one: one[:2])[2]
    if state == STOPPED:
        return PrinterState(PrinterStatus.FAILURE, "CHECK PRINTER")
    return NORMAL if accepting else PrinterState(PrinterStatus.FAILURE, "PRINTER OFFLINE")


def film_status(
    job_state: int, job_reasons: Iterable[str], state: int, reasons: Iterable[str], printer: PrinterState
) -> tuple[ExecutionStatus, str]:
    """Execution Status and its Info of a job that has not ended (PS3.3 C.13.8: PRINTING is always NORMAL).

    Many printers leave a job at processing while they are stopped, or need paper.

    Args:
        job_state: job-state.
        job_reasons: job-state-reasons.
        state: printer-state.
        reasons: printer-state-reasons.
        printer: what they came to.
    """
    needed = any(reason.startswith("media-needed") for reason in (*job_reasons, *reasons))
    if job_state == PROCESSING_STOPPED or (job_state == PROCESSING and (state == STOPPED or needed)):
        return ExecutionStatus.PENDING, "CHECK PRINTER" if printer == NORMAL else printer.info
    if job_state in (PENDING, PENDING_HELD):
        return ExecutionStatus.PENDING, "REQ MED NOT INST" if needed else "QUEUED"
    return ExecutionStatus.PRINTING, "NORMAL"


def failure_info(reasons: Iterable[str]) -> str:
    """Execution Status Info of a job that the printer gave up, by its job-state-reasons."""
    for reason in reasons:
        if "document-format" in reason or reason in ("document-unprintable-error", "unsupported-document-format"):
            return "INVALID PAGE DES"
        if "memory" in reason:
            return "INSUFFIC MEMORY"
    return "UNKNOWN"
