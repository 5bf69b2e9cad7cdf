"""The calendar: no clock makes anything older than it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from appliance.clock import ABSENCE_S, Calendar, Remembered

DAY = 86400.0
WALLS = st.floats(-1e9, 4e9, allow_nan=False)


def test_the_first_day_is_day_zero() -> None:
    calendar = Calendar.at_start(1_800_000_000, 50.0, None)
    assert calendar.now(50.0) == 0 and calendar.now(150.0) == 100


def test_an_absence_counts_as_long_as_it_is_plausible() -> None:
    for off_s, counted_s in [(0, 0), (3600, 3600), (10 * DAY, 10 * DAY), (ABSENCE_S, ABSENCE_S), (ABSENCE_S + 1, 0)]:
        calendar = Calendar.at_start(1_800_000_000 + off_s, 7.0, Remembered(500.0, 1_800_000_000))
        assert calendar.now(7.0) == 500 + counted_s


def test_a_board_that_wakes_in_1970_goes_on_where_it_was() -> None:
    assert Calendar.at_start(30.0, 1.0, Remembered(500.0, 1_800_000_000)).now(1.0) == 500


@given(st.lists(st.tuples(WALLS, st.floats(0, 30 * DAY)), min_size=1, max_size=20))
def test_it_never_runs_ahead_of_what_was_lived_and_never_back(lives: list[tuple[float, float]]) -> None:
    remembered: Remembered | None = None
    lived_s, last = 0.0, 0.0
    for wall, runs_s in lives:
        calendar = Calendar.at_start(wall, 0.0, remembered)
        assert calendar.now(0.0) >= last
        lived_s += runs_s + (ABSENCE_S if remembered else 0.0)
        last = calendar.now(runs_s)
        assert last <= lived_s + 1e-3
        remembered = Remembered(last, wall + runs_s)


@given(WALLS, WALLS, st.floats(0, 30 * DAY))
def test_within_one_boot_no_wall_clock_is_asked(before: float, after: float, off_s: float) -> None:
    remembered = Remembered(500.0, before, "b", 100.0)
    assert Calendar.at_start(after, 100.0 + off_s, remembered, "b").now(100.0 + off_s) == 500 + (100.0 + off_s - 100.0)


def test_another_boot_and_an_unknown_one_are_judged_by_the_wall_clock() -> None:
    for was, boot in [("a", "b"), ("a", ""), ("", "b"), ("", "")]:
        remembered = Remembered(500.0, 1_800_000_000, was, 100.0)
        assert Calendar.at_start(1_800_000_060, 900.0, remembered, boot).now(900.0) == 560


def test_what_is_remembered_is_read_again_also_from_a_version_that_knew_no_boot() -> None:
    for one in (Remembered(0.1, 1.8e9, "b-1", 7.25), Remembered(0.1, 1.8e9)):
        assert Remembered.parse(str(one)) == one
    assert Remembered.parse("500.0 1800000000.0") == Remembered(500.0, 1.8e9)
