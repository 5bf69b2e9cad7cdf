"""Films of image files, without a network: what `gravure film` and `gravure print` lay out.

Each image is brought to P-values of 8 or 12 bits by the pipeline of PS3.4 N.2: modality LUT, VOI LUT or window, and
polarity; what follows is the same as for a film that a console sent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from printing.display_format import DisplayFormat
from printing.film_size import FILM_SIZES
from printing.job import render_document
from printing.layout import Formats, cells
from printing.page import FilmDocument, FilmPage, PageImage, PixelReference
from printing.printer import Printer
from printing.render.finish import Finish
from printing.tone import Tone

MAX_FRAMES = 1000
MOST_RATIO = 1000
"""Numbers of a Pixel Aspect Ratio, and how long a pixel can be."""


class CannotCompose(Exception):
    """These files make no film; the text says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One image ready for an image box: uint16 P-values of 12 bits, or uint8 RGB."""

    samples: NDArray[Any]
    pixel_aspect_ratio: tuple[int, int] = (1, 1)

    @property
    def is_color(self) -> bool:
        """Whether it is RGB."""
        return self.samples.ndim == 3


Read = Callable[[Path], Any]
"""A data set from a file. What it raises beside CannotCompose is told by the name of its type alone."""


def read_plainly(path: Path) -> Any:
    """The data set of a file as it is; pydicom decodes what it can."""
    import pydicom

    return pydicom.dcmread(path)


def pictures(paths: Sequence[Path], read: Read = read_plainly) -> Iterator[Picture]:
    """Every frame of every image file, in order.

    Args:
        paths: image files.
        read: reads one; whoever has more decoders than pydicom brings them.

    Raises:
        CannotCompose: a file is no image, or its pixels cannot be decoded.
    """
    from pydicom.pixels.processing import apply_modality_lut
    from pydicom.pixels.utils import pixel_array

    for path in paths:
        try:
            data_set = read(path)
            stored = pixel_array(data_set)  # colour comes as RGB, whatever it was sent as
        except CannotCompose:
            raise
        except Exception as failure:
            words = cannot_decode(path, type(failure).__name__)
            raise CannotCompose(words) from failure
        color = int(data_set.get("SamplesPerPixel", 1)) == 3
        full = (1 << int(data_set.BitsStored)) - 1
        frames = stored if int(data_set.get("NumberOfFrames", 1) or 1) > 1 else stored[np.newaxis]
        aspect = _aspect(data_set)
        for frame in frames[:MAX_FRAMES]:
            if color:
                yield Picture((frame * (255 / full) + 0.5).astype(np.uint8), aspect)
            else:
                values = np.asarray(apply_modality_lut(frame, data_set), np.float64)
                yield Picture(_p_values(values, data_set), aspect)


def cannot_decode(path: Path, reason: str) -> str:
    """What to say of a file that makes no picture: with its transfer syntax, where it has one."""
    import pydicom

    try:
        syntax = pydicom.filereader.read_file_meta_info(path).TransferSyntaxUID
    except Exception:
        return f"{path}: not an image that can be decoded ({reason})"
    named = f"{syntax.name}, {syntax}" if syntax.name != syntax else str(syntax)
    return f"{path}: not an image that can be decoded ({reason}); its transfer syntax is {named}"


def _aspect(data_set: Any) -> tuple[int, int]:
    if "PixelAspectRatio" in data_set:
        vertical, horizontal = (int(value) for value in data_set.PixelAspectRatio)
        return _ratio(vertical, horizontal) if vertical > 0 and horizontal > 0 else (1, 1)
    spacing = data_set.get("PixelSpacing") or data_set.get("ImagerPixelSpacing")
    if spacing and len(spacing) == 2 and float(spacing[0]) > 0 and float(spacing[1]) > 0:
        return _ratio(float(spacing[0]), float(spacing[1]))
    return (1, 1)


def _ratio(vertical: float, horizontal: float) -> tuple[int, int]:
    """A Pixel Aspect Ratio in small numbers: 1, 1 of square pixels, which printers need not be told."""
    if vertical > horizontal:
        across, down = _ratio(horizontal, vertical)
        return down, across
    ratio = Fraction(max(vertical / horizontal, 1 / MOST_RATIO)).limit_denominator(MOST_RATIO)
    return ratio.numerator, ratio.denominator


def _p_values(values: NDArray[np.float64], data_set: Any) -> NDArray[np.uint16]:
    """12-bit P-values of modality values: by VOI LUT, window, or from darkest to brightest (PS3.3 C.11.2)."""
    from pydicom.pixels.processing import apply_voi_lut

    if "VOILUTSequence" in data_set:
        bits = int(data_set.VOILUTSequence[0].LUTDescriptor[2])
        scaled = np.asarray(apply_voi_lut(values.astype(np.int64), data_set), np.float64) / ((1 << bits) - 1)
    elif data_set.get("WindowWidth") is not None and data_set.get("WindowCenter") is not None:
        scaled = _windowed(values, data_set)
    else:
        low, high = float(values.min(initial=0)), float(values.max(initial=1))
        scaled = (values - low) / max(high - low, 1e-9)
    scaled = np.clip(scaled, 0, 1)
    if data_set.get("PhotometricInterpretation") == "MONOCHROME1":
        scaled = 1 - scaled
    return (scaled * 4095 + 0.5).astype(np.uint16)


def _windowed(values: NDArray[np.float64], data_set: Any) -> NDArray[np.float64]:
    """The first window (PS3.3 C.11.2.1.2, C.11.2.1.3): 0.0 to 1.0, not yet clipped."""
    center, width = (float(np.atleast_1d(data_set[name].value)[0]) for name in ("WindowCenter", "WindowWidth"))
    function = data_set.get("VOILUTFunction", "LINEAR")
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(-4 * (values - center) / max(width, 1e-9))))
    if function == "LINEAR_EXACT":
        return (values - center) / max(width, 1e-9) + 0.5
    return (values - (center - 0.5)) / max(width - 1, 1e-9) + 0.5


def display_format(layout: str, count: int) -> DisplayFormat:
    """`2x3` as STANDARD\\2,3; nothing asked for: as square as so many images allow.

    Raises:
        CannotCompose: not columns × rows.
    """
    if not layout:
        columns = max(1, math.isqrt(count))
        while columns * columns < count and columns * (columns + 1) < count:
            columns += 1
        rows = -(-count // columns)
        return DisplayFormat.parse(f"STANDARD\\{columns},{rows}")
    columns_text, _, rows_text = layout.lower().partition("x")
    try:
        return DisplayFormat.parse(f"STANDARD\\{int(columns_text)},{int(rows_text)}")
    except Exception as failure:
        raise CannotCompose(f"a layout is columns x rows, such as 2x3, not {layout}") from failure


def compose(
    paths: Sequence[Path],
    out: Path,
    *,
    layout: str = "",
    film_size_id: str = "14INX17IN",
    landscape: bool = False,
    dpi: float = 300,
    progress: Callable[[float, str], None] = lambda _d, _s: None,
    read: Read = read_plainly,
) -> int:
    """Lay images out on films and render them into one PDF, in the greys of a printer that nobody configured.

    Args:
        paths: image files, in the order of their cells.
        out: the PDF.
        layout: columns x rows; empty chooses one film for all.
        film_size_id: Film Size ID.
        landscape: Film Orientation LANDSCAPE.
        dpi: printer resolution.
        progress: hears (0 to 1, step).
        read: see `pictures`.

    Returns:
        How many films there are.

    Raises:
        CannotCompose: these files make no film.
        OSError: the disk is full.
    """
    import tempfile

    size = FILM_SIZES.get(film_size_id)
    if size is None:
        raise CannotCompose(f"there is no film size {film_size_id} (there are: {', '.join(FILM_SIZES)})")
    width_mm, height_mm = (max(size), min(size)) if landscape else size
    shown = []
    for number, picture in enumerate(pictures(paths, read)):
        shown.append(picture)
        progress(0.4 * min(1.0, number / len(paths)), "reading")
    form = display_format(layout, len(shown))
    boxes = cells(form, width_mm, height_mm, Formats())
    printer = Printer()
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=".gravure-") as folder:
        pages = []
        for start in range(0, len(shown), len(boxes)):
            part = shown[start : start + len(boxes)]
            images = tuple(
                PageImage(
                    position=at + 1,
                    cell=box,
                    pixels=_spool(part[at], Path(folder), start + at) if at < len(part) else None,
                )
                for at, box in enumerate(boxes)
            )
            pages.append(
                FilmPage(
                    film_size_id=film_size_id,
                    film_orientation="LANDSCAPE" if landscape else "PORTRAIT",
                    width_mm=width_mm,
                    height_mm=height_mm,
                    image_display_format=str(form),
                    images=images,
                    min_density_centi_od=printer.min_density_centi_od,
                    max_density_centi_od=printer.max_density_centi_od,
                    color=any(picture.is_color for picture in part),
                )
            )
        document = FilmDocument(tuple(pages))
        finish = Finish(dpi, Tone("film"))
        render_document(document, Path(folder), finish, out, lambda done: progress(0.4 + 0.6 * done, "rendering"))
    return len(pages)


def _spool(picture: Picture, folder: Path, number: int) -> PixelReference:
    samples = np.ascontiguousarray(picture.samples)
    data = samples.astype("<u2").tobytes() if samples.dtype == np.uint16 else samples.tobytes()
    file = folder / f"{number:05d}.raw"
    file.write_bytes(data)
    grey = not picture.is_color
    return PixelReference(
        file=file.name,
        offset=0,
        length=len(data),
        rows=samples.shape[0],
        columns=samples.shape[1],
        samples_per_pixel=1 if grey else 3,
        photometric_interpretation="MONOCHROME2" if grey else "RGB",
        planar_configuration=0,
        bits_allocated=16 if grey else 8,
        bits_stored=12 if grey else 8,
        high_bit=11 if grey else 7,
        pixel_aspect_ratio=picture.pixel_aspect_ratio,
    )
