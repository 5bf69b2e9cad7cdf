"""Print Management as SCP: the same scripts in memory and over TCP, and what the disk has to say."""

from __future__ import annotations

import errno
import os
import re
import stat
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.sequence import Sequence

from appliance import films as films_room
from appliance.association.message import AcceptedContext, Ending
from appliance.association.message import Refused as NetworkRefused
from appliance.calibrations import Calibrations, calibrated, tone_of
from appliance.config import PrinterTable
from appliance.films import Films
from appliance.jobs import JobEvent, Jobs
from appliance.personality import Personality
from appliance.services.print import Bounds, PixelSink, new_uid, printer_of
from printing.elements import write
from printing.page import FilmDocument, PageText
from printing.printer import Medium, Takes
from printing.printer_configuration import VRS as CONFIGURATION_VRS
from printing.printer_configuration import configuration_values
from printing.terms import (
    ANNOTATION_BOX,
    COLOR_META,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    GRAYSCALE_META,
    PRESENTATION_LUT,
    PRINT_JOB,
    PRINTER,
    PRINTER_CONFIGURATION,
    PRINTER_CONFIGURATION_INSTANCE,
    PRINTER_INSTANCE,
    Command,
)
from tests.appliance.print_rig import MemoryConsole, NetworkConsole, Rig, wait_for
from tests.printing.console import EXPLICIT, data_set, decode, encode, image, lut_reference, lut_table


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def console_of(kind: str, rig: Rig, **how: object) -> MemoryConsole | NetworkConsole:
    if kind == "memory":
        return MemoryConsole(rig, **how)  # type: ignore[arg-type]
    return NetworkConsole(rig, rig.listen(), **how)  # type: ignore[arg-type]


BOTH = pytest.mark.parametrize("kind", ["memory", "network"])


def document_of(rig: Rig, number: int = -1) -> tuple[FilmDocument, Path]:
    folder = rig.job_folder(rig.jobs.list()[number].folder)
    return FilmDocument.from_json((folder / "document.json").read_bytes()), folder


# -- scripts ----------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("explicit", [True, False])
def test_a_film_is_a_job_with_its_pixels(rig: Rig, kind: str, explicit: bool) -> None:
    console = console_of(kind, rig, explicit=explicit)
    item = image(64, 64, bits=12)
    console.film_session(NumberOfCopies=2, PrintPriority="HIGH", FilmSessionLabel="label")
    console.film_box(r"STANDARD\1,2", FilmSizeID="A4")
    assert console.image_box(2, item).status == 0
    answer = console.print_film()
    assert answer.status == 0 and answer.data is not None
    (job,) = rig.jobs.list()
    assert answer.data[0x21000500].value[0].ReferencedSOPInstanceUID == job.uid
    assert (job.kind, job.state, job.ae_title, job.calling_ae_title) == ("film", "PENDING", "FILM", "CONSOLE")
    assert job.priority == "HIGH"
    document, folder = document_of(rig)
    assert document.number_of_copies == 2
    pixels = document.pages[0].images[1].pixels
    assert pixels is not None
    raw = (folder / pixels.file).read_bytes()
    assert raw[pixels.offset : pixels.offset + pixels.length] == item.PixelData
    console.close()


@BOTH
def test_h_4_1_2_4_a_session_of_films_is_one_job(rig: Rig, kind: str) -> None:
    console = console_of(kind, rig)
    console.film_session()
    for _ in range(3):
        console.film_box(r"STANDARD\2,1")
        console.image_box(1)
        console.image_box(2)
    assert console.print_session().status == 0
    document, folder = document_of(rig)
    assert len(document.pages) == 3 and document.collated
    assert len({pixels.file for pixels in document.references()}) == 6
    assert all((folder / pixels.file).exists() for pixels in document.references())
    console.close()


@BOTH
def test_a_console_that_deletes_everything_at_once_still_gets_its_film(rig: Rig, kind: str) -> None:
    console = console_of(kind, rig)
    assert console.whole_film(r"STANDARD\2,2").status == 0
    assert console.delete_film().status == 0
    assert console.delete_session().status == 0
    console.close()
    wait_for(lambda: not rig.spooled(), "an empty spool")
    document, folder = document_of(rig)
    assert all((folder / pixels.file).stat().st_size for pixels in document.references())


