"""Directory records as data (PS3.3 §F.4, §F.5)."""

from __future__ import annotations

import pytest
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.uid import UID_dictionary

from media.records import (
    MEDIA_STORAGE_DIRECTORY,
    NOT_FOR_PATIENTS,
    PROFILE_KEYS,
    RECORD_KEYS,
    RETIRED,
    ROOT_RECORD_KEYS,
    STORAGE_CLASSES,
    for_patient_discs,
    record_keys,
    record_type,
    wanted,
)

STORAGE = {
    uid: name
    for uid, (name, kind, *_) in UID_dictionary.items()
    if kind == "SOP Class" and "Storage" in name and "Commitment" not in name and uid != MEDIA_STORAGE_DIRECTORY
}


def test_every_storage_class_of_the_dictionary_has_a_record_type() -> None:
    assert len(STORAGE) > 200
    assert sorted(set(STORAGE) - set(STORAGE_CLASSES)) == []
    assert set(STORAGE_CLASSES.values()) - set(RECORD_KEYS) == NOT_FOR_PATIENTS


@pytest.mark.parametrize(
    ("words", "record"),
    [
        ("Presentation State Storage", "PRESENTATION"),
        ("SR Storage", "SR DOCUMENT"),
        ("Waveform Storage", "WAVEFORM"),
        ("Encapsulated", "ENCAP DOC"),
        ("Treatment Record Storage", "RT TREAT RECORD"),
        ("Measurements Storage", "MEASUREMENT"),
        ("Radiation Record Storage", "RADIOTHERAPY"),
        ("Delivery Instruction Storage", "PLAN"),
        ("Surface Scan", "SURFACE SCAN"),
        ("Spatial Registration", "REGISTRATION"),
    ],
)
def test_classes_whose_name_says_it_have_that_record(words: str, record: str) -> None:
    exceptions = {"RT Radiation Set Delivery Instruction Storage"}  # a second generation object, as DCMTK has it too
    found = {name: record_type(uid) for uid, name in STORAGE.items() if words in name and name not in exceptions}
    assert found and set(found.values()) == {record}, found


def test_image_classes_are_image_records() -> None:
    named = {name: record_type(uid) for uid, name in STORAGE.items() if "Image Storage" in name}
    assert set(named.values()) == {"IMAGE"}
    assert record_type("1.2.840.10008.5.1.4.1.1.66.4") == "IMAGE"  # Segmentation has no record type of its own
    assert record_type("1.2.840.10008.5.1.4.1.1.30") == "IMAGE"  # Parametric Map


def test_unknown_classes_are_private_records_and_go_on_discs() -> None:
    assert record_type("1.2.3.4.5") == "PRIVATE"
    assert for_patient_discs("1.2.3.4.5")


def test_objects_of_no_patient_stay_off_discs() -> None:
    off = {name for uid, name in STORAGE.items() if not for_patient_discs(uid)}
    assert off == {
        *("Hanging Protocol Storage", "Color Palette Storage", "Generic Implant Template Storage"),
        *("Implant Assembly Template Storage", "Implant Template Group Storage", "Inventory Storage"),
        *("CT Defined Procedure Protocol Storage", "XA Defined Procedure Protocol Storage"),
        "Protocol Approval Storage",
    }
    assert not for_patient_discs(MEDIA_STORAGE_DIRECTORY)


def test_keys_are_named_as_the_dictionary_names_them() -> None:
    tables = [RECORD_KEYS, ROOT_RECORD_KEYS, *PROFILE_KEYS.values()]
    for key in {key for table in tables for keys in table.values() for key in keys}:
        assert keyword_for_tag(key.tag) == key.keyword
        assert dictionary_VR(key.tag).encode() == key.vr


def test_nothing_retired_is_written() -> None:
    assert not RETIRED & set(RECORD_KEYS)


@pytest.mark.parametrize("record", sorted(RECORD_KEYS))
@pytest.mark.parametrize("table", ["D.3-2", "H.3-2"])
def test_what_a_record_needs_is_recorded_on_arrival(record: str, table: str) -> None:
    keys = record_keys(record, table)  # type: ignore[arg-type]
    assert [key.tag for key in keys] == sorted({key.tag for key in keys})
    if record in ("PATIENT", "STUDY", "SERIES"):
        assert {key.tag for key in keys} <= set(wanted("IMAGE")) & set(wanted("PLAN"))
    else:
        assert {key.tag for key in keys} <= set(wanted(record))
