"""What the tests of shell scripts share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.scripts.doubles import FAKE_UV, ROOT, executable


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the scripts and lists, in a folder whose name needs quoting."""
    copy = tmp_path / "a checkout"
    for name in ("scripts", "requirements", "train_unifer/src"):
        shutil.copytree(ROOT / name, copy / name)
    shutil.copy(ROOT / "pyproject.toml", copy)
    executable(tmp_path / "bin" / "uv", FAKE_UV)
    return copy