@BOTH
@pytest.mark.parametrize("ending", [Ending.RELEASED, Ending.ABORTED_BY_PEER])
def test_h_4_1_2_1_3_the_end_of_the_association_deletes_what_was_not_printed(
    rig: Rig, kind: str, ending: Ending
) -> None:
    console = console_of(kind, rig)
    console.film_session()
    console.film_box()
    console.image_box()
    assert len(rig.spooled()) == 1
    console.close(ending)
    wait_for(lambda: not list((rig.folder / "spool" / "print").iterdir()), "an empty spool")
    assert rig.jobs.list() == []


@BOTH
def test_color_comes_over_the_color_meta_class(rig: Rig, kind: str) -> None:
    console = console_of(kind, rig, meta=COLOR_META)
    assert console.whole_film().status == 0
    document, _ = document_of(rig)
    assert document.pages[0].color
    console.close()


@BOTH
def test_h_4_6_2_2_printer_n_get_answers_all_nine_attributes(rig: Rig, kind: str) -> None:
    console = console_of(kind, rig)
    answer = console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE)
    assert answer.status == 0 and answer.data is not None
    assert {int(element.tag) for element in answer.data} == {
        *(0x00080070, 0x00081090, 0x00181000, 0x00181020, 0x00181200, 0x00181201),
        *(0x21100010, 0x21100020, 0x21100030),
    }
    assert (answer.data.PrinterStatus, answer.data.PrinterStatusInfo) == ("NORMAL", "NORMAL")
    assert answer.data.PrinterName == "FILM"
    answer = console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE, tags=(0x21100010, 0x21100020))
    assert answer.status == 0 and answer.data is not None
    assert {int(element.tag) for element in answer.data} == {0x21100010, 0x21100020}
    console.close()


@BOTH
def test_n_create_of_the_printer_is_0118_and_the_dialogue_goes_on(rig: Rig, kind: str) -> None:
    console = console_of(kind, rig)
    answer = console.say(Command.N_CREATE, PRINTER, PRINTER_INSTANCE, data_set(PrinterName="X"))
    assert answer.status == 0x0118
    assert console.whole_film().status == 0
    console.close()


@BOTH
def test_every_status_but_0000_has_a_comment(rig: Rig, kind: str) -> None:
    console = console_of(kind, rig)
    answers = [
        console.film_box(),
        console.film_session(MediumType="PARCHMENT"),
        console.film_session(),
        console.film_box("POSTER"),
        console.print_session(),
        console.film_box(),
        console.print_film(),
    ]
    assert [answer.status for answer in answers] == [0x0112, 0x0116, 0x0111, 0x0106, 0xC600, 0, 0xB603]
    assert all(bool(answer.comment) == (answer.status != 0) for answer in answers)
    console.close()


def test_h_4_5_2_2_print_job_n_get_from_another_association(rig: Rig) -> None:
    first = MemoryConsole(rig)
    answer = first.whole_film()
    assert answer.data is not None
    uid = answer.data[0x21000500].value[0].ReferencedSOPInstanceUID
    first.close()
    second = MemoryConsole(rig, explicit=False)
    answer = second.say(Command.N_GET, PRINT_JOB, uid)
    assert answer.status == 0 and answer.data is not None
    assert (answer.data.ExecutionStatus, answer.data.ExecutionStatusInfo) == ("PENDING", "QUEUED")
    assert (answer.data.PrintPriority, answer.data.PrinterName) == ("MED", "FILM")
    assert answer.data.Originator == "CONSOLE"
    assert re.fullmatch(r"\d{8}", answer.data.CreationDate)
    job = rig.jobs.by_uid(uid)
    assert job is not None
    rig.jobs.claim("film", "test")
    rig.jobs.advance(job.id, JobEvent.FAIL, info="INVALID PAGE DES", error="broken")
    answer = second.say(Command.N_GET, PRINT_JOB, uid, tags=(0x21000020, 0x21000030))
    assert answer.data is not None
    assert (answer.data.ExecutionStatus, answer.data.ExecutionStatusInfo) == ("FAILURE", "INVALID PAGE DES")
    assert len(answer.data) == 2


