"""The benchmarks measure: every row once, with amounts that say nothing, so that none of them rots unseen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import ROWS
from bench.row import Measured, Row
from tests.peers_installed import versions, versions_line

ROOT = Path(__file__).resolve().parents[1]
SMALL = {"iso-dvd": 0.003, "iso": 0.02, "start": 0.1, "idle": 0.05}


@pytest.mark.peers("dcmtk")
@pytest.mark.parametrize("name", ROWS)
def test_a_row_measures(name: str, tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", name, "--pairs", "1", "--scale", str(SMALL.get(name, 0.01)), "--json", out],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 1), done.stderr
    found = json.loads(out.read_text())
    (row,) = found["rows"]
    assert found["peers"] == versions() and versions_line() in done.stdout, "figures beside what they were found with"
    assert row["row"] == name and row["ours"] and bool(row["theirs"]) == bool(ROWS[name].peer)
    assert f"| {name} |" in done.stdout


def row(at_least: bool) -> Row:
    return Row("x", "", "peer", 1.0, lambda _pairs, _scale: Measured("s"), at_least)


@pytest.mark.parametrize(
    ("ours", "theirs", "value", "at_most_met", "at_least_met"),
    [
        ([1.0, 9.0, 2.0], [4.0, 4.0, 4.0], 0.5, True, False),
        ([8.0], [4.0], 2.0, False, True),
        ([0.5, 0.7], [], 0.6, True, False),
    ],
)
def test_a_value_is_the_ratio_of_medians(
    ours: list[float], theirs: list[float], value: float, at_most_met: bool, at_least_met: bool
) -> None:
    measured = Measured("s", ours, theirs)
    assert measured.value == pytest.approx(value)
    assert row(at_least=False).met(measured) is at_most_met
    assert row(at_least=True).met(measured) is at_least_met


def test_a_row_with_several_figures_is_met_by_all_of_them() -> None:
    one = Row("x", "", "", 1.0, lambda _pairs, _scale: Measured("s"), also={"memory, MB": 10})
    assert one.met(Measured("s", [0.5], notes={"memory, MB": 9.0}))
    assert not one.met(Measured("s", [0.5], notes={"memory, MB": 11.0}))
    assert not one.met(Measured("s", [1.5], notes={"memory, MB": 9.0}))
