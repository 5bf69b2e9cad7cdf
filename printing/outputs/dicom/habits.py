"""What an imager takes and how it wants to be asked: the habits of one device, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from printing.terms import ANNOTATION_BOX, PRESENTATION_LUT, PRINT_JOB

OptionalClass = Literal["presentation-lut", "annotation", "print-job"]
OPTIONAL_CLASSES: Mapping[OptionalClass, str] = {
    "presentation-lut": PRESENTATION_LUT,
    "annotation": ANNOTATION_BOX,
    "print-job": PRINT_JOB,
}
"""The classes beside the meta classes that are proposed (PS3.4 H.3.3)."""

OPTIONAL_ATTRIBUTES = frozenset(
    {
        *("SpecificCharacterSet", "PrintPriority", "MediumType", "FilmDestination", "FilmSessionLabel", "OwnerID"),
        *("MagnificationType", "SmoothingType", "BorderDensity", "EmptyImageDensity", "MinDensity", "MaxDensity"),
        *("Trim", "ConfigurationInformation", "RequestedResolutionID", "ICCProfile", "AnnotationDisplayFormatID"),
        *("Illumination", "ReflectedAmbientLight", "RequestedImageSize", "RequestedDecimateCropBehavior"),
    }
)
"""Keywords that an imager can do without: the film is the same film, made as the imager makes it by itself. Those that
are not here decide what is seen."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What one imager takes.

    Attributes:
        bits: the most bits of a pixel, 8 or 12.
        implicit_only: propose Implicit VR Little Endian alone.
        optional_classes: classes that are proposed beside the meta classes.
        omit: keywords of `OPTIONAL_ATTRIBUTES` that it must not see.
        prints: whether it is asked to print each film, or the session with all of its films.
        association_per_film: a new association for each N-ACTION.
        own_uids: it gives UIDs itself: none of ours is proposed.
        film_sizes: Film Size ID → what it calls that film.
        medium_types: Medium Type → what it calls that medium.
    """

    bits: int = 12
    implicit_only: bool = False
    optional_classes: tuple[OptionalClass, ...] = tuple(OPTIONAL_CLASSES)
    omit: frozenset[str] = frozenset()
    prints: Literal["film", "session"] = "film"
    association_per_film: bool = False
    own_uids: bool = False
    film_sizes: Mapping[str, str] = field(default_factory=dict)
    medium_types: Mapping[str, str] = field(default_factory=dict)
