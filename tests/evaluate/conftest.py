"""A dataset folder of its own for every test of inference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.asked import make_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "eval_toy")
