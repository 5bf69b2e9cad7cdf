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


def lacking(item: pytest.Item) -> tuple[str, bool]:
    """What a test needs and this machine has not, in words: `@pytest.mark.peers("dcmtk", …)`, `@pytest.mark.corpus`.
    And whether that is a failure: in CI it is, but for the corpus, which is no part of a checkout, where nobody said
    where it is."""
    from tests.corpus import is_demanded, missing_corpus
    from tests.peers_installed import missing

    in_ci = os.environ.get("CI") == "true"
    for mark in item.iter_markers("peers"):
        if gone := missing(*mark.args):
            return f"not installed: {', '.join(gone)}", in_ci
    gone_corpus = missing_corpus() if item.get_closest_marker("corpus") else ""
    return gone_corpus, in_ci and is_demanded()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skipped by name where a peer or the corpus is missing."""
    for item in items:
        gone, fails = lacking(item)
        if gone and not fails:
            item.add_marker(pytest.mark.skip(reason=gone))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What must not be missing fails its tests instead of hiding them."""
    gone, fails = lacking(item)
    if gone and fails:
        pytest.fail(gone, pytrace=False)
