"""PS3.4 H.4.11: what a console reads of a printer is what the printer does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom import Dataset
from pydicom.datadict import dictionary_VM, dictionary_VR

from printing.attributes import REQUESTED_RESOLUTION_ID
from printing.display_format import DisplayFormat
from printing.elements import read, write
from printing.film_size import FILM_SIZES, parse
from printing.judge import judge
from printing.layout import CustomFormat, Formats, cells
from printing.printer import Medium, Printer, Takes
from printing.printer_configuration import VRS, configuration_values
from printing.status import Verdict
from printing.terms import COLOR_META, FILM_BOX, GRAYSCALE_META, PRESENTATION_LUT, Command
from tests.printing.console import data_set, decode, encode

TRAYS = (Medium("PAPER", "A4"), Medium("BLUE FILM", "8INX10IN"), Medium("PAPER", "A3", installed=False))
OFFICE = Printer("PAPER", dpi=600, min_density_centi_od=5, max_density_centi_od=210, media=TRAYS)


def items(printer: Printer, explicit: bool = True) -> list[Dataset]:
    found = decode(write(configuration_values(printer), VRS, explicit), explicit)
    return list(found.PrinterConfigurationSequence)


@pytest.mark.parametrize("explicit", [True, False])
def test_h_4_11_one_item_for_each_meta_class(explicit: bool) -> None:
    gray, color = items(OFFICE, explicit)
    assert gray.SOPClassesSupported[0] == GRAYSCALE_META and color.SOPClassesSupported[0] == COLOR_META
    assert PRESENTATION_LUT in gray.SOPClassesSupported and PRESENTATION_LUT not in color.SOPClassesSupported
    assert (gray.MemoryBitDepth, color.MemoryBitDepth, gray.PrintingBitDepth) == (12, 8, 8)
    assert (gray.PrinterName, gray.MaximumMemoryAllocation, gray.MaximumCollatedFilms) == ("PAPER", 0, 200)
    assert (gray.DefaultMagnificationType, list(gray.OtherMagnificationTypesAvailable)) == (
        "CUBIC",
        ["REPLICATE", "BILINEAR", "NONE"],
    )
    assert (gray.DecimateCropResult, gray.DefaultPrinterResolutionID) == ("DEF DECIMATE", "STANDARD")
    assert "PERCEPTION_LUT" in gray.ConfigurationInformationDescription


def test_c_13_13_media_are_those_of_the_output() -> None:
    gray, _ = items(OFFICE)
    installed = [(item.ItemNumber, item.MediumType, item.FilmSizeID) for item in gray.MediaInstalledSequence]
    assert installed == [(1, "PAPER", "A4"), (2, "BLUE FILM", "8INX10IN")]
    assert {(item.MinDensity, item.MaxDensity) for item in gray.MediaInstalledSequence} == {(5, 210)}
    assert [(item.MediumType, item.FilmSizeID) for item in gray.OtherMediaAvailableSequence] == [("PAPER", "A3")]


def test_a_file_takes_every_film_the_default_first() -> None:
    gray, _ = items(Printer(film_size_id="24CMX30CM"))
    sizes = [item.FilmSizeID for item in gray.MediaInstalledSequence]
    assert sizes[0] == "24CMX30CM" and set(sizes) == set(FILM_SIZES) and len(sizes) == len(FILM_SIZES)
    assert len(gray.OtherMediaAvailableSequence) == 0


def test_c_13_13_the_matrix_of_a_format_is_that_of_its_boxes() -> None:
    gray, _ = items(OFFICE)
    found = gray.SupportedImageDisplayFormatsSequence
    assert {(item.FilmSizeID, item.FilmOrientation) for item in found} == {
        (size, orientation) for size in ("A4", "8INX10IN", "A3") for orientation in ("PORTRAIT", "LANDSCAPE")
    }
    for item in found:
        assert (item.PrinterResolutionID, item.RequestedImageSizeFlag) == ("STANDARD", "YES")
        assert [float(value) for value in item.PrinterPixelSpacing] == pytest.approx([25.4 / 600] * 2)
        size = parse(item.FilmSizeID)
        assert size is not None
        boxes = cells(DisplayFormat.parse(item.ImageDisplayFormat), *size.hung(item.FilmOrientation), Formats())
        assert (item.Rows, item.Columns) == (
            round(boxes[0].height_mm / 25.4 * 600),
            round(boxes[0].width_mm / 25.4 * 600),
        )


def test_custom_formats_are_listed_without_a_matrix_where_their_boxes_differ() -> None:
    formats = Formats(
        {
            2: CustomFormat(((0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 0.5, 0.5))),
            5: CustomFormat(((0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 1.0, 0.5))),
        }
    )
    gray, _ = items(Printer(formats=formats, media=(Medium("BLUE FILM", "14INX17IN"),)))
    portraits = [item for item in gray.SupportedImageDisplayFormatsSequence if item.FilmOrientation == "PORTRAIT"]
    portraits = [item for item in portraits if item.PrinterResolutionID == "STANDARD"]
    found = {item.ImageDisplayFormat: item for item in portraits}
    assert "Rows" not in found[r"CUSTOM\2"] and found[r"CUSTOM\5"].Rows == round(431.8 / 2 / 25.4 * 300)


def test_an_output_without_colour_lists_grey_alone() -> None:
    (gray,) = items(Printer(color=False))
    assert gray.SOPClassesSupported[0] == GRAYSCALE_META


@pytest.mark.parametrize("bits", [8, 12])
def test_the_bit_depth_of_the_output(bits: int) -> None:
    assert items(Printer(printing_bit_depth=bits))[0].PrintingBitDepth == bits


@pytest.mark.parametrize(
    ("printer", "high"),
    [
        (Printer(dpi=150), 300),
        (Printer(dpi=300), 600),
        (Printer(dpi=400), 600),
        (Printer(dpi=600), None),
        (Printer(dpi=300, high_dpi=450), 450),
        (Printer(dpi=300, high_dpi=200), None),
    ],
)
def test_high_is_twice_as_fine_where_it_can_be(printer: Printer, high: float | None) -> None:
    assert printer.resolution("STANDARD") == printer.dpi and printer.resolution("HIGH") == (high or printer.dpi)
    gray, _ = items(replace(printer, media=TRAYS[:1]))
    spacings = {
        item.PrinterResolutionID: float(item.PrinterPixelSpacing[0])
        for item in gray.SupportedImageDisplayFormatsSequence
    }
    wanted = {"STANDARD": 25.4 / printer.dpi} | ({"HIGH": 25.4 / high} if high else {})
    assert spacings == pytest.approx(wanted)


LETTER_AND_A4 = (("na_letter_8.5x11in", 215.9, 279.4, 6.35), ("iso_a4_210x297mm", 210.0, 297.0, 4.2))
PAPER = Printer("PAPER", dpi=300).taking(
    Takes(
        media=(Medium("PAPER", "A4"), Medium("BLUE FILM", "14INX17IN", False, 21, 290)),
        color=False,
        papers=LETTER_AND_A4,
    )
)


def formats_of(printer: Printer, size: str, orientation: str = "PORTRAIT") -> dict[str, Dataset]:
    (gray,) = items(printer)
    found = gray.SupportedImageDisplayFormatsSequence
    return {
        item.ImageDisplayFormat: item
        for item in found
        if (item.FilmSizeID, item.FilmOrientation, item.PrinterResolutionID) == (size, orientation, "STANDARD")
    }


def test_the_matrix_on_paper_is_what_its_margins_leave() -> None:
    found = formats_of(PAPER, "A4")
    whole = found[r"STANDARD\1,1"]
    assert (whole.Rows, whole.Columns) == (round((297 - 8.4) / 25.4 * 300), round((210 - 8.4) / 25.4 * 300))
    assert whole.RequestedImageSizeFlag == "YES"
    # In an outer cell an image is cut by the margin on one side, and what lies in its middle on both.
    four = found[r"STANDARD\2,2"]
    assert (four.Rows, four.Columns) == (round((148.5 - 8.4) / 25.4 * 300), round((105 - 8.4) / 25.4 * 300))
    across = formats_of(PAPER, "A4", "LANDSCAPE")[r"STANDARD\1,1"]
    assert (across.Rows, across.Columns) == (whole.Columns, whole.Rows)
    # A slide of 36 mm has a mount of 42 mm: 3 mm of the margin of 4.2 are the mount's.
    assert found["SLIDE"].Columns == round((36 - 2 * 1.2) / 25.4 * 300)


def test_a_film_that_paper_makes_smaller_has_all_its_pixels_closer_together_and_no_size_of_its_own() -> None:
    item = formats_of(PAPER, "14INX17IN")[r"STANDARD\1,1"]
    assert (item.Rows, item.Columns, item.RequestedImageSizeFlag) == (5100, 4200, "NO")
    scale = max(
        min((215.9 - 12.7) / 355.6, (279.4 - 12.7 - 5) / 431.8), min((210 - 8.4) / 355.6, (297 - 8.4 - 5) / 431.8)
    )
    assert [float(one) for one in item.PrinterPixelSpacing] == pytest.approx([25.4 / 300 * scale] * 2)
    assert item.Rows * float(item.PrinterPixelSpacing[0]) <= 297 - 8.4


def test_high_is_told_where_the_output_resolves_it() -> None:
    for finest, told in ((600.0, {"STANDARD", "HIGH"}), (300.0, {"STANDARD"})):
        printer = Printer(dpi=300).taking(Takes((Medium("PAPER", "A4"),), color=False, finest_dpi=finest))
        (gray,) = items(printer)
        assert {item.PrinterResolutionID for item in gray.SupportedImageDisplayFormatsSequence} == told


ONE_RESOLUTION = Takes((Medium("PAPER", "A4"),), dpi=300)


@pytest.mark.parametrize(
    ("printer", "finer"),
    [
        (Printer(dpi=300), True),
        (Printer(dpi=600), False),
        (Printer(dpi=300).taking(ONE_RESOLUTION), False),
        (Printer(dpi=300, high_dpi=450).taking(ONE_RESOLUTION), False),
        (Printer(dpi=300).taking(replace(ONE_RESOLUTION, high_dpi=600)), True),
        (Printer(dpi=300).taking(Takes((Medium("PAPER", "A4"),), finest_dpi=300)), False),
    ],
)
def test_high_is_accepted_where_it_is_told_and_warned_of_where_it_is_not(printer: Printer, finer: bool) -> None:
    (gray, *_) = items(replace(printer, media=TRAYS[:1]))
    told = {item.PrinterResolutionID for item in gray.SupportedImageDisplayFormatsSequence}
    assert ("HIGH" in told) == finer
    data = data_set(ImageDisplayFormat=r"STANDARD\1,1", RequestedResolutionID="HIGH")
    found = judge(FILM_BOX, Command.N_CREATE, read(encode(data), True), printer)
    verdict = Verdict.of(found.remarks)
    assert found.values[REQUESTED_RESOLUTION_ID] == ("HIGH" if finer else "STANDARD")
    assert verdict.status == (0 if finer else 0x0116)
    assert finer or verdict.offending == (REQUESTED_RESOLUTION_ID,)


def test_a_medium_may_have_densities_of_its_own() -> None:
    (gray,) = items(PAPER)
    (installed,), (other,) = gray.MediaInstalledSequence, gray.OtherMediaAvailableSequence
    assert (installed.MinDensity, installed.MaxDensity, other.MinDensity, other.MaxDensity) == (20, 300, 21, 290)


def test_the_resolution_of_an_imager_is_that_of_its_films() -> None:
    imager = Printer(dpi=300).taking(Takes((Medium("BLUE FILM", "14INX17IN"),), bit_depth=12, dpi=508))
    item = items(imager)[0].SupportedImageDisplayFormatsSequence[0]
    assert (float(item.PrinterPixelSpacing[0]), item.Rows, item.Columns) == (0.05, 8636, 7112)


@pytest.mark.parametrize("explicit", [True, False])
def test_every_attribute_has_the_vr_and_multiplicity_of_the_dictionary(explicit: bool) -> None:
    found = decode(write(configuration_values(PAPER), VRS, explicit), explicit)
    seen = set()
    for element in found.iterall():
        least, _, most = dictionary_VM(element.tag).partition("-")
        assert dictionary_VR(element.tag) == element.VR, element
        assert element.VR == "SQ" or element.VM == 0 or int(least) <= element.VM, element
        assert most or element.VR == "SQ" or element.VM in (0, int(least)), element
        seen.add(int(element.tag))
    assert seen == set(VRS)
