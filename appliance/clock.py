"""Can the clock be believed? Deadlines never ask: they run on the monotonic clock. Deleting by age must.

A board without a battery wakes up in 1970 and is set right when the network answers; a wrong time server does the
opposite. So a jump of the wall clock against the monotonic one, or against what was remembered at the last start, takes
away the belief until a day has passed without another jump.
"""

from __future__ import annotations

from dataclasses import dataclass

JUMP_S = 3600.0
"""A difference that no drift and no leap second explains."""
ABSENCE_S = 14 * 86400.0
"""An appliance that was off for longer is looked at with doubt: its clock may be what changed."""
PROBATION_S = 86400.0
"""Time without a jump after which the clock is believed again."""


@dataclass(slots=True)
class ClockTrust:
    """Judges pairs of clock readings.

    Attributes:
        wall_s: the last reading of the wall clock, seconds since the epoch.
        monotonic_s: the reading of the monotonic clock beside it.
        doubted_since_s: monotonic time of the last jump; None while the clock is believed.
    """

    wall_s: float
    monotonic_s: float
    doubted_since_s: float | None = None

    @classmethod
    def at_start(cls, wall_s: float, monotonic_s: float, remembered_wall_s: float | None) -> ClockTrust:
        """What is believed at a start: a clock that went on since the last one."""
        plausible = remembered_wall_s is None or -JUMP_S <= wall_s - remembered_wall_s <= ABSENCE_S
        return cls(wall_s, monotonic_s, None if plausible else monotonic_s)

    def look(self, wall_s: float, monotonic_s: float) -> bool:
        """Take another reading. Returns whether ages may be believed now."""
        drift_s = (wall_s - self.wall_s) - (monotonic_s - self.monotonic_s)
        self.wall_s, self.monotonic_s = wall_s, monotonic_s
        if abs(drift_s) > JUMP_S:
            self.doubted_since_s = monotonic_s
        elif self.doubted_since_s is not None and monotonic_s - self.doubted_since_s >= PROBATION_S:
            self.doubted_since_s = None
        return self.doubted_since_s is None
