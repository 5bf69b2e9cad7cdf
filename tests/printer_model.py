"""A printer and a scanner as numbers: what becomes of code values on paper, and what a scan of that looks like."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Densities = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Samples (0 to 1) → optical density."""


def halftone(white: float, black: float, gain: float) -> Densities:
    """A raster that covers more paper than it should (Murray and Davies, with dot gain)."""

    def density(sample: NDArray[np.float64]) -> NDArray[np.float64]:
        covered = 1 - np.asarray(sample, np.float64)
        covered = np.clip(covered + 2 * gain * covered * (1 - covered), 0, 1)
        return np.asarray(-np.log10(covered * 10**-black + (1 - covered) * 10**-white))

    return density


def s_curve(lowest: float, highest: float, steepness: float) -> Densities:
    """Film that is flat at both ends."""
    return lambda sample: lowest + (highest - lowest) / (1 + np.exp((np.asarray(sample) - 0.5) * steepness))


def straight(lowest: float, highest: float) -> Densities:
    """An imager that is linear in density."""
    return lambda sample: highest + (lowest - highest) * np.asarray(sample)


def clipped(lowest: float, highest: float) -> Densities:
    """A printer that does not tell its darkest and its brightest fifths apart."""
    return lambda sample: np.clip(2.8 - 3.2 * np.asarray(sample), lowest, highest)


PRINTERS: dict[str, tuple[Densities, bool]] = {
    "halftone on paper": (halftone(0.08, 1.9, 0.25), True),
    "halftone on film": (halftone(0.2, 3.0, 0.15), False),
    "s-curve": (s_curve(0.2, 3.0, 9), False),
    "linear in density": (straight(0.2, 3.1), False),
    "clipped": (clipped(0.1, 2.0), True),
}
"""Name → (its curve, whether it is paper)."""


def rastered(pdf: Path, dpi: int) -> NDArray[np.uint8]:
    """The first page as poppler sees it, in grey."""
    stem = pdf.with_suffix("")
    subprocess.run(["pdftoppm", "-r", f"{dpi}", "-gray", "-singlefile", pdf, stem], check=True)
    return np.asarray(Image.open(stem.with_suffix(".pgm")))


def scanned(
    codes: NDArray[np.uint8],
    printer: Densities,
    *,
    askew: float = 0.0,
    turns: int = 0,
    mirrored: bool = False,
    noise: float = 0.0,
    bits: int = 8,
    gamma: float = 2.2,
    brightness: float = 0.98,
    shade: float = 0.0,
    seed: int = 1,
) -> NDArray[Any]:
    """A scan of what a printer made of a page.

    Args:
        codes: the page.
        printer: what it prints.
        askew: degrees.
        turns: quarter turns.
        mirrored: the sheet lies on its face.
        noise: standard deviation of a scanner value of 0 to 1.
        bits: 8 or 16.
        gamma: of the scanner.
        brightness: the value of full light.
        shade: how much light is lost from one side of the sheet to the other.
        seed: of the noise.
    """
    light = 10 ** -printer(np.arange(256) / 255)
    sheet = Image.fromarray(light.astype(np.float32)[codes])
    sheet = sheet.rotate(askew, Image.Resampling.BICUBIC, expand=True, fillcolor=float(light[-1]))
    made = np.pad(np.asarray(sheet, np.float64), ((37, 61), (83, 29)), constant_values=0.02)
    made = made * np.linspace(1, 1 - shade, made.shape[1])
    made = np.rot90(made, turns)
    made = made[:, ::-1] if mirrored else made
    value = brightness * np.clip(made, 0, None) ** (1 / gamma)
    value = value + np.random.default_rng(seed).normal(0, noise, value.shape)
    full = (1 << bits) - 1
    return np.ascontiguousarray(np.clip(value * full + 0.5, 0, full).astype(np.uint8 if bits == 8 else np.uint16))
