"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from pathlib import Path

from tests.peers_installed import versions, versions_line

from . import associations, discs, films, relay, startup, storage, waiting
from .row import Measured, Row

ROWS: dict[str, Row] = {
    row.name: row for module in (storage, associations, films, relay, waiting, discs, startup) for row in module.ROWS
}


def line(row: Row, measured: Measured) -> str:
    """One line of the table."""
    sign = "≥" if row.at_least else "≤"
    value = f"{measured.value:.2f}" + ("" if measured.theirs else f" {measured.unit}")
    medians = [f"{statistics.median(readings):.4g}" for readings in (measured.ours, measured.theirs) if readings]
    notes = "; ".join(
        (f"{name} {note:.3g}" if isinstance(note, float) else f"{name} {note}")
        + (f" (≤ {row.also[name]:g})" if name in row.also else "")
        for name, note in measured.notes.items()
    )
    return (
        f"| {row.name} | {row.what} | {row.peer or '–'} | {sign} {row.limit:g} | {value}"
        f" | {'yes' if row.met(measured) else '**no**'} | {' : '.join(medians)} {measured.unit} | {notes} |"
    )


def main() -> int:
    """Measure; the exit status is 1 where a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; default: all")
    parser.add_argument("--pairs", type=int, default=5, help="readings of each side (default: 5)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the amounts; anything but 1 is a trial")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where the readings go")
    given = parser.parse_args()
    if unknown := set(given.rows) - ROWS.keys():
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    print(f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}, {given.pairs} pairs")
    print(f"{versions_line()}\n")
    print("| row | what | against | limit | measured | met | medians | beside it |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    results = []
    missed = False
    for name in given.rows or ROWS:
        row = ROWS[name]
        measured = row.measure(given.pairs, given.scale)
        missed |= not row.met(measured)
        results.append(row.to_dict(measured))
        print(line(row, measured), flush=True)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    found = {"pairs": given.pairs, "scale": given.scale, "peers": versions(), "rows": results}
    given.json.write_text(json.dumps(found, indent=1))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
