"""The untrained checkpoints of the described families, each made once per run of tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import shared
from unifer.models.families import FAMILIES, Family

OTHERS = [family for family in FAMILIES if family.name != "qwen2.5-vl"]
"""Qwen2.5-VL itself is what every other test of training runs."""


def untrained(factory: pytest.TempPathFactory, family: Family) -> Path:
    """The folder of a tiny random model of `family`."""
    from unifer.models import tiny_families

    name = f"tiny-{family.name}"
    return shared.once(factory, name, lambda folder: tiny_families.build(family, folder / "model")) / "model"
