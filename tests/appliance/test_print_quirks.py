"""What consoles do in the field, one row each: a scripted dialogue that shows what becomes of it.

Rows have the numbers of the collected field reports (fo-dicom, pynetdicom, dcmtk, conformance statements of makers).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pypdf
import pytest
from click.testing import CliRunner
from pydicom import Dataset
from pydicom.sequence import Sequence

from appliance.association.limits import Limits
from appliance.association.message import Ending
from appliance.capabilities import RETIRED
from appliance.cli import cli
from appliance.config import Config, ConfigProblem
from appliance.jobs import JobEvent
from appliance.peers import Personalities
from appliance.performers import file_stem
from appliance.personality import Personality
from appliance.scu.print import print_images
from appliance.scu.target import Target
from bench.process import free_port
from printing.job import render_document
from printing.outputs import NotDelivered
from printing.outputs.dicom.habits import Habits
from printing.outputs.dicom.imager import DicomOutput
from printing.page import FilmDocument, PatientClue
from printing.printer import PrinterState
from printing.render.finish import Finish
from printing.terms import (
    ANNOTATION_BOX,
    COLOR_META,
    FILM_BOX,
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
    PrinterStatus,
)
from tests.appliance.print_rig import FINISHED, MemoryConsole, NetworkConsole, Rig, carry, wait_for
from tests.film_imager import film_to_relay
from tests.instances import instance, written
from tests.printing.console import Answer, data_set, image, lut_reference, lut_table

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR CS")

MEMBERS = (FILM_SESSION, FILM_BOX, GRAYSCALE_IMAGE_BOX, PRINTER)
NINE = (0x00080070, 0x00081090, 0x00181000, 0x00181020, 0x00181200, 0x00181201, 0x21100010, 0x21100020, 0x21100030)

Play = Callable[[Rig], None]


@dataclass(frozen=True)
class Quirk:
    """One row."""

    row: int
    words: str
    play: Play


QUIRKS: list[Quirk] = []


def quirk(row: int, words: str) -> Callable[[Play], Play]:
    """Make a dialogue a row of the table."""

    def add(play: Play) -> Play:
        QUIRKS.append(Quirk(row, words, play))
        return play

    return add


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def documents(rig: Rig) -> list[FilmDocument]:
    """The films of all jobs, oldest first."""
    return [
        FilmDocument.from_json((rig.job_folder(job.folder) / "document.json").read_bytes()) for job in rig.jobs.list()
    ]


def console_as(caller: str, version: str, ae_title: str = "CONSOLE", **printer: object) -> Personality:
    """The personality that a console gets that associates with this implementation."""
    device = SimpleNamespace(
        id="a1",
        calling_ae_title=ae_title,
        peer_address="192.0.2.7",
        peer=None,
        implementation_class_uid=caller,
        implementation_version_name=version,
    )
    return Personalities(Config.from_dict({"printers": {"FILM": printer}})).of("FILM", device)


AGFA_NX = ("1.3.51.0.1.3", "DPM1.00")
SIEMENS_MR = ("1.3.12.2.1107.5.2", "MR_VD14A")
FO_DICOM = ("1.3.6.1.4.1.30071.8", "fo-dicom 5.1.2")


def job_uid(answer: Answer) -> str:
    """The Print Job that the answer of an N-ACTION names."""
    assert answer.data is not None
    (item,) = answer.data[0x21000500].value
    assert item.ReferencedSOPClassUID == PRINT_JOB
    return str(item.ReferencedSOPInstanceUID)


# -- what consoles wait for, repeat and give up on ---------------------------------------------------------------------


@quirk(1, "a console that freezes until its job is done hears 1, 2, 3 on its association")
def carestream_waits_for_done(rig: Rig) -> None:
    rig.personality = console_as("1.2.840.113704.7.0.2", "DCM Pro-11.4.1.0")
    console = NetworkConsole(rig, rig.listen())
    uid = job_uid(console.whole_film())
    carry(rig, *FINISHED)
    console.listen(lambda: console.told(PRINT_JOB)[-1:] == [3])
    assert console.told(PRINT_JOB) == [1, 2, 3]
    assert {event[1] for event in console.events} == {uid}
    console.close()


@quirk(2, "a console that sends its film three times gets one job, and names of that one")
def agfa_nx_sends_three_times(rig: Rig) -> None:
    rig.personality = console_as(*AGFA_NX)
    uids = set()
    for _ in range(3):
        console = MemoryConsole(rig, explicit=False)
        uids.add(job_uid(console.whole_film()))
        console.close()
    assert uids == {job.uid for job in rig.jobs.list()} and len(uids) == 1


@quirk(3, "the answer of N-ACTION has a data set only where Print Job was negotiated, and never where that is wished")
def n_action_answers_with_a_status_alone(rig: Rig) -> None:
    assert MemoryConsole(rig).whole_film().data is not None
    assert MemoryConsole(rig, print_job=False).whole_film().data is None
    rig.personality = Personality(print_job_reference=False)
    assert MemoryConsole(rig).whole_film().data is None
    assert len(rig.jobs.list()) == 3


@quirk(4, "retired classes are refused one by one, and the film is printed")
def agfa_nx_proposes_retired_classes(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen(), explicit=False, more=(*RETIRED, ANNOTATION_BOX, PRESENTATION_LUT))
    assert {console.results[uid] for uid in RETIRED} == {3}
    assert console.results[ANNOTATION_BOX] == console.results[PRESENTATION_LUT] == 0
    assert console.whole_film().status == 0
    console.close()


@quirk(5, "nine Printer attributes are answered, what is not known without a value")
def agfa_nx_asks_nine_attributes(rig: Rig) -> None:
    answer = MemoryConsole(rig, explicit=False).say(Command.N_GET, PRINTER, PRINTER_INSTANCE, tags=NINE)
    assert answer.status == 0 and answer.data is not None
    assert [int(element.tag) for element in answer.data] == list(NINE)
    assert answer.data.DeviceSerialNumber == "" and answer.data.PrinterStatus == "NORMAL"


@quirk(6, "N-CREATE without an instance: ours is made, said, and good for N-ACTION")
def fuji_leaves_uids_to_us(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen(), explicit=False)
    assert console.film_session().uid and console.film_box().uid
    console.image_box()
    assert console.print_film(console.film_uid).status == 0
    console.close()


@quirk(7, "the answer of the film session's N-CREATE has every attribute")
def film_session_is_answered_with_a_data_set(rig: Rig) -> None:
    answer = MemoryConsole(rig).film_session()
    assert answer.status == 0 and answer.data is not None
    keywords = {"NumberOfCopies", "PrintPriority", "MediumType", "FilmDestination"}
    assert keywords <= {element.keyword for element in answer.data}


@quirk(8, "N-CREATE of the Printer is 0118, and the dialogue goes on")
def united_imaging_creates_the_printer(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen(), meta=COLOR_META, print_job=False, more=(PRESENTATION_LUT,))
    assert console.say(Command.N_CREATE, PRINTER, PRINTER_INSTANCE, data_set(PrinterName="X")).status == 0x0118
    assert console.answer.comment
    assert console.whole_film().status == 0
    console.close()


@quirk(9, "a captured dialogue, played again, is answered the same; a console that stops at warnings hears none")
def siemens_stops_after_an_unexpected_answer(rig: Rig) -> None:
    rig.personality = console_as(*SIEMENS_MR)
    port = rig.listen()
    records = []
    for _ in range(2):
        console = NetworkConsole(rig, port)
        console.film_session(MediumType="PARCHMENT")
        console.film_box(MaxDensity=4095, Trim="MAYBE")
        console.image_box(1, None, BodyPartExamined="HEAD")
        console.print_film()
        console.close()
        records.append(rig.dialogue(len(records)))
    captured = [
        [(one["message"], one["sop_class"], one["status"], one["comment"]) for one in record["messages"]]
        for record in records
    ]
    requests = [[one for one in script if "EVENT" not in one[0]] for script in captured]
    assert requests[0] == requests[1] and len(requests[0]) == 4
    assert {one[2] for one in requests[0]} == {"0000"}


@quirk(10, "a film box without a reference to its session is taken; a strict printer wants it")
def film_box_without_its_session(rig: Rig) -> None:
    for personality, status in (("lenient", 0), ("strict", 0x0120)):
        rig.personality = Personality(personality=personality)  # type: ignore[arg-type]
        console = MemoryConsole(rig)
        console.film_session()
        console.session_uid = None
        assert console.film_box().status == status


@quirk(11, "images for instances that nobody knows stand by Image Box Position on the last film, where that is wished")
def pipelined_images_name_other_instances(rig: Rig) -> None:
    for personality, statuses in ((Personality(), {0x0112}), (console_as(*FO_DICOM), {0})):
        rig.personality = personality
        console = MemoryConsole(rig)
        console.film_session()
        console.film_box(r"STANDARD\1,3")
        console.boxes = ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
        assert {console.image_box(number, image(number, 4)).status for number in (2, 3, 1)} == statuses
    console.print_film()
    rows = [box.pixels.rows for box in documents(rig)[-1].pages[0].images if box.pixels]
    assert rows == [1, 2, 3]


@quirk(12, "a session without an image is B602 or B603, and costs no paper where that is wished")
def nothing_was_set(rig: Rig) -> None:
    for skip, jobs in ((False, 2), (True, 2)):
        rig.personality = Personality(skip_empty_films=skip)
        console = MemoryConsole(rig)
        console.film_session()
        console.film_box()
        assert console.print_film().status == 0xB603
        assert console.print_session().status == 0xB602
        assert len(rig.jobs.list()) == jobs


# -- contexts, roles and titles ----------------------------------------------------------------------------------------


@quirk(13, "the meta class and its members are accepted together, and members alone")
def meta_and_members(rig: Rig) -> None:
    port = rig.listen()
    console = NetworkConsole(rig, port, more=MEMBERS)
    assert {console.results[uid] for uid in MEMBERS} == {0}
    assert console.whole_film().status == 0
    console.close()
    alone = NetworkConsole(rig, port, meta=FILM_SESSION, more=MEMBERS[1:])
    alone.film_session()
    for context, say in ((3, alone.film_box), (5, alone.image_box), (3, alone.print_film)):
        alone.context = context + 2  # 3 is Print Job
        assert say().status == 0
    alone.close()


@quirk(14, "any class of Print Management on any print context")
def messages_on_another_context(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen(), more=(PRINTER_CONFIGURATION, ANNOTATION_BOX))
    for context in (1, 3, 5, 7):
        console.context = context
        assert console.film_session().status == 0
        assert console.film_box().status == console.image_box().status == console.print_film().status == 0
        assert console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE).status == 0
        assert console.delete_session().status == 0
    console.close()


@quirk(15, "no role item that nobody asked for")
def role_items_break_a_console(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen(), more=MEMBERS)
    assert console.roles == []
    console.close()


@quirk(16, "events go out whatever roles were proposed")
def roles_do_not_stop_events(rig: Rig) -> None:
    port = rig.listen()
    for roles in ({}, {PRINT_JOB: (1, 0)}, {PRINT_JOB: (1, 1), GRAYSCALE_META: (1, 0)}):
        console = NetworkConsole(rig, port, roles=roles)
        assert len(console.roles) == len(roles)
        console.whole_film()
        console.listen(lambda console=console: console.told(PRINT_JOB) == [1])  # type: ignore[misc]
        console.close()


@quirk(17, "any called AE title where that is wished, and aliases")
def console_calls_a_random_title(rig: Rig) -> None:
    port = rig.listen(any_called_ae="FILM", aliases=("PRINTER1",))
    for called in ("FILM", "PRINTER1", "Magic", "DV5700"):
        console = NetworkConsole(rig, port, called=called)
        assert console.whole_film().status == 0
        console.close()
    assert {job.ae_title for job in rig.jobs.list()} == {"FILM"}


@quirk(18, "one listener, several AE titles: each its own printer")
def titles_are_printers(rig: Rig) -> None:
    rig.add_printer("MAMMO", film_size_id="8INX10IN", max_density=360)
    port = rig.listen()
    for called, size in (("FILM", "14INX17IN"), ("MAMMO", "8INX10IN")):
        console = NetworkConsole(rig, port, called=called)
        answer = console.whole_film()
        assert answer.status == 0 and rig.jobs.list()[-1].ae_title == called
        assert documents(rig)[-1].pages[0].film_size_id == size
        console.close()


# -- layout ------------------------------------------------------------------------------------------------------------


@quirk(19, "N-SET of a film box makes no new image boxes, whatever format it names")
def layout_and_boxes_stay_in_step(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    console.film_box(r"STANDARD\2,2")
    answer = console.set_film(ImageDisplayFormat=r"STANDARD\4,5", Trim="YES")
    assert (answer.status, answer.offending) == (0x0107, (0x20100010,))
    assert all(console.image_box(number).status == 0 for number in (1, 2, 3, 4))
    console.print_film()
    page = documents(rig)[0].pages[0]
    assert len(page.images) == 4 and page.trim and all(box.pixels for box in page.images)


@quirk(20, "nine images on a film of twelve stand where their positions say, in whatever order they come")
def images_stand_by_position(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    console.film_box(r"STANDARD\3,4")
    for number in (9, 2, 7, 4, 1, 8, 3, 6, 5):
        console.image_box(number, image(number, 4))
    console.print_film()
    images = documents(rig)[0].pages[0].images
    assert [box.pixels.rows if box.pixels else 0 for box in images] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0]
    assert (images[0].cell.x_mm, images[0].cell.y_mm) == (0, 0)
    assert images[8].cell.x_mm == pytest.approx(2 * 355.6 / 3)


@quirk(21, "a film that the console composed fills the page to its edges")
def console_composes_the_film(rig: Rig) -> None:
    MemoryConsole(rig).whole_film(r"STANDARD\1,1", FilmSizeID="14INX17IN", BorderDensity="WHITE")
    page = documents(rig)[0].pages[0]
    (box,) = page.images
    assert (box.cell.x_mm, box.cell.y_mm, box.cell.width_mm, box.cell.height_mm) == (0, 0, 355.6, 431.8)
    assert (page.width_mm, page.height_mm) == (355.6, 431.8)


@quirk(22, "sizes that the printer has can be asked for, and others are taken with the size that they name")
def office_paper_and_large_films(rig: Rig) -> None:
    rig.add_printer("PAPER", film_size_id="A4")
    console = MemoryConsole(rig, printer="PAPER", more=(PRINTER_CONFIGURATION,))
    answer = console.say(Command.N_GET, PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE)
    assert answer.status == 0 and answer.data is not None
    assert answer.data.PrinterConfigurationSequence[0].MediaInstalledSequence[0].FilmSizeID == "A4"
    console.film_session()
    assert console.film_box(FilmSizeID=None).status == 0
    assert console.film_box(FilmSizeID="14INX17IN").status == 0
    console.image_box(1, None, RequestedImageSize="180")
    console.print_session()
    pages = documents(rig)[-1].pages
    assert [page.film_size_id for page in pages] == ["A4", "14INX17IN"]
    assert pages[1].images[0].requested_image_size_mm == 180


@quirk(23, "films are rendered at the printer's resolution, HIGH twice as fine, and a console can read both")
def output_is_not_hazy(rig: Rig) -> None:
    rig.add_printer("FINE", dpi=600)
    for name, dpi in (("FILM", 300), ("FINE", 600)):
        console = MemoryConsole(rig, printer=name)
        answer = console.say(Command.N_GET, PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE)
        assert answer.data is not None
        formats = answer.data.PrinterConfigurationSequence[0].SupportedImageDisplayFormatsSequence
        whole = {
            one.PrinterResolutionID: (one.Rows, one.Columns)
            for one in formats
            if (one.ImageDisplayFormat, one.FilmSizeID, one.FilmOrientation)
            == (r"STANDARD\1,1", "14INX17IN", "PORTRAIT")
        }
        assert whole == {"STANDARD": (17 * dpi, 14 * dpi)} | ({"HIGH": (17 * 600, 14 * 600)} if dpi < 600 else {})
        console.film_session()
        assert console.film_box(RequestedResolutionID="HIGH").status == (0 if dpi < 600 else 0x0116)
        # One image pixel is one printer pixel: more of them fit at twice the resolution.
        wide = image(2, 14 * dpi + 100)
        assert console.image_box(1, wide, MagnificationType="NONE").status == (0 if dpi < 600 else 0xC603)
        assert console.film_box(RequestedResolutionID="STANDARD").status == 0
        assert console.image_box(1, wide, MagnificationType="NONE").status == 0xC603


# -- jobs and what is made of them -------------------------------------------------------------------------------------


@quirk(24, "a job that was printed is not printed again, however long the daemon runs")
def no_old_job_comes_back(rig: Rig) -> None:
    MemoryConsole(rig).whole_film()
    carry(rig, *FINISHED)
    console = MemoryConsole(rig)
    console.whole_film(r"STANDARD\1,2")
    rig.films.sweep()
    waiting = [job for job in rig.jobs.list() if job.state == "PENDING"]
    assert [job.uid for job in waiting] == [job_uid(console.answer)]
    assert len({job.folder for job in rig.jobs.list()}) == 2
    assert rig.jobs.claim("film", "test") is not None and rig.jobs.claim("film", "test") is None


@quirk(25, "whose film it is: clues of the dialogue stand in the film's record, and in no name of a file")
def whose_film_is_it(rig: Rig) -> None:
    console = MemoryConsole(rig)
    study = Sequence([data_set(PatientName="Doe^Jane", StudyInstanceUID="1.2.3")])
    console.film_session(FilmSessionLabel="DOE 4711", ProposedStudySequence=study)
    console.film_box()
    console.image_box(1, None, PatientID="4711")
    assert console.print_film().status == 0
    (job,) = rig.jobs.list()
    found = documents(rig)[0].patient_clues
    assert found == (
        PatientClue("film session, Proposed Study Sequence", patient_name="Doe^Jane", study_instance_uid="1.2.3"),
        PatientClue("image box 1", patient_id="4711"),
        PatientClue("film session label", text="DOE 4711"),
    )
    assert [clue["patient_name"] for clue in job.payload["patient_clues"]] == ["Doe^Jane", "", ""]
    names = [file_stem(job), *(path.name for path in rig.folder.rglob("*"))]
    assert not [name for name in names if re.search("doe|jane|4711", name, re.IGNORECASE)]


@quirk(26, "the films of a session are one document")
def films_of_a_session_are_one_document(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session(NumberOfCopies=2)
    for rows in (3, 5):
        console.film_box()
        console.image_box(1, image(rows, 4))
    assert console.print_session().status == 0
    (document,) = documents(rig)
    assert [page.images[0].pixels.rows for page in document.pages if page.images[0].pixels] == [3, 5]
    assert document.collated and document.number_of_copies == 2


@quirk(27, "what is kept of a film opens in other programs")
def what_is_kept_opens(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.whole_film(r"STANDARD\2,2", FilmSizeID="8INX10IN")
    (job,) = rig.jobs.list()
    made = rig.folder / "film.pdf"
    render_document(documents(rig)[0], rig.job_folder(job.folder), Finish(50), made)
    (page,) = pypdf.PdfReader(made).pages
    assert (float(page.mediabox.width), float(page.mediabox.height)) == pytest.approx((576, 720), abs=0.01)


@quirk(28, "a film waits on disk while its output is away, and is printed later")
def store_now_print_later(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.whole_film()
    console.close()
    job = carry(rig, (JobEvent.RETRY_LATER, {"error": "the printer does not answer", "delay_s": 0.0}))
    assert job.state == "PENDING"
    rig.films.sweep()
    (document,) = documents(rig)
    assert all((rig.job_folder(job.folder) / pixels.file).exists() for pixels in document.references())
    assert carry(rig, *FINISHED).state == "DONE"


DRYPIX = {"ae_title": "DRYPIX", "address": "127.0.0.1"}
CONFUSED: tuple[tuple[dict[str, str], dict[str, object], str], ...] = (
    ({"output": "drypix"}, DRYPIX, "printers.IMAGER.output: "),
    ({"peer": "PIX"}, DRYPIX, "printers.IMAGER.peer: output folder has no use for it, dicom and archive have"),
    ({"output": "dicom"}, DRYPIX, "printers.IMAGER.peer: output dicom needs a key of [peers] whose address is a host"),
    # By its AE title, where the key is meant; and an imager that nobody can call.
    ({"output": "dicom", "peer": "DRYPIX"}, DRYPIX, "printers.IMAGER.peer: output dicom needs a key of [peers]"),
    ({"output": "dicom", "peer": "PIX"}, {"ae_title": "DRYPIX"}, "printers.IMAGER.peer: output dicom needs a key"),
    (
        {"output": "dicom", "peer": "PIX", "url": "dicom://127.0.0.1"},
        DRYPIX,
        "printers.IMAGER.url: output dicom",
    ),
    ({"output": "dicom", "peer": "PIX"}, {"aetitle": "DRYPIX"}, "peers.PIX.aetitle: there is no such key; did you"),
    (
        {"output": "dicom", "peer": "PIX"},
        {**DRYPIX, "ae_title": "IMAGER"},
        "printers.IMAGER.peer: PIX is this",
    ),
)
"""(table of the printer, table of the imager, what is said)"""


@quirk(29, "a relay that is set up wrongly is told in words, with the key; else it is said where films go")
def how_do_i_point_it_at_the_real_drypix(rig: Rig) -> None:
    port = rig.listen()
    for printer, peer, words in CONFUSED:
        tables = {"printers": {"IMAGER": printer}, "peers": {"PIX": {**peer, "port": port}}, "listen": {"port": port}}
        with pytest.raises(ConfigProblem) as problem:
            Config.from_dict(tables)
        assert any(line.startswith(f"configuration: {words}") for line in problem.value.problems), (
            problem.value.problems
        )
    relay = rig.folder / "relay.toml"
    relay.write_text(
        '[printers.IMAGER]\noutput = "dicom"\npeer = "PIX"\n'
        f'[peers.PIX]\nae_title = "DRYPIX"\naddress = "127.0.0.1"\nport = {port}\n'
    )
    told = CliRunner().invoke(cli, ["check", "--config", str(relay)]).output
    assert f"films to dicom PIX (DRYPIX@127.0.0.1:{port})," in told
    # It looks right, and is not: the imager knows no DRYPIX, or is not there. The job says which, and who was called.
    film = film_to_relay(rig.folder / "film")
    for at, words in ((port, f"DRYPIX at 127.0.0.1:{port} rejects us"), (free_port(), "does not answer")):
        with pytest.raises(NotDelivered, match=words) as failure:
            DicomOutput("127.0.0.1", at, "DRYPIX", hear=lambda state: None, habits=Habits()).deliver(film)
        assert failure.value.passing, "it is tried again when somebody has put it right"


@quirk(30, "images are printed from here too")
def print_scu_is_built_in(rig: Rig) -> None:
    port = rig.listen()
    files = written(rig.folder / "in", instance(1), instance(2), instance(3))
    done: list[float] = []
    target = Target("x", "FILM", "127.0.0.1", port, "GRAVURE")
    answer = print_images(target, files, "1x2", "8INX10IN", lambda share, _: done.append(share))
    assert answer.ok, answer.words
    assert done == [1 / 3, 2 / 3, 1]
    found = [sum(box.pixels is not None for box in one.pages[0].images) for one in documents(rig)]
    assert found == [2, 1]


@quirk(31, "images that a console never sent are missed in the record, and the others are printed")
def some_of_the_images_never_come(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen())
    console.film_session()
    console.film_box(r"STANDARD\2,2")
    console.image_box(1)
    console.image_box(2, image(Rows=99))
    console.image_box(4)
    assert console.print_film().status == 0
    console.close()
    boxes = [one for one in rig.dialogue()["messages"] if one["sop_class"] == GRAYSCALE_IMAGE_BOX]
    assert [(one["status"], one["count"]) for one in boxes] == [("0000", 1), ("0106", 1), ("0000", 1)]
    assert "PixelData" in boxes[1]["comment"]
    assert [box.pixels is not None for box in documents(rig)[0].pages[0].images] == [True, False, False, True]


@quirk(32, "the orientation is the one that was asked for, and the image keeps its aspect")
def orientation_is_trusted(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    console.film_box(FilmOrientation="LANDSCAPE", FilmSizeID="14INX17IN")
    console.image_box(1, image(8, 4, PixelAspectRatio=["2", "1"]))
    console.print_film()
    page = documents(rig)[0].pages[0]
    assert (page.film_orientation, page.width_mm, page.height_mm) == ("LANDSCAPE", 431.8, 355.6)
    assert page.images[0].pixels is not None
    assert (page.images[0].pixels.rows, page.images[0].pixels.pixel_aspect_ratio) == (8, (2, 1))


@quirk(33, "what was answered is found word by word")
def exact_status_is_shown(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen())
    console.film_session()
    console.film_box("POSTER")
    console.close()
    last = rig.dialogue()["messages"][-1]
    assert (last["message"], last["status"], last["comment"]) == (
        "N_CREATE_RQ",
        "0106",
        "Image Display Format is not one that this printer knows",
    )


# -- GE ----------------------------------------------------------------------------------------------------------------


@quirk(34, "values without a length are defaults; densities up to 4095 are brought into range")
def ge_sends_empty_values(rig: Rig) -> None:
    console = MemoryConsole(rig)
    answer = console.film_session(PrintPriority="HIGH", FilmSessionLabel="Sdc_DICOM_PRINT", MemoryAllocation=None)
    assert answer.status == 0
    answer = console.film_box(FilmSizeID=None, MinDensity=0, MaxDensity=4095)
    assert answer.status == 0xB605 and answer.data is not None
    assert (answer.data.FilmSizeID, answer.data.MinDensity, answer.data.MaxDensity) == ("14INX17IN", 0, 300)
    console.image_box()
    assert console.print_film().status == 0
    assert rig.jobs.list()[0].priority == "HIGH"


@quirk(35, "a printer that only runs low never stops a console; what is told otherwise is a choice")
def terms_are_chosen_on_purpose(rig: Rig) -> None:
    rig.add_printer("TRUTHFUL", policy="truthful")
    quiet, told = MemoryConsole(rig), MemoryConsole(rig, printer="TRUTHFUL")
    for state in (PrinterState(PrinterStatus.WARNING, "SUPPLY LOW"), PrinterState(PrinterStatus.FAILURE, "FILM JAM")):
        for name in ("FILM", "TRUTHFUL"):
            rig.call(lambda name=name, state=state: rig.events.output_is(name, state))  # type: ignore[misc]
        rig.settle()
        heard = [
            (answer.data.PrinterStatus, answer.data.PrinterStatusInfo)
            for answer in (console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE) for console in (quiet, told))
            if answer.data is not None
        ]
        assert heard == [("NORMAL", "NORMAL"), (state.status.value, state.info)]
    assert quiet.association.told(PRINTER) == [] and told.association.told(PRINTER) == [2, 3]
    # Such a console shows SUPPLY LOW, and knows no term that names the medium.
    rig.personality = Personality(general_supply_terms=True)
    general = MemoryConsole(rig, printer="TRUTHFUL")
    low = PrinterState(PrinterStatus.WARNING, "LOW 14X17 BLUE")
    rig.call(lambda: rig.events.output_is("TRUTHFUL", low))
    rig.settle()
    heard = [console.association.events[-1][3].PrinterStatusInfo for console in (told, general)]  # type: ignore[union-attr]
    assert heard == ["LOW 14X17 BLUE", "SUPPLY LOW"]
    data = general.say(Command.N_GET, PRINTER, PRINTER_INSTANCE).data
    assert data is not None and (data.PrinterStatus, data.PrinterStatusInfo) == ("WARNING", "SUPPLY LOW")


@quirk(36, "a film that is deleted as soon as it was printed is printed")
def ge_deletes_at_once(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen())
    assert console.whole_film(r"STANDARD\2,2").status == 0
    assert console.delete_film().status == 0
    console.close(Ending.ABORTED_BY_PEER)
    wait_for(lambda: not rig.spooled(), "an empty spool")
    (job,) = rig.jobs.list()
    assert all((rig.job_folder(job.folder) / pixels.file).stat().st_size for pixels in documents(rig)[0].references())


@quirk(37, "each cause has the status that consoles have words for")
def causes_have_their_statuses(rig: Rig) -> None:
    console = MemoryConsole(rig, memory_bytes=1024, data_set_bytes=4096)
    console.film_session()
    assert console.film_box(r"CUSTOM\9").status == 0x0106
    assert console.film_box(r"STANDARD\30,30").status == 0x0213
    console.film_box()
    assert console.image_box(1, image(100, 100)).status == 0x0213
    console.image_box()
    has_room = rig.films.has_room
    rig.films.has_room = lambda: False  # type: ignore[method-assign]
    assert console.image_box().status == 0xC605
    assert console.print_film().status == 0xC602
    rig.films.has_room = has_room  # type: ignore[method-assign]
    assert console.print_film().status == 0


@quirk(38, "success alone, for consoles that abort on anything else")
def success_only(rig: Rig) -> None:
    rig.personality = Personality(success_only=True)
    console = MemoryConsole(rig, more=(ANNOTATION_BOX,))
    statuses = [
        console.film_session(MediumType="PARCHMENT", MemoryAllocation=9, BodyPartExamined="X").status,
        console.film_box(MaxDensity=4095, Trim="MAYBE", AnnotationDisplayFormatID="NOWHERE").status,
        console.print_film().status,
        console.image_box(1, None, RequestedImageSize="4000", Polarity="SOUTH").status,
        console.print_session().status,
        console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE, tags=(0x00100010,)).status,
    ]
    assert statuses == [0] * 6
    assert len(rig.jobs.list()[-1].warnings) >= 5
    assert console.film_box("POSTER").status == 0x0106


# -- what other printers do not take -----------------------------------------------------------------------------------


@quirk(39, "N-ACTION of the session and of the film")
def both_actions(rig: Rig) -> None:
    console = MemoryConsole(rig)
    assert console.whole_film().status == 0
    assert console.print_session().status == 0
    assert [document.collated for document in documents(rig)] == [False, True]


@quirk(40, "a session of several film sizes is printed, each film at its own; no retired tag is answered")
def mixed_film_sizes(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    for size in ("14INX17IN", "8INX10IN", "A4"):
        console.film_box(FilmSizeID=size)
        console.image_box()
    answer = console.print_session()
    assert answer.status == 0 and answer.data is not None
    assert [int(element.tag) for element in answer.data] == [0x21000500]
    assert [page.film_size_id for page in documents(rig)[0].pages] == ["14INX17IN", "8INX10IN", "A4"]


@quirk(41, "a Presentation LUT at the film session, six annotations, Patient ID in the image box, a perception LUT")
def agfa_drystar_habits(rig: Rig) -> None:
    console = MemoryConsole(rig, more=(ANNOTATION_BOX, PRESENTATION_LUT))
    lut = console.presentation_lut(PresentationLUTSequence=lut_table(256, 12)).uid
    assert lut and console.film_session(ReferencedPresentationLUTSequence=lut_reference(lut)).status == 0
    wanted = r"PERCEPTION_LUT=KANAMORI\WINDOW_WIDTH=256\WINDOW_CENTER=128"
    assert console.film_box(AnnotationDisplayFormatID="ANNOTATION", ConfigurationInformation=wanted).status == 0
    text = "longer than the thirty-two characters of a Drystar"
    assert console.annotation(2, text).status == 0
    assert console.image_box(1, None, PatientID="4711").status == 0
    assert console.print_film().status == 0
    (document,) = documents(rig)
    (page,) = document.pages
    assert page.images[0].presentation_lut is not None and page.images[0].presentation_lut.bits == 12
    assert (page.annotations[0].position, page.annotations[0].text) == (2, text)
    assert page.images[0].configuration_information == wanted
    assert PatientClue("image box 1", patient_id="4711") in document.patient_clues


@quirk(42, "CURRENT is what is in the tray; contrast curves are kept with the film")
def kodak_habits(rig: Rig) -> None:
    console = MemoryConsole(rig)
    assert console.film_session(MediumType="CURRENT").status == 0
    answer = console.film_box(FilmSizeID="CURRENT", ConfigurationInformation=r"CS007\CN-2\PD0.2", SmoothingType="15")
    assert answer.status == 0 and answer.data is not None and answer.data.FilmSizeID == "14INX17IN"
    console.image_box()
    assert console.print_film().status == 0
    assert documents(rig)[0].pages[0].images[0].configuration_information == r"CS007\CN-2\PD0.2"


@quirk(43, "no answer has a VR that old consoles do not know, and the SOP class is always said")
def old_consoles_know_few_vrs(rig: Rig) -> None:
    console = MemoryConsole(rig, more=(ANNOTATION_BOX, PRESENTATION_LUT))
    uid = console.presentation_lut(PresentationLUTSequence=lut_table()).uid
    answers = [
        console.answer,
        console.film_session(FilmSessionLabel="x", OwnerID="y"),
        console.film_box(AnnotationDisplayFormatID="LABEL", ReferencedPresentationLUTSequence=lut_reference(uid or "")),
        console.image_box(),
        console.print_film(),
        console.say(Command.N_GET, PRINTER, PRINTER_INSTANCE),
        console.say(Command.N_GET, PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE),
    ]
    vrs = {element.VR for answer in answers for element in (answer.data or Dataset()).iterall()}
    assert vrs and not vrs & {"UN", "UT", "UC", "UR", "OD", "OF", "OL", "OV", "SV", "UV"}
    old = MemoryConsole(rig, explicit=False)
    assert old.whole_film().status == 0


@quirk(44, "Trim and Decimate/Crop may be there")
def trim_and_crop_may_be_there(rig: Rig) -> None:
    for personality in ("lenient", "strict"):
        rig.personality = Personality(personality=personality)  # type: ignore[arg-type]
        console = MemoryConsole(rig)
        console.film_session()
        assert console.film_box(Trim="NO").status == 0
        assert console.image_box(1, None, RequestedDecimateCropBehavior="DECIMATE").status == 0


@quirk(45, "one Implicit VR meta context, UIDs of the console's own, no N-GET, one image on the film")
def weasis_prints(rig: Rig) -> None:
    console = NetworkConsole(rig, rig.listen(), explicit=False, print_job=False)
    assert console.film_session("1.2.826.0.1.3680043.9.1", NumberOfCopies=1, MediumType="BLUE FILM").status == 0
    answer = console.film_box(
        uid="1.2.826.0.1.3680043.9.2", SmoothingType="MEDIUM", MagnificationType="CUBIC", BorderDensity="WHITE"
    )
    assert (answer.status, answer.uid) == (0, "1.2.826.0.1.3680043.9.2")
    assert console.image_box(1, image(60, 40)).status == 0
    assert console.print_film().status == 0 and console.answer.data is None
    assert console.delete_film().status == console.delete_session().status == 0
    console.close()
    assert documents(rig)[0].pages[0].images[0].smoothing_type == "MEDIUM"


@quirk(46, "a control character in the format, and an image in the sequence beside its own")
def pynetdicom_example_prints(rig: Rig) -> None:
    console = MemoryConsole(rig)
    console.film_session()
    assert console.film_box("STANDARD\x011,1").status == 0
    data = data_set(ImageBoxPosition=1, ReferencedImageBoxSequence=Sequence([image(9, 4)]))
    assert console.say(Command.N_SET, GRAYSCALE_IMAGE_BOX, console.boxes[0], data).status == 0
    assert console.print_film().status == 0
    (pixels,) = documents(rig)[0].references()
    assert pixels.rows == 9


@quirk(47, "any UID of the console is taken and said again; what is none is 0117")
def uids_of_the_console(rig: Rig) -> None:
    longest = "1.2." + "3" * 60
    for uid in ("1.2.3", "2.25.329800735698586629295641978511506172918", longest):
        assert MemoryConsole(rig).film_session(uid).uid == uid
    assert MemoryConsole(rig).film_session("1.2.").status == 0x0117


@quirk(48, "a console that asks for annotations gets boxes, whatever it calls them")
def annotations_have_boxes(rig: Rig) -> None:
    for format_id, status in (("HEADER", 0), ("FOOTER", 0), ("LABEL", 0), ("BOTTOM", 0x0116)):
        console = MemoryConsole(rig, more=(ANNOTATION_BOX,))
        console.film_session()
        assert console.film_box(AnnotationDisplayFormatID=format_id).status == status
        assert console.annotations and console.annotation(1, format_id).status == 0
        console.print_film()
        assert [text.text for text in documents(rig)[-1].pages[0].annotations] == [format_id]


@quirk(49, "a strict printer refuses what others would, and says why")
def strict_printer_gives_reasons(rig: Rig) -> None:
    rig.personality = Personality(personality="strict")
    console = MemoryConsole(rig)
    refused = [
        (console.film_session(MediumType="PARCHMENT"), 0x0106, "MediumType"),
        (console.film_session(PatientID="X"), 0x0105, "0010,0020"),
        (console.film_session() and console.film_box(ReferencedFilmSessionSequence=[]), 0x0121, "Film Session"),
        (console.film_box(r"standard\1,1"), 0x0106, "Image Display Format"),
        (console.film_box(FilmSizeID="HUGE"), 0x0106, "FilmSizeID"),
        (console.film_box() and console.image_box(1, image(bits=16)), 0x0106, "Bits"),
        (console.image_box(1, None, Polarity="SOUTH"), 0x0106, "Polarity"),
    ]
    for answer, status, words in refused:
        assert answer.status == status and words in answer.comment and len(answer.comment) <= 64
    assert console.image_box().status == 0 and console.print_film().status == 0


@quirk(50, "an association kept open between films, and one for each film; hours may lie between")
def associations_long_and_short(rig: Rig) -> None:
    port = rig.listen()
    long = NetworkConsole(rig, port)
    for number in range(3):
        assert long.film_session().status == 0
        assert long.film_box().status == long.image_box(1, image(number + 1, 4)).status == 0
        assert long.print_film().status == long.delete_session().status == 0
        short = NetworkConsole(rig, port)
        assert short.whole_film(r"STANDARD\1,2").status == 0
        short.close()
    long.close()
    assert len({job.uid for job in rig.jobs.list()}) == 6
    assert Limits().idle_print_s >= 3600


@pytest.mark.parametrize("one", QUIRKS, ids=[f"{one.row}-{one.play.__name__}" for one in QUIRKS])
def test_quirk(rig: Rig, one: Quirk) -> None:
    one.play(rig)


def test_every_row_has_its_dialogue() -> None:
    assert [one.row for one in QUIRKS] == list(range(1, 51))
    assert all(one.words for one in QUIRKS)
