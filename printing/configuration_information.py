"""Configuration Information (2010,0150): free text in which consoles ask imagers for contrast, gamma and more.

The standard leaves the text to the printer (PS3.3 C.13.3). What imagers of some makers understand is a table here, so
that a console that is set up for one of them gets what it asks for. A Presentation LUT is stronger than any of this
(PS3.4 H.4.9).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

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


def description() -> str:
    """The settings, in words: for Configuration Information Description (2010,0152)."""
    return "; ".join(f"{setting.words} ({setting.maker})" for setting in SETTINGS)
