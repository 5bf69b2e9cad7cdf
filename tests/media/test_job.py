"""Disc jobs: from instances to media that other programs read, and what is said instead of a wrong disc."""

from __future__ import annotations

import os
import subprocess
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

import media.job
from media.content.front_page import front_page
from media.content.readme import Imprint, readme
from media.content.words import PHRASES, README
from media.folder import SeveralPatients, build_disc, instances_below
from media.job import DiscError, make_disc
from media.record_bodies import parse_keys
from media.request import DiscInstance, DiscRequest
from media.transcode import CannotTranscode, bound_bytes, transcode
from media.validate import validate
from media.verify import NotVerified, verify
from tests.corpus import CORPUS, manifest, needs_corpus
from tests.instances import instance, written

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def request_of(folder: Path, **changes: object) -> DiscRequest:
    found = tuple(one for one, _ in instances_below([folder]))
    return replace(
        DiscRequest(found, "STD-GEN-CD", "CD-80", "TEST", NOW, "seed", institution="Clinique du Lac"), **changes
    )


def test_a_request_survives_json(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(1))
    request = request_of(tmp_path / "in")
    assert DiscRequest.from_json(request.to_json()) == request


def test_the_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path / "in", *(instance(number) for number in range(1, 5)))
    made = [make_disc(request_of(tmp_path / "in"), tmp_path / name).files[0].read_bytes() for name in ("a", "b")]
    assert made[0] == made[1]


@pytest.mark.parametrize("output", ["iso", "zip", "folder"])
def test_every_output_is_a_conformant_file_set(tmp_path: Path, output: str) -> None:
    written(tmp_path / "in", *(instance(number, series=number % 2) for number in range(1, 7)))
    (made,) = make_disc(request_of(tmp_path / "in", output=output), tmp_path / "work").files
    report = validate(made)
    assert report.ok, report.findings
    assert report.instances == 6


def test_a_zip_stores_names_of_ps3_10(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(1))
    (made,) = make_disc(request_of(tmp_path / "in", output="zip"), tmp_path / "work").files
    names = zipfile.ZipFile(made).namelist()
    assert sorted(names) == ["DICOM/PA000001/ST000001/SE000001/IM000001", "DICOMDIR", "INDEX.HTM", "README.TXT"]


@pytest.mark.parametrize("year", [1970, 2200])
@pytest.mark.parametrize("output", ["iso", "zip"])
def test_a_clock_that_was_never_set_makes_discs(tmp_path: Path, output: str, year: int) -> None:
    """A ZIP knows the years 1980 to 2107."""
    written(tmp_path / "in", instance(1))
    request = replace(request_of(tmp_path / "in", output=output), now=datetime(year, 1, 1, 0, 1, tzinfo=UTC))
    (made,) = make_disc(request, tmp_path / "work").files
    assert validate(made).ok


def test_several_volumes_are_complete_each_and_know_of_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from media.profiles import Medium

    monkeypatch.setitem(media.job.MEDIA, "CD-80", Medium("CD-80", 300 + 260))
    written(tmp_path / "in", *(instance(number, study=study, side=256) for study in (1, 2, 3) for number in (1, 2)))
    result = make_disc(request_of(tmp_path / "in"), tmp_path / "work")
    assert len(result.files) == 3
    found = []
    for number, made in enumerate(result.files, 1):
        disc = tmp_path / f"disc{number}"
        disc.mkdir()
        subprocess.run(["bsdtar", "-xf", str(made), "-C", str(disc)], check=True)
        assert f"disc {number} of 3".encode() in (disc / "README.TXT").read_bytes()
        directory = pydicom.dcmread(disc / "DICOMDIR")
        assert directory.FileSetID == f"TEST_{number}"
        found += [str(pydicom.dcmread(file).SOPInstanceUID) for file in disc.glob("DICOM/**/IM*")]
        assert validate(made).ok
    assert len(found) == len(set(found)) == 6


