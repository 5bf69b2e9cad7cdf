"""High-Throughput JPEG 2000 by a foreign encoder (OpenJPH), brought to Explicit VR Little Endian: the same pixels."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian

from media.transcode import transcode
from tests.instances import instance, written

pytestmark = pytest.mark.peers("openjph-tools")

LOSSLESS, LOSSLESS_RPCL, LOSSY = (f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))
ROWS, COLUMNS = 70, 90
SSIZ = 42
"""Where a code stream says bits and sign of its first component (ISO/IEC 15444-1 A.5.1)."""


def samples(bits: int, colors: int = 1, signed: bool = False) -> NDArray[Any]:
    """A ramp with noise on it, from end to end of what the bits hold."""
    shape = (ROWS, COLUMNS, colors)
    ramp = np.linspace(0, 1, ROWS * COLUMNS * colors).reshape(shape)
    noise = np.random.default_rng(bits).normal(0, 0.05, shape)
    full = (1 << bits) - 1
    values = np.clip((ramp + noise) * full, 0, full).astype(np.int32) - ((full + 1) // 2 if signed else 0)
    return values.astype(f"<{'i' if signed else 'u'}{1 if bits == 8 else 2}")


def encoded(folder: Path, image: NDArray[Any], bits: int, *options: str) -> bytes:
    """OpenJPH's code stream of an image.

    Its program reads samples without a sign. Signed ones go in moved up by half their range, and the stream is then
    said to be signed: moving them down again is what a decoder leaves out there (ISO/IEC 15444-1 G.1).
    """
    signed, colors = image.dtype.kind == "i", image.shape[2]
    data = (
        (image.astype(np.int32) + (1 << bits - 1 if signed else 0)).astype(image.dtype.str.replace("i", "u")).tobytes()
    )
    source, out = folder / ("image.ppm" if colors == 3 else "image.raw"), folder / "image.j2c"
    if colors == 3:
        data = f"P6 {COLUMNS} {ROWS} 255\n".encode() + data
    else:
        options += ("-dims", f"{{{COLUMNS},{ROWS}}}", "-num_comps", "1", "-downsamp", "{1,1}")
        options += ("-signed", "false", "-bit_depth", str(bits))
    source.write_bytes(data)
    subprocess.run(["ojph_compress", "-i", source, "-o", out, *options], check=True, capture_output=True)
    stream = bytearray(out.read_bytes())
    stream[SSIZ] |= 0x80 if signed else 0
    return bytes(stream)


def decompressed(folder: Path, syntax: str, photometric: str, image: NDArray[Any], bits: int, *options: str) -> Any:
    """What comes out of a file in this syntax, as pydicom reads it."""
    signed = image.dtype.kind == "i"
    allocated = image.dtype.itemsize * 8
    made = instance(
        1, Rows=ROWS, Columns=COLUMNS, SamplesPerPixel=image.shape[2], PhotometricInterpretation=photometric
    )
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = allocated, bits, bits - 1, int(signed)
    if image.shape[2] == 3:
        made.PlanarConfiguration = 0
    made.PixelData = encapsulate([encoded(folder, image, bits, *options)])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    made.file_meta.TransferSyntaxUID = syntax
    (source,) = written(folder / "in", made)
    transcode(source, folder / "out.dcm")
    plain = pydicom.dcmread(folder / "out.dcm")
    assert plain.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert plain.SOPInstanceUID == made.SOPInstanceUID
    return plain


@pytest.mark.parametrize("syntax", [LOSSLESS, LOSSLESS_RPCL, LOSSY])
@pytest.mark.parametrize(
    ("bits", "signed"), [(8, False), (10, False), (12, False), (16, False), (12, True), (16, True)]
)
def test_gray_without_loss_is_the_same_to_the_last_bit(tmp_path: Path, syntax: str, bits: int, signed: bool) -> None:
    """The general syntax (.203) may carry lossless streams too."""
    image = samples(bits, signed=signed)
    plain = decompressed(tmp_path, syntax, "MONOCHROME2", image, bits, "-reversible", "true", "-prog_order", "RPCL")
    assert plain.PixelData == image.tobytes()
    assert plain.PhotometricInterpretation == "MONOCHROME2"
    assert plain.get("LossyImageCompression") == ("01" if syntax == LOSSY else None)


@pytest.mark.parametrize("transform", ["RGB", "YBR_RCT"])
def test_colour_without_loss_is_the_same_to_the_last_bit(tmp_path: Path, transform: str) -> None:
    image = samples(8, colors=3)
    options = ("-reversible", "true", "-colour_trans", str(transform == "YBR_RCT").lower())
    plain = decompressed(tmp_path, LOSSLESS, transform, image, 8, *options)
    assert plain.PixelData == image.tobytes()
    assert plain.PhotometricInterpretation == "RGB"


@pytest.mark.parametrize(("bits", "colors", "photometric"), [(12, 1, "MONOCHROME2"), (8, 3, "YBR_ICT")])
def test_with_loss_the_pixels_are_near_and_said_to_be_lossy(
    tmp_path: Path, bits: int, colors: int, photometric: str
) -> None:
    image = samples(bits, colors)
    plain = decompressed(tmp_path, LOSSY, photometric, image, bits, "-qstep", "0.001")
    off = np.abs(plain.pixel_array.reshape(image.shape).astype(int) - image.astype(int))
    assert off.max() <= 0.01 * (1 << bits)
    assert plain.LossyImageCompression == "01"
