"""The instance store: what stands on disk, and that nothing is left of what was not kept."""

import io
import os
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.store import HEAD_BYTES, IncomingInstance, InstanceStore, file_head

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DATA_SET = b"\x08\x00\x18\x00UI\x04\x001.2\x00" + b"\x20\x00\x13\x00IS\x02\x007 "


def begin(tmp_path: Path) -> tuple[InstanceStore, IncomingInstance]:
    store = InstanceStore(tmp_path / "store")
    return store, store.begin(CT, "1.2", EXPLICIT)


def test_ps3_10_7_1_file_meta_information_is_what_pydicom_reads() -> None:
    meta = pydicom.dcmread(io.BytesIO(file_head(CT, "1.2.3", EXPLICIT) + DATA_SET)).file_meta
    assert meta.MediaStorageSOPClassUID == CT
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.TransferSyntaxUID == EXPLICIT
    assert meta.FileMetaInformationGroupLength == len(file_head(CT, "1.2.3", EXPLICIT)) - 132 - 12


def test_the_preamble_is_zero() -> None:
    assert file_head(CT, "1.2", EXPLICIT)[:132] == b"\0" * 128 + b"DICM"


@given(st.binary(max_size=3 * HEAD_BYTES), st.lists(st.integers(1, HEAD_BYTES), max_size=8))
def test_fragments_arrive_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, data: bytes, cuts: list[int]) -> None:
    store, incoming = begin(tmp_path_factory.mktemp("store"))
    view, at = memoryview(data), 0
    for cut in [*cuts, len(data)]:
        if view[at : at + cut]:
            incoming.write(view[at : at + cut])
        at += cut
    incoming.complete()
    assert bytes(incoming.head) == data[:HEAD_BYTES]
    assert incoming.size == len(data)
    kept = store.path(incoming.keep()).read_bytes()
    assert kept == file_head(CT, "1.2", EXPLICIT) + data
    assert kept[incoming.data_offset :] == data


def test_kept_files_are_listed_and_private(tmp_path: Path) -> None:
    store, incoming = begin(tmp_path)
    incoming.write(memoryview(DATA_SET))
    incoming.complete()
    relative = incoming.keep()
    assert list(store.files()) == [relative]
    assert store.path(relative).stat().st_mode & 0o777 == 0o600
    assert not list((tmp_path / "store" / "incoming").iterdir())


def test_discard_leaves_nothing_before_and_after_keep(tmp_path: Path) -> None:
    store, incoming = begin(tmp_path)
    incoming.write(memoryview(DATA_SET))
    incoming.discard()
    incoming.discard()
    second = store.begin(CT, "1.2", EXPLICIT)
    second.complete()
    second.keep()
    second.discard()
    assert list(store.files()) == []
    assert not list((tmp_path / "store" / "incoming").iterdir())


def test_what_a_crash_left_in_incoming_is_swept_at_the_start(tmp_path: Path) -> None:
    _, incoming = begin(tmp_path)
    incoming.write(memoryview(DATA_SET))
    InstanceStore(tmp_path / "store")
    assert not os.path.exists(incoming.path)


def test_the_mapped_file_begins_with_the_head(tmp_path: Path) -> None:
    _, incoming = begin(tmp_path)
    incoming.write(memoryview(DATA_SET * 100))
    incoming.complete()
    with incoming.mapped() as file:
        assert file[incoming.data_offset :] == DATA_SET * 100
    incoming.discard()


def test_a_full_disk_is_an_os_error(tmp_path: Path) -> None:
    _, incoming = begin(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, incoming._fd)
    os.close(full)
    with pytest.raises(OSError, match="No space left"):
        incoming.write(memoryview(DATA_SET))
    incoming.discard()


def test_discard_while_somebody_still_looks_at_the_head(tmp_path: Path) -> None:
    _, incoming = begin(tmp_path)
    incoming.write(memoryview(DATA_SET))
    head = incoming.head
    incoming.discard()
    assert bytes(head) == DATA_SET


@pytest.mark.parametrize("length", [1, 4000, 5000, 20000])
def test_a_file_that_was_made_ready_holds_what_came_and_no_more(tmp_path: Path, length: int) -> None:
    store = InstanceStore(tmp_path / "store")
    store.expect(10_000)
    store.expect(20_000)  # one is enough
    (ready,) = (tmp_path / "store" / "incoming").iterdir()
    assert ready.stat().st_size == 12288
    incoming = store.begin(CT, "1.2", EXPLICIT)
    assert incoming.path == str(ready)
    incoming.write(memoryview(b"\1" * length))
    incoming.complete()
    assert incoming.read_at(length - 1, 100) == b"\1", "what was made ready is no data set"
    with incoming.mapped() as file:
        assert len(file) == incoming.data_offset + length
    assert store.path(incoming.keep()).read_bytes() == file_head(CT, "1.2", EXPLICIT) + b"\1" * length


def test_a_file_that_was_made_ready_for_nothing_is_taken_back_or_swept(tmp_path: Path) -> None:
    store = InstanceStore(tmp_path / "store")
    store.expect(100)
    store.expect_nothing()
    store.expect_nothing()
    assert list((tmp_path / "store" / "incoming").iterdir()) == []
    store.expect(100)
    InstanceStore(tmp_path / "store")
    assert list((tmp_path / "store" / "incoming").iterdir()) == [], "as after a crash"


def test_where_nothing_can_be_made_ready_begin_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = InstanceStore(tmp_path / "store")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    store.expect(100)
    assert list((tmp_path / "store" / "incoming").iterdir()) == []
    store.begin(CT, "1.2", EXPLICIT).discard()
