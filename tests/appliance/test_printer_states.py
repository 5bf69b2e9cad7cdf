"""The real states of printers: ippeveprinter and dcmprscp as somebody finds them who goes there."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pynetdicom import AE

from printing.outputs.dicom.look import look_at_imager
from printing.printer import NORMAL, Medium
from printing.terms import (
    GRAYSCALE_META,
    PRINT_JOB,
    PRINTER,
    PRINTER_CONFIGURATION,
    PRINTER_CONFIGURATION_INSTANCE,
    PRINTER_INSTANCE,
    Command,
)
from tests.appliance.print_rig import NetworkConsole
from tests.appliance.test_relay import PERMISSIVE, Imager
from tests.ipp_printer import IppPrinter, until
from tests.serving import Serving, serving

WITHIN_S = 10.0
"""A change is told."""

TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
{more}
status_policy = "truthful"
[printers.QUIET]
{more}
status_policy = "spooler"
[peers.DRYPIX]
ae_title = "IMAGER"
address = "127.0.0.1"
port = {{port}}
"""
IPP = [
    pytest.mark.peers("cups-ipp-utils", "avahi-daemon", "dbus"),
    pytest.mark.skipif(os.getuid() != 0, reason="avahi needs root"),
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IppPrinter]:
    one = IppPrinter(tmp_path_factory.mktemp("printer"))
    try:
        yield one.start()
    finally:
        one.stop()


@pytest.fixture
def printer(machine: IppPrinter) -> IppPrinter:
    machine.off()
    machine.on()
    return machine


@pytest.fixture
def paper(tmp_path: Path, printer: IppPrinter) -> Iterator[Serving]:
    with serving(tmp_path, f'output = "ipp"\nurl = "{printer.url}"', TOML.replace("{{port}}", "104")) as one:
        yield one


def status_of(console: NetworkConsole) -> tuple[str, str]:
    answer = console.exchange(Command.N_GET, PRINTER, PRINTER_INSTANCE)
    assert answer.status == 0 and answer.data is not None
    return answer.data.PrinterStatus, answer.data.PrinterStatusInfo


def hears(console: NetworkConsole, change: Callable[[], None], status: int) -> str:
    """The term of the next Printer event, which comes in time; Normal has none."""
    change()
    before, began_s = len(console.told(PRINTER)), time.monotonic()
    console.listen(lambda: len(console.told(PRINTER)) > before)
    assert time.monotonic() - began_s < WITHIN_S
    assert console.told(PRINTER)[-1] == status
    data = [data for uid, _, _, data in console.events if uid == PRINTER][-1]
    return "" if data is None else str(data.PrinterStatusInfo)


