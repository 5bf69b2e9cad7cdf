"""From rasterised films to a PDF: one film, one page, true size, nothing lost, the same bytes for the same films.

reportlab makes the document. The page's pixels go in as a stream of ours: Flate with the PNG "up" predictor, eight or
sixteen bits (ISO 32000-1 §7.4.4, §8.9.5), because reportlab's own way re-encodes them several times slower. Each page
is compressed in strips as it comes and waits in a file, so the memory needed does not grow with the number of films.
"""

from __future__ import annotations

import hashlib
import shutil
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray
from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from printing.render.bidi import runs_both_ways, visual_order
from printing.render.raster import RasterPage
from printing.render.sheet import Sheet
from printing.render.text import OWN_FONT

POINTS_PER_MM = 72 / 25.4
COMPRESSION = 1
"""zlib's fastest level: behind the predictor, level 6 is a tenth smaller and three times slower (measured)."""


class Sink(Protocol):
    """What takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Take some."""


def compress(strips: Iterable[NDArray[Any]], out: Sink) -> None:
    """Write one image as a zlib stream of PNG rows, each filtered by "up" (PNG §9.2).

    Args:
        strips: uint8 or uint16, (rows, columns) or (rows, columns, 3), from the top.
        out: takes the stream.
    """
    encoder = zlib.compressobj(COMPRESSION)
    above: NDArray[np.uint8] | None = None
    for samples in strips:
        strip = (samples.astype(">u2") if samples.dtype != np.uint8 else samples).reshape(len(samples), -1)
        strip = strip.view(np.uint8)
        filtered = np.empty((len(strip), strip.shape[1] + 1), np.uint8)
        filtered[:, 0] = 2
        filtered[0, 1:] = strip[0] if above is None else strip[0] - above
        np.subtract(strip[1:], strip[:-1], out=filtered[1:, 1:])
        above = strip[-1].copy()
        out.write(encoder.compress(filtered.data))
    out.write(encoder.flush())


class _ImageStream(pdfdoc.PDFObject):
    """An image XObject whose data wait in a file until the document is written, and go from there into it."""

    def __init__(self, page: RasterPage, data: Path, profile: Any) -> None:
        self.height, self.width = page.height, page.width
        self.colors, self.bits = page.colors, page.bits
        self.profile = profile
        self.data = data
        self.name = ""

    def format(self, document: Any) -> bytes:
        """The object as the document writes it, without its data: they follow in the file that is being written."""
        head = (
            f"<< /Type /XObject /Subtype /Image /Width {self.width} /Height {self.height}"
            f" /ColorSpace {self._space(document)} /BitsPerComponent {self.bits}"
            f" /Interpolate false /Filter /FlateDecode /DecodeParms << /Predictor 15 /Colors {self.colors}"
            f" /BitsPerComponent {self.bits} /Columns {self.width} >> /Length {self.data.stat().st_size} >>\nstream\n"
        ).encode("ascii")
        document.__accum__.insertion = (head, self.data)
        return head + b"\nendstream"

    def _space(self, document: Any) -> str:
        if self.profile is None:
            return "/DeviceRGB" if self.colors == 3 else "/DeviceGray"
        return f"[/ICCBased {self.profile.format(document).decode('ascii')}]"


class _ProfileStream(pdfdoc.PDFObject):
    """An ICC profile (ISO 32000-1 §8.6.5.5)."""

    def __init__(self, data: bytes, colors: int) -> None:
        self.data = zlib.compress(data, 9)
        self.colors = colors

    def format(self, document: Any) -> bytes:
        """The object as the document writes it."""
        head = f"<< /N {self.colors} /Filter /FlateDecode /Length {len(self.data)} >>\nstream\n"
        return head.encode("ascii") + self.data + b"\nendstream"


