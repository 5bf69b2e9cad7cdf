"""PS3.4 H.2.4 as code: an attribute list against its rows is accepted with remarks, or refused.

| usage | the peer leaves it out | its value is out of range | we do not know it |
|---|---|---|---|
| M/M | 0120 (no value: 0121) | 0106 | – |
| U/M, U/U | our default | our default, and 0116, B600 or B605 | left out, and 0107 |

The standard lets a printer refuse more than this; consoles that meet a refusal stop printing, so we never do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from printing.attributes import ATTRIBUTES, FORGIVEN, SILENT, Attribute, OutOfRange, usages
from printing.elements import AttributeList, BadValue, Value
from printing.printer import Printer
from printing.status import (
    ATTRIBUTE_LIST_ERROR,
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_VALUE,
    SUCCESS,
    Refused,
    Remark,
)
from printing.terms import Command

MOST_REMARKS = 64


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of an attribute list."""

    values: Mapping[int, Value]
    """The values that are used, defaults included (N-CREATE) or what was set (N-SET)."""
    remarks: tuple[Remark, ...]


def judge(sop_class_uid: str, command: Command, attributes: AttributeList, printer: Printer) -> Judgement:
    """Judge the attribute list of an N-CREATE or N-SET.

    Raises:
        Refused: 0120, 0121 or 0106, for a mandatory attribute.
    """
    rows = usages(sop_class_uid, command)
    values: dict[int, Value] = {}
    remarks: list[Remark] = []
    for tag, usage in rows.items():
        value = _value(ATTRIBUTES[tag], usage.of(command), command, attributes, printer, remarks)
        if value is not None:
            values[tag] = value
    remarks += _unknown(attributes, rows)
    return Judgement(values, tuple(remarks))


def _value(
    attribute: Attribute,
    usage: str,
    command: Command,
    attributes: AttributeList,
    printer: Printer,
    remarks: list[Remark],
) -> Value | None:
    mandatory = usage.startswith("M")
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
        return attribute.default(printer)
    try:
        return attribute.rule(attributes.value(attribute.tag, attribute.vr), printer)
    except BadValue:
        used, status = attribute.default(printer), OutOfRange().status
    except OutOfRange as out:
        used, status = attribute.default(printer) if out.used is None else out.used, out.status
    if mandatory:
        raise Refused(INVALID_ATTRIBUTE_VALUE, f"{attribute.keyword} has an invalid value", (attribute.tag,))
    what = "left out" if used in (None, "") else f"{used!s} used"
    words = f"{attribute.keyword} out of range: {what}"
    remarks.append(Remark(status, words, attribute.tag))
    return used


def _unknown(attributes: AttributeList, rows: Mapping[int, object]) -> list[Remark]:
    # Group lengths are retired and mean nothing; everything else that is left out is said.
    unknown = [tag for tag in attributes.elements if tag not in rows and tag not in SILENT and tag & 0xFFFF]
    return [
        Remark(ATTRIBUTE_LIST_ERROR, f"({tag >> 16:04X},{tag & 0xFFFF:04X}) left out", tag)
        for tag in unknown[:MOST_REMARKS]
    ]