def test_too_much_for_one_medium_is_said_before_anything_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from media.profiles import Medium

    monkeypatch.setitem(media.job.MEDIA, "CD-80", Medium("CD-80", 300 + 260))
    written(tmp_path / "in", *(instance(number, study=number, side=256) for number in (1, 2, 3, 4)))
    with pytest.raises(DiscError) as failure:
        make_disc(request_of(tmp_path / "in", split=False), tmp_path / "work")
    assert (failure.value.info, failure.value.hold) == ("SET_OVERSIZED", True)
    written(tmp_path / "huge", instance(9, side=800))
    with pytest.raises(DiscError) as failure:
        make_disc(request_of(tmp_path / "huge"), tmp_path / "work")
    assert failure.value.info == "INST_OVERSIZED"
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize(
    ("changes", "info"),
    [({"profile": "STD-GEN-CD", "medium": "DVD"}, "NOT_SUPPORTED"), ({"profile": "NO-SUCH"}, "NOT_SUPPORTED")],
)
def test_a_profile_that_cannot_be_written_is_said(tmp_path: Path, changes: dict[str, str], info: str) -> None:
    written(tmp_path / "in", instance(1))
    with pytest.raises(DiscError) as failure:
        make_disc(request_of(tmp_path / "in", **changes), tmp_path / "work")
    assert failure.value.info == info


def test_video_on_a_cd_is_held_with_its_name(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(1))
    request = request_of(tmp_path / "in")
    film = replace(request.instances[0], transfer_syntax_uid="1.2.840.10008.1.2.4.102")
    with pytest.raises(DiscError) as failure:
        make_disc(replace(request, instances=(film,)), tmp_path / "work")
    assert (failure.value.info, failure.value.hold) == ("INST_AP_CONFLICT", True)
    assert film.sop_instance_uid in str(failure.value)


def test_hanging_protocols_stay_off_a_patient_s_disc(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(1))
    request = request_of(tmp_path / "in")
    protocol = replace(request.instances[0], sop_class_uid="1.2.840.10008.5.1.4.38.1", sop_instance_uid="1.2.3")
    result = make_disc(replace(request, instances=(*request.instances, protocol)), tmp_path / "work")
    assert result.warnings[0] == "1 objects that belong to no patient were left out"
    with pytest.raises(DiscError, match="nothing to put on a disc"):
        make_disc(replace(request, instances=(protocol,)), tmp_path / "work")


def test_a_changed_byte_is_found_by_reading_back(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(1, side=64))
    (made,) = make_disc(request_of(tmp_path / "in"), tmp_path / "work").files
    expected = {
        ("DICOM", "PA000001", "ST000001", "SE000001", "IM000001"): "",
        ("DICOMDIR",): "",
        ("INDEX.HTM",): "",
        ("README.TXT",): "",
    }
    import hashlib

    disc = tmp_path / "disc"
    disc.mkdir()
    subprocess.run(["bsdtar", "-xf", str(made), "-C", str(disc)], check=True)
    for path in expected:
        expected[path] = hashlib.sha256(disc.joinpath(*path).read_bytes()).hexdigest()
    verify(made, expected)
    data = bytearray(made.read_bytes())
    place = data.rindex(instance(1, side=64).PixelData)
    data[place] ^= 1
    made.write_bytes(data)
    with pytest.raises(NotVerified, match="IM000001 is not what was written"):
        verify(made, expected)
    with pytest.raises(NotVerified, match="1 files are missing"):
        verify(made, {**expected, ("DICOM", "X"): ""})
    with pytest.raises(NotVerified, match="not meant to be there"):
        verify(made, {path: value for path, value in expected.items() if path != ("README.TXT",)})


# -- what people read ------------------------------------------------------------------------------------------------


def imprint(**changes: object) -> Imprint:
    return replace(Imprint("Clinique du Lac", "en", "STD-GEN-CD", "0.1.0", NOW), **changes)


@pytest.mark.parametrize("language", sorted(README))
def test_readme_in_every_language(language: str) -> None:
    text = readme(imprint(language=language, number=2, of=3, addendum=True)).decode("utf-8-sig")
    assert "\r\n" in text and "\n" not in text.replace("\r\n", "")
    assert "Clinique du Lac" in text and "STD-GEN-CD" in text and "{" not in text
    assert PHRASES[language]["addendum"] in text
    assert max(map(len, text.splitlines())) <= 79


