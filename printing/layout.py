"""Cells of a film: (DisplayFormat, film) → rectangles in millimetres, by Image Box Position (PS3.3 C.13.3, C.13.5).

Cells tile the whole film: no margins, no gutters, so that a console that composed the film itself gets every pixel
(STANDARD\\1,1 is the film). Positions run row by row, for COL column by column. Slides stand in their mounts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from printing.display_format import TAG, DisplayFormat
from printing.page import Rectangle
from printing.status import CROPPED, DECIMATED, DEMAGNIFIED, INVALID_ATTRIBUTE_VALUE, LARGER_THAN_BOX, SUCCESS, Refused

WINDOWS_MM: Mapping[str, tuple[float, float]] = {"SLIDE": (36.0, 24.0), "SUPERSLIDE": (40.0, 40.0)}
"""The window of a slide's mount: 35 mm film is 36 × 24; a superslide fills 40 mm."""


ROUNDED_MM = 0.05
"""What a console may ask for more than there is: a third of 355.6 mm is 118.533 mm, and 118.54 was meant to fill it."""


@dataclass(frozen=True, slots=True)
class CustomFormat:
    """CUSTOM\\i of the configuration: cells as fractions of the film's width and height, by position."""

    cells: tuple[tuple[float, float, float, float], ...]
    """(x, y, width, height), each 0 to 1, origin top left."""


@dataclass(frozen=True, slots=True)
class Formats:
    """What the configuration says about formats that carry no numbers of their own."""

    custom: Mapping[int, CustomFormat] = field(default_factory=dict)
    slides: tuple[int, int] = (5, 6)
    """Columns and rows of SLIDE on a portrait film."""
    superslides: tuple[int, int] = (4, 5)
    """Columns and rows of SUPERSLIDE on a portrait film."""


def cells(display: DisplayFormat, width_mm: float, height_mm: float, formats: Formats) -> tuple[Rectangle, ...]:
    """One rectangle for each image box, in the order of Image Box Position.

    Raises:
        Refused: 0106, CUSTOM with a number that the configuration does not have.
    """
    if display.kind == "STANDARD":
        columns, rows = display.numbers
        return _rows((columns,) * rows, width_mm, height_mm)
    if display.kind == "ROW":
        return _rows(display.numbers, width_mm, height_mm)
    if display.kind == "COL":
        turned = _rows(display.numbers, height_mm, width_mm)
        return tuple(Rectangle(one.y_mm, one.x_mm, one.height_mm, one.width_mm) for one in turned)
    if display.kind == "CUSTOM":
        return _custom(display.numbers[0], width_mm, height_mm, formats.custom)
    grid = formats.slides if display.kind == "SLIDE" else formats.superslides
    return _slides(WINDOWS_MM[display.kind], grid if height_mm >= width_mm else grid[::-1], width_mm, height_mm)


def _rows(boxes: Sequence[int], width_mm: float, height_mm: float) -> tuple[Rectangle, ...]:
    height = height_mm / len(boxes)
    return tuple(
        Rectangle(column * width_mm / count, row * height, width_mm / count, height)
        for row, count in enumerate(boxes)
        for column in range(count)
    )


def _custom(
    number: int, width_mm: float, height_mm: float, custom: Mapping[int, CustomFormat]
) -> tuple[Rectangle, ...]:
    if number not in custom:
        raise Refused(INVALID_ATTRIBUTE_VALUE, f"CUSTOM\\{number} is not in the configuration", (TAG,))
    return tuple(
        Rectangle(x * width_mm, y * height_mm, width * width_mm, height * height_mm)
        for x, y, width, height in custom[number].cells
    )


def _slides(
    window_mm: tuple[float, float], grid: tuple[int, int], width_mm: float, height_mm: float
) -> tuple[Rectangle, ...]:
    mounts = _rows((grid[0],) * grid[1], width_mm, height_mm)
    return tuple(_centred(window_mm, mount) for mount in mounts)


def _centred(window_mm: tuple[float, float], mount: Rectangle) -> Rectangle:
    width, height = min(window_mm[0], mount.width_mm), min(window_mm[1], mount.height_mm)
    return Rectangle(
        mount.x_mm + (mount.width_mm - width) / 2, mount.y_mm + (mount.height_mm - height) / 2, width, height
    )


@dataclass(frozen=True, slots=True)
class Wish:
    """What the dialogue asks about the size of one image in its cell."""

    columns: int
    rows: int
    pixel_aspect_ratio: tuple[int, int]
    magnification_type: str
    requested_image_size_mm: float | None
    behavior: str | None
    """Requested Decimate/Crop Behavior; None where nothing was asked (the printer decimates)."""


def is_in(width_mm: float, height_mm: float, cell: Rectangle) -> bool:
    """Whether an image of this size is not larger than its cell, as far as consoles round millimetres."""
    return width_mm <= cell.width_mm + ROUNDED_MM and height_mm <= cell.height_mm + ROUNDED_MM


def has_more_pixels(columns: int, rows: int, cell: Rectangle, dpi: float) -> bool:
    """Whether an image has more columns or rows than its cell has printer pixels: only then Requested Decimate/Crop
    Behavior decides (PS3.3 C.13.5)."""
    return columns > math.ceil(cell.width_mm / 25.4 * dpi) or rows > math.ceil(cell.height_mm / 25.4 * dpi)


def fit(wish: Wish, cell: Rectangle, dpi: float) -> int:
    """What happens to an image in its cell, as the status that says so (PS3.4 H.4.3.1.2.1.3).

    Returns:
        SUCCESS: it fits, or is decimated because nobody asked otherwise. DEMAGNIFIED (B604): its Requested Image Size
        is larger than the cell. CROPPED (B609) or DECIMATED (B60A): as asked. LARGER_THAN_BOX (C603): asked to fail, or
        Magnification NONE, which leaves nothing to make it smaller with.
    """
    vertical, horizontal = wish.pixel_aspect_ratio
    if wish.requested_image_size_mm is not None:
        height_mm = wish.requested_image_size_mm * (wish.rows * vertical) / (wish.columns * horizontal)
        if is_in(wish.requested_image_size_mm, height_mm, cell):
            return SUCCESS
        return {"CROP": CROPPED, "FAIL": LARGER_THAN_BOX, "DECIMATE": DECIMATED}.get(wish.behavior or "", DEMAGNIFIED)
    if not has_more_pixels(wish.columns, wish.rows, cell, dpi):
        return SUCCESS
    if wish.magnification_type == "NONE":
        return CROPPED if wish.behavior == "CROP" else LARGER_THAN_BOX
    return {"CROP": CROPPED, "FAIL": LARGER_THAN_BOX, "DECIMATE": DECIMATED}.get(wish.behavior or "", SUCCESS)
