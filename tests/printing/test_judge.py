"""PS3.4 H.2.4: every row of the table, in every way that a peer can use it."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_keyword, dictionary_VR

from printing.attributes import ATTRIBUTES, FORGIVEN, INHERITED, USAGES, VRS, Usage
from printing.elements import Value, read
from printing.judge import Judgement, judge
from printing.printer import VRS as PRINTER_VRS
from printing.printer import Printer
from printing.printer_configuration import VRS as CONFIGURATION_VRS
from printing.status import Refused, Verdict
from printing.terms import (
    COLOR_IMAGE_BOX,
    FILM_BOX,
    FILM_SESSION,
    GRAYSCALE_IMAGE_BOX,
    IMAGE_BOXES,
    PRESENTATION_LUT,
    Command,
)
from tests.printing.console import data_set, encode, image, reference

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR CS", "ignore:Unknown encoding")

PRINTER = Printer()
CREATED = [usage for usage in USAGES if usage.n_create]
SET = [usage for usage in USAGES if usage.n_set]
COMMANDS = [(usage, Command.N_CREATE) for usage in CREATED] + [(usage, Command.N_SET) for usage in SET]


def mandatory(sop_class_uid: str, command: Command) -> Dataset:
    """The smallest list that a request may have."""
    if command is Command.N_CREATE:
        return data_set(ImageDisplayFormat=r"STANDARD\1,1") if sop_class_uid == FILM_BOX else Dataset()
    if sop_class_uid == GRAYSCALE_IMAGE_BOX:
        return data_set(ImageBoxPosition=1, BasicGrayscaleImageSequence=[image()])
    if sop_class_uid == COLOR_IMAGE_BOX:
        return data_set(ImageBoxPosition=1, BasicColorImageSequence=[image(photometric="RGB")])
    return Dataset()


def judged(sop_class_uid: str, command: Command, data: Dataset, strict: bool = False) -> Judgement:
    return judge(sop_class_uid, command, read(encode(data), True), PRINTER, strict)


def name(case: object) -> str:
    return ATTRIBUTES[case.tag].keyword if isinstance(case, Usage) else getattr(case, "value", str(case))


@pytest.mark.parametrize("tag", [*VRS, *PRINTER_VRS, *CONFIGURATION_VRS], ids=hex)
def test_the_table_agrees_with_the_dictionary(tag: int) -> None:
    vr = VRS.get(tag) or PRINTER_VRS.get(tag) or CONFIGURATION_VRS[tag]
    assert vr in dictionary_VR(tag).split(" or ")
    if tag in ATTRIBUTES:
        assert dictionary_keyword(tag) == ATTRIBUTES[tag].keyword


@pytest.mark.parametrize(("usage", "command"), COMMANDS, ids=name)
def test_h_2_4_left_out(usage: Usage, command: Command) -> None:
    attribute = ATTRIBUTES[usage.tag]
    data = mandatory(usage.sop_class_uid, command)
    if usage.of(command).startswith("M/") and usage.tag not in FORGIVEN:
        del data[usage.tag]
        with pytest.raises(Refused) as refused:
            judged(usage.sop_class_uid, command, data)
        assert (refused.value.status, refused.value.offending) == (0x0120, (usage.tag,))
    else:
        found = judged(usage.sop_class_uid, command, data)
        assert Verdict.of(found.remarks).status == 0
        wanted = attribute.default(PRINTER) if command is Command.N_CREATE else None
        assert found.values.get(usage.tag) == wanted


@pytest.mark.parametrize(("usage", "command"), COMMANDS, ids=name)
def test_h_2_4_without_a_value(usage: Usage, command: Command) -> None:
    attribute = ATTRIBUTES[usage.tag]
    data = mandatory(usage.sop_class_uid, command)
    data.add_new(usage.tag, attribute.vr, [] if attribute.vr == "SQ" else None)
    if usage.of(command).startswith("M/") and attribute.vr != "SQ":
        with pytest.raises(Refused) as refused:
            judged(usage.sop_class_uid, command, data)
        assert (refused.value.status, refused.value.offending) == (0x0121, (usage.tag,))
    else:
        found = judged(usage.sop_class_uid, command, data)
        assert Verdict.of(found.remarks).status == 0
        assert found.values.get(usage.tag) == default_of(usage, command)


def default_of(usage: Usage, command: Command) -> Value | None:
    """What is used where there is no value: an image box has the film's, and N-SET takes away what has no default."""
    attribute = ATTRIBUTES[usage.tag]
    inherits = usage.sop_class_uid in IMAGE_BOXES and usage.tag in INHERITED
    default = None if inherits else attribute.default(PRINTER)
    return () if default is None and command is Command.N_SET and attribute.vr != "SQ" else default


