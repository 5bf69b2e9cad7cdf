"""Instances in a transfer syntax that a profile forbids, re-encoded as Explicit VR Little Endian (PS3.11 D.3.1).

Every value stays as it is, byte for byte (`media.explicit`), but the encoding of the pixels and what must follow it:
Photometric Interpretation and Planar Configuration (colour is decompressed to RGB, pixel by pixel), and Lossy Image
Compression, which stays true: pixels that were once lossy are still lossy. The SOP Instance UID stays too, for nothing
was lost on the way (PS3.4 B.4.1.2). This decodes foreign pixels: it runs in a child process.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from .elements import Unparsable, syntax_of
from .explicit import PIXEL_DATA, Replacements, write_explicit
from .explicit import Path as PathOfItem
from .part10 import scan_file
from .sameness import ENCODING_TAGS, same_elements, turned
from .store import file_head

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
OFFSET_TABLES = frozenset({0x7FE00001, 0x7FE00002})
"""Extended Offset Table and its lengths: they belong to encapsulated pixels."""
LOSSY = frozenset(f"{_JPEG}{number}" for number in (50, 51, 81, 91, 203))
PLAIN = frozenset({ImplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian})


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
    if transfer_syntax_uid in PLAIN:
        # Implicit elements of 8 bytes become explicit ones of 12 at most: half as much again.
        return size + size // 2 + 4096
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        pixel_bytes = _pixel_bytes(header)
    except CannotTranscode:
        raise
    except Exception as failure:
        raise CannotTranscode(f"its header cannot be read: {type(failure).__name__}") from failure
    if pixel_bytes > MAX_PIXEL_BYTES:
        raise CannotTranscode(f"its pixels take {pixel_bytes >> 20} MiB")
    plain = min(size, 64 << 20)  # what is not pixels
    return plain + plain // 2 + pixel_bytes + 4096


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
        header, meta = scan_file(source)
        with source.open("rb") as file, out.open("wb") as target:
            # Not closed by hand: the frames of an exception would still hold parts of it.
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))[meta.data_offset :]
            target.write(file_head(header.sop_class_uid, header.sop_instance_uid, ExplicitVRLittleEndian))
            _rewrite(source, meta.transfer_syntax_uid, data, target)
        _check(source, out)
    except (CannotTranscode, OSError):
        raise
    except Unparsable as failure:
        raise CannotTranscode(str(failure)) from failure
    except MemoryError as failure:
        raise CannotTranscode("its pixels take more memory than a disc may have") from failure
    except Exception as failure:
        raise CannotTranscode(f"{type(failure).__name__} in {_named(source)}") from failure


def _named(source: Path) -> str:
    try:
        return str(pydicom.dcmread(source, stop_before_pixels=True, force=True).SOPInstanceUID)
    except Exception:
        return "an instance"


def _rewrite(source: Path, syntax: str, data: memoryview, target: BinaryIO) -> None:
    data_set: Dataset = pydicom.dcmread(source, force=True, stop_before_pixels=syntax in PLAIN)
    replaced: Replacements = {}
    left_out: frozenset[int] = frozenset()
    if syntax not in PLAIN:
        replaced = _decompressed(data_set, source, syntax)
        left_out = OFFSET_TABLES
    write_explicit(
        data,
        syntax_of(syntax),
        target,
        signed=data_set.get("PixelRepresentation") == 1,
        replaced=replaced,
        left_out=left_out,
        icon=lambda path: _icon(data_set, path, syntax),
    )


def _decompressed(data_set: Dataset, source: Path, syntax: str) -> Replacements:
    """What the elements of the top level are once the pixels are decompressed."""
    if syntax not in DECODERS:
        raise CannotTranscode(f"transfer syntax {syntax} cannot be decoded")
    if "PixelData" not in data_set:
        return {}  # a document in the syntax of its study: only the name of the encoding changes
    if _pixel_bytes(data_set) > MAX_PIXEL_BYTES:
        raise CannotTranscode("its pixels are too many")
    if _needs_dcmdjpeg(data_set, syntax):
        replaced: dict[int, tuple[bytes, bytes]] = {PIXEL_DATA: (b"OW", _by_dcmdjpeg(source))}
    else:
        frames = data_set.get("NumberOfFrames")
        data_set.decompress(as_rgb=True, generate_instance_uid=False, decoding_plugin=DECODERS[syntax])
        replaced = _pixel_elements(data_set)
        if data_set.get("NumberOfFrames") != frames:
            replaced[0x00280008] = (b"IS", str(data_set.NumberOfFrames).encode("ascii"))
    if syntax in LOSSY and data_set.get("LossyImageCompression") != "01":
        replaced[0x00282110] = (b"CS", b"01")
    return replaced


def _pixel_elements(data_set: Dataset) -> dict[int, tuple[bytes, bytes]]:
    """Pixel Data of a decompressed data set, and what must follow it."""
    found = {
        0x00280004: (b"CS", str(data_set.PhotometricInterpretation).encode("ascii")),
        PIXEL_DATA: (data_set["PixelData"].VR.encode("ascii"), bytes(data_set.PixelData)),
    }
    if int(data_set.SamplesPerPixel) > 1:
        found[0x00280006] = (b"US", int(data_set.PlanarConfiguration).to_bytes(2, "little"))
    return found


def _icon(data_set: Dataset, path: PathOfItem, syntax: str) -> Replacements:
    """A compressed icon in a sequence is bound to the transfer syntax of the whole (PS3.3 C.7.6.1.1.6)."""
    item = data_set
    for tag, number in path:
        item = item[tag].value[number]
    if _pixel_bytes(item) > MAX_PIXEL_BYTES:
        raise CannotTranscode("the pixels of an icon are too many")
    item.file_meta = FileMetaDataset()
    item.file_meta.TransferSyntaxUID = UID(syntax)
    item.decompress(as_rgb=True, generate_instance_uid=False, decoding_plugin=DECODERS[syntax])
    return _pixel_elements(item)


def read_decompressed(path: Path) -> Dataset:
    """A file's data set with plain pixels, for who shows them: colour as RGB, no second file. What is in none of the
    transfer syntaxes in `DECODERS` is left as it is.

    Raises:
        CannotTranscode: its pixels cannot be decoded; in words without patient data.
        Exception: whatever pydicom says of a file that it cannot read.
    """
    data_set: Dataset = pydicom.dcmread(path)
    syntax = str(data_set.file_meta.get("TransferSyntaxUID", ""))
    if syntax not in DECODERS or "PixelData" not in data_set:
        return data_set
    if _pixel_bytes(data_set) > MAX_PIXEL_BYTES:
        raise CannotTranscode("its pixels are too many")
    if not _needs_dcmdjpeg(data_set, syntax):
        data_set.decompress(as_rgb=True, generate_instance_uid=False, decoding_plugin=DECODERS[syntax])
        return data_set
    # Whoever looks at a disc cannot write beside its files, and pixels of patients do not belong into /tmp.
    memory = os.memfd_create("decoded")
    try:
        pixels = _decoded(path, Path(f"/dev/fd/{memory}"), (memory,))
    finally:
        os.close(memory)
    data_set.add_new(PIXEL_DATA, "OW", pixels)
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data_set


def _needs_dcmdjpeg(data_set: Dataset, syntax: str) -> bool:
    return syntax == JPEG_EXTENDED and int(data_set.BitsStored) > 8


def _by_dcmdjpeg(source: Path) -> bytes:
    """The pixels, by way of a file beside their source: discs are made where there is more disk than memory."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        return _decoded(source, Path(folder) / "out")


