"""Statuses of Print Management (PS3.4 H.4, PS3.7 Annex C), and the refusal that carries one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

SUCCESS = 0x0000

# PS3.7 Annex C: warnings.
ATTRIBUTE_LIST_ERROR = 0x0107
VALUE_OUT_OF_RANGE = 0x0116

# PS3.7 Annex C: failures.
NO_SUCH_ATTRIBUTE = 0x0105
INVALID_ATTRIBUTE_VALUE = 0x0106
PROCESSING_FAILURE = 0x0110
DUPLICATE_INSTANCE = 0x0111
NO_SUCH_INSTANCE = 0x0112
INVALID_INSTANCE = 0x0117
NO_SUCH_CLASS = 0x0118
CLASS_INSTANCE_CONFLICT = 0x0119
MISSING_ATTRIBUTE = 0x0120
MISSING_VALUE = 0x0121
NO_SUCH_ACTION = 0x0123
UNRECOGNIZED_OPERATION = 0x0211
RESOURCE_LIMITATION = 0x0213

# PS3.4 H.4.1–H.4.3: warnings.
MEMORY_ALLOCATION_NOT_SUPPORTED = 0xB600
SESSION_EMPTY_PAGE = 0xB602
FILM_EMPTY_PAGE = 0xB603
DEMAGNIFIED = 0xB604
DENSITY_OUT_OF_RANGE = 0xB605
CROPPED = 0xB609
DECIMATED = 0xB60A

# PS3.4 H.4.1–H.4.3: failures.
NO_FILM_BOX = 0xC600
SESSION_QUEUE_FULL = 0xC601
FILM_QUEUE_FULL = 0xC602
LARGER_THAN_BOX = 0xC603
NO_MEMORY_FOR_IMAGE = 0xC605

MEANINGS: Mapping[int, str] = {
    SUCCESS: "success",
    ATTRIBUTE_LIST_ERROR: "attributes that we do not know were left out",
    VALUE_OUT_OF_RANGE: "a value was out of range, the default is used",
    NO_SUCH_ATTRIBUTE: "an attribute is not one of this SOP class",
    INVALID_ATTRIBUTE_VALUE: "an attribute has a value that cannot be used",
    PROCESSING_FAILURE: "the request could not be processed",
    DUPLICATE_INSTANCE: "the instance exists already",
    NO_SUCH_INSTANCE: "there is no such instance, or it can no longer be changed",
    INVALID_INSTANCE: "the SOP Instance UID is not a UID",
    NO_SUCH_CLASS: "the SOP class does not support this request",
    CLASS_INSTANCE_CONFLICT: "the instance is of another SOP class",
    MISSING_ATTRIBUTE: "a required attribute is missing",
    MISSING_VALUE: "a required attribute has no value",
    NO_SUCH_ACTION: "Action Type ID is not 1 (Print)",
    UNRECOGNIZED_OPERATION: "the SOP class has no such operation",
    RESOURCE_LIMITATION: "more than this printer holds for one association",
    MEMORY_ALLOCATION_NOT_SUPPORTED: "memory is not allocated ahead",
    SESSION_EMPTY_PAGE: "a film of the session has no image",
    FILM_EMPTY_PAGE: "the film has no image",
    DEMAGNIFIED: "the image was made smaller to fit its box",
    DENSITY_OUT_OF_RANGE: "Min or Max Density out of range, the printer's own is used",
    CROPPED: "the image was cropped to fit its box",
    DECIMATED: "the image was decimated to fit its box",
    NO_FILM_BOX: "the session has no film box",
    SESSION_QUEUE_FULL: "the queue or the disk is full, no print job was made",
    FILM_QUEUE_FULL: "the queue or the disk is full, no print job was made",
    LARGER_THAN_BOX: "the image is larger than its box",
    NO_MEMORY_FOR_IMAGE: "no room to keep the image",
}
"""What each status says here; the Error Comment begins with it where nothing more exact is known."""

OF_OTHERS: Mapping[int, str] = {
    0x0107: "it left out attributes that it does not know",
    0x0116: "it used a value of its own for one that is out of its range",
    0x0122: "it does not support this SOP class here",
    0x0124: "it does not let us do this: it may want to know our AE title",
    0x0210: "it has a request of this number already",
    0x0212: "it did not understand the request",
    0xB601: "it does not collate: the copies come film by film",
    0xC604: "two images have the same place",
    0xC613: "the images that are printed into one box are larger than it",
    0xC616: "a film before it is not printed yet, and it does not print sessions",
}
"""What statuses say that come from an imager: those that we never answer, and those that mean it there (PS3.4 H.4,
PS3.7 Annex C)."""


def meaning(status: int) -> str:
    """A status of another printer in words; empty for one that the standard has no words for."""
    return OF_OTHERS.get(status) or MEANINGS.get(status, "")


def is_warning(status: int) -> bool:
    """Whether the request was carried out, with a remark (PS3.7 C.4, C.5)."""
    return status in (ATTRIBUTE_LIST_ERROR, VALUE_OUT_OF_RANGE) or status & 0xF000 == 0xB000


class Refused(Exception):
    """A request refused with its own answer: the status, words for the peer's log, and the tags to blame."""

    def __init__(self, status: int, comment: str = "", offending: tuple[int, ...] = ()) -> None:
        self.status = status
        self.comment = comment or MEANINGS.get(status, "")
        self.offending = offending
        super().__init__(f"{status:04X} {self.comment}")


@dataclass(frozen=True, slots=True)
class Remark:
    """A leniency: what was done differently from what the peer asked, by name."""

    status: int
    """The warning that says so, or SUCCESS where the standard has none."""
    words: str
    """Ours alone; never text of the peer."""
    tag: int = 0


# A response has one status. What belongs to the service class says more than the general two.
_WEIGHT = {VALUE_OUT_OF_RANGE: 2, ATTRIBUTE_LIST_ERROR: 1, SUCCESS: 0}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status that several remarks come to."""

    status: int = SUCCESS
    comment: str = ""
    offending: tuple[int, ...] = ()

    @classmethod
    def of(cls, remarks: tuple[Remark, ...]) -> Verdict:
        """The heaviest status, the words of its first remark, and the tags of all of its remarks."""
        if not remarks:
            return cls()
        status = max((remark.status for remark in remarks), key=lambda status: _WEIGHT.get(status, 3))
        if status == SUCCESS:
            return cls()
        same = [remark for remark in remarks if remark.status == status]
        return cls(status, same[0].words, tuple(remark.tag for remark in same if remark.tag))

    def success_only(self) -> Verdict:
        """0000 instead of a warning, for peers that give up on every other status."""
        return replace(self, status=SUCCESS, comment="", offending=()) if is_warning(self.status) else self
