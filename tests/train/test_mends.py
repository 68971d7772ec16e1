"""What is mended inside other libraries says which versions it was written for."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from unifer.train.doctor.packages import pins
from unifer.train.mends import WRITTEN_FOR, other_versions

ROOT = Path(__file__).parents[2]


def test_the_mends_were_written_for_the_versions_that_are_pinned() -> None:
    """Who raises a pin looks at each mend of that library first, then raises the version here."""
    pinned = pins((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())
    assert {name: ".".join(pinned[name].split(".")[:2]) for name in WRITTEN_FOR} == dict(WRITTEN_FOR)


def test_another_version_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {name: f"{version}.3" for name, version in WRITTEN_FOR.items()}
    monkeypatch.setattr(importlib.metadata, "version", lambda name: versions[name])
    assert list(other_versions()) == []
    versions["trl"] = "1.17.0"
    (text,) = other_versions()
    assert text.startswith("trl 1.17.0: training reaches into inner names of 1.16")
    assert "install trl 1.16 (requirements.txt pins it)" in text