class _StreamedFile(pdfdoc.PDFFile):
    """reportlab's PDFFile, which gathers the whole document in memory, writing it away instead."""

    out: BinaryIO
    insertion: tuple[bytes, Path] | None = None
    """(words, file): behind these words of the next object, the content of this file."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        gathered = self.strings
        self.write: Any = self.out.write
        for text in gathered:
            self.out.write(text)

    def add(self, s: bytes) -> int:
        if self.insertion is None:
            return int(super().add(s))
        (head, data), self.insertion = self.insertion, None
        at = s.index(head) + len(head)
        offset = int(super().add(s[:at]))
        with data.open("rb") as content:
            shutil.copyfileobj(content, self.out, 1 << 20)
        self.offset += data.stat().st_size
        super().add(s[at:])
        return offset

    def format(self, document: Any) -> bytes:
        return b""


def write_pdf(
    pages: Iterable[tuple[RasterPage, tuple[Sheet, ...]]],
    out: BinaryIO,
    work: Path,
    *,
    title: str = "Film",
    creator: str = "Gravure",
) -> int:
    """Write films as a PDF.

    Args:
        pages: the films in order, each with the sheets that it lies on where the page is not the film itself; each is
            taken, compressed and let go.
        out: takes the PDF.
        work: a folder for the compressed pages, which are removed at the end.
        title: document title; never text of a peer.
        creator: document creator.

    Returns:
        How many films there are.

    Raises:
        OSError: `out` or `work` is full.
    """
    canvas: Any = Canvas("film", pageCompression=0, invariant=1, pdfVersion=(1, 5))
    canvas.setTitle(title)
    canvas.setCreator(creator)
    canvas.setProducer(creator)
    streams: list[Path] = []
    try:
        for number, (page, sheets) in enumerate(pages):
            streams.append(work / f"page{number}.z")
            with streams[-1].open("wb") as file:
                compress(page.strips(), file)
            _add_film(canvas, page, sheets, number, streams[-1])
        _save(canvas, out)
    finally:
        for stream in streams:
            stream.unlink(missing_ok=True)
    return len(streams)


def _add_film(canvas: Any, page: RasterPage, sheets: tuple[Sheet, ...], number: int, data: Path) -> None:
    document: Any = canvas._doc
    name = f"film{number}"
    stream = _ImageStream(page, data, _profile(document, page))
    stream.name = name
    document.Reference(stream, document.getXObjectName(name))
    document.addForm(name, stream)
    if page.intent and number == 0:
        _add_intent(document, page.intent)
    for sheet in sheets or (None,):
        _add_page(canvas, page, sheet, stream)


def _add_page(canvas: Any, page: RasterPage, sheet: Sheet | None, stream: _ImageStream) -> None:
    width, height = page.width_mm * POINTS_PER_MM, page.height_mm * POINTS_PER_MM
    if sheet is None:
        canvas.setPageSize((width, height))
    else:
        _lay(canvas, sheet, page.height_mm)
    canvas._setXObjects(stream)
    canvas.saveState()
    canvas.transform(width, 0, 0, height, 0, 0)
    canvas._code.append(f"/{canvas._doc.getXObjectName(stream.name)} Do")
    canvas.restoreState()
    canvas._formsinuse.append(stream.name)
    _add_texts(canvas, page, sheet)
    canvas.showPage()


def _lay(canvas: Any, sheet: Sheet, film_height_mm: float) -> None:
    """Begin a sheet: what follows is drawn in the film's own points."""
    k, high = POINTS_PER_MM, sheet.height_mm
    canvas.setPageSize((sheet.width_mm * k, high * k))
    if sheet.caption:
        left, base = sheet.baseline_mm(film_height_mm)
        canvas.setFont(_registered(str(OWN_FONT)), 8)
        canvas.drawString(left * k, (high - base) * k, sheet.caption)
    for left, top, wide, tall in sheet.marks:
        canvas.rect(left * k, (high - top - tall) * k, wide * k, tall * k, stroke=0, fill=1)
    if sheet.window is not None:
        left, top, wide, tall = sheet.window
        path = canvas.beginPath()
        path.rect(left * k, (high - top - tall) * k, wide * k, tall * k)
        canvas.clipPath(path, stroke=0, fill=0)
    canvas.translate(sheet.left_mm * k, (high - sheet.top_mm - film_height_mm * sheet.scale) * k)
    canvas.scale(sheet.scale, sheet.scale)


