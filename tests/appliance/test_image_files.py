"""What `gravure film` reads: every transfer syntax that discs can decompress, and words for what it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pypdf
import pytest

from appliance.image_files import read
from media.transcode import DECODERS
from printing.compose import CannotCompose, pictures
from tests.corpus import CORPUS, corpus_files, manifest, needs_corpus
from tests.instances import instance, written

JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
COMPRESSED = [
    row["path"]
    for row in manifest()
    if row["transfer_syntax_uid"] in DECODERS
    and (row["pydicom_pixels"] == "ok" or row["transfer_syntax_uid"] == JPEG_EXTENDED)
]


def by_dcmdjpeg(path: Path, folder: Path) -> Path:
    out = folder / "plain.dcm"
    subprocess.run(["/usr/bin/dcmdjpeg", "+cl", str(path), str(out)], check=True, capture_output=True)
    return out


@needs_corpus
@pytest.mark.peers("dcmtk")
def test_jpeg_extended_of_12_bits_is_what_dcmdjpeg_makes_of_it(tmp_path: Path) -> None:
    """PS3.5 A.4.1, Process 4."""
    files = corpus_files(transfer_syntax_uid=JPEG_EXTENDED)
    assert files
    for file in files:
        plain = pydicom.dcmread(by_dcmdjpeg(file, tmp_path))
        assert np.array_equal(read(file).pixel_array, plain.pixel_array)
        (shown,), (wanted,) = pictures([file], read), pictures([tmp_path / "plain.dcm"])
        assert np.array_equal(shown.samples, wanted.samples) and shown.samples.std() > 100


@needs_corpus
@pytest.mark.peers("dcmtk")
def test_the_command_makes_a_film_of_it_and_leaves_nothing_beside_its_source(tmp_path: Path) -> None:
    (file, *_) = corpus_files(transfer_syntax_uid=JPEG_EXTENDED)
    source = tmp_path / "medium" / file.name
    source.parent.mkdir()
    source.write_bytes(file.read_bytes())
    made = []
    for image, out in ((source, tmp_path / "one.pdf"), (by_dcmdjpeg(source, tmp_path), tmp_path / "other.pdf")):
        command = [sys.executable, "-m", "appliance", "film", str(image), "--dpi", "50", "-o", str(out)]
        subprocess.run(command, check=True, timeout=60, env={**os.environ, "TMPDIR": "/nowhere"})
        made.append(np.asarray(pypdf.PdfReader(out).pages[0].images[0].image))
    assert np.array_equal(*made) and made[0].std() > 5
    assert list(source.parent.iterdir()) == [source]


@needs_corpus
@pytest.mark.peers("dcmtk")
@pytest.mark.parametrize("path", COMPRESSED)
def test_every_syntax_that_discs_decompress_is_read(path: str) -> None:
    row = next(one for one in manifest() if one["path"] == path)
    shown = list(pictures([CORPUS / path], read))
    assert len(shown) == int(row["frames"] or 1)
    assert {one.samples.shape[:2] for one in shown} == {(int(row["rows"]), int(row["cols"]))}
    assert {one.is_color for one in shown} == {row["samples"] == "3"}


def test_what_cannot_be_read_is_named_with_its_transfer_syntax(tmp_path: Path) -> None:
    (file,) = written(tmp_path, instance())
    plain = file.read_bytes()
    for syntax, name in (("1.2.840.10008.1.2.4.100", "MPEG2"), ("1.2.840.10008.1.2.4.51", "JPEG Extended")):
        broken = pydicom.dcmread(file)
        broken.file_meta.TransferSyntaxUID = syntax
        broken.PixelData = pydicom.encaps.encapsulate([b"no stream at all"])
        broken["PixelData"].is_undefined_length = True
        broken.save_as(tmp_path / "broken.dcm")
        with pytest.raises(CannotCompose) as told:
            list(pictures([tmp_path / "broken.dcm"], read))
        assert all(words in str(told.value) for words in ("broken.dcm", syntax, name))
    file.write_bytes(plain[:200])
    with pytest.raises(CannotCompose, match="not an image"):
        list(pictures([file], read))
    (tmp_path / "text").write_text("no DICOM")
    with pytest.raises(CannotCompose, match="text: not an image"):
        list(pictures([tmp_path / "text"], read))
