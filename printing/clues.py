"""Clues to whose film it is: print dialogues carry no patient, but some consoles leave traces of one.

Traces that are looked for: attributes of the patient and the study wherever a console puts them (some imagers take a
Patient ID in the image box), Proposed Study Sequence and Original Image Sequence (PS3.3 C.13). What is found goes into
the film's record alone; it changes nothing of what is printed.
"""

from __future__ import annotations

from collections.abc import Iterator

from printing.elements import AttributeList, BadValue, decode_text
from printing.page import PatientClue

SPECIFIC_CHARACTER_SET = 0x00080005
PROPOSED_STUDY_SEQUENCE, ORIGINAL_IMAGE_SEQUENCE = 0x213000A0, 0x213000C0

FIELDS: tuple[tuple[int, str, str], ...] = (
    (0x00100010, "PN", "patient_name"),
    (0x00100020, "LO", "patient_id"),
    (0x00100030, "DA", "patient_birth_date"),
    (0x00100040, "CS", "patient_sex"),
    (0x00080050, "SH", "accession_number"),
    (0x0020000D, "UI", "study_instance_uid"),
    (0x00081155, "UI", "sop_instance_uid"),
)
"""(tag, VR, field of the clue)."""

SEQUENCES = ((PROPOSED_STUDY_SEQUENCE, "Proposed Study Sequence"), (ORIGINAL_IMAGE_SEQUENCE, "Original Image Sequence"))

MOST_CLUES = 16
"""Clues of one request."""
MOST_CHARACTERS = 324
"""Of one value: a Person Name has three groups of 64, and some console counts bytes."""

_OF_THE_REQUEST = frozenset({SPECIFIC_CHARACTER_SET, *(tag for tag, _ in SEQUENCES)}) | frozenset(
    tag for tag, _, _ in FIELDS
)


def harvested(tag: int) -> bool:
    """Whether an attribute that Print Management does not know is one that is read here."""
    return tag in _OF_THE_REQUEST or tag >> 16 == 0x0010


def harvest(source: str, attributes: AttributeList, character_set: tuple[str, ...]) -> tuple[PatientClue, ...]:
    """The clues of one request.

    Args:
        source: what they are found in, in our words.
        attributes: the attribute list of the request, or the item of its image sequence.
        character_set: of the film session; an attribute list that has one of its own is read by it.
    """
    own = _value(attributes, SPECIFIC_CHARACTER_SET, "CS")
    sets = tuple(own.split("\\")) if own else character_set
    return tuple(dict.fromkeys(_clues(source, attributes, sets)))[:MOST_CLUES]


def _clues(source: str, attributes: AttributeList, character_set: tuple[str, ...]) -> Iterator[PatientClue]:
    yield from _clue(source, attributes, character_set)
    for tag, name in SEQUENCES:
        for item in (attributes.items(tag) or ())[:MOST_CLUES]:
            yield from _clue(f"{source}, {name}", item, character_set)


def _clue(source: str, attributes: AttributeList, character_set: tuple[str, ...]) -> Iterator[PatientClue]:
    found = {
        name: decode_text(text, character_set) for tag, vr, name in FIELDS if (text := _value(attributes, tag, vr))
    }
    if found:
        yield PatientClue(source, **found)


def _value(attributes: AttributeList, tag: int, vr: str) -> str:
    if tag not in attributes.elements:
        return ""
    try:
        return str(attributes.value(tag, vr))[:MOST_CHARACTERS]
    except BadValue:
        return ""
