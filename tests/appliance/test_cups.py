"""A CUPS queue is a printer too: films in true size, real states, and ipptool sees the jobs that we see."""

from __future__ import annotations

import os
import plistlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from printing.ipp.client import IppClient
from printing.outputs import NotDelivered, RenderedFilm
from printing.outputs.ipp import IppOutput
from printing.outputs.note import write_note
from printing.terms import PRINT_JOB, PRINTER, PRINTER_INSTANCE, Command
from tests.appliance.print_rig import NetworkConsole
from tests.cups_queue import CupsQueues
from tests.ipp_printer import IppPrinter, until
from tests.raw_printer import RawPrinter
from tests.serving import Serving

pytestmark = [
    pytest.mark.peers("cups", "cups-filters", "cups-ipp-utils", "avahi-daemon", "dbus", "poppler-utils"),
    pytest.mark.skipif(os.getuid() != 0, reason="cupsd and avahi need root"),
]
TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
output = "ipp"
dpi = 100
tone = "pvalue"
status_policy = "truthful"
{more}
[inboxes.STORE]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CupsQueues, IppPrinter, str]]:
    """cupsd, a printer, and the queue that leads to it."""
    queues, printer = CupsQueues(), IppPrinter(tmp_path_factory.mktemp("printer"))
    try:
        printer.start()
        queues.start()
        yield queues, printer, queues.add("EVERYWHERE", printer.url, "everywhere")
    finally:
        queues.stop()
        printer.stop()


@pytest.fixture
def appliance(tmp_path: Path, place: tuple[CupsQueues, IppPrinter, str]) -> Iterator[Serving]:
    one = Serving(tmp_path, f'url = "{place[2]}"\nscaling = "true"\nmedia = "iso_a4_210x297mm"', TOML).start()
    yield one
    assert one.process is not None
    if one.process.poll() is None:
        one.kill()