def test_print_job_n_get_after_a_restart(rig: Rig) -> None:
    console = MemoryConsole(rig)
    answer = console.whole_film()
    assert answer.data is not None
    uid = answer.data[0x21000500].value[0].ReferencedSOPInstanceUID
    rig.films = Films(rig.folder / "spool", Jobs(rig.database))
    rig.films.sweep()
    assert MemoryConsole(rig).say(Command.N_GET, PRINT_JOB, uid).status == 0
    document, folder = document_of(rig)
    assert all((folder / pixels.file).exists() for pixels in document.references())


@pytest.mark.parametrize(("sop_class_uid", "uid"), [(PRINT_JOB, "1.2.3"), (PRINTER, "1.2.3"), (PRINT_JOB, None)])
def test_n_get_of_what_is_not_there_is_0112(rig: Rig, sop_class_uid: str, uid: str | None) -> None:
    assert MemoryConsole(rig).say(Command.N_GET, sop_class_uid, uid).status == 0x0112


def test_n_get_of_a_film_box_is_0211(rig: Rig) -> None:
    assert MemoryConsole(rig).say(Command.N_GET, FILM_SESSION, "1.2.3").status == 0x0211


def test_n_get_of_an_unknown_attribute_is_a_warning_with_the_others(rig: Rig) -> None:
    answer = MemoryConsole(rig).say(Command.N_GET, PRINTER, PRINTER_INSTANCE, tags=(0x21100010, 0x00100010))
    assert (answer.status, answer.offending) == (0x0107, (0x00100010,))
    assert answer.data is not None and len(answer.data) == 1


# -- the optional classes ---------------------------------------------------------------------------------------------

OPTIONAL = (ANNOTATION_BOX, PRESENTATION_LUT, PRINTER_CONFIGURATION)


@BOTH
@pytest.mark.parametrize("explicit", [True, False])
def test_h_4_9_a_presentation_lut_goes_into_the_film(rig: Rig, kind: str, explicit: bool) -> None:
    console = console_of(kind, rig, explicit=explicit, more=OPTIONAL)
    answer = console.presentation_lut(PresentationLUTSequence=lut_table(4096, 16))
    assert answer.status == 0 and answer.uid and answer.data is not None
    console.film_session()
    assert console.film_box(ReferencedPresentationLUTSequence=lut_reference(answer.uid)).status == 0
    console.image_box(1, image(bits=12))
    assert console.say(Command.N_DELETE, PRESENTATION_LUT, answer.uid).status == 0x0110
    assert console.print_film().status == 0
    assert console.delete_session().status == console.say(Command.N_DELETE, PRESENTATION_LUT, answer.uid).status == 0
    document, _ = document_of(rig)
    lut = document.pages[0].images[0].presentation_lut
    assert lut is not None and (lut.bits, len(lut.table or ()), (lut.table or ())[0]) == (16, 4096, 0xFFFF)
    console.close()


@BOTH
@pytest.mark.parametrize("explicit", [True, False])
def test_h_4_4_annotations_go_into_the_film(rig: Rig, kind: str, explicit: bool) -> None:
    console = console_of(kind, rig, explicit=explicit, more=OPTIONAL)
    console.film_session(SpecificCharacterSet="ISO_IR 100")
    console.film_box(AnnotationDisplayFormatID="FOOTER")
    assert console.annotation(2, "Clinic").status == 0
    assert console.print_film().status == 0xB603
    document, _ = document_of(rig)
    assert document.pages[0].annotations == (PageText(2, "Clinic", "FOOTER", "bottom center"),)
    console.close()


