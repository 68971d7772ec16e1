"""What tests of `unifer quickstart` share: an empty project, and stages that leave real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.quickstart.quickstarting import Commands
from tests.conftest import EVAL_FOLDERS, ROOT
from unifer import files
from unifer.cli import quickstart, quickstart_results, stages
from unifer.report import figures

STAGES = ["faces", "faces", "faces", "sft", "grpo", "infer"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, specs: list[Any]) -> Path:
    """A project with its four eval folders and nothing made yet."""
    for folder in ("data", "train_unifer", *EVAL_FOLDERS):
        (tmp_path / folder).mkdir()
    for folder, spec in zip(EVAL_FOLDERS, specs, strict=True):
        (tmp_path / folder / "dataset.yaml").write_bytes((ROOT / folder / "dataset.yaml").read_bytes())
        files.write_json(tmp_path / folder / "labels.json", list(spec.labels))
    monkeypatch.setattr(quickstart, "project_root", lambda near: tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNIFER_SETUP_SECONDS", raising=False)
    return tmp_path


@pytest.fixture
def drawn() -> None:
    """A test that asks for this gets real figures and pages; for the others they would be seconds of
    nothing.
    """


@pytest.fixture
def commands(root: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Commands:
    double = Commands()
    monkeypatch.setattr(stages, "subprocess", double)
    if "drawn" not in request.fixturenames:
        for place, name in (
            (quickstart_results, "_figures"),
            (quickstart_results, "_page"),
            (figures, "confusion_png"),
        ):
            monkeypatch.setattr(place, name, lambda *_, **__: None)
    return double


def summary(root: Path) -> Any:
    return json.loads((root / "runs" / "quickstart" / "summary.json").read_text(encoding="utf-8"))
