"""The table: every attribute of Print Management, its usage, default, range and status (PS3.4 H.4, PS3.3 C.13).

Rows are at once the rules of `judge`, the answers of N-CREATE and N-SET, and the tables of the conformance statement.
To support an attribute, add a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from printing import annotation, film_size, terms
from printing.display_format import DisplayFormat
from printing.elements import MOST_VALUE_BYTES, Value
from printing.printer import Printer
from printing.render.icc import MOST_BYTES
from printing.status import (
    DENSITY_OUT_OF_RANGE,
    INVALID_ATTRIBUTE_VALUE,
    MEMORY_ALLOCATION_NOT_SUPPORTED,
    VALUE_OUT_OF_RANGE,
    Refused,
)
from printing.terms import (
    ANNOTATION_BOX,
    COLOR_IMAGE_BOX,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    PRESENTATION_LUT,
    Command,
)

SPECIFIC_CHARACTER_SET = 0x00080005
SAMPLES_PER_PIXEL, PHOTOMETRIC_INTERPRETATION, PLANAR_CONFIGURATION = 0x00280002, 0x00280004, 0x00280006
ROWS, COLUMNS, PIXEL_ASPECT_RATIO = 0x00280010, 0x00280011, 0x00280034
BITS_ALLOCATED, BITS_STORED, HIGH_BIT, PIXEL_REPRESENTATION = 0x00280100, 0x00280101, 0x00280102, 0x00280103
PIXEL_DATA, ICC_PROFILE = 0x7FE00010, 0x00282000
NUMBER_OF_COPIES, PRINT_PRIORITY, MEDIUM_TYPE, FILM_DESTINATION = 0x20000010, 0x20000020, 0x20000030, 0x20000040
FILM_SESSION_LABEL, MEMORY_ALLOCATION, OWNER_ID = 0x20000050, 0x20000060, 0x21000160
REFERENCED_FILM_BOX_SEQUENCE = 0x20000500
IMAGE_DISPLAY_FORMAT, FILM_ORIENTATION, FILM_SIZE_ID = 0x20100010, 0x20100040, 0x20100050
MAGNIFICATION_TYPE, SMOOTHING_TYPE, BORDER_DENSITY, EMPTY_IMAGE_DENSITY = 0x20100060, 0x20100080, 0x20100100, 0x20100110
MIN_DENSITY, MAX_DENSITY, TRIM, CONFIGURATION_INFORMATION = 0x20100120, 0x20100130, 0x20100140, 0x20100150
ILLUMINATION, REFLECTED_AMBIENT_LIGHT, REQUESTED_RESOLUTION_ID = 0x2010015E, 0x20100160, 0x20200050
REFERENCED_FILM_SESSION_SEQUENCE, REFERENCED_IMAGE_BOX_SEQUENCE = 0x20100500, 0x20100510
IMAGE_BOX_POSITION, POLARITY = 0x20200010, 0x20200020
REQUESTED_IMAGE_SIZE, REQUESTED_DECIMATE_CROP_BEHAVIOR = 0x20200030, 0x20200040
GRAYSCALE_IMAGE_SEQUENCE, COLOR_IMAGE_SEQUENCE = 0x20200110, 0x20200111
REFERENCED_SOP_CLASS_UID, REFERENCED_SOP_INSTANCE_UID = 0x00081150, 0x00081155
REFERENCED_PRINT_JOB_SEQUENCE = 0x21000500
ANNOTATION_DISPLAY_FORMAT_ID, REFERENCED_BASIC_ANNOTATION_BOX_SEQUENCE = 0x20100030, 0x20100520
ANNOTATION_POSITION, TEXT_STRING = 0x20300010, 0x20300020
PRESENTATION_LUT_SEQUENCE, PRESENTATION_LUT_SHAPE = 0x20500010, 0x20500020
REFERENCED_PRESENTATION_LUT_SEQUENCE = 0x20500500
LUT_DESCRIPTOR, LUT_EXPLANATION, LUT_DATA = 0x00283002, 0x00283003, 0x00283006

_BIN = re.compile(r"BIN_[1-9][0-9]{0,11}", re.ASCII)

MOST_CENTI_OD = 500
"""Densities up to here are printed; no film is blacker."""
MOST_ICC_BYTES = MOST_BYTES
"""ICC profiles of one film session together, each counted once; those of real printers have half a MiB to 2 MiB."""


class OutOfRange(Exception):
    """A value that is replaced, with a warning: the value that is used instead (None: the default), and the status."""

    def __init__(self, used: Value | None = None, status: int = VALUE_OUT_OF_RANGE) -> None:
        super().__init__(f"{status:04X}")
        self.used = used
        self.status = status


Rule = Callable[[Value, Printer], Value]
"""From a value as decoded to the one that is used. Raises OutOfRange, or Refused where nothing can replace it."""
Default = Callable[[Printer], "Value | None"]
"""The value where the dialogue gives none; None: the attribute stays away."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: what it may hold."""

    tag: int
    keyword: str
    vr: str
    rule: Rule
    values: str
    """The range, in words: for the conformance statement."""
    default: Default = lambda printer: None
    most_bytes: int = MOST_VALUE_BYTES
    """Of the value as it came; a longer one is out of range."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How one SOP class uses one attribute: usage SCU/SCP as PS3.4 H.2.4 defines it; empty where it has no place."""

    sop_class_uid: str
    tag: int
    n_create: str
    n_set: str
    section: str

    def of(self, command: Command) -> str:
        """The usage in this request."""
        return self.n_create if command is Command.N_CREATE else self.n_set


