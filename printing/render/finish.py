"""What a printer adds to a film: its resolution, its tone, the depth of its samples, its fonts."""

from __future__ import annotations

from dataclasses import dataclass, field

from printing.render.sheet import Scaling
from printing.tone import Tone


@dataclass(frozen=True, slots=True)
class Finish:
    """How films are rendered for one output.

    Attributes:
        dpi: printer resolution, pixels per inch.
        high_dpi: that of films whose Requested Resolution ID is HIGH; None is the same.
        tone: how P-values become samples.
        bits: of a sample, 8 or 16.
        fonts: font files for annotations, asked after our own.
        papers: (name, width, height, margin) in mm of each paper of the output; empty: a page is as large as its film.
        scaling: how a film lies on paper of another size.
        color: whether the output takes colour; where not, colour films become grey.
        configuration_information: whether its settings change greys.
        gray: whether it takes grey; where not, the samples of grey films stand there three times.
    """

    dpi: float = 300.0
    tone: Tone = field(default_factory=Tone)
    bits: int = 8
    fonts: tuple[str, ...] = ()
    papers: tuple[tuple[str, float, float, float], ...] = ()
    scaling: Scaling = "fit"
    color: bool = True
    configuration_information: bool = True
    high_dpi: float | None = None
    gray: bool = True

    def resolution(self, resolution_id: str) -> float:
        """Pixels per inch of a film, by its Requested Resolution ID (2020,0050)."""
        return self.high_dpi if resolution_id == "HIGH" and self.high_dpi is not None else self.dpi

    def __post_init__(self) -> None:
        if self.bits not in (8, 16):
            raise ValueError("a sample has 8 or 16 bits")