def test_annotation_boxes_are_made_where_their_class_was_negotiated(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    assert console.film_box(AnnotationDisplayFormatID="FOOTER").status == 0 and console.annotations == []


@BOTH
@pytest.mark.parametrize("explicit", [True, False])
def test_h_4_11_printer_configuration_is_read(rig: Rig, kind: str, explicit: bool) -> None:
    console = console_of(kind, rig, explicit=explicit, more=OPTIONAL)
    answer = console.say(Command.N_GET, PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE)
    assert answer.status == 0 and answer.data is not None
    assert len(answer.data.PrinterConfigurationSequence) == 2
    answer = console.say(Command.N_GET, PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE, tags=(0x2000001E,))
    assert answer.status == 0 and answer.data is not None
    assert console.say(Command.N_GET, PRINTER_CONFIGURATION, PRINTER_INSTANCE).status == 0x0112
    assert console.say(Command.N_CREATE, PRINTER_CONFIGURATION, None, data_set(PrinterName="X")).status == 0x0118
    console.close()


def test_printer_configuration_follows_the_output(rig: Rig) -> None:
    console = MemoryConsole(rig, more=OPTIONAL)
    trays = (Medium("PAPER", "A4"), Medium("PAPER", "A3", installed=False))
    rig.call(lambda: rig.events.output_takes("FILM", Takes(trays, color=False, bit_depth=12)))
    answer = console.say(Command.N_GET, PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE)
    assert answer.data is not None
    (gray,) = answer.data.PrinterConfigurationSequence
    assert [item.FilmSizeID for item in gray.MediaInstalledSequence] == ["A4"]
    assert [item.FilmSizeID for item in gray.OtherMediaAvailableSequence] == ["A3"]
    assert gray.PrintingBitDepth == 12


@BOTH
def test_a_long_icc_profile_goes_with_its_film_and_a_longer_one_is_told(rig: Rig, kind: str) -> None:
    console = console_of(kind, rig, meta=COLOR_META)
    for length, status in ((2 << 20, 0), (5 << 20, 0x0116)):
        profile = (length.to_bytes(4, "big") + bytes(12) + b"RGB " + bytes(16) + b"acsp").ljust(length, b"\1")
        console.film_session()
        assert console.film_box(ICCProfile=profile).status == status
        assert console.image_box().status == 0
        assert console.print_film().status == 0
        document, _ = document_of(rig)
        assert len(b64decode(document.pages[0].icc_profile)) == (0 if status else length)
        assert console.delete_session().status == 0
    assert rig.jobs.list()[-1].warnings == ("ICCProfile is longer than 4096 KiB: left out",)
    console.close()


NOBODYS_PAPER = (
    ({"tone": "paper"}, (5, 210, 150, 0)),
    ({"tone": "paper", "max_density": 180, "illumination": 200}, (5, 180, 200, 0)),
    ({"tone": "paper", "min_density": 0, "max_density": 320}, (5, 210, 150, 0)),
    ({"tone": "paper", "min_density": 300}, (5, 210, 150, 0)),
    ({"tone": "calibrated", "output": "ipp", "url": "ipp://127.0.0.1/ipp/print"}, (5, 210, 150, 0)),
    ({"tone": "calibrated"}, (20, 300, 2000, 10)),
    ({"tone": "film"}, (20, 300, 2000, 10)),
    ({"tone": "paper", "output": "dicom", "peer": "X"}, (20, 300, 2000, 10)),
)


@pytest.mark.parametrize(("keys", "expected"), NOBODYS_PAPER, ids=str)
def test_consoles_hear_of_the_densities_that_films_are_rendered_with(
    tmp_path: Path, keys: dict[str, object], expected: tuple[int, int, int, int]
) -> None:
    table = PrinterTable.model_validate(keys)
    printer = calibrated(printer_of("FILM", table), table, None)
    light = printer.illumination_cd_m2, printer.reflected_ambient_light_cd_m2
    assert (printer.min_density_centi_od, printer.max_density_centi_od, *light) == expected
    tone, _ = tone_of(table, "FILM", "", Calibrations(tmp_path))
    if printer.densities_end:
        assert tone["tone"] == "paper" and tuple(tone["paper"].values()) == expected
    for sequence in ("MediaInstalledSequence", "OtherMediaAvailableSequence"):
        for item in decode(
            write(configuration_values(printer), CONFIGURATION_VRS, True), True
        ).PrinterConfigurationSequence[0][sequence]:
            assert (item.MinDensity, item.MaxDensity) == expected[:2]


def test_b605_and_configuration_of_an_uncalibrated_printer_on_paper(rig: Rig) -> None:
    table = PrinterTable(tone="paper")
    rig.call(lambda: rig.events.calibrated(calibrated(rig.printer, table, None)))
    console = MemoryConsole(rig, more=OPTIONAL)
    answer = console.say(Command.N_GET, PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE)
    assert answer.data is not None
    media = answer.data.PrinterConfigurationSequence[0].MediaInstalledSequence
    assert {(item.MinDensity, item.MaxDensity) for item in media} == {(5, 210)}
    console.film_session()
    assert console.film_box(MaxDensity=300).status == 0xB605
    assert console.film_box(MaxDensity=210).status == 0


def test_consoles_read_the_make_that_was_configured() -> None:
    table = PrinterTable(manufacturer="KONICA", model="Printlink", serial_number="7")
    printer = printer_of("FILM", table)
    assert (printer.manufacturer, printer.model, printer.serial_number) == ("KONICA", "Printlink", "7")
    with pytest.raises(ValueError, match="pattern"):
        PrinterTable(manufacturer="a\\b")


# -- manners ----------------------------------------------------------------------------------------------------------


def test_success_only_says_0000_where_we_would_warn(rig: Rig) -> None:
    rig.personality = Personality(success_only=True)
    console = MemoryConsole(rig)
    answer = console.film_session(MediumType="PARCHMENT", MemoryAllocation=9, PatientID="X")
    assert (answer.status, answer.comment, answer.offending) == (0, "", ())
    assert console.film_box(MaxDensity=4095).status == 0
    assert console.print_film().status == 0
    assert console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE, tags=(0x00100010,)).status == 0
    (job,) = rig.jobs.list()
    assert any("MediumType" in warning for warning in job.warnings)
    assert any("MaxDensity" in warning for warning in job.warnings)


