"""A calendar that no jump of the clock fools: deleting by age runs on it. Deadlines run on the monotonic clock alone.

A board without a battery wakes up in 1970 and is set right when the network answers; a wrong time server does the
opposite. The calendar counts seconds that the appliance has lived through: while it runs by the monotonic clock, while
it was off by the wall clock, and only where that is plausible. It may run late, which keeps things longer; it never
runs ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

ABSENCE_S = 14 * 86400.0
"""Nobody is off for longer and knows the time afterwards: of a longer absence nothing is counted."""


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
        cls, wall_s: float, monotonic_s: float, remembered: tuple[float, float] | None, absence_s: float = ABSENCE_S
    ) -> Calendar:
        """Go on from what was remembered.

        Args:
            wall_s: the wall clock, seconds since the epoch.
            monotonic_s: the monotonic clock, seconds.
            remembered: (calendar, wall clock) of the last look before this start, None at the very first one.
            absence_s: the longest absence that is believed.
        """
        if remembered is None:
            return cls(0.0, monotonic_s)
        calendar_s, remembered_wall_s = remembered
        off_s = wall_s - remembered_wall_s
        return cls(calendar_s + (off_s if 0 <= off_s <= absence_s else 0.0), monotonic_s)

    def now(self, monotonic_s: float) -> float:
        """The calendar at a reading of the monotonic clock, seconds."""
        return self.start_s + (monotonic_s - self.monotonic_s)
