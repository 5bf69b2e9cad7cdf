"""Where a rendered film goes: plug-ins under one contract suite.

An output takes a film that is rendered and answers only when the film is where it belongs. What it can promise stands
in its properties, so that nobody has to ask which output it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class RenderedFilm:
    """A film on its way to an output."""

    name: str
    """What its files are called, without suffix: letters, digits and hyphens of ours, unique to the job."""
    pdf: Path
    record: Mapping[str, Any]
    """What is known of the film: attributes, who, when, statuses, warnings. JSON."""


@dataclass(frozen=True, slots=True)
class Properties:
    """What an output promises."""

    formats: tuple[str, ...]
    """What it takes, as media types."""
    reports_status: bool
    """Whether it knows more of a delivered film than that it was delivered."""
    safe_to_repeat: bool
    """Whether delivering the same film twice leaves one film."""


class Output(Protocol):
    """One way for a film to leave."""

    @property
    def properties(self) -> Properties:
        """What it promises."""

    def deliver(self, film: RenderedFilm) -> tuple[Path, ...]:
        """Deliver a film; on return it is there to stay. Returns the files that were made, absolute.

        Raises:
            OSError: not delivered; `errno` says whether it may pass by itself.
        """
