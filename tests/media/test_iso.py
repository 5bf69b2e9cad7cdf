"""Images are read back by xorriso in `test_disc…`; here is what only shows when a file system or a source is odd."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from media import iso
from media.iso import write_iso

NOW = datetime(2026, 3, 2, 10, 11, 12, tzinfo=UTC)
SIZES = (0, 1, 2047, 2048, 2049, 300_000)


def files_in(folder: Path) -> list[tuple[tuple[str, ...], Path]]:
    made = []
    for number, size in enumerate(SIZES):
        file = folder / f"source{number}"
        file.write_bytes(os.urandom(size))
        made.append((("DICOM", f"IM{number:06d}"), file))
    return made


@pytest.fixture
def written(tmp_path: Path) -> bytes:
    write_iso(files_in(tmp_path), tmp_path / "first.iso", volume_id="X", now=NOW)
    return (tmp_path / "first.iso").read_bytes()


def again(folder: Path) -> bytes:
    """The same sources once more."""
    files = [(("DICOM", f"IM{number:06d}"), folder / f"source{number}") for number in range(len(SIZES))]
    write_iso(files, folder / "second.iso", volume_id="X", now=NOW)
    return (folder / "second.iso").read_bytes()


def test_where_the_kernel_copies_nothing_between_two_files_the_image_is_the_same(
    tmp_path: Path, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "two file systems")

    monkeypatch.setattr(iso.os, "copy_file_range", refuse)
    assert again(tmp_path) == written


def test_copies_that_stop_halfway_are_gone_on_with(
    tmp_path: Path, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.copy_file_range
    monkeypatch.setattr(iso.os, "copy_file_range", lambda s, d, size, *at: real(s, d, min(size, 1000), *at))
    assert again(tmp_path) == written


def test_a_source_that_becomes_shorter_is_an_error_and_not_a_hole(tmp_path: Path) -> None:
    files = files_in(tmp_path)

    class Shrinking(type(tmp_path)):  # type: ignore[misc]
        def stat(self, **_: object) -> os.stat_result:
            found = super().stat()
            os.truncate(self, found.st_size // 2)
            return found

    path, last = files[-1]
    with pytest.raises(OSError, match="shorter"):
        write_iso([*files[:-1], (path, Shrinking(last))], tmp_path / "out.iso", volume_id="X", now=NOW)


def test_progress_goes_to_the_end(tmp_path: Path) -> None:
    heard: list[float] = []
    write_iso(files_in(tmp_path), tmp_path / "out.iso", volume_id="X", now=NOW, progress=heard.append)
    assert heard == sorted(heard) and heard[-1] == 1.0
    heard.clear()
    write_iso([], tmp_path / "empty.iso", volume_id="X", now=NOW, progress=heard.append)
    assert heard == [1.0]
