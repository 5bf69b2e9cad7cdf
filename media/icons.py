"""Icons of series: what a viewer shows before it has opened an image (PS3.3 §F.5.3, §F.7).

64 × 64 grey, the middle image of the series, or of its frames. An icon is Type 3 in every profile here: where an image
cannot be decoded there is none, and the disc is made all the same. This decodes foreign pixels: it runs in a child
process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_rescale
from pydicom.pixels.utils import pixel_array

from .dicomdir import Icon
from .transcode import DECODERS

SIDE = 64
"""PS3.11 has 64 for CT and MR; larger ones are for angiography (128)."""
MOST_BYTES = 64 << 20
"""Of a file that is opened for its icon: longer ones are films of minutes."""
MOST_PIXEL_BYTES = 256 << 20
"""Of one frame, decoded."""
DARK, BRIGHT = 1.0, 99.0
"""Percentiles that are black and white in an image without a window."""


class NoIcon(Exception):
    """There is no picture to be made of this file."""


def icon_of(files: Sequence[Path]) -> Icon:
    """The icon of a series.

    Args:
        files: its images, in their order, Part 10.

    Raises:
        NoIcon: none of it can be shown.
    """
    try:
        return _icon(files[len(files) // 2])
    except NoIcon:
        raise
    except Exception as failure:  # of decoders, for hostile pixels
        raise NoIcon(type(failure).__name__) from failure


def _icon(file: Path) -> Icon:
    if file.stat().st_size > MOST_BYTES:
        raise NoIcon("the file is too long")
    image = pydicom.dcmread(file, force=True)
    syntax = str(image.file_meta.TransferSyntaxUID)
    frames, samples = int(image.get("NumberOfFrames") or 1), int(image.SamplesPerPixel)
    if int(image.Rows) * int(image.Columns) * samples * (-(-int(image.BitsAllocated) // 8)) > MOST_PIXEL_BYTES:
        raise NoIcon("the frame is too large")
    pixels = pixel_array(image, index=frames // 2, decoding_plugin=DECODERS.get(syntax, ""))
    gray = _luminance(pixels) if samples > 1 else _window(pixels, image)
    return Icon(SIDE, SIDE, _fitted(gray).tobytes())


def _luminance(pixels: NDArray[Any]) -> NDArray[Any]:
    """Of RGB, as pydicom hands out colour (ITU-R BT.601)."""
    most = np.iinfo(pixels.dtype).max
    gray: NDArray[Any] = pixels[..., :3] @ np.array([0.299, 0.587, 0.114]) * (255 / most)
    return gray


def _window(pixels: NDArray[Any], image: Dataset) -> NDArray[Any]:
    """0 to 255 of a grey image, by its window where it has one (PS3.3 §C.11.2.1.2), by its own greys where not."""
    values = np.asarray(apply_rescale(pixels, image), np.float64)
    low, high = _bounds(values, image)
    gray = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * 255
    return 255 - gray if image.get("PhotometricInterpretation") == "MONOCHROME1" else gray


def _bounds(values: NDArray[Any], image: Dataset) -> tuple[float, float]:
    center, width = (_first(image.get(keyword)) for keyword in ("WindowCenter", "WindowWidth"))
    if center is not None and width is not None and width > 1:
        return center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
    low, high = np.percentile(values, (DARK, BRIGHT))
    return float(low), float(high)


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    return float(value if isinstance(value, (int, float)) else value[0])


def _fitted(gray: NDArray[Any]) -> NDArray[np.uint8]:
    """The whole image in the middle of the icon, its sides in proportion, black around it."""
    rows, columns = gray.shape
    scale = SIDE / max(rows, columns)
    high, wide = max(1, round(rows * scale)), max(1, round(columns * scale))
    small = Image.fromarray(gray.astype(np.uint8)).resize((wide, high), Image.Resampling.BOX)
    out = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - high) // 2, (SIDE - wide) // 2
    out[top : top + high, left : left + wide] = np.asarray(small)
    return out
