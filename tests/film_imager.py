"""Film imagers: dcmprscp, and one on dcmjs-dimse with the habits that a test wishes for; and films for them."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset

from bench.process import PEER, free_port, wait_for
from printing.outputs import RenderedFilm
from printing.outputs.dicom.habits import Habits
from printing.outputs.dicom.imager import DicomOutput
from printing.page import DOCUMENT, FilmDocument, FilmPage, PageImage, PixelReference, Rectangle
from printing.printer import PrinterState

IMAGER = """[[GENERAL]]
[PRINT]
Directory = {folder}/spool
Server = dcmprscp
[DATABASE]
Directory = {folder}/database
[LUT]
Directory = {folder}/lut
[NETWORK]
aetitle = DCMPRSCP
[[COMMUNICATION]]
[SCP]
Type = LOCALPRINTER
Aetitle = IMAGER
Description = an imager
MaxPDU = 131072
Port = {port}
DisplayFormat = 1,1\\1,2\\2,2
FilmSizeID = 14INX17IN\\8INX10IN
{more}
"""
PERMISSIVE = r"""Supports12Bit = true
SupportsPresentationLUT = true
SupportsTrim = true
SupportsImageSize = true
SupportsDecimateCrop = true
MediumType = PAPER\CLEAR FILM\BLUE FILM
FilmDestination = MAGAZINE\PROCESSOR
MagnificationType = NONE\REPLICATE\BILINEAR\CUBIC
SmoothingType = NONE
BorderDensity = BLACK\WHITE
EmptyImageDensity = BLACK\WHITE
MinDensity = 20
MaxDensity = 300
ResolutionID = STANDARD"""
RESTRICTED = """Supports12Bit = false
SupportsPresentationLUT = false
SupportsTrim = false
SupportsImageSize = false
SupportsDecimateCrop = false
MagnificationType = CUBIC"""


class Imager:
    """dcmprscp: it keeps what it was told to print."""

    def __init__(self, folder: Path, more: str) -> None:
        self.folder = folder
        for name in ("spool", "database", "lut"):
            (folder / name).mkdir(parents=True)
        self.port = free_port()
        (folder / "printer.cfg").write_text(IMAGER.format(folder=folder, port=self.port, more=more))
        self.process: subprocess.Popen[bytes] | None = None

    def on(self) -> None:
        self.process = subprocess.Popen(
            ["/usr/bin/dcmprscp", "-c", self.folder / "printer.cfg", "-p", "SCP"],
            env=PEER,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self.port)

    def off(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def films(self) -> list[Dataset]:
        """Stored Print objects, one an N-ACTION."""
        return [pydicom.dcmread(file) for file in sorted((self.folder / "database").glob("SP_*.dcm"))]

    def images(self) -> list[Dataset]:
        """Hardcopy images, in the order of their arrival."""
        files = sorted((self.folder / "database").glob("HG_*.dcm"), key=lambda file: file.stat().st_mtime_ns)
        return [pydicom.dcmread(file) for file in files]

    def last(self) -> list[tuple[Dataset, str]]:
        """The images of the film that came last, by Image Box Position, each with its Polarity."""
        newest = max((self.folder / "database").glob("SP_*.dcm"), key=lambda file: file.stat().st_mtime_ns)
        by_uid = {one.SOPInstanceUID: one for one in self.images()}
        boxes = sorted(pydicom.dcmread(newest).ImageBoxContentSequence, key=lambda box: box.ImageBoxPosition)
        return [
            (by_uid[box.ReferencedImageSequence[0].ReferencedSOPInstanceUID], box.get("Polarity") or "NORMAL")
            for box in boxes
        ]


class Archive:
    """storescp, which can be switched off."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def on(self) -> None:
        command = ["/usr/bin/storescp", "-B", "-od", self.folder, str(self.port)]
        self.process = subprocess.Popen(command, env=PEER, stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def off(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


class FilmImager:
    """The imager as a process; `asked` is what it was asked, in order."""

    def __init__(self, installed: Path, **wishes: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self.states: list[PrinterState] = []
        self._process = subprocess.Popen(
            ["node", "imager.cjs"], cwd=installed, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(wishes))
        self._process.stdin.close()
        self.port = json.loads(self._process.stdout.readline())["port"]
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.asked.append(json.loads(line))

    def output(self, **habits: Any) -> DicomOutput:
        return DicomOutput("127.0.0.1", self.port, "IMAGER", hear=self.states.append, habits=Habits(**habits))

    def names(self) -> list[str]:
        """What it was asked, in words."""
        self.end()
        return [one["asked"] for one in self.asked if "asked" in one]

    def heard(self, name: str) -> list[dict[str, Any]]:
        """The attribute lists of one kind of request."""
        self.end()
        return [one["heard"] for one in self.asked if one.get("asked", "").startswith(name) and "heard" in one]

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        self._reader.join(10)
        trouble = [one["trouble"] for one in self.asked if "trouble" in one]
        assert not trouble, trouble

    def __enter__(self) -> FilmImager:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.wait(10)
        if kind is None:
            self.end()


def film_to_relay(folder: Path, *pages: FilmPage, said: str = "", **document: Any) -> RenderedFilm:
    """A film as the spool has it."""
    folder.mkdir(exist_ok=True)
    made = FilmDocument(pages or (page(folder),), **document)
    (folder / DOCUMENT).write_text(made.to_json())
    return RenderedFilm("film", folder, (), {"film": {}}, said)


def page(folder: Path, bits: int = 12, images: int = 1, seed: int = 1, **more: Any) -> FilmPage:
    """A film of noise."""
    image: dict[str, Any] = more.pop("image", {})
    boxes = []
    folder.mkdir(exist_ok=True)
    for number in range(images):
        name = f"{seed}-{number}"
        samples = np.random.default_rng(seed + number).integers(0, 1 << bits, (6, 8))
        raw = samples.astype("<u2" if bits > 8 else "u1").tobytes()
        (folder / name).write_bytes(raw)
        allocated = 16 if bits > 8 else 8
        reference = PixelReference(name, 0, len(raw), 6, 8, 1, "MONOCHROME2", 0, allocated, bits, bits - 1)
        boxes.append(PageImage(number + 1, Rectangle(0, 0, 100, 100), reference, **image))
    more.setdefault("given", ())
    size = more.pop("film_size_id", "14INX17IN")
    return FilmPage(size, "PORTRAIT", 355.6, 431.8, rf"STANDARD\1,{images}", tuple(boxes), **more)
