"""A film imager on dcmjs-dimse, with the habits that a test wishes for; and films that are given to it."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from printing.outputs import RenderedFilm
from printing.outputs.dicom.habits import Habits
from printing.outputs.dicom.imager import DicomOutput
from printing.page import DOCUMENT, FilmDocument, FilmPage, PageImage, PixelReference, Rectangle
from printing.printer import PrinterState


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
