"""What is said to an imager: attribute lists of film session, film box, image box, annotation box and Presentation LUT.

An optional attribute is there only where the console set it and its value is not what every imager does anyway: many
imagers refuse an attribute that they do not know, whatever its value.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pydicom.charset import convert_encodings, encode_string
from pydicom.dataset import Dataset

from printing.elements import decode_text
from printing.outputs.dicom.habits import Habits
from printing.outputs.dicom.pixels import Samples
from printing.page import FilmDocument, FilmPage, PageImage, PageText, PixelReference, PresentationLUT
from printing.terms import FILM_SESSION, PRESENTATION_LUT

UTF_8 = ("ISO_IR 192",)
ASCII_ONLY: tuple[str, ...] = ()


def reference(sop_class: str, uid: str) -> Dataset:
    """An item that names an instance."""
    one = Dataset()
    one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = sop_class, uid
    return one


def character_set(document: FilmDocument) -> tuple[str, ...]:
    """The console's where it can say everything that is said, else UTF-8; empty where ASCII is enough."""
    texts = (
        *(document.film_session_label, document.owner_id),
        *(annotation.text for page in document.pages for annotation in page.annotations),
    )
    if all(text.isascii() for text in texts):
        return ASCII_ONLY
    consoles = document.pages[0].character_set
    return consoles if any(consoles) and all(_is_said(text, consoles) for text in texts) else UTF_8


def _is_said(text: str, character_set: tuple[str, ...]) -> bool:
    """Whether the bytes of a text in these character sets are that text again for whoever reads them."""
    try:
        written = encode_string(text, convert_encodings(list(character_set)))
    except (UnicodeError, LookupError, ValueError):
        return False
    return decode_text(written.decode("latin-1"), character_set) == text


def encoded(text: str, character_set: tuple[str, ...]) -> bytes:
    """Text as bytes of a character set that stands in another message (PS3.4 H.4.2.2.1.3)."""
    return bytes(encode_string(text, convert_encodings(list(character_set or ("ISO_IR 6",)))))


def film_session(document: FilmDocument, habits: Habits) -> Dataset:
    """PS3.4 H.4-2. Copies decide what comes out; the rest is optional."""
    made = Dataset()
    made.NumberOfCopies = str(document.number_of_copies)
    given = document.given
    if sets := character_set(document):
        made.SpecificCharacterSet = list(sets)
    for keyword, value in (
        ("PrintPriority", document.print_priority if document.print_priority != "MED" else ""),
        ("MediumType", habits.medium_types.get(document.medium_type, document.medium_type)),
        ("FilmDestination", document.film_destination),
        ("FilmSessionLabel", document.film_session_label),
        ("OwnerID", document.owner_id),
    ):
        if value and (given is None or keyword in given):
            setattr(made, keyword, value)
    return made


def film_box(page: FilmPage, habits: Habits, session_uid: str, lut_uid: str) -> Dataset:
    """PS3.4 H.4-6.

    Args:
        page: the film.
        habits: of the imager.
        session_uid: its film session.
        lut_uid: the Presentation LUT of all of its images; empty for none.
    """
    made = Dataset()
    made.ImageDisplayFormat = page.image_display_format
    made.FilmOrientation = page.film_orientation
    made.FilmSizeID = habits.film_sizes.get(page.film_size_id, page.film_size_id)
    made.ReferencedFilmSessionSequence = [reference(FILM_SESSION, session_uid)]
    for keyword, value in _densities(page).items():
        if page.given is None or keyword in page.given:
            setattr(made, keyword, value)
    for keyword in _SHARED:
        if value := _of_the_film(page, keyword):
            setattr(made, keyword, value)
    if page.trim:  # imagers without trimming refuse the attribute, whatever its value
        made.Trim = "YES"
    if page.requested_resolution_id not in ("", page.default_resolution_id):
        made.RequestedResolutionID = page.requested_resolution_id
    if page.color and page.icc_profile:
        made.ICCProfile = base64.b64decode(page.icc_profile)
    if page.annotations:
        made.AnnotationDisplayFormatID = page.annotations[0].format_id
    if lut_uid:
        made.Illumination = page.illumination_cd_m2
        made.ReflectedAmbientLight = page.reflected_ambient_light_cd_m2
        made.ReferencedPresentationLUTSequence = [reference(PRESENTATION_LUT, lut_uid)]
    return made


def _densities(page: FilmPage) -> dict[str, str | int]:
    return {
        "BorderDensity": page.border_density,
        "EmptyImageDensity": page.empty_image_density,
        "MinDensity": page.min_density_centi_od,
        "MaxDensity": page.max_density_centi_od,
    }