def run(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


REQUEST = """{{
    OPERATION {operation}
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR language attributes-natural-language en
    ATTR uri {of} $uri
    ATTR name requesting-user-name GRAVURE
    {more}
    STATUS successful-ok
}}
"""
"""CUPS tells a job's name to its owner alone."""


def asked(queues: CupsQueues, uri: str, operation: str, of: str, more: str = "") -> list[dict[str, Any]]:
    """What CUPS's own client reads, a group of attributes each."""
    file = queues.folder / "request.test"
    file.write_text(REQUEST.format(operation=operation, of=of, more=more))
    done = subprocess.run(["ipptool", "-tX", uri, file], capture_output=True, check=True)
    (test,) = plistlib.loads(done.stdout)["Tests"]
    return [group for group in test["ResponseAttributes"] if "job-id" in group]


def jobs_of(queues: CupsQueues, url: str, which: str) -> list[dict[str, Any]]:
    """The newest first; each is asked for by itself, as CUPS leaves the names of old jobs out of its list."""
    found = listed(queues, url, which)
    return [one for job in found for one in asked(queues, job["job-uri"], "Get-Job-Attributes", "job-uri")]


def listed(queues: CupsQueues, url: str, which: str) -> list[dict[str, Any]]:
    return asked(queues, url, "Get-Jobs", "printer-uri", f"ATTR keyword which-jobs {which}")


def job_name(one: Serving) -> str:
    """What the only film is called at the printer."""
    (job,) = one.jobs()
    return f"{re.sub(r'[-:]', '', job['created'][:19]).replace('T', '-')}-{job['id']}"


def test_a_film_goes_through_a_queue_in_true_size_and_ipptool_sees_its_job(
    appliance: Serving, place: tuple[CupsQueues, IppPrinter, str]
) -> None:
    queues, printer, url = place
    before = len(printer.sheets)
    assert NetworkConsole(None, appliance.port).whole_film(FilmSizeID="8INX10IN").status == 0
    (job,) = appliance.all_ended()
    assert job["state"] == "DONE" and not any("scale" in warning for warning in job["warnings"])
    until(lambda: len(printer.sheets) > before, "nothing came out")
    sheet = printer.sheets[-1]
    size = re.search(r"Page size:\s+([\d.]+) x ([\d.]+) pts", run("pdfinfo", sheet))
    assert size and (float(size[1]), float(size[2])) == pytest.approx((210 / 25.4 * 72, 297 / 25.4 * 72), abs=1)
    assert re.search(r" 800 +1000 .* 100 +100 ", run("pdfimages", "-list", sheet)), "no filter of CUPS scaled it"
    seen = jobs_of(queues, url, "completed")[0]
    wanted = {
        "job-name": job_name(appliance),
        "job-state": 9,
        "job-originating-user-name": "GRAVURE",
        "document-format-supplied": "application/pdf",
        "media": "iso_a4_210x297mm",
        "print-scaling": "none",
        "copies": 1,
    }
    assert wanted.items() <= seen.items(), seen


def test_a_queue_that_is_stopped_is_offline_and_a_film_waits_in_it(
    appliance: Serving, place: tuple[CupsQueues, IppPrinter, str]
) -> None:
    queues, printer, _ = place
    before = len(printer.sheets)
    queues.command("cupsdisable", "EVERYWHERE")
    try:
        console = NetworkConsole(None, appliance.port)
        assert console.whole_film().status == 0
        console.listen(lambda: 3 in console.told(PRINTER))
        found = console.exchange(Command.N_GET, PRINTER, PRINTER_INSTANCE).data
        assert found is not None
        assert (found.PrinterStatus, found.PrinterStatusInfo) == ("FAILURE", "PRINTER OFFLINE")
        assert len(printer.sheets) == before
    finally:
        queues.command("cupsenable", "EVERYWHERE")
    console.listen(lambda: 3 in console.told(PRINT_JOB))
    assert appliance.jobs()[0]["state"] == "DONE"
    until(lambda: len(printer.sheets) == before + 1, "not printed, or not once")


def test_a_film_that_is_cancelled_is_cancelled_in_the_queue(
    appliance: Serving, place: tuple[CupsQueues, IppPrinter, str], tmp_path: Path
) -> None:
    queues, printer, url = place
    before = len(printer.sheets)
    queues.command("cupsdisable", "EVERYWHERE")
    try:
        assert NetworkConsole(None, appliance.port).whole_film().status == 0
        until(lambda: jobs_of(queues, url, "not-completed"), "the queue has no job")
        appliance.gravure("cancel", appliance.jobs()[0]["id"])
        until(lambda: not listed(queues, url, "not-completed"), "it is still there")
    finally:
        queues.command("cupsenable", "EVERYWHERE")
    # As if we had never heard which job it became: it is found by its name, though CUPS's list has lost that.
    client = IppClient(url, "GRAVURE")
    until(lambda: "job-name" not in client.jobs("completed")[0], "CUPS keeps its name")
    write_note(tmp_path / "sent.json", {"said": "", "job_id": None})
    lost = RenderedFilm(job_name(appliance), tmp_path, (tmp_path / "film.pdf",), {})
    with pytest.raises(NotDelivered, match="cancelled at the printer"):
        IppOutput(client).deliver(lost)
    seen = jobs_of(queues, url, "completed")[0]
    assert (seen["job-name"], seen["job-state"]) == (job_name(appliance), 7)
    assert len(printer.sheets) == before


def test_a_raw_queue_hands_on_our_pdf_as_it_is(tmp_path: Path, place: tuple[CupsQueues, IppPrinter, str]) -> None:
    device = RawPrinter(tmp_path / "device").on()
    url = place[0].add("RAW", f"socket://127.0.0.1:{device.port}")
    one = Serving(tmp_path, f'url = "{url}"', TOML).start()
    try:
        assert NetworkConsole(None, one.port).whole_film(FilmSizeID="8INX10IN").status == 0
        (job,) = one.all_ended()
        assert job["state"] == "DONE"
        (sheet,) = device.until_sheets(1)
        said = run("pdfinfo", sheet)
        assert re.search(r"Page size:\s+576 x 720 pts", said) and re.search(r"Producer:\s+Gravure", said), said
    finally:
        one.kill()
        device.stop()
