"""Whose film it is, from what the dialogue happened to say (see `printing.clues`): all of it, or nobody's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from printing.page import FilmDocument, FilmPage

_ADDRESS = re.compile(r"(?:film (\d+), )?(film session|film box|image box (\d+))(?:,|$)")
"""Sources of clues with a patient in them, as `freeze` names them."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A patient, and the study where it is known."""

    patient_name: str = ""
    patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    accession_number: str = ""
    study_instance_uid: str = ""
    """Empty: the film is a study of its own."""


class Unidentified(Exception):
    """Nobody can say whose film it is; why, in words without the patient's."""


def identity_of(document: FilmDocument) -> Identity:
    """The patient of every image of a document.

    Raises:
        Unidentified: there is none, some image may be another one's, or the clues disagree.
    """
    clues = [clue for clue in document.patient_clues if _ADDRESS.match(clue.source)]
    patient_id = _one("Patient IDs", (clue.patient_id for clue in clues))
    found = Identity(
        _one("patient names", (clue.patient_name for clue in clues), _name),
        patient_id,
        _date(_one("birth dates", (clue.patient_birth_date for clue in clues))),
        _sex(_one("sexes", (clue.patient_sex for clue in clues))),
        _agreed(clue.accession_number for clue in clues)[:16],
        _agreed(clue.study_instance_uid for clue in clues if re.fullmatch(r"[0-9.]{1,64}", clue.study_instance_uid)),
    )
    if not patient_id:
        raise Unidentified("the console names no Patient ID")
    named = [_ADDRESS.match(clue.source) for clue in clues if clue.patient_id]
    places = [(int(one[1] or 1), one[2], int(one[3] or 0)) for one in named if one is not None]
    for number, page in enumerate(document.pages, 1):
        if not _covered(number, page, places):
            raise Unidentified("the console names a patient for some of the images alone")
    return found


def _covered(number: int, page: FilmPage, places: list[tuple[int, str, int]]) -> bool:
    if any(where == "film session" or (where == "film box" and film == number) for film, where, _ in places):
        return True
    boxes = {position for film, _, position in places if film == number}
    return all(image.position in boxes for image in page.images if image.pixels is not None)


def _one(what: str, values: Iterable[str], same: Callable[[str], str] = str.strip) -> str:
    """The one value that there is, as it was written first; none is an empty one."""
    found: dict[str, str] = {}
    for value in values:
        if key := same(value):
            found.setdefault(key, value.strip())
    if len(found) > 1:
        raise Unidentified(f"the console names {len(found)} {what}")
    return next(iter(found.values()), "")


def _agreed(values: Iterable[str]) -> str:
    found = {value.strip() for value in values if value.strip()}
    return found.pop() if len(found) == 1 else ""


def _name(value: str) -> str:
    """A Person Name for comparing: its alphabetic group, without case, blanks and empty components at the end."""
    parts = [" ".join(part.split()).casefold() for part in value.partition("=")[0].split("^")]
    return "^".join(parts).rstrip("^")


def _date(value: str) -> str:
    return value if re.fullmatch(r"\d{8}", value) else ""


def _sex(value: str) -> str:
    return value if value in ("M", "F", "O") else ""
