"""What is proposed to others, and by what: the SCU half of the conformance statement (PS3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.scu.echo import VERIFICATION
from appliance.scu.print import META
from appliance.scu.target import EXPLICIT, IMPLICIT, UNCOMPRESSED
from printing.outputs.archive.instances import ENCAPSULATED_PDF, GRAYSCALE_BYTE, GRAYSCALE_WORD, TRUE_COLOR
from printing.outputs.dicom.habits import OPTIONAL_CLASSES
from printing.terms import COLOR_META, GRAYSCALE_META, PRINTER_CONFIGURATION


@dataclass(frozen=True, slots=True)
class Proposed:
    """SOP classes that are proposed together."""

    by: str
    """What calls."""
    sop_class_uids: tuple[str, ...]
    """Empty: those of the files that are sent."""
    transfer_syntaxes: tuple[str, ...]
    """Empty: of each file its own, in a presentation context of its own."""
    operations: tuple[str, ...]
    when: str


PROPOSED = (
    Proposed("gravure echo", (VERIFICATION,), UNCOMPRESSED, ("C-ECHO",), "always"),
    Proposed("gravure send", (), (), ("C-STORE",), "of every instance in the files; nothing is re-encoded"),
    Proposed("gravure print", (META,), UNCOMPRESSED, ("N-CREATE", "N-SET", "N-ACTION", "N-DELETE"), "8 bits"),
    Proposed(
        'output = "dicom"',
        (GRAYSCALE_META, COLOR_META),
        UNCOMPRESSED,
        ("N-CREATE", "N-SET", "N-GET", "N-ACTION", "N-DELETE", "N-EVENT-REPORT"),
        "colour for documents with colour films; Printer N-GET before each session, and while the printer is watched",
    ),
    Proposed(
        'output = "dicom"',
        tuple(OPTIONAL_CLASSES.values()),
        UNCOMPRESSED,
        ("N-CREATE", "N-SET", "N-GET", "N-DELETE", "N-EVENT-REPORT"),
        "where a document needs them and imager.optional_classes has them",
    ),
    Proposed('output = "dicom"', (PRINTER_CONFIGURATION,), UNCOMPRESSED, ("N-GET",), "while the printer is watched"),
    Proposed(
        'output = "archive"',
        (GRAYSCALE_BYTE, GRAYSCALE_WORD, TRUE_COLOR, ENCAPSULATED_PDF),
        (EXPLICIT, IMPLICIT),
        ("C-STORE",),
        "what the film is stored as; each transfer syntax in a presentation context of its own",
    ),
    Proposed('output = "archive"', (VERIFICATION,), (IMPLICIT,), ("C-ECHO",), "while the archive is watched"),
)
"""`imager.implicit_only` leaves Implicit VR Little Endian alone."""
