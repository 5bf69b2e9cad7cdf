"""The table of work that is done in child processes: name → the function that does it, imported only there.

A function takes the request (JSON) and `progress(fraction, step)`, and returns the result (JSON).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work."""

    function: str
    """`module:name`."""
    sandbox: bool = True
    """Whether the child may neither open sockets nor execute anything (`sandbox.py`)."""


WORK = {
    "film": Work("appliance.work_film:perform"),
    "page": Work("appliance.work_pages:perform"),
    "compare": Work("appliance.work_compare:perform"),
    # Decoding 12-bit JPEG Extended is left to dcmdjpeg, so this child may execute; it still has its limits.
    "disc": Work("appliance.work_disc:perform", sandbox=False),
}
