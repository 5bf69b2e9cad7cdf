"""What a film must look like, from the bytes of the dialogue that printed it, and what poppler sees in the PDF.

Every printer pixel gets a lowest and a highest grey that any right rendering can have there: flat areas, borders and
empty cells have exactly one, images what their samples around that place allow. An edge may lie one printer pixel off.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.judge.tap import Exchange
from tests.judge.wire import EXPLICIT, decoded, number, text

SESSION, FILM_BOX = "1.2.840.10008.5.1.1.1", "1.2.840.10008.5.1.1.2"
GRAY_BOX, COLOR_BOX = "1.2.840.10008.5.1.1.4", "1.2.840.10008.5.1.1.4.1"
GRAY_META, COLOR_META = "1.2.840.10008.5.1.1.9", "1.2.840.10008.5.1.1.18"
PRINT_JOB = "1.2.840.10008.5.1.1.14"
N_GET, N_SET, N_ACTION, N_CREATE, N_DELETE = 0x0110, 0x0120, 0x0130, 0x0140, 0x0150

SIZES_MM = {
    "8INX10IN": (203.2, 254), "8_5INX11IN": (215.9, 279.4), "10INX12IN": (254, 304.8), "10INX14IN": (257, 364),
    "11INX14IN": (279.4, 355.6), "11INX17IN": (279.4, 431.8), "14INX14IN": (355.6, 355.6), "14INX17IN": (355.6, 431.8),
    "24CMX24CM": (240, 240), "24CMX30CM": (240, 300), "A4": (210, 297), "A3": (297, 420),
}  # fmt: skip
"""Film Size ID, PS3.3 C.13.3, portrait."""

Pixels = NDArray[Any]
Rectangle = tuple[float, float, float, float]
"""x, y, width, height."""


@dataclass(frozen=True)
class Picture:
    """What stands in an image box: 8-bit P-values (rows, columns, samples), polarity applied."""

    values: Pixels
    exact: Pixels
    """The same before they were rounded: deep samples that are equal in eight bits are not equal."""
    magnification: str
    width_mm: float | None
    """Requested Image Size."""
    aspect: float
    """Width of a pixel / its height."""


@dataclass
class Film:
    """A film box as its console set it."""

    attributes: dict[int, Any]
    boxes: list[str]
    pictures: dict[int, Picture] = field(default_factory=dict)

    def word(self, tag: int, default: str) -> str:
        """A text attribute of the film box."""
        return text(self.attributes.get(tag, b"")) or default

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height as it hangs."""
        width, height = SIZES_MM[self.word(0x20100050, "14INX17IN")]
        return (height, width) if self.word(0x20100040, "PORTRAIT") == "LANDSCAPE" else (width, height)

    def cells(self) -> list[Rectangle]:
        """Cells in mm by Image Box Position: they tile the film."""
        width, height = self.size_mm
        kind, _, numbers = self.word(0x20100010, "").partition("\\")
        counts = [int(one) for one in numbers.split(",")]
        if kind == "STANDARD":
            counts = [counts[0]] * counts[1]
        across, down = (height, width) if kind == "COL" else (width, height)
        found = [
            (column * across / count, row * down / len(counts), across / count, down / len(counts))
            for row, count in enumerate(counts)
            for column in range(count)
        ]
        return [(y, x, h, w) for x, y, w, h in found] if kind == "COL" else found