def _profile(document: Any, page: RasterPage) -> Any:
    """A reference to the page's ICC profile; the same profile stands in the document once."""
    if not page.profile:
        return None
    name = f"icc{hashlib.sha256(page.profile).hexdigest()[:16]}"
    if name not in document.idToObject:
        return document.Reference(_ProfileStream(page.profile, page.colors), name)
    return pdfdoc.PDFObjectReference(name)


def _add_intent(document: Any, profile: bytes) -> None:
    """What grey samples mean, for programs that ask (ISO 32000-1 §14.11.5).

    Not as the colour space of the image: a viewer on a calibrated screen shows P-values as they are, which is right,
    and would convert them once more.
    """
    name = pdfdoc.PDFString("GSDF")
    intent = pdfdoc.PDFDictionary(
        {
            "Type": pdfdoc.PDFName("OutputIntent"),
            "S": pdfdoc.PDFName("GTS_PDFX"),
            "OutputConditionIdentifier": name,
            "Info": name,
            "DestOutputProfile": document.Reference(_ProfileStream(profile, 1), "intent"),
        }
    )
    catalog = document.Catalog
    catalog.OutputIntents = pdfdoc.PDFArray([intent])
    catalog.__NoDefault__ = [*catalog.__NoDefault__, "OutputIntents"]


def _add_texts(canvas: Any, page: RasterPage, sheet: Sheet | None) -> None:
    """The annotations once more, unseen, where they are drawn and in the fonts that they are drawn in: so that a film
    can be found by its text."""
    pixel_mm = page.width_mm / page.width
    point = pixel_mm * POINTS_PER_MM
    height = page.height_mm * POINTS_PER_MM
    for text in page.texts:
        if sheet is not None and not sheet.shows(text.left * pixel_mm, text.top * pixel_mm):
            continue
        rows = text.coverage.shape[0]
        size = rows * point / 1.4
        base = height - (text.top + rows * 0.75) * point
        at = canvas.beginText(text.left * point, base)
        at.setTextRenderMode(3)
        for part in text.parts:
            at.setFont(_registered(part.file), size)
            if not runs_both_ways(part.text):
                at.setTextOrigin((text.left + part.left) * point, base)
                at.textOut(part.text)
                continue
            # Characters in the order in which they are read, each where it stands: readers of PDFs differ in which of
            # the two they go by.
            for sign, left in _places(part.text, _registered(part.file), part.width):
                at.setTextOrigin((text.left + part.left + left) * point, base)
                at.textOut(sign)
        canvas.drawText(at)


def _places(text: str, font: str, width_px: int) -> list[tuple[str, float]]:
    """(character, distance from the left in printer pixels), in the order of reading."""
    widths = [pdfmetrics.stringWidth(sign, font, 1.0) for sign in text]
    scale, at = width_px / (sum(widths) or 1.0), 0.0
    left = [0.0] * len(text)
    for index in visual_order(text):
        left[index] = at
        at += widths[index] * scale
    return list(zip(text, left, strict=True))


def _registered(file: str) -> str:
    """The name under which reportlab knows a font file."""
    name = f"F{hashlib.sha256(file.encode()).hexdigest()[:8]}"
    if name not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(name, file))
    return name


def _save(canvas: Any, out: BinaryIO) -> None:
    library: Any = pdfdoc
    before = library.PDFFile
    library.PDFFile = type("_File", (_StreamedFile,), {"out": out})
    try:
        canvas._doc.GetPDFData(canvas)
    finally:
        library.PDFFile = before