def test_an_unknown_language_is_english() -> None:
    assert readme(imprint(language="tlh")) == readme(imprint(language="en"))
    assert readme(imprint(language="fr-CA")) == readme(imprint(language="fr"))


def test_markup_in_a_name_is_text_on_the_page(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(1, PatientName="<script>alert(1)</script>", StudyDescription="a & b"))
    (one,) = (one for one, _ in instances_below([tmp_path / "in"]))
    page = front_page(imprint(institution='"><b>'), [parse_keys(one.keys)]).decode("utf-8")
    assert "<script" not in page and "<b>" not in page
    assert "&lt;script&gt;" in page and "a &amp; b" in page
    import xml.dom.minidom

    xml.dom.minidom.parseString(page.replace(page.split("\n")[1], ""))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("DOE^JANE^^Dr", "DOE JANE Dr"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada Tarou (山田 太郎)"),
        ("=山田^太郎", "山田 太郎"),
    ],
)
def test_a_name_is_shown_in_the_letters_that_it_has(tmp_path: Path, name: str, shown: str) -> None:
    written(tmp_path / "in", instance(1, PatientName=name, SpecificCharacterSet="ISO_IR 192"))
    (one,) = (one for one, _ in instances_below([tmp_path / "in"]))
    page = front_page(imprint(), [parse_keys(one.keys)]).decode("utf-8")
    assert shown.lower() in page.lower()


def test_no_text_makes_the_page_long_or_no_xhtml(tmp_path: Path) -> None:
    texts = {"StudyDescription": "&" * 9000, "SeriesDescription": "&" * 9000, "PatientName": "A\x01B" + "&" * 9000}
    written(tmp_path / "in", instance(1, **texts))
    (one,) = (one for one, _ in instances_below([tmp_path / "in"]))
    empty = len(front_page(imprint(), []))
    page = front_page(imprint(), [parse_keys(one.keys)])
    assert len(page) - empty < media.job.FRONT_PAGE_SERIES_BYTES + 2048
    import xml.dom.minidom

    xml.dom.minidom.parseString(page.replace(page.split(b"\n")[1], b""))


# -- re-encoding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_lossless_syntaxes_come_back_pixel_for_pixel(tmp_path: Path, syntax: str) -> None:
    original = instance(1, side=64)
    pixels = original.pixel_array.copy()
    original.compress(syntax, generate_instance_uid=False)
    (file,) = written(tmp_path / "in", original)
    transcode(file, tmp_path / "out")
    again = pydicom.dcmread(tmp_path / "out")
    assert (again.pixel_array == pixels).all()
    assert again.SOPInstanceUID == original.SOPInstanceUID
    assert "LossyImageCompression" not in again
    assert (tmp_path / "out").stat().st_size <= bound_bytes(file, syntax)
    assert (tmp_path / "out").read_bytes()[:128] == bytes(128)


def test_a_broken_stream_is_named_and_held(tmp_path: Path) -> None:
    original = instance(1, side=64)
    original.compress(JPEG2000Lossless, generate_instance_uid=False)
    original.PixelData = original.PixelData[:200] + bytes(len(original.PixelData) - 200)
    (file,) = written(tmp_path / "in", original)
    with pytest.raises(CannotTranscode):
        transcode(file, tmp_path / "out")


def test_a_size_lie_is_refused_before_decoding(tmp_path: Path) -> None:
    original = instance(1, side=64)
    original.compress(RLELossless, generate_instance_uid=False)
    original.Rows = original.Columns = 65535
    (file,) = written(tmp_path / "in", original)
    with pytest.raises(CannotTranscode, match="its pixels take"):
        bound_bytes(file, RLELossless)


def test_a_size_that_is_none_does_not_matter_where_nothing_is_decoded(tmp_path: Path) -> None:
    original = instance(1, side=64, Rows=[64, 0])
    original.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    (file,) = written(tmp_path / "in", original)
    transcode(file, tmp_path / "out")
    assert (tmp_path / "out").stat().st_size <= bound_bytes(file, ImplicitVRLittleEndian)


