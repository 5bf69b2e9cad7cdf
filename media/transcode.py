"""Instances in a transfer syntax that a profile forbids, re-encoded as Explicit VR Little Endian (PS3.11 D.3.1).

Every element stays as it is but the encoding of the pixels and what must follow it: Photometric Interpretation and
Planar Configuration (colour is decompressed to RGB, pixel by pixel), and Lossy Image Compression, which stays true:
pixels that were once lossy are still lossy. The SOP Instance UID stays too, for nothing was lost on the way
(PS3.4 B.4.1.2). This decodes foreign pixels: it runs in a child process.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from .sameness import ENCODING_TAGS, same_elements
from .store import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

MAX_PIXEL_BYTES = 1024 * 1024 * 1024
"""Decoded pixels of one instance that are taken on; more is held for a person."""

_JPEG = "1.2.840.10008.1.2.4."
JPEG_EXTENDED = f"{_JPEG}51"
RLE = "1.2.840.10008.1.2.5"

# Which decoder: the fastest one that is free to ship and right (measured; GDCM only where there is no other).
DECODERS: Mapping[str, str] = {
    f"{_JPEG}50": "pillow",
    JPEG_EXTENDED: "",  # pydicom chooses for 8 bits; 12 bits are left to dcmdjpeg
    f"{_JPEG}57": "gdcm",
    f"{_JPEG}70": "gdcm",
    f"{_JPEG}80": "pyjpegls",
    f"{_JPEG}81": "pyjpegls",
    f"{_JPEG}90": "pylibjpeg",
    f"{_JPEG}91": "pylibjpeg",
    f"{_JPEG}201": "pylibjpeg",
    f"{_JPEG}202": "pylibjpeg",
    f"{_JPEG}203": "pylibjpeg",
    RLE: "pylibjpeg",
}
LOSSY = frozenset(f"{_JPEG}{number}" for number in (50, 51, 81, 91, 203))
PLAIN = frozenset({ImplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian})
SWAPPED_VRS: Mapping[str, int] = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}
"""Bytes of one value of the VRs whose byte order follows the transfer syntax but whose values stay bytes."""


class CannotTranscode(Exception):
    """This instance cannot be brought to Explicit VR Little Endian; the text says why, without patient data."""


def can_transcode(transfer_syntax_uid: str) -> bool:
    """Whether there is a way at all; the pixels may still turn out broken."""
    return transfer_syntax_uid in PLAIN or transfer_syntax_uid in DECODERS


def bound_bytes(path: Path, transfer_syntax_uid: str) -> int:
    """An upper bound of the re-encoded file's size, from its header alone.

    Raises:
        CannotTranscode: there is no way, or the pixels are more than anything here takes on.
    """
    if not can_transcode(transfer_syntax_uid):
        raise CannotTranscode(f"transfer syntax {transfer_syntax_uid} cannot be decoded")
    size = path.stat().st_size
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        pixel_bytes = _pixel_bytes(header)
    except CannotTranscode:
        raise
    except Exception as failure:
        raise CannotTranscode(f"its header cannot be read: {type(failure).__name__}") from failure
    if pixel_bytes > MAX_PIXEL_BYTES:
        raise CannotTranscode(f"its pixels take {pixel_bytes >> 20} MiB")
    # Implicit elements of 8 bytes become explicit ones of 12 at most: half as much again for what is not pixels.
    plain = size if transfer_syntax_uid in PLAIN else min(size, 64 << 20)
    return plain + plain // 2 + (0 if transfer_syntax_uid in PLAIN else pixel_bytes) + 4096


def _pixel_bytes(header: Dataset) -> int:
    frames = int(header.get("NumberOfFrames", 1) or 1)
    samples = int(header.get("SamplesPerPixel", 1) or 1)
    allocated = int(header.get("BitsAllocated", 8) or 8)
    return int(header.get("Rows", 0) or 0) * int(header.get("Columns", 0) or 0) * frames * samples * -(-allocated // 8)


def transcode(source: Path, out: Path) -> None:
    """Write `source` as Explicit VR Little Endian, its preamble zero.

    Raises:
        CannotTranscode: its pixels cannot be decoded, or the result is not the same instance.
        OSError: the disk is full.
    """
    try:
        data_set: Dataset = pydicom.dcmread(source, force=True)
        syntax = str(data_set.file_meta.TransferSyntaxUID)
        if syntax not in PLAIN:
            data_set = _decompressed(data_set, source, syntax)
        elif syntax == ExplicitVRBigEndian:
            _swap(data_set)
        data_set.file_meta = _meta(data_set)
        data_set.preamble = b"\0" * 128
        pydicom.dcmwrite(out, data_set, implicit_vr=False, little_endian=True, enforce_file_format=True)
    except (CannotTranscode, OSError):
        raise
    except Exception as failure:
        raise CannotTranscode(f"{type(failure).__name__} in {_named(source)}") from failure
    _check(source, out)


def _named(source: Path) -> str:
    try:
        return str(pydicom.dcmread(source, stop_before_pixels=True, force=True).SOPInstanceUID)
    except Exception:
        return "an instance"


def _decompressed(data_set: Dataset, source: Path, syntax: str) -> Dataset:
    if syntax not in DECODERS:
        raise CannotTranscode(f"transfer syntax {syntax} cannot be decoded")
    for item in _items(data_set):
        _decompress_icon(item, syntax)
    if "PixelData" not in data_set:
        return data_set  # a document in the syntax of its study: only the name of the encoding changes
    if _pixel_bytes(data_set) > MAX_PIXEL_BYTES:
        raise CannotTranscode("its pixels are too many")
    if syntax == JPEG_EXTENDED and int(data_set.BitsStored) > 8:
        data_set.PixelData = _by_dcmdjpeg(source)
        data_set["PixelData"].VR = "OW"
        data_set["PixelData"].is_undefined_length = False
    else:
        data_set.decompress(as_rgb=True, generate_instance_uid=False, decoding_plugin=DECODERS[syntax])
    if syntax in LOSSY and data_set.get("LossyImageCompression") != "01":
        data_set.LossyImageCompression = "01"
    return data_set


def _items(data_set: Dataset) -> Iterator[Dataset]:
    """Every item of every sequence, at any depth."""
    for element in data_set:
        if element.VR == "SQ":
            for item in element.value:
                yield item
                yield from _items(item)


def _decompress_icon(item: Dataset, syntax: str) -> None:
    """A compressed icon in a sequence is bound to the transfer syntax of the whole (PS3.3 C.7.6.1.1.6)."""
    if "PixelData" not in item or not item["PixelData"].is_undefined_length:
        return
    if _pixel_bytes(item) > MAX_PIXEL_BYTES:
        raise CannotTranscode("the pixels of an icon are too many")
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = UID(syntax)
    item.decompress(as_rgb=True, generate_instance_uid=False, decoding_plugin=DECODERS[syntax])
    del item.file_meta


def _by_dcmdjpeg(source: Path) -> bytes:
    """12-bit JPEG Extended has no free decoder in Python: DCMTK's program, with fixed arguments. The pixels."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        out = Path(folder) / "out"
        try:
            done = subprocess.run(
                ["/usr/bin/dcmdjpeg", "+cl", "+te", str(source), str(out)], capture_output=True, timeout=300
            )
        except FileNotFoundError:
            raise CannotTranscode("12-bit JPEG needs dcmdjpeg (package dcmtk), which is not installed") from None
        except subprocess.TimeoutExpired:
            raise CannotTranscode("dcmdjpeg took too long") from None
        if done.returncode != 0:
            raise CannotTranscode("dcmdjpeg cannot decode it")
        return bytes(pydicom.dcmread(out).PixelData)


def _swap(data_set: Dataset) -> None:
    """Bring values that stay bytes from big to little endian, sequences included."""
    for element in data_set.iterall():
        width = SWAPPED_VRS.get(element.VR)
        if width and isinstance(element.value, bytes) and len(element.value) % width == 0:
            swapped = bytearray(len(element.value))
            for byte in range(width):
                swapped[byte::width] = element.value[width - 1 - byte :: width]
            element.value = bytes(swapped)


def _meta(data_set: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


FOLLOWING = frozenset({0x00282110})
"""Lossy Image Compression: added where an encoder forgot to say it."""


def _check(source: Path, out: Path) -> None:
    """Read the result back: every element must say what the source says."""
    before, after = pydicom.dcmread(source, force=True), pydicom.dcmread(out)
    for tag in ENCODING_TAGS | FOLLOWING:
        for data_set in (before, after):
            if tag in data_set:
                del data_set[tag]
    # dcmdjpeg and pydicom may drop the retired group lengths and trailing padding, which say nothing.
    if not same_elements(before, after):
        raise CannotTranscode("the re-encoded instance does not say the same")