BAD: dict[str, object] = {
    "SpecificCharacterSet": "KLINGON",
    "NumberOfCopies": 0,
    "PrintPriority": "SOON",
    "MediumType": "PARCHMENT",
    "FilmDestination": "BIN_007",
    "MemoryAllocation": 1000,
    "FilmOrientation": "UPSIDEDOWN",
    "FilmSizeID": "HUGE",
    "MagnificationType": "FRACTAL",
    "BorderDensity": "GREY",
    "EmptyImageDensity": "9999",
    "MinDensity": 4095,
    "MaxDensity": 4095,
    "Trim": "MAYBE",
    "Illumination": 0,
    "RequestedResolutionID": "LOW",
    "Polarity": "SOUTH",
    "RequestedImageSize": "-3",
    "RequestedDecimateCropBehavior": "SHRED",
    "AnnotationDisplayFormatID": "CORNERS",
    "ICCProfile": b"no profile",
}
USED: dict[str, Value] = {"AnnotationDisplayFormatID": "ANNOTATION", "MinDensity": 20, "MaxDensity": 300}
STATUSES = {"MemoryAllocation": 0xB600, "MinDensity": 0xB605, "MaxDensity": 0xB605}
RANGED = [(usage, command) for usage, command in COMMANDS if ATTRIBUTES[usage.tag].keyword in BAD]


@pytest.mark.parametrize(("usage", "command"), RANGED, ids=name)
def test_h_2_4_out_of_range_is_a_warning_and_the_default(usage: Usage, command: Command) -> None:
    attribute = ATTRIBUTES[usage.tag]
    data = mandatory(usage.sop_class_uid, command)
    setattr(data, attribute.keyword, BAD[attribute.keyword])
    found = judged(usage.sop_class_uid, command, data)
    verdict = Verdict.of(found.remarks)
    assert verdict.status == STATUSES.get(attribute.keyword, 0x0116)
    assert verdict.offending == (usage.tag,)
    used = USED.get(attribute.keyword, default_of(usage, command))
    assert found.values.get(usage.tag) == used
    assert 0 < len(verdict.comment) <= 64


def test_every_attribute_with_a_range_has_a_bad_value_here() -> None:
    free = {"FilmSessionLabel", "OwnerID", "SmoothingType", "ConfigurationInformation", "TextString"}
    special = {"ReflectedAmbientLight"}  # any value is right
    special |= {"ImageDisplayFormat", "ImageBoxPosition", "AnnotationPosition", "PresentationLUTShape"}  # refused
    ranged = {one.keyword for one in ATTRIBUTES.values() if one.vr != "SQ"} - free - special
    assert ranged == set(BAD)


GOOD: list[tuple[str, str, object, Value]] = [
    (FILM_SESSION, "NumberOfCopies", 999, 999),
    (FILM_SESSION, "PrintPriority", "high ", "HIGH"),
    (FILM_SESSION, "MediumType", "MAMMO BLUE FILM", "MAMMO BLUE FILM"),
    (FILM_SESSION, "MediumType", "CURRENT", "CURRENT"),
    (FILM_SESSION, "FilmDestination", "BIN_12", "BIN_12"),
    (FILM_SESSION, "MemoryAllocation", 0, 0),
    (FILM_SESSION, "OwnerID", "me", "me"),
    (FILM_SESSION, "SpecificCharacterSet", ["", "ISO 2022 IR 87"], r"\ISO 2022 IR 87"),
    (FILM_BOX, "ImageDisplayFormat", r"row\1,2", r"ROW\1,2"),
    (FILM_BOX, "FilmSizeID", "CURRENT", "14INX17IN"),
    (FILM_BOX, "FilmSizeID", "A3", "A3"),
    (FILM_BOX, "BorderDensity", "150", "150"),
    (FILM_BOX, "EmptyImageDensity", "WHITE", "WHITE"),
    (FILM_BOX, "MaxDensity", 320, 320),
    (FILM_BOX, "MinDensity", 0, 0),
    (FILM_BOX, "SmoothingType", "140", "140"),
    (FILM_BOX, "ConfigurationInformation", r"CS000\PD0.2", r"CS000\PD0.2"),
    (FILM_BOX, "ReflectedAmbientLight", 0, 0),
    (FILM_BOX, "RequestedResolutionID", "HIGH", "HIGH"),
    (FILM_BOX, "AnnotationDisplayFormatID", "label", "LABEL"),
    (PRESENTATION_LUT, "PresentationLUTShape", "LIN OD", "LIN OD"),
    (PRESENTATION_LUT, "PresentationLUTShape", "lin_od", "LIN OD"),
]


