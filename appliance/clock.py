"""A calendar that no jump of the clock fools: deleting by age runs on it. Deadlines run on the monotonic clock alone.

A board without a battery wakes up in 1970 and is set right when the network answers; a wrong time server does the
opposite. The calendar counts seconds that the appliance has lived through: within one boot by the kernel's own clock,
whether the appliance ran or not; by the wall clock while the machine was off, and only where that is plausible. It may
run late, which keeps things longer; it runs ahead only where the wall clock of another boot is wrong by days, not by
weeks: nothing on the machine can tell that from having been off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

ABSENCE_S = 14 * 86400.0
"""Nobody is off for longer and knows the time afterwards: of a longer absence nothing is counted."""


class Remembered(NamedTuple):
    """What is known of the last look before a start."""

    calendar_s: float
    wall_s: float
    boot: str = ""
    """Which boot of the machine it was in; empty where nobody knows."""
    monotonic_s: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Remembered:
        """What `str` made, or an earlier version: that one knew of no boot."""
        calendar_s, wall_s, *rest = text.split()
        boot, monotonic_s = rest if len(rest) == 2 else ("", "0")
        return cls(float(calendar_s), float(wall_s), boot, float(monotonic_s))

    def __str__(self) -> str:
        boot = f" {self.boot} {self.monotonic_s!r}" if self.boot else ""
        return f"{self.calendar_s!r} {self.wall_s!r}{boot}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """Seconds that the appliance has lived through.

    Attributes:
        start_s: the calendar at this start.
        monotonic_s: the monotonic clock at this start, seconds.
    """

    start_s: float
    monotonic_s: float

    @classmethod
    def at_start(
        cls,
        wall_s: float,
        monotonic_s: float,
        remembered: Remembered | None,
        boot: str = "",
        absence_s: float = ABSENCE_S,
    ) -> Calendar:
        """Go on from what was remembered.

        Args:
            wall_s: the wall clock, seconds since the epoch.
            monotonic_s: the monotonic clock, seconds.
            remembered: the last look before this start, None at the very first one.
            boot: which boot of the machine this is; empty where nobody knows.
            absence_s: the longest absence that is believed.
        """
        if remembered is None:
            return cls(0.0, monotonic_s)
        if boot and boot == remembered.boot and monotonic_s >= remembered.monotonic_s:
            # Only the appliance was off, and the kernel has counted: the wall clock is not asked.
            return cls(remembered.calendar_s + (monotonic_s - remembered.monotonic_s), monotonic_s)
        off_s = wall_s - remembered.wall_s
        return cls(remembered.calendar_s + (off_s if 0 <= off_s <= absence_s else 0.0), monotonic_s)

    def now(self, monotonic_s: float) -> float:
        """The calendar at a reading of the monotonic clock, seconds."""
        return self.start_s + (monotonic_s - self.monotonic_s)
