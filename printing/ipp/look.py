"""What an IPP printer says of itself, as a look: how it is, and what it takes (RFC 8011 §5.4, PWG 5100.7, 5100.13)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from printing.film_size import FILM_SIZES
from printing.ipp.documents import target_of
from printing.ipp.media import dimensions
from printing.ipp.message import Attributes, Resolution, Tagged
from printing.ipp.states import printer_state
from printing.media_name import film_size_id, medium_type, paper_of
from printing.outputs import Look, Paper
from printing.printer import Medium, PrinterState, Takes

STATE = (
    *("printer-state", "printer-state-reasons", "printer-is-accepting-jobs"),
    *("printer-input-tray", "media-col-ready", "media-ready"),
)
"""What says how it is; trays and media tell which supply is empty."""
TAKES = (
    *("media-supported", "media-col-default", "media-default", "media-type-supported"),
    *("media-top-margin-supported", "media-bottom-margin-supported"),
    *("media-left-margin-supported", "media-right-margin-supported"),
    *("print-color-mode-supported", "color-supported", "printer-resolution-supported"),
    *("document-format-supported", "pwg-raster-document-resolution-supported", "pwg-raster-document-type-supported"),
)
MOST_MEDIA = 32
"""Media of one printer that are looked at."""
LOW_SHARE = 0.1
"""Of a tray that is low."""


def look_of(attributes: Attributes, papers: tuple[Paper, ...] = (), dpi: int = 300) -> Look:
    """A printer's look.

    Args:
        attributes: `STATE` and `TAKES` of it.
        papers: what films are laid on.
        dpi: the resolution of the configuration.
    """
    ready = tuple(_ready(attributes))
    target = target_of(attributes, papers, dpi)
    return Look(state_of(attributes), _takes(attributes, ready, papers, None if target is None else target.dpi))


def state_of(attributes: Attributes) -> PrinterState:
    """Printer Status and what says why."""
    return printer_state(
        next((value for value in attributes.get("printer-state", ()) if isinstance(value, int)), 3),
        map(str, attributes.get("printer-state-reasons", ())),
        empty=_media_at(attributes, "EMPTY"),
        low=_media_at(attributes, "LOW"),
        accepting=False not in attributes.get("printer-is-accepting-jobs", ()),
    )


# -- media ----------------------------------------------------------------------------------------------------------


def _ready(attributes: Attributes) -> Iterator[tuple[str, Medium]]:
    """(tray, medium) of what lies in the printer; the tray is empty where it says none."""
    found = [one for one in attributes.get("media-col-ready", ()) if isinstance(one, Mapping)][:MOST_MEDIA]
    for one in found:
        if (sides := dimensions(one)) is not None and (size := film_size_id(*sides)):
            yield (
                _word(one, "media-source"),
                Medium(medium_type(_word(one, "media-type"), _word(one, "media-color")), size),
            )
    for name in [] if found else attributes.get("media-ready", [])[:MOST_MEDIA]:
        if (paper := paper_of(str(name))) is not None and (size := film_size_id(paper.width_mm, paper.height_mm)):
            yield "", Medium("PAPER", size)


def _word(attributes: Attributes, name: str) -> str:
    return str(next(iter(attributes.get(name, ())), ""))


def _takes(
    attributes: Attributes, ready: tuple[tuple[str, Medium], ...], papers: tuple[Paper, ...], dpi: float | None
) -> Takes:
    colors = attributes.get("print-color-mode-supported", ())
    resolutions = [one for one in attributes.get("printer-resolution-supported", ()) if isinstance(one, Resolution)]
    return Takes(
        media=tuple(_media(attributes, ready)),
        color="color" in colors if colors else True in attributes.get("color-supported", (True,)),
        dpi=dpi,
        finest_dpi=max((float(min(one.cross_feed_dpi, one.feed_dpi)) for one in resolutions), default=None),
        papers=tuple((one.name, one.width_mm, one.height_mm, one.margin_mm) for one in papers),
    )


def _media(attributes: Attributes, ready: tuple[tuple[str, Medium], ...]) -> Iterator[Medium]:
    """What lies in it, the default first; then the film sizes of the standard that a person may put there."""
    (default,) = [one for one in attributes.get("media-col-default", ()) if isinstance(one, Mapping)][:1] or [{}]
    sides = dimensions(default)
    first = film_size_id(*sides) if sides is not None else ""
    installed = dict.fromkeys(medium for _, medium in ready)
    yield from sorted(installed, key=lambda medium: medium.film_size_id != first)
    sizes = {medium.film_size_id for medium in installed}
    for name in attributes.get("media-supported", [])[: 16 * MOST_MEDIA]:
        paper = paper_of(str(name))
        size = film_size_id(paper.width_mm, paper.height_mm) if paper is not None else ""
        if size in FILM_SIZES and size not in sizes:
            sizes.add(size)
            yield Medium("PAPER", size, installed=False)


# -- supplies -------------------------------------------------------------------------------------------------------


def _media_at(attributes: Attributes, level: str) -> tuple[Medium, ...]:
    """Media that are known to be empty or low: by the levels of trays, else the only one that there is."""
    ready = tuple(_ready(attributes))
    by_tray = {tray: medium for tray, medium in ready if tray}
    found: list[Medium] = []
    others: set[str] = set()
    trays = [tray for one in attributes.get("printer-input-tray", [])[:MOST_MEDIA] if (tray := _tray(one))]
    for tray in trays:
        medium = by_tray.get(tray.get("name", "")) or _in_tray(tray)
        if medium is not None and (said := _level(tray)) is not None:
            if said == level:
                found.append(medium)
            else:
                others.add(medium.film_size_id)
    if found:
        return tuple(medium for medium in found if medium.film_size_id not in others)
    media = {medium for _, medium in ready}
    return tuple(media) if len(media) == 1 and not others else ()


def _tray(value: object) -> dict[str, str]:
    """One printer-input-tray (PWG 5100.13 §6.6): `name=…;level=…;mediafeed=…`."""
    raw = value.value if isinstance(value, Tagged) else value
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    return dict(part.split("=", 1) for part in text[:1024].split(";") if "=" in part)


def _number(tray: Mapping[str, str], key: str) -> int:
    text = tray.get(key, "")
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 10 else -2


def _in_tray(tray: Mapping[str, str]) -> Medium | None:
    """The medium of a tray by its size, hundredths of a millimetre."""
    wide, high = _number(tray, "mediaxfeed"), _number(tray, "mediafeed")
    size = film_size_id(wide / 100, high / 100) if wide > 0 and high > 0 else ""
    return Medium("PAPER", size) if size else None


def _level(tray: Mapping[str, str]) -> str | None:
    """EMPTY, LOW or neither (an empty word); None where the tray does not say. -2 is unknown, -3 is some."""
    level, most = _number(tray, "level"), _number(tray, "maxcapacity")
    if level == 0:
        return "EMPTY"
    if level < 0:
        return "" if level == -3 else None
    return "LOW" if most > 0 and level <= most * LOW_SHARE else ""