def _decoded(source: Path, out: Path, pass_fds: tuple[int, ...] = ()) -> bytes:
    """12-bit JPEG Extended has no free decoder in Python: DCMTK's program, with fixed arguments. The pixels."""
    command = ["/usr/bin/dcmdjpeg", "+cl", "+te", str(source.absolute()), str(out)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=300, pass_fds=pass_fds)
    except FileNotFoundError:
        raise CannotTranscode("12-bit JPEG needs dcmdjpeg (package dcmtk), which is not installed") from None
    except subprocess.TimeoutExpired:
        raise CannotTranscode("dcmdjpeg took too long") from None
    if done.returncode != 0:
        raise CannotTranscode("dcmdjpeg cannot decode it")
    return bytes(pydicom.dcmread(out).PixelData)


FOLLOWING = frozenset({0x00282110})
"""Lossy Image Compression: added where an encoder forgot to say it."""


LONG = "1 MB"
"""Longer values (pixels, which are not compared) are left in the file until somebody wants them."""


def _check(source: Path, out: Path) -> None:
    """Read the result back: every element must say what the source says."""
    before, after = pydicom.dcmread(source, LONG, force=True), pydicom.dcmread(out, LONG)
    turned(before)
    for tag in ENCODING_TAGS | FOLLOWING:
        for data_set in (before, after):
            if tag in data_set:
                del data_set[tag]
    # dcmdjpeg and pydicom may drop the retired group lengths and trailing padding, which say nothing.
    if not same_elements(before, after):
        raise CannotTranscode("the re-encoded instance does not say the same")