def films(exchanges: Iterable[Exchange]) -> Iterator[list[Film]]:
    """The films of each print that was answered with success, in order: one N-ACTION, one document."""
    sessions: dict[str, list[str]] = {}
    boxes: dict[str, Film] = {}
    for one in exchanges:
        if one.response is None or one.response.status not in (0x0000, 0xB604, 0xB60A, 0x0107, 0x0116):
            continue
        command, explicit = one.request.command, one.transfer == EXPLICIT
        data = decoded(one.request.data, explicit)
        named = text(command.get(0x00001003, command.get(0x00000003, b"")))
        uid = text(command.get(0x00001001, command.get(0x00001000, b"")))
        if one.request.field == N_CREATE and named in (FILM_BOX, "") and text(command[0x00000002]) == FILM_BOX:
            uid = uid or text(one.response.command[0x00001000])
            created = decoded(one.response.data, explicit)
            boxes[uid] = Film(data, [text(item[0x00081155]) for item in created[0x20100510]])
            sessions.setdefault(text(data[0x20100500][0][0x00081155]), []).append(uid)
        elif one.request.field == N_SET and named == FILM_BOX:
            boxes[uid].attributes |= data
        elif one.request.field == N_SET and named in (GRAY_BOX, COLOR_BOX):
            film = next(film for film in boxes.values() if uid in film.boxes)
            position = film.boxes.index(uid) + 1
            assert number(data.get(0x20200010, position.to_bytes(2, "little"))) == position
            film.pictures[position] = picture(data, film)
        elif one.request.field == N_ACTION:
            yield [boxes[uid]] if named == FILM_BOX else [boxes[film] for film in sessions[uid]]


def picture(data: dict[int, Any], film: Film) -> Picture:
    """The picture of an image box N-SET."""
    (image,) = data.get(0x20200110) or data[0x20200111]
    rows, columns, bits = (number(image[tag]) for tag in (0x00280010, 0x00280011, 0x00280101))
    samples = number(image[0x00280002])
    kind = "<u2" if number(image[0x00280100]) == 16 else "u1"
    raw = np.frombuffer(image[0x7FE00010], kind, rows * columns * samples).astype(int)
    planar = samples == 3 and number(image[0x00280006]) == 1
    stored = np.moveaxis(raw.reshape(3, rows, columns), 0, 2) if planar else raw.reshape(rows, columns, samples)
    full = (1 << bits) - 1
    reverse = text(data.get(0x20200020, b"")) == "REVERSE"
    if (text(image[0x00280004]) == "MONOCHROME1") != reverse:
        stored = full - stored
    vertical, horizontal = (int(one) for one in text(image.get(0x00280034, b"1\\1")).split("\\"))
    wished = text(data.get(0x20200030, b""))
    exact = stored * 255 / full
    return Picture(
        values=np.floor(exact + 0.5).astype(np.uint8),
        exact=exact,
        magnification=text(data.get(0x20100060, b"")) or film.word(0x20100060, "CUBIC"),
        width_mm=float(wished) if wished else None,
        aspect=horizontal / vertical,
    )


def gsdf() -> tuple[Pixels, Pixels]:
    """JND indices and their luminances in cd/m² (PS3.14 §7.1)."""
    a, c, e, g, m = -1.3011877, 0.080242636, 0.13646699, -0.025468404, 0.0013635334
    b, d, f, h, k = -0.025840191, -0.10320229, 0.028745620, -0.0031978977, 0.00012992634
    index = np.linspace(1, 1023, 100_001)
    x = np.log(index)
    above = a + c * x + e * x**2 + g * x**3 + m * x**4
    return index, 10 ** (above / (1 + b * x + d * x**2 + f * x**3 + h * x**4 + k * x**5))


def grey(density: str, least: float, most: float) -> tuple[int, int]:
    """Lowest and highest 8-bit P-value of BLACK, WHITE or a density in hundredths, on film at 2000 and 10 cd/m²."""
    if density in ("BLACK", "WHITE"):
        return (0, 0) if density == "BLACK" else (255, 255)
    index, luminance = gsdf()
    od = min(max(int(density) / 100, least / 100), most / 100)
    low, here, high = (np.interp(10 + 2000 * 10**-one, luminance, index) for one in (most / 100, od, least / 100))
    value = float((here - low) / (high - low) * 255)
    return math.floor(value), math.ceil(value)


@dataclass
class Bounds:
    """Lowest and highest grey of each printer pixel (rows, columns, samples)."""

    low: Pixels
    high: Pixels

    def paint(self, where: tuple[slice, slice], low: Any, high: Any) -> None:
        """Set a part of the page."""
        self.low[where], self.high[where] = low, high

    def allow(self, where: tuple[slice, slice], low: Any, high: Any) -> None:
        """What a part of the page may be too."""
        self.low[where] = np.minimum(self.low[where], low)
        self.high[where] = np.maximum(self.high[where], high)

    def loosened(self) -> Bounds:
        """Everything may lie one printer pixel off."""
        return Bounds(_filtered(self.low, np.minimum), _filtered(self.high, np.maximum))