# -- rules -----------------------------------------------------------------------------------------------------------


def anything(value: Value, printer: Printer) -> Value:
    """Text that is kept as it came."""
    if not isinstance(value, str) or len(value) > 10240:
        raise OutOfRange
    return value


def character_set(value: Value, printer: Printer) -> Value:
    """Terms for character sets that there are; blanks around them are forgiven."""
    named = [name.strip() for name in str(value).split("\\")]
    if not terms.CHARACTER_SETS.issuperset(named):
        raise OutOfRange
    return "\\".join(named)


def term(*known: str) -> Rule:
    """One of some terms. Case and blanks around it are forgiven."""

    def rule(value: Value, printer: Printer) -> Value:
        text = str(value).strip().upper()
        if text not in known:
            raise OutOfRange
        return text

    return rule


def whole(lowest: int, highest: int) -> Rule:
    """An integer within bounds."""

    def rule(value: Value, printer: Printer) -> Value:
        if not isinstance(value, int) or not lowest <= value <= highest:
            raise OutOfRange
        return value

    return rule


def destination(value: Value, printer: Printer) -> Value:
    """MAGAZINE, PROCESSOR, BIN_i."""
    text = str(value).strip().upper()
    if text in ("MAGAZINE", "PROCESSOR") or _BIN.fullmatch(text):
        return text
    raise OutOfRange


def memory(value: Value, printer: Printer) -> Value:
    """Memory is never allocated ahead: we spool to disk."""
    if value == 0:
        return 0
    raise OutOfRange(None, MEMORY_ALLOCATION_NOT_SUPPORTED)


def display_format(value: Value, printer: Printer) -> Value:
    """A format, written as the standard writes it."""
    return str(DisplayFormat.parse(str(value)))


def size(value: Value, printer: Printer) -> Value:
    """A film size that is known or says its millimetres; CURRENT is what is in the tray."""
    if str(value).strip().upper() == "CURRENT":
        return printer.film_size_id
    film = film_size.parse(str(value))
    if film is None:
        raise OutOfRange
    return film.film_size_id


def density(value: Value, printer: Printer) -> Value:
    """BLACK, WHITE, or hundredths of OD."""
    text = str(value).strip().upper()
    if text in ("BLACK", "WHITE"):
        return text
    if text.isascii() and text.isdigit() and int(text[:9]) <= MOST_CENTI_OD:
        return str(int(text))
    raise OutOfRange


def lowest_density(value: Value, printer: Printer) -> Value:
    """Min Density: outside of the printer's range its own is used."""
    if isinstance(value, int) and 0 <= value < MOST_CENTI_OD and _reached(value, printer):
        return value
    raise OutOfRange(printer.min_density_centi_od, DENSITY_OUT_OF_RANGE)


