"""Configuration Information (2010,0150): free text in which consoles ask imagers for contrast, gamma and more.

The standard leaves the text to the printer (PS3.3 C.13.3). What imagers of some makers understand is a table here, so
that a console that is set up for one of them gets what it asks for. A Presentation LUT is stronger than any of this
(PS3.4 H.4.9).

How much a setting changes is nowhere published: the numbers here are ours, and modest. Every curve rises and leaves
black and white where they are; a setting that an imager calls neutral changes nothing.

    window   from the stored values: those below are black, those above are white (PS3.3 C.11.2.1.2)
    CS, CN   x + a·x·(1 − x)·(2x − 1): the slope in the middle is 1 + a/2. CN: a = 0.16 a step. CS: from −0.8 at CS000
             over 0 at CS007 and CS008 to 0.8 at CS015; higher numbers are shapes of an imager's own
    G        x to the power of 2 to the power of (1 − G): a square at 0, a square root at 2
    PERCEPTION_LUT  LINEAR is LIN OD; KANAMORI is the eye's own scale, as P-values are
    PD       raises the minimum density, as long as 1 OD is left to the maximum
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from printing.grayscale import Viewing

MOST_PARTS = 64
"""Settings of one text."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a Configuration Information asks for; None where it asks for nothing of the kind."""

    gamma: float | None = None
    """Gamma correction, 0 to 2; 1 as it is."""
    contrast: int | None = None
    """-5 (soft) to 5 (hard), 0 as it is."""
    curve: int | None = None
    """Number of a contrast curve, 0 to 999; low numbers are soft."""
    base_density_od: float | None = None
    """0.0 to 2.4."""
    perception_lut: str | None = None
    """LINEAR or KANAMORI."""
    window_center: int | None = None
    window_width: int | None = None
    texts: tuple[str, ...] = ()
    """Words to be printed."""
    unknown: int = 0
    """Settings that nobody here understands; they are kept with the film."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting that some imagers understand."""

    maker: str
    pattern: re.Pattern[str]
    field: str
    value: Callable[[str], Any]
    words: str


def _setting(maker: str, pattern: str, field: str, value: Callable[[str], Any], words: str) -> Setting:
    return Setting(maker, re.compile(pattern, re.ASCII | re.IGNORECASE), field, value, words)


SETTINGS: tuple[Setting, ...] = (
    _setting("Kodak", r"CS ?=?(\d{3})", "curve", int, "CS000 to CS999, contrast curve"),
    _setting("Kodak", r"CN ?=?([+-]?[0-5])", "contrast", int, "CN-5 to CN5, contrast"),
    _setting("Kodak", r"PD ?=?([01]\.\d|2\.[0-4])", "base_density_od", float, "PD0.0 to PD2.4, density"),
    _setting(
        "Agfa", r"PERCEPTION_LUT=(LINEAR|KANAMORI)", "perception_lut", str.upper, "PERCEPTION_LUT=LINEAR or KANAMORI"
    ),
    _setting("Agfa", r"WINDOW_WIDTH=(\d{1,5})", "window_width", int, "WINDOW_WIDTH=n"),
    _setting("Agfa", r"WINDOW_CENTER=(\d{1,5})", "window_center", int, "WINDOW_CENTER=n"),
    _setting("aycan", r"G=([01](?:\.\d{1,3})?|2(?:\.0{1,3})?)", "gamma", float, "G=0 to G=2, gamma"),
    _setting("aycan", r"[ID][123]=(\S{1,64})", "texts", lambda text: text.replace("_", " "), "I1= to D3=, words"),
)
"""Settings by maker, in the order in which they are tried."""

_AYCAN = "aycan print "


def parse(text: str) -> Configuration:
    """What a Configuration Information asks for. Every text is one: what nobody understands is counted.

    Settings are separated by backslashes; behind `aycan print`, by blanks.
    """
    tidy = text.strip(" \0\r\n")
    aycan = tidy.lower().startswith(_AYCAN)
    parts = tidy[len(_AYCAN) :].split() if aycan else [part.strip() for part in tidy.split("\\")]
    found = Configuration()
    for part in [one for one in parts if one][:MOST_PARTS]:
        found = _with(found, part, aycan)
    return found


def _with(found: Configuration, part: str, aycan: bool) -> Configuration:
    for setting in SETTINGS:
        if (setting.maker == "aycan") is not aycan:
            continue
        match = setting.pattern.fullmatch(part)
        if match is None:
            continue
        value = setting.value(match[1])
        changes: dict[str, Any] = {setting.field: (*found.texts, value) if setting.field == "texts" else value}
        return replace(found, **changes)
    return replace(found, unknown=found.unknown + 1)


EFFECT = (
    "A Presentation LUT is stronger than all of them. Curves rise and keep black and white: CN has a slope in the"
    " middle of 0.6 (CN-5) to 1.4 (CN5), CS of 0.6 (CS000) over 1 (CS007, CS008) to 1.4 (CS015), higher curves are"
    " kept alone; G is the power 2^(1-G). A window is in stored values and within the image's bits. LINEAR is LIN OD,"
    " KANAMORI is IDENTITY. PD raises the minimum density, as long as 1 OD is left to the maximum"
)
"""For the conformance statement."""


