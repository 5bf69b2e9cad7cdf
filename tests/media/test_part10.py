"""Instances in files, with and without what PS3.10 §7 puts before them."""

from __future__ import annotations

from pathlib import Path

import pytest

from media.elements import Unparsable
from media.part10 import HEAD_BYTES, file_meta, lenient_meta, scan_file
from media.store import file_head
from tests.media.builders import BIG_ENDIAN, CT, EXPLICIT, IMPLICIT, encode, instance


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_a_file_with_all_that_belongs_to_it(tmp_path: Path, syntax: str) -> None:
    head = file_head(CT, "1.2.3.4", syntax)
    (tmp_path / "x").write_bytes(head + encode(instance(), syntax))
    header, meta = scan_file(tmp_path / "x")
    assert (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid) == (CT, "1.2.3.4", syntax)
    assert meta.data_offset == len(head)
    assert header.sop_instance_uid == "1.2.3.4"


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_a_bare_data_set_is_known_by_its_first_element(tmp_path: Path, syntax: str) -> None:
    (tmp_path / "x").write_bytes(encode(instance(), syntax))
    header, meta = scan_file(tmp_path / "x")
    assert (meta.transfer_syntax_uid, meta.data_offset, header.patient_id) == (syntax, 0, "P1")


@pytest.mark.parametrize("lost", [128, 132])
def test_a_meta_without_its_preamble(lost: int) -> None:
    raw = (file_head(CT, "1.2.3.4", EXPLICIT) + encode(instance()))[lost:]
    assert lenient_meta(raw).sop_instance_uid == "1.2.3.4"
    with pytest.raises(Unparsable, match="no preamble"):
        file_meta(raw)


@pytest.mark.parametrize("content", [b"", b"hello, this is text", bytes(200), b"\x89PNG\r\n\x1a\n" * 40])
def test_what_is_no_dicom_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(Unparsable):
        scan_file(tmp_path / "x")


def test_a_header_longer_than_the_first_read(tmp_path: Path) -> None:
    data = instance(PatientComments="x" * 9000)
    data.add_new(0x00091001, "OB", b"x" * HEAD_BYTES)
    (tmp_path / "x").write_bytes(file_head(CT, "1.2.3.4", EXPLICIT) + encode(data))
    assert scan_file(tmp_path / "x")[0].series_number == "3"
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:-7])
    with pytest.raises(Unparsable):
        scan_file(tmp_path / "x")
