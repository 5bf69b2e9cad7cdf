"""What the appliance can do on the network: one table for negotiation, dispatch and the conformance statement.

The daemon accepts what stands here and nothing else, and `gravure conformance` prints what stands here and nothing
else; a test proposes every SOP class, transfer syntax and role that is known and compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from media.records import STORAGE_CLASSES

VERIFICATION = "1.2.840.10008.1.1"

# PS3.4 Annex H, UIDs of PS3.6 table A-1.
BASIC_GRAYSCALE_PRINT_META = "1.2.840.10008.5.1.1.9"
BASIC_COLOR_PRINT_META = "1.2.840.10008.5.1.1.18"
BASIC_FILM_SESSION = "1.2.840.10008.5.1.1.1"
BASIC_FILM_BOX = "1.2.840.10008.5.1.1.2"
BASIC_GRAYSCALE_IMAGE_BOX = "1.2.840.10008.5.1.1.4"
BASIC_COLOR_IMAGE_BOX = "1.2.840.10008.5.1.1.4.1"
PRINT_JOB = "1.2.840.10008.5.1.1.14"
PRINTER = "1.2.840.10008.5.1.1.16"
BASIC_ANNOTATION_BOX = "1.2.840.10008.5.1.1.15"
PRESENTATION_LUT = "1.2.840.10008.5.1.1.23"
PRINTER_CONFIGURATION_RETRIEVAL = "1.2.840.10008.5.1.1.16.376"

EXPLICIT_LE = "1.2.840.10008.1.2.1"
IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_BE = "1.2.840.10008.1.2.2"

UNCOMPRESSED = (EXPLICIT_LE, IMPLICIT_LE)

JPEG, MPEG = "1.2.840.10008.1.2.4.", "1.2.840.10008.1.2.4."
STORED = (
    # We take what we need not decode: uncompressed first, then what loses nothing, then the rest (design §1).
    EXPLICIT_LE,
    IMPLICIT_LE,
    f"{JPEG}70",  # JPEG Lossless, Non-Hierarchical, First-Order Prediction
    f"{JPEG}57",  # JPEG Lossless, Non-Hierarchical
    f"{JPEG}80",  # JPEG-LS Lossless
    f"{JPEG}90",  # JPEG 2000 Lossless Only
    f"{JPEG}201",  # High-Throughput JPEG 2000 Lossless Only
    f"{JPEG}202",  # High-Throughput JPEG 2000 with RPCL Options Lossless Only
    "1.2.840.10008.1.2.5",  # RLE Lossless
    f"{JPEG}50",  # JPEG Baseline
    f"{JPEG}51",  # JPEG Extended
    f"{JPEG}81",  # JPEG-LS Near-Lossless
    f"{JPEG}91",  # JPEG 2000
    f"{JPEG}203",  # High-Throughput JPEG 2000
    EXPLICIT_BE,
    *(f"{MPEG}{number}" for number in (100, 101, 102, 103, 104, 105, 106, 107, 108)),
    *(f"{MPEG}{number}.1" for number in (100, 101, 102, 103, 104, 105, 106)),
)
"""Transfer syntaxes of stored instances, in our order of preference. Deflated is missing on purpose: 713 KB of it can
hold 1.5 GB."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One SOP class that we serve."""

    sop_class_uid: str
    name: str
    service: str
    """The word of `allow` in [peers]: echo, print or store."""
    operations: tuple[str, ...]
    transfer_syntaxes: tuple[str, ...]
    members: tuple[str, ...] = ()
    """SOP classes whose messages are legal on a context of this one, beside itself."""


PRINT_MEMBERS = (
    BASIC_FILM_SESSION,
    BASIC_FILM_BOX,
    BASIC_GRAYSCALE_IMAGE_BOX,
    BASIC_COLOR_IMAGE_BOX,
    BASIC_ANNOTATION_BOX,
    PRESENTATION_LUT,
    PRINT_JOB,
    PRINTER,
    PRINTER_CONFIGURATION_RETRIEVAL,
)
"""Consoles and libraries send member messages on either meta context; the SOP class decides, not the context."""

_SESSION = ("N-CREATE", "N-SET", "N-DELETE", "N-ACTION")