def description() -> str:
    """The settings, in words: for Configuration Information Description (2010,0152)."""
    return "; ".join(f"{setting.words} ({setting.maker})" for setting in SETTINGS)


# -- greys -----------------------------------------------------------------------------------------------------------

BEND = 0.8
"""Of the softest and the hardest contrast: the slopes in the middle are 0.6 and 1.4."""
SOFT, HARD, LAST = 7, 8, 15
"""Contrast curves: up to the first they are softer than none, from the second on harder, up to the last known one."""
LEAST_RANGE_CENTI_OD = 100
"""Between the base density and the maximum."""


@dataclass(frozen=True, slots=True)
class Greys:
    """What a Configuration Information changes of the greys of one image.

    Attributes:
        window: the stored values that are black and white, as fractions of the largest one.
        bends: contrasts, -0.8 to 0.8.
        exponent: of the gamma.
        linear_od: LIN OD in place of IDENTITY.
        base_density_centi_od: lower bound of the minimum density.
        applied: what it changes, in words.
        ignored: what it asks for in vain, and why.
    """

    window: tuple[float, float] = (0.0, 1.0)
    bends: tuple[float, ...] = ()
    exponent: float = 1.0
    linear_od: bool = False
    base_density_centi_od: float = 0
    applied: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def shaped(self, stored: float, inverted: bool) -> float:
        """What goes in place of a stored value, both 0 to 1; polarity comes after the window."""
        black, white = self.window
        x = min(max((stored - black) / (white - black), 0.0), 1.0)
        x = 1.0 - x if inverted else x
        for bend in self.bends:
            x += bend * x * (1.0 - x) * (2.0 * x - 1.0)
        return x if self.exponent == 1.0 else float(x**self.exponent)

    def seen(self, viewing: Viewing) -> Viewing:
        """The densities of the image."""
        lowest = max(viewing.min_density_centi_od, self.base_density_centi_od)
        return replace(viewing, min_density_centi_od=lowest)


def greys(text: str, bits_stored: int, viewing: Viewing) -> Greys:
    """What a Configuration Information changes of an image that has no Presentation LUT.

    Args:
        text: the attribute's value.
        bits_stored: of the image.
        viewing: its densities without it.
    """
    asked = parse(text)
    found = Greys()
    for change in (_window, _contrast, _gamma, _perception, _base_density):
        found = change(found, asked, bits_stored, viewing)
    return found


def _window(found: Greys, asked: Configuration, bits_stored: int, viewing: Viewing) -> Greys:
    center, width = asked.window_center, asked.window_width
    if center is None and width is None:
        return found
    if center is None or width is None or width < 2:
        return _in_vain(found, "a window needs a center and a width from 2")
    full = (1 << bits_stored) - 1
    black, white = center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
    words = f"window {width} at {center}"
    if black < -0.5 or white > full + 0.5:
        return _in_vain(found, f"{words}: not within the image's {bits_stored} bits")
    if bits_stored > 8 and white <= 255:
        return _in_vain(found, f"{words}: of 8 bits, and the image has {bits_stored}")
    if (black, white) == (0, full):
        return found
    return _done(replace(found, window=(black / full, white / full)), words)


def _contrast(found: Greys, asked: Configuration, bits_stored: int, viewing: Viewing) -> Greys:
    if asked.curve is not None and asked.curve > LAST:
        found = _in_vain(found, f"contrast curve {asked.curve}: a shape of some imager's own")
    elif asked.curve is not None and (steps := min(asked.curve - SOFT, 0) or max(asked.curve - HARD, 0)):
        found = _done(replace(found, bends=(BEND * steps / SOFT,)), f"contrast curve {asked.curve}")
    if asked.contrast:
        found = _done(replace(found, bends=(*found.bends, BEND * asked.contrast / 5)), f"contrast {asked.contrast:+d}")
    return found


def _gamma(found: Greys, asked: Configuration, bits_stored: int, viewing: Viewing) -> Greys:
    if asked.gamma is None or asked.gamma == 1:
        return found
    return _done(replace(found, exponent=2.0 ** (1.0 - asked.gamma)), f"gamma {asked.gamma:g}")


def _perception(found: Greys, asked: Configuration, bits_stored: int, viewing: Viewing) -> Greys:
    if asked.perception_lut != "LINEAR":
        return found
    return _done(replace(found, linear_od=True), "densities linear")


def _base_density(found: Greys, asked: Configuration, bits_stored: int, viewing: Viewing) -> Greys:
    if asked.base_density_od is None:
        return found
    highest = viewing.max_density_centi_od - LEAST_RANGE_CENTI_OD
    lowest = min(round(100 * asked.base_density_od), highest)
    if lowest <= viewing.min_density_centi_od:
        return found
    return _done(replace(found, base_density_centi_od=lowest), f"minimum density {lowest / 100:.2f} OD")


def _done(found: Greys, words: str) -> Greys:
    return replace(found, applied=(*found.applied, words))


def _in_vain(found: Greys, words: str) -> Greys:
    return replace(found, ignored=(*found.ignored, words))
