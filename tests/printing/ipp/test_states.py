"""What an IPP printer says, in DICOM's words."""

from __future__ import annotations

import pytest

from printing.ipp.states import REASONS, failure_info, printer_state
from printing.printer import NORMAL, PrinterState
from printing.terms import STATUS_INFO_TERMS, PrinterStatus

FAILURE, WARNING = PrinterStatus.FAILURE, PrinterStatus.WARNING


@pytest.mark.parametrize(
    ("state", "reasons", "expected"),
    [
        (3, ["none"], NORMAL),
        (3, [], NORMAL),
        (4, ["media-empty-report"], NORMAL),
        (4, ["media-empty-warning"], PrinterState(WARNING, "SUPPLY EMPTY")),
        (5, ["media-empty-error"], PrinterState(FAILURE, "SUPPLY EMPTY")),
        (5, ["media-jam"], PrinterState(FAILURE, "FILM JAM")),
        (3, ["toner-low"], PrinterState(WARNING, "SUPPLY LOW")),
        (5, ["cover-open-error", "media-low-warning"], PrinterState(FAILURE, "COVER OPEN")),
        (5, ["media-low-warning", "media-needed-error"], PrinterState(FAILURE, "REQ MED NOT INST")),
        (5, ["paused"], PrinterState(FAILURE, "PRINTER OFFLINE")),
        (5, ["vendor-trouble"], PrinterState(FAILURE, "UNKNOWN")),
        (5, ["none"], PrinterState(FAILURE, "CHECK PRINTER")),
        (3, ["fuser-over-temp-warning"], PrinterState(WARNING, "CHECK PRINTER")),
    ],
)
def test_the_worst_that_is_said_is_the_state(state: int, reasons: list[str], expected: PrinterState) -> None:
    assert printer_state(state, reasons) == expected


def test_every_word_is_a_defined_term() -> None:
    assert set(REASONS.values()) <= STATUS_INFO_TERMS


@pytest.mark.parametrize(
    ("reasons", "info"),
    [
        (["document-format-error"], "INVALID PAGE DES"),
        (["document-unprintable-error"], "INVALID PAGE DES"),
        (["printer-out-of-memory"], "INSUFFIC MEMORY"),
        (["aborted-by-system"], "UNKNOWN"),
        ([], "UNKNOWN"),
    ],
)
def test_why_a_job_was_given_up(reasons: list[str], info: str) -> None:
    assert failure_info(reasons) == info
