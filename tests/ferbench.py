"""The published question files, where the machine has them: never part of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from unifer.datasets import DatasetSpec, load_dataset

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT.parent / "shared" / "ferbench"
FOLDERS = ("eval_affectnet", "eval_rafdb", "eval_ferplus", "eval_sfew_2.0")

needs_ferbench = pytest.mark.skipif(
    not PUBLISHED.is_dir(),
    reason=f"the published question files are not at {PUBLISHED.name} beside the project",
)


def specs() -> list[DatasetSpec]:
    return [load_dataset(ROOT / folder) for folder in FOLDERS]


def question_file(spec: DatasetSpec) -> Path:
    return PUBLISHED / f"{spec.name}_qa.json"
