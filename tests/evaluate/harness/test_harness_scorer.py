"""Our grader behind inspect: its verdicts and figures are those of `unifer eval`, failed samples in every
denominator.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from inspect_ai import score as score_again
from inspect_ai._eval.score import resolve_scorers
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput

from tests.evaluate.harness.mocked import answered, asked, faces, said, samples
from tests.evaluate.scored import au_dataset
from unifer.datasets import DatasetSpec, load_dataset
from unifer.evaluate.harness.conversion import to_predictions
from unifer.evaluate.harness.tasks import dataset_task
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import DatasetScores, score_strict

REPLIES = (
    "<think>AU6 and AU12.</think>\n<answer>happiness</answer>",
    "<answer>Glum.</answer>",
    "<think>AU4</think>\n<answer>boredom</answer>",
    "anger",
    "<answer>anger</answer><answer>sadness</answer>",
    "",
    "\0<script>\x1b[31m</think><answer>anger</answer>",
)


def figures(log: EvalLog) -> dict[str, float]:
    assert log.results is not None
    return {name: metric.value for name, metric in log.results.scores[0].metrics.items()}


def both(
    spec: DatasetSpec, tmp_path: Path, replies: tuple[str, ...] = REPLIES
) -> tuple[EvalLog, DatasetScores, DatasetScores]:
    """The log of a run, what `unifer eval` makes of the log, and what it makes of the converted file."""

    def answer(prompt: str, turns: list[ChatMessage], config: GenerateConfig) -> ModelOutput:
        if prompt.endswith("0"):
            raise RuntimeError("the model is gone")
        return said(replies[int(prompt.split()[-1]) % len(replies)])

    log = answered(dataset_task(spec), tmp_path / "logs", answer)
    rows = to_predictions(Path(log.location), spec.results / "m.jsonl").out
    return (
        log,
        score_strict(spec, PredictionFile("m", Path(log.location)), 0),
        score_strict(spec, PredictionFile("m", rows), 0),
    )


def test_figures_of_the_log_are_those_of_unifer_eval_to_the_last_bit(tmp_path: Path) -> None:
    rows = asked(40)
    for row in rows[::3]:
        row["AUs"] = ["AU4", "AU12"]
    spec = faces(tmp_path, rows)
    log, of_log, of_file = both(load_dataset(spec.folder), tmp_path)
    for scored in (of_log, of_file):
        assert scored.scores is not None
        assert scored.action_units is not None
        assert figures(log) == {
            "WAR": scored.scores.war,
            "UAR": scored.scores.uar,
            "macro_F1": scored.scores.macro_f1,
            "AU_F1": scored.action_units.face_f1,
            "AU_macro_F1": scored.action_units.macro_f1,
            "AU_micro_F1": scored.action_units.micro_f1,
        }
        assert scored.counts["failed"] == 4
        assert scored.counts["asked"] == 40
    assert 0 < figures(log)["WAR"] < 1
    assert of_log.counts == of_file.counts


def au_rows() -> list[dict[str, Any]]:
    rows = asked(12, true_label=None, candidate_labels=[])
    return [row | {"AUs": ["AU1", "AU9", "AU12"][: index % 4]} for index, row in enumerate(rows)]


def test_sets_of_aus_alone_are_scored_over_their_subset_as_unifer_eval_does(tmp_path: Path) -> None:
    facts = (au_dataset(tmp_path / "facts", "units", (1, 12)).folder / "dataset.yaml").read_text()
    spec = faces(tmp_path, au_rows(), "units")
    (spec.folder / "dataset.yaml").write_text(facts)
    replies = ("<answer>AU1, AU9</answer>", "<answer>no AU</answer>", "<answer>AU12</answer>", "AU1")
    log, of_log, of_file = both(load_dataset(spec.folder), tmp_path, replies)
    assert of_log.scores is None
    assert of_log.action_units == of_file.action_units
    assert of_log.action_units is not None
    assert figures(log)["AU_macro_F1"] == of_log.action_units.macro_f1
    assert set(figures(log)) == {"AU_F1", "AU_macro_F1", "AU_micro_F1"}
    assert 0 < figures(log)["AU_F1"] < 1


def test_a_score_says_the_answer_the_truth_and_what_is_wrong_with_the_reply(tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(4, AUs=["AU12"]))
    log = answered(dataset_task(spec), tmp_path / "logs", lambda prompt, *_: said(REPLIES[int(prompt[-1])]))
    scores = [
        (sample.scores or {})["strict"] for sample in sorted(samples(log), key=lambda sample: str(sample.id))
    ]
    assert [score.value for score in scores] == ["C", "I", "I", "I"]
    assert [score.answer for score in scores] == ["happiness", None, None, None]
    assert [score.reason for score in scores] == [None, "off_list", "off_list", "invalid_response_format"]
    assert (
        scores[0].explanation
        == "answered: happiness\ntrue label: happiness\nAUs claimed: AU6, AU12\nAUs shown: AU12\nF1: 0.667"
    )


@pytest.mark.parametrize("limited", [1, 3])
def test_a_log_can_be_scored_again_from_what_stands_in_it(limited: int, tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(3))
    task = dataset_task(load_dataset(spec.folder), limit=limited)
    log = answered(task, tmp_path / "logs", lambda *_: said("<answer>happy</answer>"))
    kept = read_eval_log(log.location)
    again = score_again(kept, resolve_scorers(kept), model="mockllm/m", action="overwrite", display="none")
    assert (
        figures(again)
        == figures(log)
        == {"WAR": 1 / limited, "UAR": 1 / limited, "macro_F1": pytest.approx(figures(log)["macro_F1"])}
    )