@pytest.mark.parametrize(("sop_class_uid", "keyword", "given", "used"), GOOD)
def test_c_13_values_are_used_as_given(sop_class_uid: str, keyword: str, given: object, used: Value) -> None:
    data = mandatory(sop_class_uid, Command.N_CREATE)
    setattr(data, keyword, given)
    found = judged(sop_class_uid, Command.N_CREATE, data)
    tag = next(tag for tag, attribute in ATTRIBUTES.items() if attribute.keyword == keyword)
    assert found.values[tag] == used
    assert Verdict.of(found.remarks).status == 0


def test_h_2_4_unknown_attributes_are_named_and_left_out() -> None:
    data = data_set(BodyPartExamined="X", PresentationLUTSequence=[])
    data.add_new(0x00091001, "LO", "private")
    found = judged(FILM_SESSION, Command.N_CREATE, data)
    verdict = Verdict.of(found.remarks)
    assert (verdict.status, verdict.offending) == (0x0107, (0x00091001, 0x00180015, 0x20500010))
    assert not {0x00091001, 0x00180015, 0x20500010} & set(found.values)


def test_clues_to_the_patient_are_taken_without_a_word() -> None:
    data = data_set(PatientID="X", PatientName="Y", ProposedStudySequence=[], OriginalImageSequence=[])
    found = judged(FILM_SESSION, Command.N_CREATE, data)
    assert found.remarks == () and not {0x00100010, 0x00100020} & set(found.values)


# -- strict: the other branch of H.2.4 -------------------------------------------------------------------------------


@pytest.mark.parametrize(("usage", "command"), RANGED, ids=name)
def test_h_2_4_strict_out_of_range_is_refused(usage: Usage, command: Command) -> None:
    attribute = ATTRIBUTES[usage.tag]
    data = mandatory(usage.sop_class_uid, command)
    if command is Command.N_CREATE and usage.sop_class_uid == FILM_BOX:
        data.ReferencedFilmSessionSequence = reference(FILM_SESSION, "1.2.3")
    setattr(data, attribute.keyword, BAD[attribute.keyword])
    if attribute.keyword in STATUSES:  # the service class has a warning for these
        found = judged(usage.sop_class_uid, command, data, strict=True)
        assert Verdict.of(found.remarks).status == STATUSES[attribute.keyword]
        return
    with pytest.raises(Refused) as refused:
        judged(usage.sop_class_uid, command, data, strict=True)
    assert (refused.value.status, refused.value.offending) == (0x0106, (usage.tag,))


def test_strict_says_nothing_of_what_would_be_used() -> None:
    for more in ({"FilmSizeID": "HUGE"}, {"BodyPartExamined": "X"}):
        data = data_set(ImageDisplayFormat=r"STANDARD\1,1", **more)
        data.ReferencedFilmSessionSequence = reference(FILM_SESSION, "1.2.3")
        with pytest.raises(Refused) as refused:
            judged(FILM_BOX, Command.N_CREATE, data, strict=True)
        assert refused.value.comment in ("FilmSizeID out of range", "(0018,0015) is not of this SOP class")


@pytest.mark.parametrize("keyword", ["BodyPartExamined", "PatientID", "ReferencedPresentationLUTSequence"])
def test_h_2_4_strict_unknown_attributes_are_refused(keyword: str) -> None:
    data = data_set(**{keyword: [] if keyword.endswith("Sequence") else "X"})
    with pytest.raises(Refused) as refused:
        judged(FILM_SESSION, Command.N_CREATE, data, strict=True)
    assert refused.value.status == 0x0105


def test_h_2_4_strict_forgives_no_missing_reference() -> None:
    data = data_set(ImageDisplayFormat=r"STANDARD\1,1")
    with pytest.raises(Refused) as refused:
        judged(FILM_BOX, Command.N_CREATE, data, strict=True)
    assert (refused.value.status, refused.value.offending) == (0x0120, (0x20100500,))


def test_h_2_4_strict_values_without_a_word_are_the_defaults() -> None:
    data = data_set(NumberOfCopies=None, MediumType="PAPER")
    found = judged(FILM_SESSION, Command.N_CREATE, data, strict=True)
    assert found.remarks == () and found.values[0x20000010] == 1


def test_what_belongs_to_the_class_is_said_before_the_general() -> None:
    data = data_set(ImageDisplayFormat=r"STANDARD\1,1", MaxDensity=4095, Trim="MAYBE", BodyPartExamined="X")
    verdict = Verdict.of(judged(FILM_BOX, Command.N_CREATE, data).remarks)
    assert (verdict.status, verdict.offending) == (0xB605, (0x20100130,))
    assert verdict.success_only() == Verdict()


def test_the_words_of_a_remark_never_hold_the_peers_text() -> None:
    data = data_set(FilmSizeID="<script>", Trim="\x1b[31m")
    data.ImageDisplayFormat = r"STANDARD\1,1"
    for remark in judged(FILM_BOX, Command.N_CREATE, data).remarks:
        assert "<" not in remark.words and "\x1b" not in remark.words
