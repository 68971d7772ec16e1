"""AU scores of a run: silence counts, and the scores file says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.scored import ADJECTIVES, FAILED, dataset, question, write
from unifer.datasets import DatasetSpec
from unifer.evaluate.au_metrics import HEADLINE
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import score_strict


@pytest.fixture
def spec(tmp_path: Path) -> DatasetSpec:
    return dataset(tmp_path, "toy", ADJECTIVES)


def annotated(index: int, units: list[str] | None) -> dict[str, Any]:
    return question(index, "happy") | ({} if units is None else {"AUs": units})


def says(text: str) -> dict[str, Any]:
    return {"model_response": f"<think>{text}</think><answer>happy</answer>"}


def test_silence_stays_in_the_denominator(spec: DatasetSpec) -> None:
    """A model that fails on hard faces must not score higher than one that tries."""
    questions = [annotated(index, ["AU6", "AU12"]) for index in range(3)] + [annotated(3, None)]
    write(spec.questions, questions)
    rows = [questions[0] | says("AU6 and AU12."), questions[1] | FAILED, questions[3] | says("AU12.")]
    run = PredictionFile("m", write(spec.results / "m.jsonl", rows, asked=4, name="toy_qa.json"))
    units = score_strict(spec, run, 0).action_units
    assert units is not None
    assert (units.n, units.unanswered) == (3, 2), "one failed, one missing; the fourth is not annotated"
    assert units.face_f1 == pytest.approx(1 / 3)
    assert [unit.recall for unit in units.per_unit] == [pytest.approx(1 / 3)] * 2


def test_the_scores_file_has_action_units_where_a_question_is_annotated(spec: DatasetSpec) -> None:
    plain = write(spec.results / "plain.jsonl", [annotated(0, None) | says("AU12.")])
    assert "action_units" not in score_strict(spec, PredictionFile("plain", plain)).to_json()
    rows = [annotated(0, []) | says("Nothing moves."), annotated(1, ["AU12"]) | says("no AU6, but AU12.")]
    written = json.loads(
        json.dumps(score_strict(spec, PredictionFile("m", write(spec.results / "m.jsonl", rows))).to_json())
    )["action_units"]
    assert {
        "n",
        "unanswered",
        "claims",
        "showings",
        "outside",
        "scored",
        *HEADLINE,
        "intervals",
        "per_unit",
    } <= set(written)
    unit = {
        "action_unit": "AU12",
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
        "accuracy": 1.0,
        "support": 1,
        "predicted": 1,
        "faces": 2,
    }
    assert (written["scored"], written["per_unit"]) == ("all", [unit])
    assert written["intervals"]["face_f1"] == [1.0, 1.0]
