"""What an IPP printer is sent: the best document format that it reads, as films must be rendered for it.

PDF keeps the film as it is; PWG Raster is what every IPP Everywhere printer reads, lossless, at one of its own
resolutions; JPEG is the last, as it loses a little. To support a format, add a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from printing.ipp.message import Attributes, Resolution
from printing.outputs import JPEG, PDF, PWG, Paper, Target

GRAY, RGB = "sgray_8", "srgb_8"
JPEG_DPI = 300
"""At most: a JPEG is made as a whole."""


def target_of(attributes: Attributes, papers: tuple[Paper, ...], dpi: int) -> Target | None:
    """What films are rendered to.

    Args:
        attributes: of the printer.
        papers: that films are laid on.
        dpi: the resolution of the configuration.

    Returns:
        None where the printer reads nothing that we write.
    """
    for media_type, find in DOCUMENTS.items():
        if media_type in attributes.get("document-format-supported", ()):
            target = find(attributes, papers, dpi)
            if target is not None:
                return target
    return None


def raster_dpi(attributes: Attributes, dpi: int) -> int | None:
    """The resolution of PWG Raster: the coarsest that is not coarser than the wanted one, else the finest."""
    found = resolutions(attributes, "pwg-raster-document-resolution-supported")
    found = found or resolutions(attributes, "printer-resolution-supported")
    return min((one for one in found if one >= dpi), default=max(found, default=None))


def resolutions(attributes: Attributes, name: str) -> list[int]:
    """Those that are the same in both directions."""
    listed = [one for one in attributes.get(name, ()) if isinstance(one, Resolution)]
    return [one.feed_dpi for one in listed if one.feed_dpi == one.cross_feed_dpi and 50 <= one.feed_dpi <= 1200]


def _pdf(attributes: Attributes, papers: tuple[Paper, ...], dpi: int) -> Target | None:
    return Target(PDF, papers)


def _pwg(attributes: Attributes, papers: tuple[Paper, ...], dpi: int) -> Target | None:
    resolution = raster_dpi(attributes, dpi)
    kinds = attributes.get("pwg-raster-document-type-supported", (GRAY,))
    if resolution is None or not {GRAY, RGB}.intersection(map(str, kinds)):
        return None
    return Target(PWG, papers, resolution, color=RGB in kinds, gray=GRAY in kinds)


def _jpeg(attributes: Attributes, papers: tuple[Paper, ...], dpi: int) -> Target | None:
    return Target(JPEG, papers, min(dpi, JPEG_DPI), color=True in attributes.get("color-supported", (True,)))


DOCUMENTS: Mapping[str, Callable[[Attributes, tuple[Paper, ...], int], Target | None]] = {
    PDF: _pdf,
    PWG: _pwg,
    JPEG: _jpeg,
}
"""Media type → how films are rendered to it for this printer; the first that can be."""
