"""Small dataset folders with predictions, for the tests of scoring."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unifer.datasets import DatasetSpec, load_dataset

ADJECTIVES = ("angry", "happy", "sad")
NOUNS = ("happiness", "sadness", "anger", "contempt")


def dataset(root: Path, name: str, labels: Sequence[str] = ADJECTIVES, extra: str = "") -> DatasetSpec:
    """`root/eval_<name>` with a dataset.yaml and an empty results folder."""
    folder = root / f"eval_{name}"
    (folder / "results").mkdir(parents=True)
    (folder / "data").mkdir()
    head = f"name: {name}\ntitle: Set {name}\nquestions: data/{name}_qa.json\nsample: data/sample_qa.json\n"
    (folder / "dataset.yaml").write_text(f"{head}labels: [{', '.join(labels)}]\n{extra}", encoding="utf-8")
    return load_dataset(folder)


def question(index: int, truth: str, labels: Sequence[str] = ADJECTIVES) -> dict[str, Any]:
    return {
        "image_path": f"/faces/{index:04d}.png",
        "true_label": truth,
        "prompt": "Which?",
        "candidate_labels": list(labels),
    }


def replied(answer: str) -> dict[str, Any]:
    return {"model_response": f"<think>AU12</think><answer>{answer}</answer>"}


FAILED = {"model_response": "", "error": True, "error_message": "no such image"}


def write(
    path: Path, rows: Sequence[dict[str, Any]], age: int = 0, asked: int | None = None, **questions: Any
) -> Path:
    """JSONL or a JSON array by the ending of `path`, `age` seconds old; with `asked`, the manifest beside
    it.
    """
    text = json.dumps(rows) if path.suffix == ".json" else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_700_000_000 - age,) * 2)
    if asked is not None:
        manifest = {"identity": {"questions": questions}, "context": {"asked": asked}}
        path.with_suffix(".manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return path


def run_of(labels: Sequence[str], answers: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Prediction rows from (truth, reply fields) pairs."""
    return [question(index, truth, labels) | reply for index, (truth, reply) in enumerate(answers)]


FOUR = run_of(
    ADJECTIVES,
    [
        ("happy", replied("Happy.")),
        ("sad", replied("unhappy")),
        ("angry", {"model_response": "angry"}),
        ("happy", FAILED),
    ],
)
"""One right, one off the list, one without tags, one failed."""


def au_dataset(root: Path, name: str, units: Sequence[int] | str = "all") -> DatasetSpec:
    """A folder that asks for AUs alone."""
    folder = root / f"eval_{name}"
    (folder / "results").mkdir(parents=True)
    facts = (
        f"name: {name}\ntitle: Set {name}\nquestions: data/{name}_qa.json\naction_units: "
        f"{units if units == 'all' else list(units)}\n"
    )
    (folder / "dataset.yaml").write_text(facts, encoding="utf-8")
    return load_dataset(folder)


def au_row(index: int, shown: Sequence[int], answer: str | None, **provenance: Any) -> dict[str, Any]:
    """A prediction on a question of AUs; `answer` None: it failed."""
    row: dict[str, Any] = {
        "image_path": f"/faces/{index:04d}.png",
        "true_label": None,
        "prompt": "Which AUs?",
        "candidate_labels": [],
    }
    row |= {"AUs": list(shown)} | ({"provenance": provenance} if provenance else {})
    return row | (
        FAILED if answer is None else {"model_response": f"<think>AU9</think>\n<answer>{answer}</answer>"}
    )