def highest_density(value: Value, printer: Printer) -> Value:
    """Max Density: outside of the printer's range its own is used."""
    if isinstance(value, int) and 0 < value <= MOST_CENTI_OD and _reached(value, printer):
        return value
    raise OutOfRange(printer.max_density_centi_od, DENSITY_OUT_OF_RANGE)


def _reached(centi_od: int, printer: Printer) -> bool:
    limits = printer.min_density_centi_od, printer.max_density_centi_od
    return not printer.densities_end or limits[0] <= centi_od <= limits[1]


def millimetres(value: Value, printer: Printer) -> Value:
    """Width of the printed image."""
    if isinstance(value, float) and 0.1 <= value <= 2000:
        return value
    raise OutOfRange


def resolution(value: Value, printer: Printer) -> Value:
    """Requested Resolution ID: one that the printer has; a film that comes out no finer was not made HIGH."""
    text = str(value).strip().upper()
    if text not in printer.resolution_ids():
        raise OutOfRange
    return text


def icc_profile(value: Value, printer: Printer) -> Value:
    """An ICC profile of RGB (ICC.1 §7.2): its header says its length, its colour space and that it is one."""
    if not isinstance(value, bytes) or len(value) < 132 or value[36:40] != b"acsp" or value[16:20] != b"RGB ":
        raise OutOfRange
    length = int.from_bytes(value[:4], "big")
    if length not in (len(value), len(value) - 1):
        raise OutOfRange
    return value[:length]


def required(value: Value, printer: Printer) -> Value:
    """Judged by the session, which knows the instances."""
    return value


def position(tag: int, name: str) -> Rule:
    """A position; the session knows how many there are."""

    def rule(value: Value, printer: Printer) -> Value:
        if not isinstance(value, int) or value < 1:
            raise Refused(INVALID_ATTRIBUTE_VALUE, f"{name} is not a number from 1", (tag,))
        return value

    return rule


def annotation_format(value: Value, printer: Printer) -> Value:
    """A format that the printer has, by its name in any case; for others there are annotation boxes all the same."""
    text = str(value).strip().upper()
    if text not in printer.annotation_formats:
        raise OutOfRange(annotation.FALLBACK)
    return text


def shape(value: Value, printer: Printer) -> Value:
    """A shape of print. Nothing replaces another one: every grey of the film would be wrong."""
    text = " ".join(str(value).upper().replace("_", " ").split())
    if text not in terms.PRESENTATION_LUT_SHAPES:
        words = "Presentation LUT Shape is not IDENTITY or LIN OD"
        raise Refused(INVALID_ATTRIBUTE_VALUE, words, (PRESENTATION_LUT_SHAPE,))
    return text


def _of(name: str) -> Default:
    def default(printer: Printer) -> Value:
        value: Value = getattr(printer, name)
        return value

    return default


def _is(value: Value) -> Default:
    return lambda printer: value


# -- attributes ------------------------------------------------------------------------------------------------------

_ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(SPECIFIC_CHARACTER_SET, "SpecificCharacterSet", "CS", character_set, "any of PS3.3 C.12.1.1.2"),
    Attribute(NUMBER_OF_COPIES, "NumberOfCopies", "IS", whole(1, 999), "1 to 999", _is(1)),
    Attribute(PRINT_PRIORITY, "PrintPriority", "CS", term(*terms.PRINT_PRIORITIES), "HIGH, MED, LOW", _is("MED")),
    Attribute(
        MEDIUM_TYPE, "MediumType", "CS", term(*terms.MEDIUM_TYPES), ", ".join(terms.MEDIUM_TYPES), _of("medium_type")
    ),
    Attribute(FILM_DESTINATION, "FilmDestination", "CS", destination, "MAGAZINE, PROCESSOR, BIN_i", _is("PROCESSOR")),
    Attribute(FILM_SESSION_LABEL, "FilmSessionLabel", "LO", anything, "any text"),
    Attribute(MEMORY_ALLOCATION, "MemoryAllocation", "IS", memory, "0; others are answered B600"),
    Attribute(OWNER_ID, "OwnerID", "SH", anything, "any text"),
    Attribute(
        IMAGE_DISPLAY_FORMAT,
        "ImageDisplayFormat",
        "ST",
        display_format,
        r"STANDARD\C,R, ROW\R1,R2,…, COL\C1,C2,…, SLIDE, SUPERSLIDE, CUSTOM\i; at most 400 image boxes",
    ),
    Attribute(
        FILM_ORIENTATION, "FilmOrientation", "CS", term(*terms.FilmOrientation), "PORTRAIT, LANDSCAPE", _is("PORTRAIT")
    ),
    Attribute(
        FILM_SIZE_ID,
        "FilmSizeID",
        "CS",
        size,
        f"{', '.join(film_size.FILM_SIZES)}, others of the same pattern from 50 to 1000 mm, CURRENT",
        _of("film_size_id"),
    ),
    Attribute(
        MAGNIFICATION_TYPE,
        "MagnificationType",
        "CS",
        term(*terms.MAGNIFICATION_TYPES),
        "REPLICATE, BILINEAR, CUBIC, NONE",
        _is("CUBIC"),
    ),
    Attribute(SMOOTHING_TYPE, "SmoothingType", "CS", anything, "any; kept, not used"),
    Attribute(
        BORDER_DENSITY, "BorderDensity", "CS", density, "BLACK, WHITE, 0 to 500 in 1/100 OD", _of("border_density")
    ),
    Attribute(
        EMPTY_IMAGE_DENSITY,
        "EmptyImageDensity",
        "CS",
        density,
        "BLACK, WHITE, 0 to 500 in 1/100 OD",
        _of("empty_image_density"),
    ),
    Attribute(MIN_DENSITY, "MinDensity", "US", lowest_density, "0 to 499 in 1/100 OD", _of("min_density_centi_od")),
    Attribute(MAX_DENSITY, "MaxDensity", "US", highest_density, "1 to 500 in 1/100 OD", _of("max_density_centi_od")),
    Attribute(TRIM, "Trim", "CS", term("YES", "NO"), "YES, NO", _is("NO")),
    Attribute(
        CONFIGURATION_INFORMATION,
        "ConfigurationInformation",
        "ST",
        anything,
        "any; settings of known imagers are read",
        _is(""),
    ),
    Attribute(ILLUMINATION, "Illumination", "US", whole(1, 65535), "1 to 65535 cd/m²", _of("illumination_cd_m2")),
    Attribute(
        REFLECTED_AMBIENT_LIGHT,
        "ReflectedAmbientLight",
        "US",
        whole(0, 65535),
        "0 to 65535 cd/m²",
        _of("reflected_ambient_light_cd_m2"),
    ),
    Attribute(
        REQUESTED_RESOLUTION_ID,
        "RequestedResolutionID",
        "CS",
        resolution,
        "STANDARD, the printer's resolution; HIGH, by default twice as many pixels per inch, at most 600, where the"
        " output has more than one resolution; the default of a relayed imager is its own",
        _of("default_resolution_id"),
    ),
    Attribute(
        REFERENCED_FILM_SESSION_SEQUENCE,
        "ReferencedFilmSessionSequence",
        "SQ",
        required,
        "the film session of the association; may be left out",
    ),
    Attribute(
        IMAGE_BOX_POSITION,
        "ImageBoxPosition",
        "US",
        position(IMAGE_BOX_POSITION, "Image Box Position"),
        "1 to the image boxes of the film",
    ),
    Attribute(POLARITY, "Polarity", "CS", term(*terms.Polarity), "NORMAL, REVERSE", _is("NORMAL")),
    Attribute(REQUESTED_IMAGE_SIZE, "RequestedImageSize", "DS", millimetres, "0.1 to 2000 mm"),
    Attribute(
        REQUESTED_DECIMATE_CROP_BEHAVIOR,
        "RequestedDecimateCropBehavior",
        "CS",
        term(*terms.DecimateCrop),
        "DECIMATE, CROP, FAIL; without it large images are decimated",
    ),
    Attribute(GRAYSCALE_IMAGE_SEQUENCE, "BasicGrayscaleImageSequence", "SQ", required, "no item, or one"),
    Attribute(COLOR_IMAGE_SEQUENCE, "BasicColorImageSequence", "SQ", required, "no item, or one"),
    Attribute(
        ICC_PROFILE,
        "ICCProfile",
        "OB",
        icc_profile,
        f"a profile of RGB; colour films alone; of one film session {MOST_ICC_BYTES >> 20} MiB together",
        most_bytes=MOST_ICC_BYTES,
    ),
    Attribute(
        ANNOTATION_DISPLAY_FORMAT_ID,
        "AnnotationDisplayFormatID",
        "CS",
        annotation_format,
        f"{', '.join(annotation.FORMATS)}, others by configuration; for unknown ones {annotation.FALLBACK} is used",
    ),
    Attribute(
        ANNOTATION_POSITION,
        "AnnotationPosition",
        "US",
        position(ANNOTATION_POSITION, "Annotation Position"),
        "1 to the annotation boxes of the film; without it the box's own",
    ),
    Attribute(TEXT_STRING, "TextString", "LO", anything, "any text, in the film session's character set", _is("")),
    Attribute(
        PRESENTATION_LUT_SEQUENCE,
        "PresentationLUTSequence",
        "SQ",
        required,
        "one item: 256 or 4096 entries from 0, of 10 to 16 bits",
    ),
    Attribute(PRESENTATION_LUT_SHAPE, "PresentationLUTShape", "CS", shape, ", ".join(terms.PRESENTATION_LUT_SHAPES)),
    Attribute(
        REFERENCED_PRESENTATION_LUT_SEQUENCE,
        "ReferencedPresentationLUTSequence",
        "SQ",
        required,
        "no item, or one: a Presentation LUT of the association",
    ),
)

