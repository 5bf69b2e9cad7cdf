"""DICOMDIRs as we write them, read by ourselves and by pydicom (PS3.3 Annex F)."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, FileDataset, Sequence, dcmread

from media.dicomdir import DirectoryEntry, Icon, Supplied, read_dicomdir, write_dicomdir
from media.elements import TEXT_VRS, Unparsable, encode_element
from media.file_ids import FileIDs
from media.instance import scan_header
from media.records import (
    RECORD_KEYS,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    STORAGE_CLASSES,
    STUDY_INSTANCE_UID,
    record_keys,
    wanted,
)
from media.validation_directory import check_directory
from media.validation_report import Findings
from media.values import GOOD
from tests.media.builders import CT, EXPLICIT, PR, SR, encode, instance

NOW = datetime(2026, 3, 4, 5, 6, 7)
BY_RECORD = {record: uid for uid, record in reversed(STORAGE_CLASSES.items()) if record in RECORD_KEYS}


def entry(data: Dataset, number: int = 1, folder: str = "DICOM") -> DirectoryEntry:
    keys = scan_header(encode(data), EXPLICIT).keys
    return DirectoryEntry((folder, f"IM{number:06d}"), keys, EXPLICIT)


def directory(*instances: Dataset, **how: object) -> tuple[bytes, tuple[Supplied, ...]]:
    out = io.BytesIO()
    entries = [entry(data, number) for number, data in enumerate(instances, 1)]
    supplied = write_dicomdir(entries, file_set_id="TEST", file_set_uid="1.2.9", out=out, now=NOW, **how)  # type: ignore[arg-type]
    return out.getvalue(), supplied


def records(data: bytes) -> list[Dataset]:
    read: FileDataset = dcmread(io.BytesIO(data))
    return list(read.DirectoryRecordSequence)


def one(data: bytes, record: str) -> Dataset:
    found = [item for item in records(data) if item.DirectoryRecordType == record]
    assert len(found) == 1
    return found[0]


def rules(supplied: tuple[Supplied, ...]) -> dict[str, tuple[str, str]]:
    return {row.what: (row.value, row.rule) for row in supplied}


FULL = {"StudyDate": "20260101", "StudyTime": "1200", "StudyID": "S1"}


def test_a_complete_instance_needs_nothing_supplied() -> None:
    data, supplied = directory(instance(**FULL, ImageType=["ORIGINAL", "PRIMARY"]))
    assert supplied == ()
    read = dcmread(io.BytesIO(data))
    assert read.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.1.3.10"
    assert read.file_meta.MediaStorageSOPInstanceUID == "1.2.9"
    assert read.FileSetID == "TEST"
    assert [item.DirectoryRecordType for item in records(data)] == ["PATIENT", "STUDY", "SERIES", "IMAGE"]
    image = one(data, "IMAGE")
    assert image.ReferencedFileID == ["DICOM", "IM000001"]
    assert (image.ReferencedSOPClassUIDInFile, image.ReferencedSOPInstanceUIDInFile) == (CT, "1.2.3.4")
    assert image.ReferencedTransferSyntaxUIDInFile == EXPLICIT
    assert list(image.ImageType) == ["ORIGINAL", "PRIMARY"]
    assert all(item.RecordInUseFlag == 0xFFFF for item in records(data))


def test_the_same_input_gives_the_same_bytes() -> None:
    made = [instance(), instance(SR, SOPInstanceUID="1.2.5")]
    assert directory(*made) == directory(*made)


def test_offsets_lead_to_item_tags() -> None:
    made = [
        instance(
            PatientID=f"P{n % 2}",
            StudyInstanceUID=f"1.{n % 4}",
            SeriesInstanceUID=f"1.{n % 8}.1",
            SOPInstanceUID=f"9.{n}",
        )
        for n in range(24)
    ]
    data, _ = directory(*made)
    read = dcmread(io.BytesIO(data))
    starts = {item.seq_item_tell for item in read.DirectoryRecordSequence}
    links = [read.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity]
    links.append(read.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity)
    for item in read.DirectoryRecordSequence:
        links += [item.OffsetOfTheNextDirectoryRecord, item.OffsetOfReferencedLowerLevelDirectoryEntity]
    assert {link for link in links if link} <= starts
    assert all(data[link : link + 4] == b"\xfe\xff\x00\xe0" for link in links if link)
    tree = read_dicomdir(data)
    assert tree.problems == ()
    assert [len(root.children) for root in tree.roots] == [2, 2]
    assert len(tree.records) == 2 + 4 + 8 + 24


def test_an_empty_file_set_has_an_empty_directory() -> None:
    data, _ = directory()
    assert read_dicomdir(data).roots == []
    assert records(data) == []


def test_missing_type_1_keys_are_supplied_and_reported() -> None:
    data, supplied = directory(
        instance(PatientID="", SeriesNumber="", InstanceNumber="", Modality="", ContentDate="20200102")
    )
    told = rules(supplied)
    assert one(data, "PATIENT").PatientID == told["PatientID"][0] == "NOID0001"
    assert one(data, "STUDY").StudyID == told["StudyID"][0] == "ST000001"
    assert told["StudyDate"] == ("20200102", "taken from Content Date")
    assert told["StudyTime"] == ("000000", "no time is known")
    assert one(data, "SERIES").SeriesNumber == 1
    assert one(data, "SERIES").Modality == "OT"
    assert one(data, "IMAGE").InstanceNumber == 1
    assert {row.where for row in supplied if row.what == "StudyID"} == {"STUDY of DICOM/IM000001"}


def test_a_study_without_any_date_gets_the_day_of_the_directory() -> None:
    data, supplied = directory(instance())
    assert one(data, "STUDY").StudyDate == "20260304"
    assert rules(supplied)["StudyDate"][1] == "the day this directory was made"


def test_values_that_break_their_vr_are_mended_in_the_directory() -> None:
    data, supplied = directory(
        instance(**(FULL | {"StudyDate": "1997.04.24", "Modality": "ct", "InstanceNumber": "3.0"}))
    )
    assert one(data, "STUDY").StudyDate == "19970424"
    assert one(data, "SERIES").Modality == "CT"
    assert one(data, "IMAGE").InstanceNumber == 3
    assert {row.what for row in supplied} == {"StudyDate", "Modality", "InstanceNumber"}


def test_what_was_mended_of_a_patient_is_not_shown() -> None:
    _, supplied = directory(instance(**FULL, PatientName="Doe\\Jane"))
    (row,) = supplied
    assert (row.what, row.value, row.rule) == ("PatientName", "", "backslash replaced")


def test_one_patient_id_with_two_names_is_one_patient_and_reported() -> None:
    data, supplied = directory(instance(**FULL), instance(**FULL, PatientName="Roe^Richard", SOPInstanceUID="1.9"))
    assert one(data, "PATIENT").PatientName == "Doe^Jane"
    (row,) = supplied
    assert row.what == "PatientName" and row.value == ""
    _, supplied = directory(instance(**FULL), instance(**FULL, PatientName="DOE^JANE", SOPInstanceUID="1.9"))
    assert supplied == ()


def test_no_patient_id_means_as_many_patients_as_names() -> None:
    other = instance(
        PatientID="", PatientName="Roe", SOPInstanceUID="1.9", StudyInstanceUID="7", SeriesInstanceUID="7.1"
    )
    data, _ = directory(instance(PatientID=""), other)
    patients = [item for item in records(data) if item.DirectoryRecordType == "PATIENT"]
    assert [patient.PatientID for patient in patients] == ["NOID0001", "NOID0002"]


def test_a_study_under_two_patients_stands_once() -> None:
    data, supplied = directory(instance(**FULL), instance(**FULL, PatientID="P2", SOPInstanceUID="1.9"))
    assert one(data, "STUDY").StudyInstanceUID == "1.2.3"
    assert "StudyInstanceUID" in rules(supplied)


@pytest.mark.parametrize(
    ("charset", "name", "expected"),
    [
        (None, "Doe^Jane", None),
        ("ISO_IR 100", "Doe^Jane", None),
        ("ISO_IR 100", "Buc^Jérôme", "ISO_IR 100"),
        ("ISO_IR 192", "王^小東", "ISO_IR 192"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎", "ISO_IR 192"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎", "ISO_IR 192"),
        ("GB18030", "王^小东", "GB18030"),
    ],
)
def test_a_record_has_the_narrowest_set_that_fits(charset: object, name: str, expected: str | None) -> None:
    data, supplied = directory(instance(**FULL, SpecificCharacterSet=charset, PatientName=name))
    patient = one(data, "PATIENT")
    assert patient.get("SpecificCharacterSet") == expected
    assert str(patient.PatientName) == name
    assert "SpecificCharacterSet" not in one(data, "SERIES")
    assert supplied == ()


def test_nested_text_has_the_set_of_its_record() -> None:
    title = Dataset()
    title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning = "1", "99X", "所見"
    document = instance(SR, SpecificCharacterSet=["", "ISO 2022 IR 87"], ConceptNameCodeSequence=Sequence([title]))
    data, _ = directory(document)
    record = one(data, "SR DOCUMENT")
    assert record.SpecificCharacterSet == "ISO_IR 192"
    assert record.ConceptNameCodeSequence[0].CodeMeaning == "所見"


def test_undeclared_and_broken_text_is_reported() -> None:
    raw = encode(instance(**FULL, StudyDescription="Roentgen")).replace(b"Roentgen", b"R\xf6ntgen ")
    keys = scan_header(raw, EXPLICIT).keys
    out = io.BytesIO()
    made = [DirectoryEntry(("A",), keys, EXPLICIT)]
    (row,) = write_dicomdir(made, file_set_id="", file_set_uid="1.2", out=out, now=NOW)
    assert row.what == "StudyDescription" and "without a declared character set" in row.rule
    assert one(out.getvalue(), "STUDY").StudyDescription == "Röntgen"


def test_icons_stand_with_their_series() -> None:
    grey = Icon(2, 3, bytes(range(6)))
    coloured = Icon(1, 1, b"\7", bytes(range(256)) * 3)
    data, _ = directory(
        instance(**FULL),
        instance(**FULL, SOPInstanceUID="1.9", SeriesInstanceUID="8.8"),
        icons={"1.2.3.1": grey, "8.8": coloured},
    )
    first, second = [item for item in records(data) if item.DirectoryRecordType == "SERIES"]
    icon = first.IconImageSequence[0]
    assert (icon.Rows, icon.Columns, icon.PhotometricInterpretation) == (2, 3, "MONOCHROME2")
    assert icon.PixelData == bytes(range(6))
    assert second.IconImageSequence[0].PhotometricInterpretation == "PALETTE COLOR"
    with pytest.raises(ValueError, match="rows × columns"):
        Icon(2, 3, b"12345")


def test_f_3_2_2_general_classes_stand_where_the_instance_names_them() -> None:
    """(0004,151A) is required where the instance encodes (0008,001A), and nowhere else."""
    general = ["1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.5.1.4.1.1.88.11"]
    data, _ = directory(
        instance("1.3.6.1.4.1.9.1", **FULL, RelatedGeneralSOPClassUID=general[0]),
        instance("1.3.6.1.4.1.9.1", **FULL, SOPInstanceUID="1.9", RelatedGeneralSOPClassUID=general),
        instance(**FULL, SOPInstanceUID="1.10"),
    )
    assert read_dicomdir(data).problems == ()
    first, second, plain = [item for item in records(data) if "ReferencedFileID" in item]
    assert first.ReferencedRelatedGeneralSOPClassUIDInFile == general[0]
    assert list(second.ReferencedRelatedGeneralSOPClassUIDInFile) == general
    assert "ReferencedRelatedGeneralSOPClassUIDInFile" not in plain


def test_the_keys_of_compressed_profiles() -> None:
    data, supplied = directory(
        instance(**FULL, Rows=4, Columns=5, PatientSex="F", InstitutionName="Klinik", FrameOfReferenceUID="1.7"),
        key_table="H.3-2",
    )
    assert supplied == ()
    image = one(data, "IMAGE")
    assert (image.Rows, image.Columns, image.FrameOfReferenceUID) == (4, 5, "1.7")
    assert one(data, "PATIENT").PatientSex == "F"
    assert one(data, "SERIES").InstitutionName == "Klinik"
    _, supplied = directory(instance(**FULL), key_table="H.3-2")
    assert {row.what for row in supplied} == {"Rows", "Columns"}


@pytest.mark.parametrize("record", sorted(BY_RECORD))
def test_every_record_type_has_its_keys(record: str) -> None:
    data, _ = directory(instance(BY_RECORD[record]))
    found = one(data, record)
    assert read_dicomdir(data).problems == ()
    for key in RECORD_KEYS[record]:
        if key.type in ("1", "2"):
            assert key.keyword in found or key.keyword in ("Rows", "Columns")
        if key.type == "1" and key.keyword in found:
            assert found[key.keyword].value not in ("", None)
    if record == "PRIVATE":
        assert found.PrivateRecordUID


def test_a_presentation_state_keeps_its_references() -> None:
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = CT, "1.2.3.4"
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = "1.2.3.1", Sequence([image])
    data, _ = directory(instance(PR, ReferencedSeriesSequence=Sequence([series])))
    found = one(data, "PRESENTATION")
    assert found.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"


def test_what_may_not_stand_in_a_directory() -> None:
    out = io.BytesIO()
    good = entry(instance())
    for entries, file_set_id in [
        ([DirectoryEntry(("dicom", "im1"), good.keys, EXPLICIT)], ""),
        ([DirectoryEntry(("..", "X"), good.keys, EXPLICIT)], ""),
        ([DirectoryEntry(("A",) * 9, good.keys, EXPLICIT)], ""),
        ([good, good], ""),
        ([good, DirectoryEntry(("B",), good.keys, EXPLICIT)], ""),
        ([good], "lower"),
        ([entry(instance("1.2.840.10008.5.1.4.39.1"))], ""),
    ]:
        with pytest.raises(ValueError):
            write_dicomdir(entries, file_set_id=file_set_id, file_set_uid="1.2", out=out, now=NOW)
    with pytest.raises(Unparsable):
        damaged = DirectoryEntry(("A",), good.keys[:-3], EXPLICIT)
        write_dicomdir([damaged], file_set_id="", file_set_uid="1.2", out=out, now=NOW)


CHOICES = st.tuples(
    st.integers(0, 2),  # patient
    st.integers(0, 2),  # study
    st.integers(0, 2),  # series
    st.sampled_from(sorted(BY_RECORD)),
    st.text(st.characters(codec="utf-8", exclude_characters="\\=^\0", exclude_categories=["Cc", "Cs"]), max_size=20),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(CHOICES, max_size=14))
def test_write_then_read_is_the_same_tree(choices: list[tuple[int, int, int, str, str]]) -> None:
    ids = FileIDs()
    entries, expected = [], set()
    for number, (patient, study, series, record, text) in enumerate(choices):
        uids = (f"P{patient}", f"1.{patient}.{study}", f"1.{patient}.{study}.{series}")
        file_id = ids.of(*uids)
        data = instance(
            BY_RECORD[record],
            SpecificCharacterSet="ISO_IR 192",
            PatientID=uids[0],
            StudyInstanceUID=uids[1],
            SeriesInstanceUID=uids[2],
            SOPInstanceUID=f"9.{number}",
            StudyDescription=text,
        )
        keys = scan_header(encode(data), EXPLICIT).keys
        entries.append(DirectoryEntry(file_id, keys, EXPLICIT))
        expected.add((uids, file_id, record, BY_RECORD[record], f"9.{number}"))
    out = io.BytesIO()
    write_dicomdir(entries, file_set_id="", file_set_uid="1.2", out=out, now=NOW)
    tree = read_dicomdir(out.getvalue())
    found = {
        (
            (above[0].text(0x00100020), above[1].text(0x0020000D), above[2].text(0x0020000E)),
            record.file_id,
            record.record_type,
            record.sop_class_uid,
            record.sop_instance_uid,
        )
        for record, above in tree.references()
    }
    assert tree.problems == ()
    assert found == expected
    descriptions = {" ".join(text.split()) for *_, text in choices}
    assert {" ".join(r.text(0x00081030).split()) for r in tree.records if r.record_type == "STUDY"} <= descriptions


VALUES = st.one_of(
    st.binary(max_size=90),
    st.text(max_size=80).map(lambda text: text.encode("utf-8")),
    st.from_regex(rb"[0-9.:\\ eE+-]{0,20}", fullmatch=True),
)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(sorted(BY_RECORD)),
    st.sampled_from(["", "ISO_IR 100", "ISO_IR 192", "\\ISO 2022 IR 87", "GB18030", "ISO_IR 13", "NONSENSE"]),
    st.data(),
)
def test_whatever_an_instance_says_its_directory_obeys_the_rules(
    record: str, charset: str, data: st.DataObject
) -> None:
    said = {
        SOP_CLASS_UID: BY_RECORD[record].encode(),
        SOP_INSTANCE_UID: b"1.2.3.4",
        STUDY_INSTANCE_UID: b"1.2.3",
        SERIES_INSTANCE_UID: b"1.2.3.1",
        SPECIFIC_CHARACTER_SET: charset.encode(),
    }
    vrs = wanted(record)
    for tag, vr in vrs.items():
        if tag not in said and vr != b"SQ" and data.draw(st.booleans()):
            said[tag] = data.draw(VALUES)
    raw = b"".join(encode_element(tag, vrs[tag], said[tag]) for tag in sorted(said))
    keys = scan_header(raw, EXPLICIT).keys
    for table in ("D.3-2", "H.3-2"):
        out = io.BytesIO()
        made = [DirectoryEntry(("A",), keys, EXPLICIT)]
        write_dicomdir(made, file_set_id="", file_set_uid="1.2", out=out, now=NOW, key_table=table)  # type: ignore[arg-type]
        tree = read_dicomdir(out.getvalue())
        found = Findings()
        check_directory(tree, None, found)
        complaints = [finding for finding in found.sorted() if not finding.text.startswith("SPECTROSCOPY: ")]
        assert tree.problems == () and complaints == []
        for item in tree.records:
            for key in record_keys(item.record_type, table):  # type: ignore[arg-type]
                text, value = item.text(key.tag), item.value(key.tag)
                value = value if key.vr in (b"US", b"UL") else value.strip(b"\0 ")
                assert not value or key.vr in TEXT_VRS or GOOD[key.vr](value)
                assert "\x1b" not in text and len(text) <= {b"SH": 16, b"LO": 64, b"CS": 300}.get(key.vr, 1024)


def test_what_is_supplied_is_told_in_words_and_a_value_that_is_the_patient_s_is_not_shown() -> None:
    assert Supplied("StudyID", "STUDY of A", "1", "counted").in_words() == "StudyID of STUDY of A: '1' (counted)"
    assert Supplied("PatientName", "PATIENT of A", "", "cut").in_words() == "PatientName of PATIENT of A: (cut)"
