"""A project for self-synthesis and doubles for its commands; a file that wants others defines its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.synthesizing import Commands, make_project
from unifer.cli import stages


@pytest.fixture
def config(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return make_project(tmp_path, corpus)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Round 1 fixes twenty of forty questions, round 2 none more."""
    double = Commands({"Model": 10, "Model-R1": 30, "Model-R2": 30})
    monkeypatch.setattr(stages, "subprocess", double)
    return double