def _filtered(values: Pixels, choose: Any) -> Pixels:
    for axis in (0, 1):
        padded = np.concatenate([values.take([0], axis), values, values.take([-1], axis)], axis)
        size = values.shape[axis]
        parts = (padded.take(range(at, at + size), axis) for at in range(3))
        values = choose.reduce(list(parts))
    return values


def place_of(image: Picture, cell: Rectangle, dpi: float) -> Rectangle:
    """Where an image lies in its cell, in the cell's unit of mm."""
    x, y, width, height = cell
    rows, columns = image.values.shape[:2]
    shape = columns * image.aspect / rows
    if image.magnification == "NONE":
        inner = columns / dpi * 25.4
    else:
        inner = image.width_mm if image.width_mm is not None else min(width, height * shape)
    return x + (width - inner) / 2, y + (height - inner / shape) / 2, inner, inner / shape


def expected(film: Film, shape: tuple[int, ...], dpi: float) -> Bounds:
    """Bounds of a whole page of this many printer pixels."""
    least, most = (number(film.attributes.get(tag, b"")) or default for tag, default in LIMITS)
    width, height = film.size_mm
    scale_x, scale_y = shape[1] / width, shape[0] / height
    border = grey(film.word(0x20100100, "BLACK"), least, most)
    empty = grey(film.word(0x20100110, "BLACK"), least, most)
    bounds = Bounds(np.full(shape, border[0], np.uint8), np.full(shape, border[1], np.uint8))
    for position, cell in enumerate(film.cells(), 1):
        image = film.pictures.get(position)
        if image is None:
            bounds.paint(covered(cell, scale_x, scale_y), *empty)
            continue
        place = place_of(image, cell, dpi)
        where = covered(place, scale_x, scale_y)
        low, high = around(
            image.exact, where, (place[0] * scale_x, place[1] * scale_y), (place[2] * scale_x, place[3] * scale_y)
        )
        bounds.paint(where, low, high)
    for position in film.pictures:
        cell = film.cells()[position - 1]
        for where in slivers(place_of(film.pictures[position], cell, dpi), cell, scale_x, scale_y):
            bounds.allow(where, *border)
    return bounds.loosened()


def slivers(place: Rectangle, cell: Rectangle, scale_x: float, scale_y: float) -> Iterator[tuple[slice, slice]]:
    """Lines of border between an image and its cell's edges that are thinner than a printer pixel: whether one is seen
    depends on how the edges are rounded."""
    (x, y, width, height), (left, top, across, down) = place, cell
    rows, columns = covered(cell, scale_x, scale_y)
    for inner, outer in ((x, left), (x + width, left + across)):
        if 0 < abs(inner - outer) * scale_x < 1:
            at = max(0, math.floor(min(inner, outer) * scale_x))
            yield rows, slice(at, at + 2)
    for inner, outer in ((y, top), (y + height, top + down)):
        if 0 < abs(inner - outer) * scale_y < 1:
            at = max(0, math.floor(min(inner, outer) * scale_y))
            yield slice(at, at + 2), columns


LIMITS = ((0x20100120, 20), (0x20100130, 300))
"""Min Density and Max Density, with the printer's own."""


def covered(place: Rectangle, scale_x: float, scale_y: float) -> tuple[slice, slice]:
    """Rows and columns of printer pixels whose middles lie in a place."""
    x, y, width, height = place
    return (
        slice(max(0, round(y * scale_y)), round((y + height) * scale_y)),
        slice(max(0, round(x * scale_x)), round((x + width) * scale_x)),
    )


