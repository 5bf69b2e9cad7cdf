"""Personalities: how a dialogue is judged and answered, by called AE title, by kind of console, by peer.

Every key has an origin, and the more exact one wins: what we ship, the profile of a console that we ship, the printer's
table, a profile of one's own, the peer's table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT = "default"
"""Origin of a key that nobody set."""


class Personality(BaseModel):
    """How a dialogue is judged and answered."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    personality: Literal["lenient", "strict"] = "lenient"
    """lenient makes do with what the standard lets a printer refuse; strict refuses it, to test a console."""
    success_only: bool = False
    """Answer 0000 where we would warn: for consoles that abort on warnings."""
    events: bool = True
    """Send N-EVENT-REPORTs."""
    general_supply_terms: bool = False
    """Say SUPPLY EMPTY and SUPPLY LOW without the medium: for consoles that know no other terms."""
    print_job_reference: bool = True
    """Name the Print Job in the answer of N-ACTION, where the Print Job class was negotiated."""
    duplicate_film_seconds: Annotated[float, Field(ge=0, le=3600)] = 0
    """The same film printed again within this time is the same job: for consoles that print three times."""
    image_boxes_by_position: bool = False
    """Take an image for an instance that nobody knows by its Image Box Position: for consoles that do not wait."""
    skip_empty_films: bool = False
    """Make no job of films without an image; the console hears B602 or B603."""
    hold_films: bool = False
    """Films wait until somebody releases them."""
    films_a_day: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """More films of one caller in a day, copies counted, wait until somebody releases them; 0: any number."""
    idle_seconds: Annotated[float, Field(ge=0, le=7 * 86400)] = 0
    """Silence after which an association with a printer is ended, as it was when the association began; 0: as [limits]
    has it. For consoles that keep theirs open for days, or never end it.
    Stations and inboxes have a key of their own."""

    @property
    def strict(self) -> bool:
        """Whether what the standard lets a printer refuse is refused."""
        return self.personality == "strict"

    def given(self) -> dict[str, Any]:
        """The keys of a personality that were set, by whoever wrote this table."""
        return {key: getattr(self, key) for key in KEYS if key in self.model_fields_set}


KEYS = tuple(Personality.model_fields)


@dataclass(frozen=True, slots=True)
class Layer:
    """Keys of one origin."""

    origin: str
    keys: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A personality, and where each of its keys comes from."""

    personality: Personality
    origins: Mapping[str, str]

    @classmethod
    def of(cls, *layers: Layer) -> Resolved:
        """The personality of these layers; later ones win, key by key."""
        values: dict[str, Any] = {}
        origins = dict.fromkeys(KEYS, DEFAULT)
        for layer in layers:
            for key, value in layer.keys.items():
                values[key], origins[key] = value, layer.origin
        return cls(Personality(**values), origins)

    def lines(self) -> list[str]:
        """The keys that somebody set, for a person: `key = value (origin)`."""
        return [
            f"{key} = {written(getattr(self.personality, key))} ({origin})"
            for key, origin in self.origins.items()
            if origin != DEFAULT
        ]


def written(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"