PRINT: tuple[Capability, ...] = (
    Capability(BASIC_GRAYSCALE_PRINT_META, "Basic Grayscale Print Management Meta", "print", (), UNCOMPRESSED,
               PRINT_MEMBERS),
    Capability(BASIC_COLOR_PRINT_META, "Basic Color Print Management Meta", "print", (), UNCOMPRESSED, PRINT_MEMBERS),
    # Some consoles propose the members beside the meta class, or alone.
    Capability(BASIC_FILM_SESSION, "Basic Film Session", "print", _SESSION, UNCOMPRESSED, PRINT_MEMBERS),
    Capability(BASIC_FILM_BOX, "Basic Film Box", "print", _SESSION, UNCOMPRESSED, PRINT_MEMBERS),
    Capability(BASIC_GRAYSCALE_IMAGE_BOX, "Basic Grayscale Image Box", "print", ("N-SET",), UNCOMPRESSED,
               PRINT_MEMBERS),
    Capability(BASIC_COLOR_IMAGE_BOX, "Basic Color Image Box", "print", ("N-SET",), UNCOMPRESSED, PRINT_MEMBERS),
    Capability(BASIC_ANNOTATION_BOX, "Basic Annotation Box", "print", ("N-SET",), UNCOMPRESSED, PRINT_MEMBERS),
    Capability(PRESENTATION_LUT, "Presentation LUT", "print", ("N-CREATE", "N-DELETE"), UNCOMPRESSED, PRINT_MEMBERS),
    Capability(PRINT_JOB, "Print Job", "print", ("N-GET", "N-EVENT-REPORT"), UNCOMPRESSED, PRINT_MEMBERS),
    Capability(PRINTER, "Printer", "print", ("N-GET", "N-EVENT-REPORT"), UNCOMPRESSED, PRINT_MEMBERS),
    Capability(PRINTER_CONFIGURATION_RETRIEVAL, "Printer Configuration Retrieval", "print", ("N-GET",), UNCOMPRESSED,
               PRINT_MEMBERS),
)  # fmt: skip

ECHO = Capability(VERIFICATION, "Verification", "echo", ("C-ECHO",), (*UNCOMPRESSED, EXPLICIT_BE))

RETIRED: dict[str, str] = {
    "1.2.840.10008.5.1.1.22": "VOI LUT Box",
    "1.2.840.10008.5.1.1.24": "Image Overlay Box",
    "1.2.840.10008.5.1.1.24.1": "Basic Print Image Overlay Box",
    "1.2.840.10008.5.1.1.4.2": "Referenced Image Box",
    "1.2.840.10008.5.1.1.9.1": "Referenced Grayscale Print Management Meta",
    "1.2.840.10008.5.1.1.18.1": "Referenced Color Print Management Meta",
    "1.2.840.10008.5.1.1.26": "Print Queue Management",
    "1.2.840.10008.5.1.1.31": "Pull Print Request",
    "1.2.840.10008.5.1.1.32": "Pull Stored Print Management Meta",
}
"""Print classes that the standard retired and consoles still propose: each context is rejected by itself, never the
association. (Stored Print Storage, retired too, is none of them: it is a storage class, and stored like any other.)"""

_PRINT_BY_UID = {one.sop_class_uid: one for one in PRINT}


def is_storage(abstract_syntax: str) -> bool:
    """Whether an abstract syntax is a storage SOP class: one of the standard's, or one that is not the standard's at
    all and therefore a private one. Messages of anything else are never a C-STORE."""
    return abstract_syntax in STORAGE_CLASSES or not abstract_syntax.startswith("1.2.840.10008.")


def storage_classes() -> list[Capability]:
    """The standard's storage classes as capabilities, by name. (Names come from pydicom's dictionary; the daemon never
    needs them, and does without the library.)"""
    from pydicom.uid import UID

    names = {uid: UID(uid).name for uid in STORAGE_CLASSES}
    return [
        Capability(uid, names[uid], "store", ("C-STORE",), STORED) for uid in sorted(names, key=lambda uid: names[uid])
    ]


def transfer_syntaxes(services: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    """What an AE title with these services (print, store) accepts, by abstract syntax. Verification is on all."""
    offered = frozenset(services)

    @lru_cache(maxsize=1024)
    def of(abstract_syntax: str) -> tuple[str, ...]:
        if abstract_syntax == VERIFICATION:
            return ECHO.transfer_syntaxes
        if "print" in offered and abstract_syntax in _PRINT_BY_UID:
            return _PRINT_BY_UID[abstract_syntax].transfer_syntaxes
        if "store" in offered and abstract_syntax not in _PRINT_BY_UID and is_storage(abstract_syntax):
            return STORED
        return ()

    return of


def covers(abstract_syntax: str, sop_class_uid: str) -> bool:
    """Whether a message of a SOP class is legal on a context of an abstract syntax."""
    if abstract_syntax == sop_class_uid:
        return True
    capability = _PRINT_BY_UID.get(abstract_syntax)
    return capability is not None and sop_class_uid in capability.members
