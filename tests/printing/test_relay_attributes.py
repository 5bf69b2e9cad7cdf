"""What a relayed film says at its film box and at its image boxes: what the console said, each where it counts."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset

from printing.outputs.dicom.film import film_box, image_box
from printing.outputs.dicom.habits import Habits
from printing.outputs.dicom.pixels import Samples
from printing.page import FilmDocument, FilmPage
from tests.printing.console import StepConsole

SHARED = ("MagnificationType", "SmoothingType", "ConfigurationInformation", "MinDensity", "MaxDensity")
SAMPLES = Samples(bytes(16), 8, "MONOCHROME2", "NORMAL")


def printed(film: dict[str, Any], *images: dict[str, Any]) -> FilmPage:
    """A film as its console set it, through the form in which it waits on disk."""
    console = StepConsole()
    console.film_session()
    console.film_box(rf"STANDARD\1,{len(images)}", **film)
    for number, image in enumerate(images, 1):
        assert console.image_box(number, None, **image).status == 0
    console.print_film()
    return FilmDocument.from_json(console.submitted.document.to_json()).pages[0]


def said(made: Dataset) -> dict[str, Any]:
    return {element.keyword: element.value for element in made if element.keyword in SHARED}


@pytest.mark.parametrize(
    ("film", "images", "at_the_film", "at_the_images"),
    [
        ({}, [{}, {}], {}, [{}, {}]),
        ({"MagnificationType": "NONE"}, [{}, {}], {"MagnificationType": "NONE"}, [{}, {}]),
        # All images have one value: the film says it, for many imagers know it there alone.
        ({}, [{"MagnificationType": "NONE"}] * 2, {"MagnificationType": "NONE"}, [{}, {}]),
        ({"MagnificationType": "CUBIC"}, [{"MagnificationType": "NONE"}] * 2, {"MagnificationType": "NONE"}, [{}, {}]),
        # They differ: each says its own, and nothing is said that the console did not say.
        ({}, [{"MagnificationType": "NONE"}, {}], {}, [{"MagnificationType": "NONE"}, {}]),
        ({}, [{}, {"ConfigurationInformation": "CS007"}], {}, [{}, {"ConfigurationInformation": "CS007"}]),
        (
            {"MagnificationType": "BILINEAR", "SmoothingType": "3"},
            [{"MagnificationType": "NONE"}, {"SmoothingType": "5"}],
            {"MagnificationType": "BILINEAR", "SmoothingType": "3"},
            [{"MagnificationType": "NONE"}, {"SmoothingType": "5"}],
        ),
        # Of a density that is the printer's default the imager may have another one.
        ({}, [{"MaxDensity": 300}, {}], {}, [{"MaxDensity": 300}, {}]),
        ({"MaxDensity": 250}, [{"MaxDensity": 250}, {"MinDensity": 30}], {"MaxDensity": 250}, [{}, {"MinDensity": 30}]),
    ],
)
def test_h_4_3_1_2_1_1_each_value_is_said_where_the_console_said_it(
    film: dict[str, Any],
    images: list[dict[str, Any]],
    at_the_film: dict[str, Any],
    at_the_images: list[dict[str, Any]],
) -> None:
    page = printed(film, *images)
    assert said(film_box(page, Habits(), "1.2.3", "")) == at_the_film
    found = []
    for image in page.images:
        assert image.pixels is not None
        found.append(said(image_box(page, image, image.pixels, SAMPLES)))
    assert found == at_the_images