def around(
    values: Pixels, where: tuple[slice, slice], origin: tuple[float, float], size: tuple[float, float]
) -> tuple[Pixels, Pixels]:
    """Lowest and highest grey that interpolation can make of the samples around each printer pixel.

    Interpolators weigh at most two samples on each side (more where they decimate); a cubic one may overshoot the
    lowest and highest of them by an eighth in each direction.
    """
    low, high = values.astype(float), values.astype(float)
    for axis in (0, 1):
        count, begin, extent = values.shape[axis], origin[1 - axis], size[1 - axis]
        step = count / extent
        reach = 2 * max(1.0, step) + 0.5
        lows, highs = [], []
        for pixel in range(where[axis].start, where[axis].stop):
            middle = (pixel + 0.5 - begin) * step
            first = min(max(math.floor(middle - reach), 0), count - 1)
            last = max(min(math.ceil(middle + reach), count), first + 1)
            lows.append(low.take(range(first, last), axis).min(axis))
            highs.append(high.take(range(first, last), axis).max(axis))
        low, high = np.stack(lows, axis), np.stack(highs, axis)
    overshoot = 0.28 * (high - low)
    flat = np.floor(low + 0.5)
    low, high = np.floor(low - overshoot), np.ceil(high + overshoot)
    return np.clip(np.where(overshoot > 0, low, flat), 0, 255), np.clip(np.where(overshoot > 0, high, flat), 0, 255)


