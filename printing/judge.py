"""PS3.4 H.2.4 as code: an attribute list against its rows is accepted with remarks, or refused.

| usage | the peer leaves it out | its value is out of range | we do not know it |
|---|---|---|---|
| M/M | 0120 (no value: 0121) | 0106 | – |
| U/M, U/U | our default | our default, and 0116, B600 or B605 | left out, and 0107 |
| the same, strict | our default | 0106, B600 or B605 | 0105 |

The default of what an image box has from its film box is the film box's value.

The standard lets a printer choose between the last two lines; consoles that meet a refusal stop printing, so the strict
one is for those who test a console.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from printing.attributes import ATTRIBUTES, BEYOND, FORGIVEN, INHERITED, Attribute, OutOfRange, usages
from printing.clues import harvested
from printing.elements import AttributeList, BadValue, Value
from printing.printer import Printer
from printing.status import (
    ATTRIBUTE_LIST_ERROR,
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_VALUE,
    NO_SUCH_ATTRIBUTE,
    SUCCESS,
    VALUE_OUT_OF_RANGE,
    Refused,
    Remark,
)
from printing.terms import IMAGE_BOXES, Command

MOST_REMARKS = 64

NONE: Value = ()
"""Of an attribute that is set and has no value any more: its answer is empty, as the request was."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of an attribute list."""

    values: Mapping[int, Value]
    """The values that are used, defaults included (N-CREATE) or what was set (N-SET). `NONE`: what was there before is
    taken away."""
    remarks: tuple[Remark, ...]


def judge(
    sop_class_uid: str, command: Command, attributes: AttributeList, printer: Printer, strict: bool = False
) -> Judgement:
    """Judge the attribute list of an N-CREATE or N-SET.

    Raises:
        Refused: 0120, 0121 or 0106, for a mandatory attribute; strict, 0106 and 0105 for any.
    """
    rows = usages(sop_class_uid, command)
    if strict:
        rows = {tag: usage for tag, usage in rows.items() if (sop_class_uid, tag) not in BEYOND}
    values: dict[int, Value] = {}
    remarks: list[Remark] = []
    for tag, usage in rows.items():
        attribute = ATTRIBUTES[tag]
        if sop_class_uid in IMAGE_BOXES and tag in INHERITED:
            attribute = replace(attribute, default=_of_the_film)
        value = _value(attribute, usage.of(command), command, attributes, printer, remarks)
        if value is not None:
            values[tag] = value
    remarks += _unknown(attributes, rows, strict)
    if strict:
        _refuse(remarks)
    return Judgement(values, tuple(remarks))


_STRICT: Mapping[int, int] = {
    VALUE_OUT_OF_RANGE: INVALID_ATTRIBUTE_VALUE,
    ATTRIBUTE_LIST_ERROR: NO_SUCH_ATTRIBUTE,
    SUCCESS: MISSING_ATTRIBUTE,
}
"""What a remark is to a strict printer; those of the service class are warnings to it too."""


def _refuse(remarks: list[Remark]) -> None:
    for remark in remarks:
        if remark.status in _STRICT:
            words = remark.words.partition(":")[0]  # nothing is used instead
            if remark.status == ATTRIBUTE_LIST_ERROR:
                words = f"({remark.tag >> 16:04X},{remark.tag & 0xFFFF:04X}) is not of this SOP class"
            raise Refused(_STRICT[remark.status], words, (remark.tag,))


def _of_the_film(printer: Printer) -> Value | None:
    """The default of an image box's own value: none, so that its film box's is the one."""
    return None


def _value(
    attribute: Attribute,
    usage: str,
    command: Command,
    attributes: AttributeList,
    printer: Printer,
    remarks: list[Remark],
) -> Value | None:
    mandatory = usage.startswith("M/")
    if attribute.tag not in attributes.elements:
        if mandatory and attribute.tag not in FORGIVEN:
            raise Refused(MISSING_ATTRIBUTE, f"{attribute.keyword} is missing", (attribute.tag,))
        if mandatory:
            remarks.append(Remark(SUCCESS, f"{attribute.keyword} left out", attribute.tag))
        return attribute.default(printer) if command is Command.N_CREATE else None
    if attribute.vr == "SQ":
        return None  # the session reads it
    if attributes.is_empty(attribute.tag, attribute.vr):
        if mandatory:
            raise Refused(MISSING_VALUE, f"{attribute.keyword} has no value", (attribute.tag,))
        return _instead(attribute, command, printer)
    try:
        value: Value
        if attribute.vr == "OB":
            value = attributes.raw(attribute.tag, attribute.most_bytes)
        else:
            value = attributes.value(attribute.tag, attribute.vr)
        return attribute.rule(value, printer)
    except BadValue:
        used, status = attribute.default(printer), OutOfRange().status
    except OutOfRange as out:
        used, status = attribute.default(printer) if out.used is None else out.used, out.status
    if mandatory:
        raise Refused(INVALID_ATTRIBUTE_VALUE, f"{attribute.keyword} has an invalid value", (attribute.tag,))
    what = "left out" if used in (None, "") else f"{used!s} used"
    if used is None and attribute.default is _of_the_film:
        what = "that of the film is used"
    long = attributes.elements[attribute.tag].length > attribute.most_bytes
    why = f"is longer than {attribute.most_bytes >> 10} KiB" if long else "out of range"
    words = f"{attribute.keyword} {why}: {what}"
    remarks.append(Remark(status, words, attribute.tag))
    return _instead(attribute, command, printer) if used is None else used


def _instead(attribute: Attribute, command: Command, printer: Printer) -> Value | None:
    """What is used where a request gives an attribute and no value for it: the default, or what N-CREATE left."""
    default = attribute.default(printer)
    return NONE if default is None and command is Command.N_SET else default


def _unknown(attributes: AttributeList, rows: Mapping[int, object], strict: bool) -> list[Remark]:
    # Group lengths are retired and mean nothing; clues to the patient are read; everything else that is left out is
    # said.
    unknown = [
        tag for tag in attributes.elements if tag not in rows and tag & 0xFFFF and (strict or not harvested(tag))
    ]
    return [
        Remark(ATTRIBUTE_LIST_ERROR, f"({tag >> 16:04X},{tag & 0xFFFF:04X}) left out", tag)
        for tag in unknown[:MOST_REMARKS]
    ]
