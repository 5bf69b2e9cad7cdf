"""What an IPP printer says, in DICOM's words."""

from __future__ import annotations

import pytest

from printing.ipp.states import REASONS, failure_info, film_status, printer_state
from printing.printer import NORMAL, Medium, PrinterState
from printing.terms import JOB_INFO_TERMS, STATUS_INFO_TERMS, ExecutionStatus, PrinterStatus

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
        (3, ["media-empty-report"], PrinterState(WARNING, "SUPPLY EMPTY")),
        (3, ["cover-open-report", "toner-low-report"], PrinterState(WARNING, "COVER OPEN")),
        (3, ["media-low-report"], NORMAL),
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


A4, FILM = Medium("PAPER", "A4"), Medium("BLUE FILM", "14INX17IN")


def test_the_empty_medium_is_named_where_there_is_a_term_for_it() -> None:
    assert printer_state(5, ["media-empty-error"], empty=[A4]).info == "EMPTY A4 PAPR"
    assert printer_state(4, ["media-low-warning"], low=[FILM]).info == "LOW 14X17 BLUE"
    assert printer_state(5, ["media-empty-error"], low=[A4]).info == "SUPPLY EMPTY"
    assert printer_state(5, ["media-empty-error"], empty=[Medium("PAPER", "8_5INX11IN")]).info == "SUPPLY EMPTY"
    assert printer_state(5, ["media-jam-error"], empty=[A4]).info == "FILM JAM"


def test_a_printer_that_takes_no_jobs_is_offline() -> None:
    assert printer_state(3, ["none"], accepting=False) == PrinterState(FAILURE, "PRINTER OFFLINE")
    assert printer_state(5, ["spool-area-full"], accepting=False).info == "PRINT BUFF FULL"


PENDING, PRINTING = ExecutionStatus.PENDING, ExecutionStatus.PRINTING


@pytest.mark.parametrize(
    ("job", "job_reasons", "printer", "reasons", "expected"),
    [
        (3, ["none"], 4, ["none"], (PENDING, "QUEUED")),
        (4, ["job-hold-until-specified"], 3, ["none"], (PENDING, "QUEUED")),
        (4, ["media-needed"], 3, ["none"], (PENDING, "REQ MED NOT INST")),
        (4, ["none"], 3, ["media-needed-report"], (PENDING, "REQ MED NOT INST")),
        (5, ["job-printing"], 4, ["media-empty-warning"], (PRINTING, "NORMAL")),
        (5, ["job-printing"], 5, ["media-jam-error"], (PENDING, "FILM JAM")),
        (5, ["job-printing"], 4, ["media-empty-warning", "media-needed-warning"], (PENDING, "SUPPLY EMPTY")),
        (6, ["printer-stopped"], 5, ["cover-open-error"], (PENDING, "COVER OPEN")),
        (6, ["job-stopped"], 4, ["none"], (PENDING, "CHECK PRINTER")),
    ],
)
def test_how_a_film_is_that_the_printer_has(
    job: int, job_reasons: list[str], printer: int, reasons: list[str], expected: tuple[ExecutionStatus, str]
) -> None:
    found = film_status(job, job_reasons, printer, reasons, printer_state(printer, reasons))
    assert found == expected and found[1] in JOB_INFO_TERMS
