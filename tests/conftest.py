"""What every test has: hypothesis with a bounded budget, and foreign peers that are there or named as missing."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "gravure",
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("gravure")


def pytest_report_header() -> str:
    """A verdict of a foreign program is worth what its version is."""
    from tests.peers_installed import versions_line

    return versions_line()


def lacking(item: pytest.Item) -> str:
    """In words, what a test needs and this machine has not: `@pytest.mark.peers("dcmtk", …)`, `@pytest.mark.corpus`."""
    from tests.corpus import missing_corpus
    from tests.peers_installed import missing

    for mark in item.iter_markers("peers"):
        if gone := missing(*mark.args):
            return f"not installed: {', '.join(gone)}"
    return missing_corpus() if item.get_closest_marker("corpus") else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skipped by name where a peer or the corpus is missing; in CI that is a failure."""
    for item in items:
        if os.environ.get("CI") != "true" and (gone := lacking(item)):
            item.add_marker(pytest.mark.skip(reason=gone))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """In CI what is missing fails its tests instead of hiding them."""
    if gone := lacking(item):
        pytest.fail(gone, pytrace=False)
