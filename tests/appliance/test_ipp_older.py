"""Printers without Create-Job and Send-Document, or without Validate-Job: Print-Job makes the film (RFC 8011 §4.2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from printing.ipp.client import IppClient
from tests.appliance.test_ipp import TOML, console, machine, printer, printer_name
from tests.ipp_printer import IppPrinter, until
from tests.older_printer import OlderPrinter
from tests.serving import Serving

__all__ = ["machine", "printer"]
pytestmark = [
    pytest.mark.peers("cups-ipp-utils", "avahi-daemon", "dbus"),
    pytest.mark.skipif(os.getuid() != 0, reason="avahi needs root"),
]
PRINT_JOB, VALIDATE_JOB, CREATE_JOB, SEND_DOCUMENT = 0x02, 0x04, 0x05, 0x06
OLD = frozenset({CREATE_JOB, SEND_DOCUMENT})
"""RFC 8011 §4.2: a printer must know Print-Job and Validate-Job; these two it may."""
OLDER = OLD | {VALIDATE_JOB}


@pytest.fixture
def older(request: pytest.FixtureRequest, printer: IppPrinter) -> Iterator[OlderPrinter]:
    one = OlderPrinter(printer.port, getattr(request, "param", OLD))
    yield one
    one.close()


@pytest.fixture
def appliance(tmp_path: Path, older: OlderPrinter) -> Iterator[Serving]:
    one = Serving(tmp_path, f'url = "{older.url}"', TOML).start()
    yield one
    one.kill()


def sent(older: OlderPrinter) -> list[int]:
    """What may print, and what asks for it."""
    return [one for one in older.asked if one in (PRINT_JOB, *OLDER)]


@pytest.mark.parametrize(
    ("older", "asks"),
    [(OLD, [VALIDATE_JOB, PRINT_JOB]), (OLDER, [PRINT_JOB]), (frozenset({VALIDATE_JOB}), [CREATE_JOB, SEND_DOCUMENT])],
    ids=["no Create-Job", "Print-Job alone", "no Validate-Job"],
    indirect=["older"],
)
def test_a_film_comes_out_once_by_what_the_printer_knows(
    appliance: Serving, printer: IppPrinter, older: OlderPrinter, asks: list[int]
) -> None:
    known = IppClient(older.url).printer_attributes(("operations-supported",))["operations-supported"]
    assert known and not {CREATE_JOB, VALIDATE_JOB} - set(asks) & set(known)
    assert console(appliance).whole_film().status == 0
    (job,) = appliance.all_ended()
    assert job["state"] == "DONE" and sent(older) == asks
    (sheet,) = printer.sheets
    attributes = sheet.with_suffix(".env").read_text()
    for wanted in (f"JOB_NAME={printer_name(job)}", "MEDIA=na_letter_8.5x11in", "COPIES=1", "SIDES=one-sided"):
        assert f"IPP_{wanted}\n" in attributes
    assert sheet.read_bytes().startswith(b"%PDF") and sheet.read_bytes().rstrip().endswith(b"%%EOF")


def test_a_busy_printer_gets_the_film_when_it_is_free(
    appliance: Serving, printer: IppPrinter, older: OlderPrinter
) -> None:
    """ippeveprinter has one job at a time, and answers Print-Job with server-error-busy."""
    printer.hold()
    client = IppClient(printer.url, "somebody")
    client.send_document(client.create_job("another", {}), printer.command, "application/pdf")
    assert console(appliance).whole_film().status == 0
    (job,) = appliance.until(lambda jobs: "refused the film" in jobs[0]["error"])
    assert (job["state"], job["held"]) == ("PENDING", False)
    printer.let_go()
    (job,) = appliance.all_ended(seconds=60)
    assert job["state"] == "DONE" and len(printer.sheets) == 2  # the other one's, and ours


@pytest.mark.parametrize(("where", "sheets"), [("before", 0), ("after", 1)])
def test_a_lost_answer_to_print_job_holds_the_film_for_a_person(
    appliance: Serving, printer: IppPrinter, older: OlderPrinter, where: str, sheets: int
) -> None:
    """Print-Job makes the job and sends it at once: without its answer nobody knows how much came through."""
    older.breaks = PRINT_JOB, where
    assert console(appliance).whole_film().status == 0
    (job,) = appliance.until(lambda jobs: jobs[0]["held"], seconds=60)
    assert "possibly printed" in job["hold_reason"] and older.breaks is None
    until(lambda: len(printer.sheets) == sheets, "another number of sheets")
    assert sent(older).count(PRINT_JOB) == 1
    appliance.gravure("release", job["id"], "--reason", "looked at the tray")
    (job,) = appliance.all_ended()
    assert job["state"] == "DONE" and len(printer.sheets) == sheets + 1


def test_kill_9_after_print_job_and_the_film_comes_out_once(
    appliance: Serving, printer: IppPrinter, older: OlderPrinter
) -> None:
    printer.hold()
    assert console(appliance).whole_film().status == 0
    notes = appliance.state / "spool" / "films"
    until(lambda: any('"whole": true' in note.read_text() for note in notes.glob("*/sent.json")), "no note")
    appliance.kill()
    appliance.start()
    printer.let_go()
    (job,) = appliance.all_ended()
    assert job["state"] == "DONE" and len(printer.sheets) == 1 and sent(older).count(PRINT_JOB) == 1