@pytest.mark.usefixtures("printer")
class TestPaper:
    pytestmark = IPP

    def test_an_idle_printers_trouble_is_told_in_time_and_it_is_asked_nothing_while_nobody_cares(
        self, paper: Serving, printer: IppPrinter
    ) -> None:
        console, quiet = NetworkConsole(None, paper.port), NetworkConsole(None, paper.port, called="QUIET")
        assert status_of(console) == ("NORMAL", "NORMAL")
        assert hears(console, lambda: printer.load("iso_a4_210x297mm", 0), 2) == "EMPTY A4 PAPR"
        assert status_of(console) == ("WARNING", "EMPTY A4 PAPR")
        assert hears(console, lambda: printer.load("iso_a4_210x297mm", 250), 1) == ""
        assert hears(console, lambda: printer.happens("STATE: +media-jam"), 2) == "FILM JAM"
        assert hears(console, lambda: printer.happens("STATE: -media-jam", "STATE: +cover-open"), 2) == "COVER OPEN"
        assert hears(console, lambda: printer.happens("STATE: -cover-open"), 1) == ""
        assert hears(console, printer.off, 3) == "PRINTER OFFLINE"
        assert status_of(console) == ("FAILURE", "PRINTER OFFLINE")
        assert hears(console, printer.on, 1) == ""
        assert status_of(quiet) == ("NORMAL", "NORMAL") and quiet.told(PRINTER) == []
        console.close()
        quiet.close()
        time.sleep(1)  # a look that had begun
        before = printer.requests()
        time.sleep(6)
        assert before > 0 and printer.requests() == before

    def test_a_film_without_paper_is_pending_and_prints_when_there_is_some(
        self, paper: Serving, printer: IppPrinter
    ) -> None:
        printer.load("iso_a4_210x297mm", 0)
        console = NetworkConsole(None, paper.port)
        assert console.whole_film().status == 0
        console.listen(lambda: console.told(PRINT_JOB) == [1, 2, 1])
        (uid,) = {uid for sop_class, uid, _, _ in console.events if sop_class == PRINT_JOB}
        found = console.exchange(Command.N_GET, PRINT_JOB, uid).data
        assert found is not None
        assert (found.ExecutionStatus, found.ExecutionStatusInfo) == ("PENDING", "EMPTY A4 PAPR")
        asked = paper.gravure("status", "--json", check=False)
        (shown, _) = json.loads(asked.stdout)["printers"]
        assert (shown["status"], shown["info"], shown["films_waiting"]) == ("WARNING", "EMPTY A4 PAPR", 1)
        assert asked.returncode == 1
        if shown["media"] != ["A4 PAPER"]:  # a printer that does not answer within the time of a look has none to show
            until(lambda: "has A4 PAPER" in paper.gravure("status", check=False).stdout, "the paper is not seen")
        printer.load("iso_a4_210x297mm", 250)
        console.listen(lambda: console.told(PRINT_JOB)[-1] == 3)
        assert console.told(PRINT_JOB) == [1, 2, 1, 2, 3] or console.told(PRINT_JOB) == [1, 2, 1, 3]
        steps = [
            event["event"]
            for event in json.loads(paper.gravure("job", paper.jobs()[0]["id"], "--json").stdout)["events"]
        ]
        assert "stall" in steps and steps[-1] == "finish"

    def test_a_printer_that_is_off_is_critical_where_films_wait(self, paper: Serving, printer: IppPrinter) -> None:
        assert paper.gravure("status").returncode == 0
        printer.off()
        said = paper.gravure("status", check=False)
        assert said.returncode == 1 and "FILM (ipp): FAILURE PRINTER OFFLINE: switched off" in said.stdout
        console = NetworkConsole(None, paper.port)
        assert console.whole_film().status == 0
        said = paper.gravure("status", check=False)
        assert said.returncode == 2 and "not to be reached, 1 films wait" in said.stdout.replace(
            "film wait", "films wait"
        )
        printer.on()
        assert paper.all_ended()[0]["state"] == "DONE"
        assert "FILM (ipp): ready; has 8_5INX11IN PAPER" in paper.gravure("status", check=False).stdout

    @pytest.mark.peers("dcmtk")
    def test_a_foreign_console_reads_what_the_printer_takes(
        self, paper: Serving, printer: IppPrinter, tmp_path: Path
    ) -> None:
        printer.load("iso_a4_210x297mm", 250)
        until(lambda: "has A4 PAPER" in paper.gravure("status").stdout, "the paper is not seen")
        found = configuration(paper.port)
        (gray,) = found.PrinterConfigurationSequence
        installed = [(item.ItemNumber, item.MediumType, item.FilmSizeID) for item in gray.MediaInstalledSequence]
        assert installed == [(1, "PAPER", "A4")]
        assert [item.FilmSizeID for item in gray.OtherMediaAvailableSequence] == ["8_5INX11IN"]
        (whole,) = (
            item
            for item in gray.SupportedImageDisplayFormatsSequence
            if (item.ImageDisplayFormat, item.FilmSizeID, item.FilmOrientation) == (r"STANDARD\1,1", "A4", "PORTRAIT")
            and item.PrinterResolutionID == "STANDARD"
        )
        margin = 11.68  # the widest of this printer's: a tray that was filled by hand names none
        assert (whole.Rows, whole.Columns) == tuple(round((edge - 2 * margin) / 25.4 * 300) for edge in (297, 210))
        assert all(dictionary_VR(element.tag) == element.VR for element in found.iterall())
        file = tmp_path / "configuration.dcm"
        found.save_as(file, implicit_vr=False, little_endian=True)
        dump = subprocess.run(["/usr/bin/dcmdump", "-f", "-te", file], capture_output=True, text=True, check=True)
        assert "(2000,00a2) SQ" in dump.stdout and "CS [A4]" in dump.stdout
        assert not [line for line in dump.stderr.splitlines() if line.startswith(("W:", "E:"))]