_SHARED: Mapping[str, Callable[[PageImage], str]] = {
    "MagnificationType": lambda image: image.magnification_type,
    "SmoothingType": lambda image: image.smoothing_type,
    "ConfigurationInformation": lambda image: image.configuration_information,
}
"""What a film box says for all of its images, and an image box for itself (PS3.4 H.4.3.1.2.1.1)."""


def _of_the_film(page: FilmPage, keyword: str) -> str:
    """What the film box says of its images. What all of them have is said there, for many imagers know it there alone;
    else what those have that have none of their own. Empty where the console said nothing."""
    images = [image for image in page.images if image.pixels is not None]
    if not images:
        return ""
    value, said = _SHARED[keyword], page.given is None or keyword in page.given
    own = [keyword in (image.given or ()) for image in images]
    if len(set(map(value, images))) == 1 and (said or all(own)):
        return value(images[0])
    return next((value(image) for image, has in zip(images, own, strict=True) if said and not has), "")


def _first(page: FilmPage) -> PageImage | None:
    return next((image for image in page.images if image.pixels is not None), None)


def _of_the_image(page: FilmPage, image: PageImage) -> dict[str, Any]:
    """What an image box has otherwise than its film (PS3.4 H.4.3.1.2.1.1)."""
    found: dict[str, Any] = {}
    for keyword, value in _SHARED.items():
        if image.given is None:
            films = value(_first(page) or image)
        elif keyword in image.given:
            films = _of_the_film(page, keyword)
        else:
            continue
        if value(image) and value(image) != films:
            found[keyword] = value(image)
    if not page.color:  # H.4.3.2.2.1.1: colour has no densities
        for keyword, own, films_own in (
            ("MinDensity", image.min_density_centi_od, page.min_density_centi_od),
            ("MaxDensity", image.max_density_centi_od, page.max_density_centi_od),
        ):
            said = page.given is None or keyword in page.given
            if own is not None and (own != films_own or not said):
                found[keyword] = own
    if image.requested_image_size_mm:
        found["RequestedImageSize"] = f"{image.requested_image_size_mm:.2f}"
    if image.requested_decimate_crop_behavior != "DECIMATE":
        found["RequestedDecimateCropBehavior"] = image.requested_decimate_crop_behavior
    return found


def image_box(page: FilmPage, image: PageImage, pixels: PixelReference, samples: Samples, lut_uid: str = "") -> Dataset:
    """PS3.4 H.4-10 and H.4-11; `lut_uid` names a Presentation LUT of this image alone."""
    item = Dataset()
    item.SamplesPerPixel = 1 if samples.planar_configuration is None else 3
    item.PhotometricInterpretation = samples.photometric_interpretation
    if samples.planar_configuration is not None:
        item.PlanarConfiguration = samples.planar_configuration
    item.Rows, item.Columns = pixels.rows, pixels.columns
    if pixels.pixel_aspect_ratio != (1, 1):
        item.PixelAspectRatio = [str(value) for value in pixels.pixel_aspect_ratio]
    item.BitsAllocated = 16 if samples.bits > 8 else 8
    item.BitsStored, item.HighBit = samples.bits, samples.bits - 1
    item.PixelRepresentation = 0
    item.add_new(0x7FE00010, "OW", samples.data)
    made = Dataset()
    made.add_new(0x20200010, "US", image.position)
    if samples.polarity != "NORMAL":
        made.Polarity = samples.polarity
    for keyword, value in _of_the_image(page, image).items():
        setattr(made, keyword, value)
    if lut_uid:
        made.ReferencedPresentationLUTSequence = [reference(PRESENTATION_LUT, lut_uid)]
    made.add_new(0x20200111 if samples.planar_configuration is not None else 0x20200110, "SQ", [item])
    return made


def annotation_box(text: PageText, character_set: tuple[str, ...]) -> Dataset:
    """PS3.4 H.4-13, the text in the film session's character set, which this message does not name."""
    made = Dataset()
    made.add_new(0x20300010, "US", text.position)
    made.add_new(0x20300020, "LO", encoded(text.text, character_set))
    return made


def presentation_lut(lut: PresentationLUT) -> Dataset:
    """PS3.4 H.4-23."""
    made = Dataset()
    if lut.table is None:
        made.PresentationLUTShape = lut.shape
    else:
        item = Dataset()
        item.add_new(0x00283002, "US", [len(lut.table), 0, lut.bits])
        item.add_new(0x00283006, "OW", np.array(lut.table, "<u2").tobytes())
        made.PresentationLUTSequence = [item]
    return made


def without(made: Dataset, leave: Callable[[str], bool]) -> tuple[Dataset, tuple[str, ...]]:
    """The attribute list without the top level attributes whose keyword `leave` names, and which those were."""
    left = tuple(sorted(element.keyword for element in made if leave(element.keyword)))
    kept = Dataset()
    for element in made:
        if element.keyword not in left:
            kept.add(element)
    return kept, left