ATTRIBUTES: Mapping[int, Attribute] = {one.tag: one for one in _ATTRIBUTES}
"""Every attribute by tag."""

_SESSION = "PS3.4 H.4.1.2.1.1"
_FILM = "PS3.4 H.4.2.2.1.1"
_GRAY = "PS3.4 H.4.3.1.2.1.1"
_COLOR = "PS3.4 H.4.3.2.2.1.1"
_ANNOTATION = "PS3.4 H.4.4.2.1.1"
_LUT = "PS3.4 H.4.9.2.1.1"


def _rows(sop_class_uid: str, section: str, *rows: tuple[int, str, str]) -> tuple[Usage, ...]:
    return tuple(Usage(sop_class_uid, tag, n_create, n_set, section) for tag, n_create, n_set in rows)


_IMAGE_BOX_ROWS = (
    (IMAGE_BOX_POSITION, "", "M/M"),
    (POLARITY, "", "U/M"),
    (MAGNIFICATION_TYPE, "", "U/U"),
    (SMOOTHING_TYPE, "", "U/U"),
    (REQUESTED_IMAGE_SIZE, "", "U/U"),
    (REQUESTED_DECIMATE_CROP_BEHAVIOR, "", "U/U"),
)

USAGES: tuple[Usage, ...] = (
    *_rows(
        FILM_SESSION,
        _SESSION,
        (SPECIFIC_CHARACTER_SET, "U/U", "U/U"),
        (NUMBER_OF_COPIES, "U/M", "U/M"),
        (PRINT_PRIORITY, "U/M", "U/M"),
        (MEDIUM_TYPE, "U/M", "U/M"),
        (FILM_DESTINATION, "U/M", "U/M"),
        (FILM_SESSION_LABEL, "U/U", "U/U"),
        (MEMORY_ALLOCATION, "U/U", "U/U"),
        (OWNER_ID, "U/U", "U/U"),
        (REFERENCED_PRESENTATION_LUT_SEQUENCE, "U/U", "U/U"),
    ),
    *_rows(
        FILM_BOX,
        _FILM,
        (IMAGE_DISPLAY_FORMAT, "M/M", ""),
        (REFERENCED_FILM_SESSION_SEQUENCE, "M/M", ""),
        (FILM_ORIENTATION, "U/M", ""),
        (FILM_SIZE_ID, "U/M", ""),
        (MAGNIFICATION_TYPE, "U/M", "U/M"),
        (SMOOTHING_TYPE, "U/U", "U/U"),
        (BORDER_DENSITY, "U/U", "U/U"),
        (EMPTY_IMAGE_DENSITY, "U/U", "U/U"),
        (MIN_DENSITY, "U/U", "U/U"),
        (MAX_DENSITY, "U/M", "U/M"),
        (TRIM, "U/U", "U/U"),
        (CONFIGURATION_INFORMATION, "U/M", "U/M"),
        (ILLUMINATION, "U/U", "U/U"),
        (REFLECTED_AMBIENT_LIGHT, "U/U", "U/U"),
        (REQUESTED_RESOLUTION_ID, "U/U", ""),
        (ANNOTATION_DISPLAY_FORMAT_ID, "U/U", ""),
        (ICC_PROFILE, "U/U", "U/U"),
        (REFERENCED_PRESENTATION_LUT_SEQUENCE, "U/MC", "U/MC"),
    ),
    *_rows(
        GRAYSCALE_IMAGE_BOX,
        _GRAY,
        *_IMAGE_BOX_ROWS,
        (MIN_DENSITY, "", "U/U"),
        (MAX_DENSITY, "", "U/U"),
        (CONFIGURATION_INFORMATION, "", "U/U"),
        (GRAYSCALE_IMAGE_SEQUENCE, "", "M/M"),
        (REFERENCED_PRESENTATION_LUT_SEQUENCE, "", "U/U"),
    ),
    *_rows(
        COLOR_IMAGE_BOX,
        _COLOR,
        *_IMAGE_BOX_ROWS,
        (CONFIGURATION_INFORMATION, "", "U/U"),
        (COLOR_IMAGE_SEQUENCE, "", "M/M"),
    ),
    *_rows(ANNOTATION_BOX, _ANNOTATION, (ANNOTATION_POSITION, "", "M/M"), (TEXT_STRING, "", "U/M")),
    *_rows(
        PRESENTATION_LUT,
        _LUT,
        (PRESENTATION_LUT_SEQUENCE, "MC/M", ""),
        (PRESENTATION_LUT_SHAPE, "MC/M", ""),
    ),
)