def test_success_only_hides_no_failure(rig: Rig) -> None:
    rig.personality = Personality(success_only=True)
    console = MemoryConsole(rig)
    assert console.film_box().status == 0x0112
    console.film_session()
    assert console.film_box("POSTER").status == 0x0106


def test_the_same_film_within_the_window_is_the_same_job(rig: Rig) -> None:
    rig.personality = Personality(duplicate_film_seconds=60)
    uids = set()
    for _ in range(3):
        console = MemoryConsole(rig)
        answer = console.whole_film(r"STANDARD\1,2")
        assert answer.status == 0 and answer.data is not None
        uids.add(answer.data[0x21000500].value[0].ReferencedSOPInstanceUID)
        console.close()
    assert len(rig.jobs.list()) == 1
    assert uids == {rig.jobs.list()[0].uid}


def test_another_film_within_the_window_is_another_job(rig: Rig) -> None:
    rig.personality = Personality(duplicate_film_seconds=60)
    for label in ("a", "b"):
        console = MemoryConsole(rig)
        console.film_session(FilmSessionLabel=label)
        console.film_box()
        console.image_box(1)
        console.print_film()
        console.image_box(1, image(pixels=label.encode() * 16))
        console.print_film()
        console.close()
    assert len(rig.jobs.list()) == 4


def test_the_same_film_after_the_window_or_a_failure_is_another_job(rig: Rig) -> None:
    rig.personality = Personality(duplicate_film_seconds=60)
    console = MemoryConsole(rig)
    console.whole_film()
    rig.clock_s = 61.0
    console.print_film()
    assert len(rig.jobs.list()) == 2
    rig.jobs.advance(rig.jobs.list()[1].id, JobEvent.CANCEL)
    console.print_film()
    assert len(rig.jobs.list()) == 3


def test_without_a_guard_every_n_action_is_a_job(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.whole_film()
    console.print_film()
    assert len({job.uid for job in rig.jobs.list()}) == 2


# -- the disk ---------------------------------------------------------------------------------------------------------


def test_pixels_beyond_the_bound_go_to_a_file_while_they_arrive(rig: Rig) -> None:
    console = MemoryConsole(rig, memory_bytes=4096)
    console.film_session()
    console.film_box()
    item = image(300, 200, bits=12)
    assert console.image_box(1, item).status == 0
    assert console.print_film().status == 0
    document, folder = document_of(rig)
    (pixels,) = document.references()
    assert (folder / pixels.file).read_bytes()[pixels.offset : pixels.offset + pixels.length] == item.PixelData


def test_a_data_set_beyond_its_bound_is_0213(rig: Rig) -> None:
    console = MemoryConsole(rig, memory_bytes=1024, data_set_bytes=4096)
    console.film_session()
    console.film_box()
    assert console.image_box(1, image(100, 100)).status == 0x0213
    assert rig.spooled() == []
    assert console.image_box(1).status == 0


def test_replaced_and_erased_pixels_leave_the_spool(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    console.film_box()
    console.image_box()
    console.image_box()
    assert len(rig.spooled()) == 1
    assert console.image_box(1, image(Rows=77)).status == 0x0106
    assert len(rig.spooled()) == 1
    data = data_set(ImageBoxPosition=1, BasicGrayscaleImageSequence=Sequence([]))
    assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], data).status == 0
    assert rig.spooled() == []