def configuration(port: int, called: str = "FILM") -> Dataset:
    """Printer Configuration Retrieval by pynetdicom as SCU."""
    entity = AE()
    for sop_class in (GRAYSCALE_META, PRINTER_CONFIGURATION):
        entity.add_requested_context(sop_class)
    association = entity.associate("127.0.0.1", port, ae_title=called)
    assert association.is_established
    try:
        status, found = association.send_n_get([], PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE)
    finally:
        association.release()
    assert status.Status == 0 and found is not None
    return found


@pytest.mark.peers("dcmtk")
def test_an_imager_that_is_off_is_offline_and_well_again_when_it_is_on(tmp_path: Path) -> None:
    imager = Imager(tmp_path / "imager", PERMISSIVE)
    imager.on()
    try:
        toml = TOML.replace("{{port}}", str(imager.port))
        with serving(tmp_path, 'output = "dicom"\npeer = "DRYPIX"', toml) as one:
            console = NetworkConsole(None, one.port)
            assert status_of(console) == ("NORMAL", "NORMAL")
            assert hears(console, imager.off, 3) == "PRINTER OFFLINE"
            assert hears(console, imager.on, 1) == ""
            (gray,) = configuration(one.port).PrinterConfigurationSequence
            assert gray.PrintingBitDepth == 12
            console.close()
    finally:
        imager.off()


def test_what_an_imager_says_of_itself_is_what_we_say_of_it(tmp_path: Path) -> None:
    """The imager is another Gravure, for DCMTK has no Printer Configuration."""
    far_toml = TOML.replace("{{port}}", "104").replace("[printers.QUIET]\n{more}", "[printers.QUIET]")
    (tmp_path / "far").mkdir()
    with serving(tmp_path / "far", 'film_size_id = "24CMX30CM"\ndpi = 508\nmin_density = 17', far_toml) as far:
        look = look_at_imager(("127.0.0.1", far.port, "FILM", "GRAVURE"), bits=8)
        assert look.state == NORMAL and look.takes is not None
        assert look.takes.media[0] == Medium("BLUE FILM", "24CMX30CM", True, 17, 300) and look.takes.color
        assert (look.takes.dpi, look.takes.high_dpi) == (508, 600)
        toml = TOML.replace("{{port}}", str(far.port)).replace('"IMAGER"', '"FILM"')
        with serving(tmp_path, 'output = "dicom"\npeer = "DRYPIX"', toml) as near:
            near.gravure("status")
            ours, theirs = (configuration(one.port).PrinterConfigurationSequence[0] for one in (near, far))
    for keyword in ("MediaInstalledSequence", "OtherMediaAvailableSequence", "SupportedImageDisplayFormatsSequence"):
        assert ours[keyword].value == theirs[keyword].value


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with serving(tmp_path, 'folder = "films"', TOML.replace("{{port}}", "104")) as one:
        console = NetworkConsole(None, one.port)
        films = one.state / "films"
        films.write_text("in the way")
        assert console.whole_film().status == 0
        console.listen(lambda: console.told(PRINTER) == [3])
        assert status_of(console) == ("FAILURE", "CHECK PRINTER")
        films.unlink()
        until(lambda: "FILM (folder): ready" in one.gravure("status", check=False).stdout, "still not well")
        console.listen(lambda: console.told(PRINTER) == [3, 1])
        console.close()