@needs_corpus
def test_the_bound_holds_for_the_whole_corpus(tmp_path: Path) -> None:
    checked = 0
    for row in manifest():
        if row["storable"] != "yes" or row["transfer_syntax_uid"].endswith(".99"):
            continue
        file = CORPUS / row["path"]
        try:
            most = bound_bytes(file, row["transfer_syntax_uid"])
            transcode(file, tmp_path / "out")
        except CannotTranscode:
            continue
        assert (tmp_path / "out").stat().st_size <= most, row["path"]
        checked += 1
    assert checked > 130


# -- without a daemon ------------------------------------------------------------------------------------------------


def test_several_patients_are_named_unless_split(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(1), instance(1, study=2, PatientID="4712", PatientName="ROE^RICHARD"))
    with pytest.raises(SeveralPatients) as failure:
        build_disc([tmp_path / "in"], tmp_path / "out.iso")
    assert failure.value.patients == ("4711: DOE^JANE", "4712: ROE^RICHARD")
    result = build_disc([tmp_path / "in"], tmp_path / "out.iso", split=True)
    assert [file.name for file in result.files] == ["out-patient1of2.iso", "out-patient2of2.iso"]


def test_a_patient_whose_report_lacks_the_issuer_is_one_patient(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(1, IssuerOfPatientID="HOSP"), instance(2))
    assert len(build_disc([tmp_path / "in"], tmp_path / "out.iso").files) == 1


def test_a_preamble_that_is_a_program_does_not_leave(tmp_path: Path) -> None:
    (file,) = written(tmp_path / "in", instance(1))
    file.write_bytes(b"MZ" + b"\x90" * 126 + file.read_bytes()[128:])
    build_disc([tmp_path / "in"], tmp_path / "out.iso")
    assert b"MZ\x90" not in (tmp_path / "out.iso").read_bytes()


def test_links_and_foreign_files_are_passed_over(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(1))
    (tmp_path / "in" / "note.txt").write_text("not an image")
    (tmp_path / "in" / "link").symlink_to("/etc/passwd")
    found = list(instances_below([tmp_path / "in"]))
    assert len(found) == 1 and isinstance(found[0][0], DiscInstance)


@pytest.mark.parametrize("damage", ["header", "pixels"])
def test_an_image_that_cannot_be_read_is_named_and_no_disc_lacks_it(tmp_path: Path, damage: str) -> None:
    one, two = written(tmp_path / "in", instance(1), instance(2))
    whole = two.read_bytes()
    two.write_bytes(whole[: 500 if damage == "header" else len(whole) - 10])
    with pytest.raises(DiscError) as failure:
        build_disc([tmp_path / "in"], tmp_path / "out.iso")
    assert str(two) in str(failure.value) and str(one) not in str(failure.value)
    assert not (tmp_path / "out.iso").exists()


def test_several_volumes_are_named_by_their_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "in", *(instance(number, side=256) for number in range(1, 4)))
    monkeypatch.setitem(media.job.MEDIA, "CD-21", replace(media.job.MEDIA["CD-21"], sectors=300 + 160))
    result = build_disc([tmp_path / "in"], tmp_path / "out.iso", medium="CD-21")
    assert [file.name for file in result.files] == ["out-1of3.iso", "out-2of3.iso", "out-3of3.iso"]
    for number, file in enumerate(result.files, 1):
        assert validate(file).ok
        text = subprocess.run(["bsdtar", "-xOf", file, "README.TXT"], capture_output=True, check=True).stdout
        assert f"{number} of 3".encode() in text


def test_what_is_no_image_is_left_out_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    written(folder, instance(1))
    (folder / "note.txt").write_text("not an image")
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "fifo")
    build_disc([folder], tmp_path / "first")
    (folder / "old").mkdir()
    for name in ("DICOMDIR", "COPY"):
        (folder / "old" / name).write_bytes((tmp_path / "first" / "DICOMDIR").read_bytes())
    notes = build_disc([folder], tmp_path / "out.iso").warnings
    assert "left out: 3 files that are no DICOM images" in notes and "left out: 3 links and devices" in notes


def test_nothing_is_left_beside_the_disc(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(1))
    build_disc([tmp_path / "in"], tmp_path / "out.iso")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in", "out.iso"]