def pages(pdf: Path, folder: Path) -> list[Pixels]:
    """The printer pixels of every page, as poppler takes them out (rows, columns, samples)."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = run("pdfimages", "-list", str(pdf)).splitlines()[2:]
    assert all(line.split()[8] != "jpeg" for line in listed), listed
    assert [int(line.split()[0]) for line in listed] == list(range(1, len(listed) + 1)), "one image on each page"
    run("pdfimages", "-png", str(pdf), str(folder / "film"))
    return [sampled(file) for file in sorted(folder.glob("film*.png"))]


def sampled(file: Path) -> Pixels:
    """An image file as an array (rows, columns, samples)."""
    with Image.open(file) as image:
        values = np.asarray(image if image.mode in ("L", "RGB") else image.convert("L"))
    return values if values.ndim == 3 else values[..., None]


def run(*command: str) -> str:
    """What a program says; it must end well."""
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def page_sizes_mm(pdf: Path, count: int) -> list[tuple[float, float]]:
    """Width and height of each page."""
    lines = run("pdfinfo", "-l", str(count), str(pdf)).splitlines()
    sizes = [line.split("size:")[1].split() for line in lines if line.startswith("Page") and "size:" in line]
    return [(float(words[0]) / 72 * 25.4, float(words[2]) / 72 * 25.4) for words in sizes]


def differences(printed: list[Film], pdf: Path, folder: Path, dpi: float) -> list[str]:
    """In words, everything in which a PDF is not what was printed; empty is what we want."""
    found = []
    seen = pages(pdf, folder)
    if len(seen) != len(printed):
        return [f"{len(seen)} pages for {len(printed)} films"]
    for at, (film, page, size) in enumerate(zip(printed, seen, page_sizes_mm(pdf, len(seen)), strict=True), 1):
        found += [f"page {at}: {words}" for words in page_differences(film, page, size, dpi)]
    run("pdftoppm", "-r", str(dpi), "-png", str(pdf), str(folder / "shown"))
    for page, shown in zip(seen, sorted(folder.glob("shown*.png")), strict=True):
        found += appearance(page, shown)
    return found


def page_differences(film: Film, page: Pixels, size: tuple[float, float], dpi: float) -> list[str]:
    """Size, greys and geometry of one page."""
    found = []
    for edge, wanted in zip(size, film.size_mm, strict=True):
        if abs(edge - wanted) > 0.1:
            found.append(f"{size} mm instead of {film.size_mm}")
    for pixels, wanted in zip(page.shape[1::-1], film.size_mm, strict=True):
        if abs(pixels - wanted / 25.4 * dpi) > 1:
            found.append(f"{page.shape} printer pixels for {film.size_mm} mm")
    bounds = expected(film, page.shape, dpi)
    wrong = np.argwhere(((page < bounds.low) | (page > bounds.high)).any(axis=2))
    if len(wrong):
        row, column = (int(one) for one in wrong[len(wrong) // 2])
        allowed = f"{bounds.low[row, column].tolist()} to {bounds.high[row, column].tolist()}"
        found.append(f"{len(wrong)} pixels differ; ({row}, {column}) is {page[row, column].tolist()}, not {allowed}")
    for position, cell in enumerate(film.cells(), 1):
        image = film.pictures.get(position)
        if image is not None:
            found += [f"image {position}: {words}" for words in image_differences(image, page, film, cell, dpi)]
    return found


def image_differences(image: Picture, page: Pixels, film: Film, cell: Rectangle, dpi: float) -> Iterator[str]:
    """Magnification NONE is sample for sample; a smooth image has at each place what lies there."""
    width, height = film.size_mm
    scale_x, scale_y = page.shape[1] / width, page.shape[0] / height
    place = place_of(image, cell, dpi)
    rows, columns = image.values.shape[:2]
    if image.magnification == "NONE":
        top, left = round(place[1] * scale_y), round(place[0] * scale_x)
        offsets = [(top + y, left + x) for y in (-1, 0, 1) for x in (-1, 0, 1) if top + y >= 0 and left + x >= 0]
        parts = (page[y : y + rows, x : x + columns] for y, x in offsets)
        if not any(part.shape[:2] == (rows, columns) and (part == image.values).all() for part in parts):
            yield "is not there pixel for pixel"
        return
    if not smooth(image.values):
        return
    down, across = covered(place, scale_x, scale_y)
    y = (np.arange(down.start, down.stop) + 0.5 - place[1] * scale_y) / (place[3] * scale_y) * rows - 0.5
    x = (np.arange(across.start, across.stop) + 0.5 - place[0] * scale_x) / (place[2] * scale_x) * columns - 0.5
    margin_y, margin_x = 3 * max(1, rows / len(y)), 3 * max(1, columns / len(x))
    keep_y, keep_x = (y > margin_y) & (y < rows - 1 - margin_y), (x > margin_x) & (x < columns - 1 - margin_x)
    wanted = bilinear(image.values, y[keep_y], x[keep_x])
    shown = page[down, across][keep_y][:, keep_x]
    if wanted.size:
        nearest = 0.5 if image.magnification == "REPLICATE" else 0.0
        # Edges lie on whole printer pixels: anything may be half of one beside where the millimetres have it.
        slack = sum(
            step_of(image.values, axis) * (nearest + 0.5 * count / len(at))
            for axis, count, at in ((0, rows, y), (1, columns, x))
        )
        worst = float(np.abs(shown - wanted).max())
        if worst > 2 + slack:
            yield f"off by {worst:.1f} grey levels, {image.magnification}"


def step_of(values: Pixels, axis: int) -> int:
    """The largest step from one sample to the next."""
    return int(np.abs(np.diff(values.astype(int), axis=axis)).max(initial=0))


def smooth(values: Pixels) -> bool:
    """No bend beyond what rounding to whole greys makes of a straight ramp."""
    whole = values.astype(int)
    return min(values.shape[:2]) > 8 and all(np.abs(np.diff(whole, 2, axis)).max() <= 2 for axis in (0, 1))


def bilinear(values: Pixels, y: Pixels, x: Pixels) -> Pixels:
    """Samples in between, by straight lines."""
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, across = (y - top)[:, None, None], (x - left)[None, :, None]
    corner = [[values[np.ix_(top + dy, left + dx)].astype(float) for dx in (0, 1)] for dy in (0, 1)]
    above, below = (one[0] * (1 - across) + one[1] * across for one in corner)
    return np.asarray(above * (1 - down) + below * down)


def appearance(page: Pixels, shown: Path) -> Iterator[str]:
    """Whether a page shows its pixels from edge to edge, upright and in these greys: means of blocks of 10 × 10."""
    seen = sampled(shown)
    rows, columns = (min(a, b) // 10 * 10 for a, b in zip(seen.shape[:2], page.shape[:2], strict=True))
    if max(abs(a - b) for a, b in zip(seen.shape[:2], page.shape[:2], strict=True)) > 1:
        yield f"the page is shown as {seen.shape}, its pixels are {page.shape}"
    means = (one[:rows, :columns].reshape(rows // 10, 10, columns // 10, 10, -1).mean((1, 3)) for one in (seen, page))
    mean = float(np.abs(next(means) - next(means)).mean())
    if mean > 2:
        yield f"the page as shown differs from its pixels by {mean:.1f} grey levels on average"