def test_only_we_can_read_what_was_sent(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.whole_film()
    for path in (rig.folder / "spool").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE((rig.folder / "spool" / "films").stat().st_mode) == 0o700


def test_promise_1_files_folders_and_row_come_before_success(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    real_fsync, real_create = os.fsync, rig.jobs.create_all

    def fsync(fd: int) -> None:
        done.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        real_fsync(fd)

    def create(*args: object) -> object:
        done.append("row")
        return real_create(*args)  # type: ignore[arg-type]

    console = MemoryConsole(rig)
    console.film_session()
    console.film_box(r"STANDARD\1,2")
    console.image_box(1)
    console.image_box(2)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(rig.jobs, "create_all", create)
    assert console.print_film().status == 0
    (job,) = rig.jobs.list()
    files = {pixels.file for pixels in document_of(rig)[0].references()}
    assert set(done[:2]) == files
    assert done[2:] == ["document.json", "order.json", job.folder, "films", "row"]


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def refuse(*_: object) -> None:
    raise FULL


def test_c605_where_the_disk_is_full_while_pixels_arrive(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    console = MemoryConsole(rig, memory_bytes=1024)
    console.film_session()
    console.film_box()
    with monkeypatch.context() as full:
        full.setattr(os, "write", refuse)
        answer = console.image_box(1, image(100, 100))
        assert answer.status == 0xC605 and answer.comment
        assert console.image_box(1).status == 0xC605
    assert console.image_box(1, image(100, 100)).status == 0
    assert console.print_film().status == 0


@pytest.mark.parametrize(("what", "status"), [("film", 0xC602), ("session", 0xC601)])
def test_no_print_job_where_the_disk_is_full(rig: Rig, monkeypatch: pytest.MonkeyPatch, what: str, status: int) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    console.film_box()
    console.image_box()
    printing = console.print_film if what == "film" else console.print_session
    with monkeypatch.context() as full:
        full.setattr(films_room, "sync", refuse)
        answer = printing()
        assert answer.status == status and answer.comment
    assert rig.jobs.list() == []
    assert list((rig.folder / "spool" / "films").iterdir()) == []
    assert printing().status == 0


def test_no_print_job_where_the_queue_is_full(tmp_path: Path) -> None:
    rig = Rig(tmp_path, depth=1)
    console = MemoryConsole(rig)
    assert console.whole_film().status == 0
    assert console.print_film().status == 0xC602
    assert console.print_session().status == 0xC601
    assert len(list((tmp_path / "spool" / "films").iterdir())) == 1
    rig.close()


def test_a_long_image_stops_at_the_disk_reserve(tmp_path: Path) -> None:
    room = [True]
    sink = PixelSink(tmp_path, Bounds(1024, 1 << 30), lambda: room[0])
    part = memoryview(bytes(1 << 20))
    for _ in range(9):
        sink.write(part)
    room[0] = False
    with pytest.raises(NetworkRefused) as refused:
        for _ in range(9):
            sink.write(part)
    assert refused.value.status == 0xC605 and sink.size < 18 << 20
    sink.discard()
    assert not any(tmp_path.iterdir())


def test_the_disk_reserve_is_never_touched(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    console.film_box()
    console.image_box()
    rig.films._reserve_bytes = 1 << 62
    assert console.image_box().status == 0xC605
    assert console.print_film().status == 0xC602
    answer = console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE)
    assert answer.data is not None
    assert (answer.data.PrinterStatus, answer.data.PrinterStatusInfo) == ("FAILURE", "PRINT BUFF FULL")
    rig.films._reserve_bytes = 0
    assert console.print_film().status == 0


def test_a_file_system_without_links_gets_copies(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse)
    assert MemoryConsole(rig).whole_film().status == 0
    document, folder = document_of(rig)
    assert all((folder / pixels.file).exists() for pixels in document.references())


def test_what_a_crash_left_is_swept(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.whole_film()
    orphan = rig.job_folder("feedfacefeedface")
    orphan.mkdir()
    (orphan / "pixels").write_bytes(b"x")
    Films(rig.folder / "spool", rig.jobs).sweep()
    assert not orphan.exists() and rig.spooled() == []
    assert [path.name for path in (rig.folder / "spool" / "films").iterdir()] == [rig.jobs.list()[0].folder]


# -- hostile peers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [b"\x01", b"\0" * 7, b"\xff" * 64, encode(data_set(ImageDisplayFormat=r"STANDARD\1,1"))[:-3]],
    ids=["one byte", "zeros", "ones", "cut off"],
)
def test_a_data_set_that_cannot_be_read_is_0110(rig: Rig, raw: bytes) -> None:
    console = MemoryConsole(rig)
    assert console.send(Command.N_CREATE, FILM_SESSION, None, raw).status == 0x0110
    console.film_session()
    console.film_box()
    assert console.send(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], raw).status == 0x0110
    assert rig.spooled() == []
    assert console.image_box().status == 0


def test_a_data_set_of_nothing(rig: Rig) -> None:
    console = MemoryConsole(rig)
    assert console.send(Command.N_CREATE, FILM_SESSION, None, b"").status == 0
    console.film_session()
    console.film_box()
    assert console.send(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], b"").status == 0x0120


def test_new_uids_are_uids() -> None:
    uids = {new_uid() for _ in range(100)}
    assert len(uids) == 100
    assert all(len(uid) <= 64 and re.fullmatch(r"2\.25\.[1-9][0-9]*", uid) for uid in uids)


def test_no_console_sees_what_another_one_made(rig: Rig) -> None:
    first, second = MemoryConsole(rig), MemoryConsole(rig, meta=GRAYSCALE_META)
    first.film_session()
    first.film_box()
    second.film_session()
    second.film_uid, second.boxes = first.film_uid, first.boxes
    assert second.image_box().status == 0x0112
    assert second.print_film().status == 0x0112


def test_h_4_2_2_1_3_on_a_members_own_context_the_accepted_meta_class_decides(rig: Rig) -> None:
    for metas, color in (((COLOR_META,), True), ((GRAYSCALE_META, COLOR_META), False), ((), False)):
        console = MemoryConsole(rig, meta=FILM_SESSION)
        contexts = console.association.contexts
        for number, meta in enumerate(metas):
            contexts[101 + 2 * number] = AcceptedContext(101 + 2 * number, meta, EXPLICIT)
        console.color = color
        assert console.whole_film().status == 0
        assert document_of(rig)[0].pages[0].color is color


def test_a_printer_is_what_the_configuration_says() -> None:
    table = PrinterTable.model_validate(
        {
            "dpi": 600,
            "film_size_id": "A3",
            "min_density": 5,
            "max_density": 210,
            "illumination": 150,
            "reflected_ambient_light": 0,
            "border_density": "WHITE",
            "empty_image_density": "150",
            "slides": [3, 4],
            "custom": {"7": {"boxes": [[0, 0, 50, 100], [50, 0, 50, 100]]}},
        }
    )
    printer = printer_of("PAPER", table, "1.0")
    assert (printer.name, printer.dpi, printer.film_size().width_mm) == ("PAPER", 600, 297)
    assert (printer.min_density_centi_od, printer.max_density_centi_od) == (5, 210)
    assert (printer.illumination_cd_m2, printer.reflected_ambient_light_cd_m2) == (150, 0)
    assert (printer.border_density, printer.empty_image_density) == ("WHITE", "150")
    assert printer.formats.slides == (3, 4)
    assert printer.formats.custom[7].cells == ((0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 0.5, 1.0))
    assert printer.software_versions == "1.0"