FORGIVEN = frozenset({REFERENCED_FILM_SESSION_SEQUENCE, ANNOTATION_POSITION})
"""M/M attributes whose absence is forgiven: an association has one film session at most, and an annotation box stands
where it was made, so nothing can be wrong."""

INHERITED = frozenset({MAGNIFICATION_TYPE, SMOOTHING_TYPE, MIN_DENSITY, MAX_DENSITY, CONFIGURATION_INFORMATION})
"""What an image box has from its film box as long as it has no value of its own (PS3.4 H.4.3.1.2.1.1)."""

BEYOND = frozenset({(FILM_SESSION, REFERENCED_PRESENTATION_LUT_SEQUENCE)})
"""Rows (SOP class, tag) that the standard does not have: consoles of some imagers reference the Presentation LUT of all
of their films at the film session. A strict dialogue does without them."""

VRS: Mapping[int, str] = {
    **{one.tag: one.vr for one in _ATTRIBUTES},
    REFERENCED_FILM_BOX_SEQUENCE: "SQ",
    REFERENCED_IMAGE_BOX_SEQUENCE: "SQ",
    REFERENCED_PRINT_JOB_SEQUENCE: "SQ",
    REFERENCED_BASIC_ANNOTATION_BOX_SEQUENCE: "SQ",
    LUT_DESCRIPTOR: "US",
    LUT_DATA: "OW",
    REFERENCED_SOP_CLASS_UID: "UI",
    REFERENCED_SOP_INSTANCE_UID: "UI",
}
"""VR of every tag that our answers hold."""


def usages(sop_class_uid: str, command: Command) -> Mapping[int, Usage]:
    """The rows of one request, by tag."""
    return _BY_REQUEST[sop_class_uid, command]


_BY_REQUEST: Mapping[tuple[str, Command], Mapping[int, Usage]] = {
    (sop_class_uid, command): {
        usage.tag: usage for usage in USAGES if usage.sop_class_uid == sop_class_uid and usage.of(command)
    }
    for sop_class_uid in dict.fromkeys(usage.sop_class_uid for usage in USAGES)
    for command in (Command.N_CREATE, Command.N_SET)
}
