"""Paper of an IPP printer: what lies in it, and how a job asks for it (PWG 5100.7, PWG 5101.1)."""

from __future__ import annotations

from collections.abc import Mapping

from printing.ipp.message import Attributes, Value, keyword
from printing.media_name import paper_of
from printing.outputs import Paper

SAME_MM = 0.5
"""Sizes that differ by less are the same paper."""
NAMED = ("media-ready", "media-default", "media-supported")


def papers_of(attributes: Attributes, media: str = "") -> tuple[Paper, ...]:
    """The paper that films are laid on: what was asked for, what lies in the printer, what it takes.

    Args:
        attributes: of the printer.
        media: name of the paper that is to be taken; empty takes what there is.
    """
    margin_mm = _margin_mm(attributes, "-supported")
    if media:
        wanted = paper_of(media, margin_mm)
        return () if wanted is None else (_as_known(attributes, wanted),)
    for source in ("media-col-ready", "media-col-default"):
        loaded = [_loaded(attributes, one) for one in attributes.get(source, ()) if isinstance(one, Mapping)]
        if papers := tuple(paper for paper in loaded if paper is not None):
            return papers
    for source in NAMED:
        named = [paper_of(str(name), margin_mm) for name in attributes.get(source, ())]
        if papers := tuple(paper for paper in named if paper is not None):
            return papers
    return ()


def job_media(attributes: Attributes, paper: str) -> dict[str, list[Value]]:
    """The job attributes that ask for a paper: by its name where the printer knows it, by its size where not."""
    if not paper:
        return {}
    known = {str(name) for source in NAMED for name in attributes.get(source, ())}
    found, creation = paper_of(paper), attributes.get("job-creation-attributes-supported", ("media-col",))
    if found is None or not known or paper in known or "media-col" not in creation:
        return {"media": [keyword(paper)]}
    size: Attributes = {"x-dimension": [round(found.width_mm * 100)], "y-dimension": [round(found.height_mm * 100)]}
    return {"media-col": [{"media-size": [size]}]}


def _margin_mm(attributes: Attributes, suffix: str) -> float:
    """The widest of the four margins, mm; IPP counts hundredths."""
    sides = [f"media-{edge}-margin{suffix}" for edge in ("top", "bottom", "left", "right")]
    return (
        max((value for side in sides for value in attributes.get(side, ()) if isinstance(value, int)), default=0) / 100
    )


def dimensions(media_col: Attributes) -> tuple[float, float] | None:
    """Width and height of a media-col, mm; IPP counts hundredths."""
    (size,) = media_col.get("media-size", [{}])[:1]
    if not isinstance(size, Mapping):
        return None
    wide, high = (next(iter(size.get(f"{axis}-dimension", ())), 0) for axis in "xy")
    if not isinstance(wide, int) or not isinstance(high, int) or wide <= 0 or high <= 0:
        return None
    return wide / 100, high / 100


def _loaded(attributes: Attributes, media_col: Attributes) -> Paper | None:
    """One entry of media-col-ready: its name, its size and what of it cannot be printed on (PWG 5100.7); where it says
    no margin, the widest of the printer's."""
    sides = dimensions(media_col)
    if sides is None:
        return None
    names = [str(name) for key in ("media-size-name", "media-key") for name in media_col.get(key, ())]
    name = next((name for name in names if paper_of(name) is not None), "")
    says = any(key.startswith("media-") and key.endswith("-margin") for key in media_col)
    margin_mm = _margin_mm(media_col, "") if says else _margin_mm(attributes, "-supported")
    size = f"{sides[0]:g}x{sides[1]:g}mm"
    paper = Paper(name or f"custom_{size}_{size}", *sides, margin_mm)
    return paper if name else _as_known(attributes, paper)


def _as_known(attributes: Attributes, paper: Paper) -> Paper:
    """A paper by the name that the printer has for this size; many list sizes that have no name where they lie."""
    known = [str(name) for source in NAMED for name in attributes.get(source, ())]
    if paper.name in known:
        return paper
    for name in known:
        other = paper_of(name)
        if other is not None and abs(other.width_mm - paper.width_mm) < SAME_MM > abs(
            other.height_mm - paper.height_mm
        ):
            return Paper(name, paper.width_mm, paper.height_mm, paper.margin_mm)
    return paper
