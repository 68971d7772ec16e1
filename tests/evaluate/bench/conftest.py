"""Benchmarks in tests wait a hundredth of a second before they ask again."""

from __future__ import annotations

import pytest

from unifer.models.api import asking


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_FIRST_WAIT", 0.01)
