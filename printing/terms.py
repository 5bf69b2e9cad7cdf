"""UIDs, Enumerated Values and Defined Terms of Print Management (PS3.6 Annex A, PS3.3 C.13)."""

from __future__ import annotations

from enum import Enum, StrEnum

# PS3.6 Table A-1.
GRAYSCALE_META = "1.2.840.10008.5.1.1.9"
COLOR_META = "1.2.840.10008.5.1.1.18"
FILM_SESSION = "1.2.840.10008.5.1.1.1"
FILM_BOX = "1.2.840.10008.5.1.1.2"
GRAYSCALE_IMAGE_BOX = "1.2.840.10008.5.1.1.4"
COLOR_IMAGE_BOX = "1.2.840.10008.5.1.1.4.1"
PRINT_JOB = "1.2.840.10008.5.1.1.14"
PRINTER = "1.2.840.10008.5.1.1.16"
PRINTER_INSTANCE = "1.2.840.10008.5.1.1.17"
PRESENTATION_LUT = "1.2.840.10008.5.1.1.23"
ANNOTATION_BOX = "1.2.840.10008.5.1.1.15"
PRINTER_CONFIGURATION = "1.2.840.10008.5.1.1.16.376"
PRINTER_CONFIGURATION_INSTANCE = "1.2.840.10008.5.1.1.17.376"

IMAGE_BOXES = frozenset({GRAYSCALE_IMAGE_BOX, COLOR_IMAGE_BOX})
SOP_CLASSES = frozenset(
    {
        *(FILM_SESSION, FILM_BOX, *IMAGE_BOXES, ANNOTATION_BOX, PRESENTATION_LUT),
        *(PRINT_JOB, PRINTER, PRINTER_CONFIGURATION),
    }
)
"""SOP classes that messages name; the meta classes only stand in presentation contexts (PS3.4 H.3.2)."""


class Command(Enum):
    """The DIMSE-N operations of Print Management (PS3.4 H.3.2.2)."""

    N_CREATE = "N-CREATE"
    N_SET = "N-SET"
    N_GET = "N-GET"
    N_ACTION = "N-ACTION"
    N_DELETE = "N-DELETE"


class ExecutionStatus(StrEnum):
    """Execution Status (2100,0020), PS3.3 C.13.8."""

    PENDING = "PENDING"
    PRINTING = "PRINTING"
    DONE = "DONE"
    FAILURE = "FAILURE"

    @property
    def event_type_id(self) -> int:
        """Event Type ID of the N-EVENT-REPORT that says so (PS3.4 H.4.5.2.1)."""
        return list(ExecutionStatus).index(self) + 1


class PrinterStatus(StrEnum):
    """Printer Status (2110,0010), PS3.3 C.13.9."""

    NORMAL = "NORMAL"
    WARNING = "WARNING"
    FAILURE = "FAILURE"

    @property
    def event_type_id(self) -> int:
        """Event Type ID of the N-EVENT-REPORT that says so (PS3.4 H.4.6.2.1)."""
        return list(PrinterStatus).index(self) + 1


class Polarity(StrEnum):
    """Polarity (2020,0020)."""

    NORMAL = "NORMAL"
    REVERSE = "REVERSE"


class FilmOrientation(StrEnum):
    """Film Orientation (2010,0040)."""

    PORTRAIT = "PORTRAIT"
    LANDSCAPE = "LANDSCAPE"


class DecimateCrop(StrEnum):
    """Requested Decimate/Crop Behavior (2020,0040)."""

    DECIMATE = "DECIMATE"
    CROP = "CROP"
    FAIL = "FAIL"


PRINT_PRIORITIES = ("HIGH", "MED", "LOW")
MEDIUM_TYPES = (
    *("PAPER", "CLEAR FILM", "BLUE FILM", "MAMMO CLEAR FILM", "MAMMO BLUE FILM"),
    "CURRENT",  # not in the standard: what is in the tray, as consoles for Kodak imagers ask for it
)
MAGNIFICATION_TYPES = ("REPLICATE", "BILINEAR", "CUBIC", "NONE")
RESOLUTIONS = ("STANDARD", "HIGH")
PRESENTATION_LUT_SHAPES = ("IDENTITY", "LIN OD")
"""Presentation LUT Shape (2050,0020) of print; INVERSE is a softcopy's."""
PHOTOMETRIC_INTERPRETATIONS = ("MONOCHROME1", "MONOCHROME2")
"""Of grey pixels, PS3.3 C.13.5."""

_SETS = ("6", "100", "101", "109", "110", "144", "127", "126", "138", "148", "203", "13", "166")
CHARACTER_SETS = frozenset(
    {f"ISO_IR {number}" for number in (*_SETS, "192")}
    | {f"ISO 2022 IR {number}" for number in (*_SETS, "87", "159", "149", "58")}
    | {"GB18030", "GBK", ""}
)
"""Specific Character Set (0008,0005), PS3.3 C.12.1.1.2; the first of several may be empty."""

_SIZES = ("8X10", "10X12", "10X14", "11X14", "14X14", "14X17", "24X24", "24X30")

STATUS_INFO_TERMS = frozenset(
    {
        f"{level} {size}{kind}"
        for level in ("EMPTY", "LOW")
        for size in _SIZES
        for kind in ("", " BLUE", " CLR", " PAPR")
    }
    | {f"{level} A4 {kind}" for level in ("EMPTY", "LOW") for kind in ("PAPR", "TRANS")}
    | {
        *("BAD RECEIVE MGZ", "BAD SUPPLY MGZ", "CALIBRATING", "CALIBRATION ERR", "CHECK CHEMISTRY", "CHECK SORTER"),
        *("CHEMICALS EMPTY", "CHEMICALS LOW", "COVER OPEN", "ELEC CONFIG ERR", "ELEC DOWN", "ELEC SW ERROR"),
        *("EXPOSURE FAILURE", "FILM JAM", "FILM TRANSP ERR", "FINISHER EMPTY", "FINISHER ERROR", "FINISHER LOW"),
        *("NO RECEIVE MGZ", "NO RIBBON", "NO SUPPLY MGZ", "CHECK PRINTER", "CHECK PROC", "PRINTER DOWN"),
        *("PRINTER BUSY", "PRINT BUFF FULL", "PRINTER INIT", "PRINTER OFFLINE", "PROC DOWN", "PROC INIT"),
        *("PROC OVERFLOW FL", "PROC OVERFLOW HI", "QUEUED", "RECEIVER FULL", "REQ MED NOT INST", "REQ MED NOT AVAI"),
        *("RIBBON ERROR", "SUPPLY EMPTY", "SUPPLY LOW", "UNKNOWN"),
    }
)
"""Printer Status Info (2110,0020), PS3.3 C.13.9.1: 108 Defined Terms."""

JOB_INFO_TERMS = frozenset({"NORMAL", "INVALID PAGE DES", "INSUFFIC MEMORY"}) | STATUS_INFO_TERMS
"""Execution Status Info (2100,0030), PS3.3 C.13.8."""
