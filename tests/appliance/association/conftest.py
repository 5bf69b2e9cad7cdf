"""What every test of the acceptor has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def quick_sweeps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Deadlines are looked at twenty times a second, so that tests of them need not wait."""
    monkeypatch.setattr("appliance.association.server.SWEEP_S", 0.05)
    yield
