"""Film imagers with habits, on dcmjs-dimse: what they are asked, what they refuse, what becomes of their Print Jobs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from printing.outputs import Delivered, Left, NotDelivered, PossiblyDelivered, Stop
from printing.outputs.dicom.association import print_job_uid
from printing.outputs.dicom.habits import OPTIONAL_ATTRIBUTES
from printing.outputs.dicom.note import NAME
from printing.outputs.scu import associate
from printing.page import PageText, PresentationLUT
from printing.printer import PrinterState
from printing.terms import PrinterStatus
from tests.appliance.print_rig import NetworkConsole
from tests.film_imager import FilmImager, film_to_relay, page
from tests.ipp_printer import until
from tests.judge import dcmjs
from tests.serving import Serving, serving

FILM, SESSION, ANNOTATION = "1.2.840.10008.5.1.1.2", "1.2.840.10008.5.1.1.1", "1.2.840.10008.5.1.1.15"
GRAY, LUT, JOB = "1.2.840.10008.5.1.1.9", "1.2.840.10008.5.1.1.23", "1.2.840.10008.5.1.1.14"
PRINTED = [[1, "QUEUED", 5], [2, "NORMAL", 5], [3, "NORMAL", 40]]


@pytest.fixture(scope="module")
def dimse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dcmjs.installed(tmp_path_factory.mktemp("dimse"))


def noted(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / NAME).read_bytes())
    assert isinstance(found, dict)
    return found


# -- Print Jobs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wishes",
    [
        {"events": PRINTED},
        {"events": PRINTED, "wrongTag": True},
        {"asked": [["PENDING", "QUEUED"], ["PRINTING", "NORMAL"], ["DONE", "NORMAL"]]},
        {"events": PRINTED, "mute": True},
        {"events": PRINTED, "noClass": True},
        {"events": PRINTED, "noClass": True, "ownUids": True},
    ],
    ids=[
        "events",
        "the tag of another sequence, in two items",
        "N-GET alone",
        "events alone",
        "no SOP class in answers",
        "no SOP class, own UIDs",
    ],
)
def test_a_film_is_done_when_the_imager_has_printed_it(dimse: Path, tmp_path: Path, wishes: dict[str, Any]) -> None:
    with FilmImager(dimse, **wishes) as imager:
        found = imager.output().deliver(film_to_relay(tmp_path / "film"))
        assert found == Delivered()
        assert noted(tmp_path / "film") == {"done": [0], "doubtful": [], "jobs": {}, "said": ""}
        confirmed = [one for one in imager.asked if "confirmed" in one]
    if "events" in wishes:
        assert {one["status"] for one in confirmed} == {0}


def test_a_print_job_that_fails_is_a_failure_with_its_term_and_may_be_printed_again(
    dimse: Path, tmp_path: Path
) -> None:
    film = film_to_relay(tmp_path / "film")
    with FilmImager(dimse, events=[[2, "NORMAL", 5], [4, "FILM JAM", 5]]) as imager:
        with pytest.raises(NotDelivered) as failure:
            imager.output().deliver(film)
        assert failure.value.info == "FILM JAM" and not failure.value.passing and "FILM JAM" in str(failure.value)
    with FilmImager(dimse, events=PRINTED) as imager:
        imager.output().deliver(film)
        assert f"action {FILM}" in imager.names()


def test_of_two_films_the_one_that_failed_is_printed_again_alone(dimse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    film = film_to_relay(folder, page(folder, seed=1), page(folder, seed=2))
    with FilmImager(dimse, asked=[["FAILURE", "SUPPLY EMPTY"]]) as imager, pytest.raises(NotDelivered):
        imager.output().deliver(film)
    # The second film's Print Job was not heard of yet; the imager of now does not know it, and nobody prints it again.
    with FilmImager(dimse, events=PRINTED) as imager:
        with pytest.raises(PossiblyDelivered):
            imager.output().deliver(film)
        assert imager.names().count(f"action {FILM}") == 1
    assert noted(folder)["done"] == [0] and noted(folder)["doubtful"] == [1]


def test_an_association_that_ends_early_is_opened_again_and_the_film_is_not_printed_again(
    dimse: Path, tmp_path: Path
) -> None:
    states = [["PENDING", "QUEUED"], ["DONE", "NORMAL"]]
    with FilmImager(dimse, events=[["hang up", "", 30]], asked=states) as imager:
        imager.output().deliver(film_to_relay(tmp_path / "film"))
        assert imager.names().count(f"action {FILM}") == 1
        assert sum("proposed" in one for one in imager.asked) == 2


def test_a_program_that_ends_leaves_the_print_job_and_takes_it_up_again(dimse: Path, tmp_path: Path) -> None:
    film = film_to_relay(tmp_path / "film")
    with FilmImager(dimse, asked=[["PRINTING", "NORMAL"], ["PRINTING", "NORMAL"], ["DONE", "NORMAL"]]) as imager:
        with pytest.raises(Left):
            imager.output().deliver(film, lambda: Stop.LEAVE if "job" in str(imager.asked) else Stop.NO)
        (job,) = noted(tmp_path / "film")["jobs"]
        imager.output().deliver(film)
        assert imager.names().count(f"action {FILM}") == 1
        assert [one["uid"] for one in imager.asked if one.get("asked") == "job"] == [job] * 3


def test_a_print_job_that_the_imager_forgot_over_a_crash_is_held_and_printed_again_by_a_persons_word(
    dimse: Path, tmp_path: Path
) -> None:
    film = film_to_relay(tmp_path / "film")
    (tmp_path / "film" / NAME).write_text(json.dumps({"done": [0], "jobs": {"1.2.3": [0]}, "doubtful": [], "said": ""}))
    with FilmImager(dimse, asked=[["DONE", "NORMAL"]]) as imager:
        for _ in range(2):
            with pytest.raises(PossiblyDelivered):
                imager.output().deliver(film)
        assert f"action {FILM}" not in [one.get("asked") for one in imager.asked]
        imager.output().deliver(film_to_relay(tmp_path / "film", said="the tray is empty"))
        assert imager.names().count(f"action {FILM}") == 1


def test_an_imager_that_hangs_up_over_the_answer_leaves_a_film_that_is_held(dimse: Path, tmp_path: Path) -> None:
    film = film_to_relay(tmp_path / "film")
    with FilmImager(dimse, hangUp="action") as imager:
        for _ in range(2):
            with pytest.raises(PossiblyDelivered):
                imager.output().deliver(film)
        assert imager.names().count(f"action {FILM}") == 1


def test_an_imager_that_says_nothing_of_its_print_job_is_told(
    dimse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("printing.outputs.dicom.follow.MUTE_S", 0.3)
    with FilmImager(dimse, mute=True) as imager:
        found = imager.output().deliver(film_to_relay(tmp_path / "film"))
    assert len(found.warnings) == 1 and "says nothing of its print job" in found.warnings[0]


def test_what_an_imager_tells_of_itself_is_the_printers_state(dimse: Path, tmp_path: Path) -> None:
    with FilmImager(dimse, events=[[12, "SUPPLY LOW", 0], *PRINTED]) as imager:
        imager.output().deliver(film_to_relay(tmp_path / "film"))
        assert PrinterState(PrinterStatus.WARNING, "SUPPLY LOW") in imager.states
    with FilmImager(dimse, printer=["WARNING", "CHEMICALS LOW"]) as imager:
        assert imager.output().look().state == PrinterState(PrinterStatus.WARNING, "CHEMICALS LOW")
    (tmp_path / "film" / NAME).unlink()
    with FilmImager(dimse, printer=["FAILURE", "words of its own"]) as imager:
        with pytest.raises(NotDelivered) as failure:
            imager.output().deliver(film_to_relay(tmp_path / "film"))
        assert failure.value.passing and imager.states[-1] == PrinterState(PrinterStatus.FAILURE, "UNKNOWN")


# -- habits -----------------------------------------------------------------------------------------------------------


def test_only_what_the_console_set_is_sent(dimse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    plain = page(folder, min_density_centi_od=20, max_density_centi_od=300)
    told = page(folder, max_density_centi_od=250, border_density="WHITE", given=("MaxDensity", "BorderDensity"))
    with FilmImager(dimse) as imager:
        imager.output().deliver(film_to_relay(folder, plain, told, given=()))
        films = imager.heard(f"create {FILM}")
    mandatory = {"ImageDisplayFormat", "FilmOrientation", "FilmSizeID"}
    assert [set(film) - mandatory for film in films] == [set(), {"MaxDensity", "BorderDensity"}]
    assert set(imager.heard(f"create {SESSION}")[0]) == {"NumberOfCopies"}
    assert set(imager.heard("set")[0]) == {"ImageBoxPosition", "bits"}


def test_image_boxes_keep_what_is_their_own(dimse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    image = {
        "polarity": "REVERSE",
        "requested_image_size_mm": 123.45,
        "requested_decimate_crop_behavior": "CROP",
        "min_density_centi_od": 30,
        "max_density_centi_od": 210,
    }
    with FilmImager(dimse) as imager:
        imager.output().deliver(film_to_relay(folder, page(folder, image=image)))
        (heard,) = imager.heard("set")
    assert heard["Polarity"] == "REVERSE" and float(heard["RequestedImageSize"]) == 123.45
    assert heard["RequestedDecimateCropBehavior"] == "CROP"
    assert (heard["MinDensity"], heard["MaxDensity"]) == (30, 210)


def test_an_attribute_that_is_refused_is_left_out_alone_told_and_not_tried_again(dimse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    given = {"trim": True, "max_density_centi_od": 250, "given": ("MaxDensity",)}
    film = film_to_relay(folder, page(folder, seed=1, **given), page(folder, seed=2, **given))
    with FilmImager(dimse, refuse={"Trim": 0x0105}) as imager:
        found = imager.output().deliver(film)
        heard = imager.heard(f"create {FILM}")
    assert found.warnings == ("the imager does not take Trim: printed without",)
    assert ["Trim" in one for one in heard] == [True, True, False, False], (
        "all, without MaxDensity, without Trim; film 2"
    )
    assert heard[-1]["MaxDensity"] == 250


def test_attributes_of_omit_are_never_seen_and_it_is_told(dimse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    image = {"requested_decimate_crop_behavior": "FAIL"}
    with FilmImager(dimse) as imager:
        output = imager.output(omit=frozenset({"Trim", "RequestedDecimateCropBehavior"}))
        found = output.deliver(film_to_relay(folder, page(folder, trim=True, image=image)))
        seen = {keyword for one in imager.asked for keyword in one.get("heard", {})}
    assert not seen & {"Trim", "RequestedDecimateCropBehavior"}
    assert set(found.warnings) == {
        "not sent, as imager.omit has it: Trim",
        "not sent, as imager.omit has it: RequestedDecimateCropBehavior",
    }


def test_the_imagers_own_uids_are_used(dimse: Path, tmp_path: Path) -> None:
    for wishes, habits in (({"ownUids": True}, {}), ({}, {"own_uids": True})):
        with FilmImager(dimse, **wishes) as imager:
            imager.output(**habits).deliver(film_to_relay(tmp_path / "film"))
            (tmp_path / "film" / NAME).unlink()
            assert imager.names()
            (created,) = (one for one in imager.asked if one.get("asked") == f"create {FILM}")
            (action,) = (one for one in imager.asked if one.get("asked") == f"action {FILM}")
        assert action["uid"].startswith("1.2.3.4.") and created["uid"] != action["uid"]
        assert bool(created["uid"]) == ("ownUids" in wishes)


def test_sizes_and_media_are_called_what_the_imager_calls_them(dimse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    film = film_to_relay(folder, page(folder, film_size_id="35CMX43CM"), medium_type="BLUE FILM")
    with FilmImager(dimse) as imager:
        imager.output(film_sizes={"35CMX43CM": "14INX17IN"}, medium_types={"BLUE FILM": "CURRENT"}).deliver(film)
        assert imager.heard(f"create {FILM}")[0]["FilmSizeID"] == "14INX17IN"
        assert imager.heard(f"create {SESSION}")[0]["MediumType"] == "CURRENT"


@pytest.mark.parametrize(
    ("habits", "associations", "sessions", "films", "actions"),
    [
        ({}, 1, 2, 3, [FILM] * 3),
        ({"prints": "session"}, 1, 2, 3, [SESSION] * 2),
        ({"association_per_film": True}, 3, 3, 3, [FILM] * 3),
        ({"prints": "session", "association_per_film": True}, 2, 2, 3, [SESSION] * 2),
    ],
)
def test_films_of_two_sizes_are_two_sessions_printed_as_the_imager_wants(
    dimse: Path,
    tmp_path: Path,
    habits: dict[str, Any],
    associations: int,
    sessions: int,
    films: int,
    actions: list[str],
) -> None:
    folder = tmp_path / "film"
    sizes = ("14INX17IN", "14INX17IN", "8INX10IN")
    pages = [page(folder, seed=10 * at, film_size_id=size) for at, size in enumerate(sizes)]
    with FilmImager(dimse) as imager:
        imager.output(**habits).deliver(film_to_relay(folder, *pages))
        names = imager.names()
        assert sum("proposed" in one for one in imager.asked) == associations
    assert names.count(f"create {SESSION}") == sessions and names.count(f"create {FILM}") == films
    assert [name.removeprefix("action ") for name in names if name.startswith("action")] == actions
    assert noted(folder)["done"] == [0, 1, 2]


def test_an_imager_of_meta_classes_alone_is_asked_for_nothing_else(dimse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    lut = PresentationLUT(None, tuple(range(4095, -1, -1)), 12)
    with FilmImager(dimse) as imager:
        output = imager.output(optional_classes=(), implicit_only=True, bits=8)
        output.deliver(film_to_relay(folder, page(folder, image={"presentation_lut": lut})))
        assert imager.names()
        (one,) = (found["proposed"] for found in imager.asked if "proposed" in found)
    assert one == [[GRAY, ["1.2.840.10008.1.2"]]]
    (heard,) = imager.heard("set")
    assert heard["bits"] == 8 and "lut" not in heard


def test_twelve_bits_that_are_refused_become_eight_and_it_is_told(dimse: Path, tmp_path: Path) -> None:
    with FilmImager(dimse, refuse={"BitsStored": 8}) as imager:
        found = imager.output().deliver(film_to_relay(tmp_path / "film"))
        assert [heard["bits"] for heard in imager.heard("set")] == [12, 8]
    (warning,) = found.warnings
    assert "the imager refused the image 1: 0106 no BitsStored" in warning and "eight bits" in warning


def test_pixels_of_other_depths_go_as_twelve_bits(dimse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    with FilmImager(dimse) as imager:
        imager.output().deliver(film_to_relay(folder, page(folder, bits=10), page(folder, bits=16, seed=5)))
        assert [heard["bits"] for heard in imager.heard("set")] == [12, 12]


def test_an_image_that_got_lost_is_sent_again(dimse: Path, tmp_path: Path) -> None:
    with FilmImager(dimse, fail={"set": [0x0110, "try again"]}, once=True) as imager:
        found = imager.output().deliver(film_to_relay(tmp_path / "film"))
        assert imager.names().count("set") == 2
    assert found.warnings == ("the imager refused the image 1: 0110 try again: sent again",)


@pytest.mark.parametrize(("prints", "other"), [("film", SESSION), ("session", FILM)])
def test_an_imager_that_prints_only_sessions_or_only_films_is_asked_its_way(
    dimse: Path, tmp_path: Path, prints: str, other: str
) -> None:
    folder = tmp_path / "film"
    film = film_to_relay(folder, page(folder, seed=1), page(folder, seed=2))
    own = {"film": FILM, "session": SESSION}
    with FilmImager(dimse, fail={f"action {other}": [0x0211, ""]}, events=PRINTED) as imager:
        assert imager.output(prints=prints).deliver(film) == Delivered()
        actions = [name for name in imager.names() if name.startswith("action")]
    assert actions == [f"action {own[prints]}"] * (2 if prints == "film" else 1)
    (folder / NAME).unlink()
    with FilmImager(dimse, fail={f"action {own[prints]}": [0x0211, ""]}) as imager:
        wanted = "session" if prints == "film" else "film"
        with pytest.raises(NotDelivered, match=f'it may want imager.prints = "{wanted}"'):
            imager.output(prints=prints).deliver(film)


def test_an_imager_that_refuses_whatever_is_merely_present_gets_what_is_not_the_default(
    dimse: Path, tmp_path: Path
) -> None:
    """Imagers built on DCMTK fail a film for Trim NO or Decimate/Crop DECIMATE (DICOMKit's statement, §3.3)."""
    folder = tmp_path / "film"
    with FilmImager(dimse, refuse=dict.fromkeys(sorted(OPTIONAL_ATTRIBUTES), 0x0105)) as imager:
        found = imager.output().deliver(film_to_relay(folder, page(folder, given=()), given=()))
        assert found == Delivered() and imager.names().count(f"create {FILM}") == 1


def test_a_reply_with_the_retired_print_job_id_is_read(dimse: Path) -> None:
    """Fuji's FN-PS551 answers N-ACTION with (2100,0010) too."""
    with FilmImager(dimse, events=PRINTED) as imager:
        association = associate(("127.0.0.1", imager.port, "IMAGER", "GRAVURE"), [(GRAY, ["1.2.840.10008.1.2"])], 10)
        status, reply = association.send_n_action(None, 1, FILM, "1.2.3", meta_uid=GRAY)
        association.release()
    assert status.Status == 0 and reply[0x21000010].value == "17"
    assert print_job_uid(reply).startswith("1.2.3.4.")


def test_every_warning_of_the_imager_is_kept_and_a_refusal_is_told_word_for_word(dimse: Path, tmp_path: Path) -> None:
    warn = {
        f"create {SESSION}": [0xB600, "no memory ahead"],
        f"create {FILM}": [0xB605, "Max Density 3.1"],
        "set": [0xB604, ""],
        f"action {FILM}": [0xB603, "empty"],
    }
    with FilmImager(dimse, warn=warn) as imager:
        found = imager.output().deliver(film_to_relay(tmp_path / "film"))
    assert found.warnings == (
        "the imager warns of the film session: B600 no memory ahead",
        "the imager warns of the film box: B605 Max Density 3.1",
        "the imager warns of the image 1: B604 the image was made smaller to fit its box",
        "the imager warns of the film: B603 empty",
    )
    (tmp_path / "film" / NAME).unlink()
    with FilmImager(dimse, fail={f"action {FILM}": [0xC602, "queue is full"]}) as imager:
        with pytest.raises(NotDelivered, match="refused the film: C602 queue is full") as failure:
            imager.output().deliver(film_to_relay(tmp_path / "film"))
        assert failure.value.passing and not (tmp_path / "film" / NAME).exists()
    with FilmImager(dimse, fail={f"action {FILM}": [0x0211, ""]}) as imager:
        with pytest.raises(NotDelivered, match=r'0211 it may want imager.prints = "session"') as failure:
            imager.output().deliver(film_to_relay(tmp_path / "film"))
        assert not failure.value.passing


def test_annotations_go_into_annotation_boxes_or_are_told(dimse: Path, tmp_path: Path) -> None:
    folder = tmp_path / "film"
    texts = (PageText(1, "Müller", "HEADER"), PageText(2, "CT", "HEADER"))
    film = film_to_relay(folder, page(folder, annotations=texts, character_set=("ISO_IR 100",)))
    with FilmImager(dimse, annotations=3) as imager:
        assert imager.output().deliver(film).warnings == ()
        told = [one["heard"] for one in imager.asked if one.get("class") == ANNOTATION]
        assert imager.heard(f"create {FILM}")[0]["AnnotationDisplayFormatID"] == "HEADER"
        assert imager.heard(f"create {SESSION}")[0]["SpecificCharacterSet"]
    assert [(one["AnnotationPosition"], len(one["TextString"])) for one in told] == [(1, 6), (2, 2)]
    lost = "the imager takes no annotations: {} of the console's are not on the film"
    for wishes, habits, many in (({}, {}, 2), ({"classes": [GRAY]}, {}, 2), ({"annotations": 1}, {}, 1)):
        (folder / NAME).unlink()
        with FilmImager(dimse, **wishes) as imager:
            assert imager.output(**habits).deliver(film).warnings == (lost.format(many),)


def test_events_between_requests_stop_none_of_them(dimse: Path) -> None:
    """The library's own way of serving an event makes one request in some hundreds wait for ever."""
    events = [[1 + at % 2, "NORMAL", 10] for at in range(100)]
    with FilmImager(dimse, events=events, asked=[["PRINTING", "NORMAL"]]) as imager:
        heard: list[int] = []
        address = ("127.0.0.1", imager.port, "IMAGER", "GRAVURE")
        contexts = [(one, ["1.2.840.10008.1.2"]) for one in (GRAY, JOB)]
        association = associate(address, contexts, 10, lambda _class, _uid, event, _data: heard.append(event))
        assert association.send_n_action(None, 1, FILM, "1.2.3", meta_uid=GRAY)[0].Status == 0
        asked, end = 0, time.monotonic() + 20
        while len(heard) < len(events) and time.monotonic() < end:
            status, _ = association.send_n_get([0x21100010, 0x21100020], "1.2.840.10008.5.1.1.16", "1.2", meta_uid=GRAY)
            assert status.Status == 0
            asked += 1
        association.release()
        assert len(heard) == len(events) and asked > 3
        imager.end()
        assert sum(one.get("status") == 0 for one in imager.asked if "confirmed" in one) == len(events)


def test_an_answer_is_not_taken_by_the_librarys_own_reactor(dimse: Path) -> None:
    with FilmImager(dimse) as imager:
        address = ("127.0.0.1", imager.port, "IMAGER", "GRAVURE")
        association = associate(address, [(GRAY, ["1.2.840.10008.1.2"])], 10)
        association.dimse.msg_queue.put((1, "an answer"))
        time.sleep(0.05)
        assert association.dimse.get_msg(block=False) == (None, None)
        assert association.dimse.get_msg(block=True) == (1, "an answer")
        association.release()


# -- from the console to the imager -----------------------------------------------------------------------------------

TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[access]
unknown_peers = "accept"
{more}
"""


def relays(**imagers: FilmImager) -> str:
    return "\n".join(
        f'[printers.{name}]\noutput = "dicom"\npeer = "{name}"\n'
        f'[peers.{name}]\nae_title = "{name}"\naddress = "127.0.0.1"\nport = {imager.port}'
        for name, imager in imagers.items()
    )


def test_a_console_hears_what_really_became_of_its_film(dimse: Path, tmp_path: Path) -> None:
    slow = [[1, "QUEUED", 5], [2, "NORMAL", 5], [3, "NORMAL", 600]]
    with FilmImager(dimse, events=slow) as good, FilmImager(dimse, events=[[4, "FILM JAM", 5]]) as bad:
        with serving(tmp_path, relays(GOOD=good, BAD=bad), TOML) as one:
            console = NetworkConsole(None, one.port, called="GOOD")
            assert console.whole_film().status == 0
            console.listen(lambda: 3 in console.told(JOB))
            assert {"confirmed": 3, "status": 0} in good.asked, "done before the imager said so"
            assert console.told(JOB) == [1, 2, 3]
            other = NetworkConsole(None, one.port, called="BAD")
            assert other.whole_film().status == 0
            other.listen(lambda: 4 in other.told(JOB))
            (failure,) = (data for _, _, event, data in other.events if event == 4)
            assert failure is not None and failure.ExecutionStatusInfo == "FILM JAM"
            found, jammed = one.all_ended(2)
        assert found["state"] == "DONE" and found["warnings"] == []
        assert (jammed["state"], jammed["info"]) == ("FAILURE", "FILM JAM")
        assert "the imager could not print the film: FILM JAM" in jammed["error"]


def test_kill_9_while_the_imager_prints_and_the_film_comes_out_once(dimse: Path, tmp_path: Path) -> None:
    with FilmImager(dimse, asked=[*[["PRINTING", "NORMAL"]] * 4, ["DONE", "NORMAL"]]) as imager:
        one = Serving(tmp_path, relays(FILM=imager), TOML).start()
        try:
            assert NetworkConsole(None, one.port).whole_film().status == 0
            until(lambda: "job" in [found.get("asked") for found in imager.asked], "the imager was not asked")
            one.kill()
            one.start()
            (job,) = one.all_ended()
        finally:
            one.kill()
        assert job["state"] == "DONE", job
        assert imager.names().count(f"action {FILM}") == 1
