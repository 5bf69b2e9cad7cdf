"""Paper and film of an IPP printer: what lies in it, and how a job asks for it (PWG 5100.7, PWG 5101.1)."""

from __future__ import annotations

from collections.abc import Mapping

from printing.ipp.message import Attributes, Value, keyword
from printing.media_name import NEAREST, medium_type, paper_of
from printing.outputs import Paper

SAME_MM = 0.5
"""Sizes that differ by less are the same paper."""
_KIND = ("media-type", "media-color")
"""Members of a media-col that say which of the media of a size it is."""
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


def job_media(attributes: Attributes, paper: str, medium: str = "") -> tuple[dict[str, list[Value]], tuple[str, ...]]:
    """The job attributes that ask for a sheet: by its name where the printer knows it, by its size where not; and by
    its kind too, where several kinds of this size lie in the printer.

    Args:
        attributes: of the printer.
        paper: name of the sheet that the film was laid on.
        medium: Medium Type (2000,0030) of the film; empty and CURRENT take what lies there.

    Returns:
        The attributes, and what a technician should know: a kind that is not there is replaced by the nearest one.
    """
    if not paper:
        return {}, ()
    known = {str(name) for source in NAMED for name in attributes.get(source, ())}
    found, creation = paper_of(paper), attributes.get("job-creation-attributes-supported", ("media-col",))
    kind, warnings = _kind(attributes, found, medium)
    by_name = found is None or not known or paper in known or "media-col" not in creation
    if found is None or (by_name and not kind):
        return {"media": [keyword(paper)]}, warnings
    size: Attributes = {"x-dimension": [round(found.width_mm * 100)], "y-dimension": [round(found.height_mm * 100)]}
    return {"media-col": [{"media-size": [size], **kind}]}, warnings


def _kind(attributes: Attributes, paper: Paper | None, medium: str) -> tuple[Attributes, tuple[str, ...]]:
    """Members of media-col that choose among the kinds of a size that lie in the printer: none where there is one."""
    if paper is None or medium not in NEAREST:
        return {}, ()
    loaded = [
        (medium_type(str(kinds[0]), str(next(iter(one.get("media-color", ())), ""))), one)
        for one in attributes.get("media-col-ready", ())
        if isinstance(one, Mapping) and (kinds := one.get("media-type")) and _is_size(one, paper)
    ]
    if not loaded:
        return {}, ()
    order = NEAREST[medium]
    best, entry = min(loaded, key=lambda one: order.index(one[0]) if one[0] in order else len(order))
    warnings = () if best == medium else (f"{medium} is not loaded in {paper.name}: printed on {best}",)
    if len({one for one, _ in loaded}) == 1:
        return {}, warnings
    can = {"media-type", "media-color"}.intersection(map(str, attributes.get("media-col-supported", _KIND)))
    if "media-col" not in attributes.get("job-creation-attributes-supported", ("media-col",)) or not can:
        return {}, (f"{medium} was asked for; the printer cannot be told which medium to take",)
    return {name: [keyword(str(entry[name][0]))] for name in _KIND if name in can and entry.get(name)}, warnings


def _is_size(media_col: Attributes, paper: Paper) -> bool:
    sides = dimensions(media_col)
    return sides is not None and _same(sides, paper)


def _same(sides: tuple[float, float], paper: Paper) -> bool:
    return abs(sides[0] - paper.width_mm) < SAME_MM > abs(sides[1] - paper.height_mm)


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
        if other is not None and _same((other.width_mm, other.height_mm), paper):
            return Paper(name, paper.width_mm, paper.height_mm, paper.margin_mm)
    return paper
