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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`@pytest.mark.peers("dcmtk", …)`: skipped by name where a peer is missing; in CI that is a failure."""
    from tests.peers_installed import missing

    for item in items:
        for mark in item.iter_markers("peers"):
            gone = missing(*mark.args)
            if gone and os.environ.get("CI") != "true":
                item.add_marker(pytest.mark.skip(reason=f"not installed: {', '.join(gone)}"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """In CI a missing peer fails its tests instead of hiding them."""
    from tests.peers_installed import missing

    for mark in item.iter_markers("peers"):
        if gone := missing(*mark.args):
            pytest.fail(f"not installed: {', '.join(gone)}", pytrace=False)
