"""Logs and predictions, each from the other: nothing lost, and a log that cannot be used says why."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from inspect_ai.log import read_eval_log, read_eval_log_sample_summaries, write_eval_log
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput

from tests.evaluate.harness.drawn import LABELS, runs_of
from tests.evaluate.harness.mocked import IDENTITY, RIGHT, answered, asked, faces, said
from tests.evaluate.scored import dataset
from unifer import runs
from unifer.dialogue.images import ImageRule
from unifer.evaluate.harness.logs import read_log
from unifer.evaluate.harness.tasks import dataset_task, picture_uri
from unifer.evaluate.harness.writing import write_log
from unifer.evaluate.loading import PredictionFile, open_run, run_name
from unifer.evaluate.scoring import score_strict
from unifer.models.engines import GenerationSettings
from unifer.records import Prediction, Question


@given(rows=runs_of())
@settings(max_examples=60, deadline=None)
def test_predictions_come_back_from_a_log_as_they_were(rows: list[Prediction]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.eval"
        write_log(path, dataset(Path(folder), "toy", LABELS), rows, IDENTITY)
        found = read_log(path)
        assert list(found.predictions) == rows
        assert (found.identity, found.total, found.dataset, found.status) == (
            IDENTITY,
            len(rows),
            "toy",
            "success",
        )
        assert len(read_eval_log_sample_summaries(path)) == len(rows)
        # The other format of inspect's, by its own writer.
        write_eval_log(read_eval_log(path), Path(folder) / "x.json")
        assert list(read_log(Path(folder) / "x.json").predictions) == rows


def failing(prompt: str, turns: list[ChatMessage], config: GenerateConfig) -> ModelOutput:
    if prompt.endswith("1"):
        raise RuntimeError("refused: Bearer abcdef123456\n  try again")
    return said(RIGHT if prompt.endswith("0") else "cut o", "stop" if prompt.endswith("0") else "max_tokens")


def test_a_run_of_inspects_own_has_its_replies_failures_and_identity(tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(3))
    log = answered(
        dataset_task(spec, image_rule=ImageRule(56)),
        tmp_path / "logs",
        failing,
        temperature=0.5,
        top_p=0.9,
        reasoning_effort="low",
    )
    found = read_log(Path(log.location))
    first, second, third = found.predictions
    assert (first.reply, first.finish_reason, first.prompt_tokens, first.completion_tokens) == (
        RIGHT,
        "stop",
        30,
        7,
    )
    assert second.error == "refused: [hidden] try again"
    assert third.finish_reason == "length"
    assert [row.question.key for row in found.predictions] == [row["image_path"] for row in asked(3)]
    assert found.identity == {
        "questions": runs.describe_file(spec.questions),
        "model": {"name": "mockllm/tiny"},
        "prompt": "fer-1",
        "engine": "inspect",
        "dtype": None,
        "generation": GenerationSettings(temperature=0.5, top_p=0.9).to_json() | {"reasoning_effort": "low"},
        "image_rule": {"version": "fer-image-1", "size": 56},
    }
    assert run_name(Path(log.location), spec) == "tiny"


def test_what_never_ran_is_missing_and_what_errored_is_failed(tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(5))

    def interrupted(prompt: str, turns: list[ChatMessage], config: GenerateConfig) -> ModelOutput:
        if prompt.endswith("2"):
            raise RuntimeError("gone")
        return said(RIGHT)

    log = answered(
        dataset_task(spec),
        tmp_path / "logs",
        interrupted,
        fail_on_error=True,
        max_samples=1,
        score_on_error=False,
    )
    assert log.status == "error"
    path = Path(log.location)
    missing = open_run(spec, PredictionFile("m", path)).missing
    assert [question.key for question in missing.questions] == ["faces/0003.png", "faces/0004.png"]
    counts = score_strict(spec, PredictionFile("m", path), 0).counts
    assert (counts["asked"], counts["answered"], counts["failed"], counts["missing"]) == (5, 2, 1, 2)


def test_a_sample_stopped_by_a_limit_says_which(tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(2))
    log = answered(dataset_task(spec), tmp_path / "logs", message_limit=1)
    assert {row.error for row in read_log(Path(log.location)).predictions} == {"stopped by the message limit"}


def test_the_order_of_the_questions_is_kept_and_a_limit_of_inspects_own_is_what_was_asked(
    tmp_path: Path,
) -> None:
    rows = [row | {"id": name} for row, name in zip(asked(4), ("10", "9", "b", "a"), strict=True)]
    spec = faces(tmp_path, rows)
    log = answered(dataset_task(spec), tmp_path / "logs", limit=3)
    found = read_log(Path(log.location))
    assert ([row.question.key for row in found.predictions], found.total) == (["10", "9", "b"], 3)


def test_pictures_are_in_the_log_when_asked_for_and_one_that_is_missing_costs_nothing(tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(2))
    rows = [Prediction(Question.from_json(row), RIGHT) for row in [*asked(2), asked(3)[2]]]
    path = tmp_path / "x.eval"

    def picture(question: Question) -> str:
        return picture_uri(question, spec.questions.parent, None, ImageRule(28))

    write_log(path, spec, rows, IDENTITY, total=5, picture=picture)
    log = read_eval_log(path, resolve_attachments=True)
    assert log.status == "cancelled"
    contents = [sample.messages[0].content for sample in log.samples or ()]
    assert [[part.type for part in content if not isinstance(part, str)] for content in contents] == [
        ["image", "text"]
    ] * 2 + [["text"]]
    assert list(read_log(path).predictions) == rows
    assert read_log(path).total == 5


# --- logs that cannot be used ---


HOSTILE = (
    "a\0b<answer>happiness</answer>",
    "\ud800 alone <answer>happiness</answer>",
    "\x1b[31m\u202e<script>alert(1)</script><answer>happiness</answer>",
    "<think>" * 3 + "<answer>happiness</answer>",
    "x" * 2**20,
    "<answer>happiness</answer><think>too late</think>",
    "attachment://0123456789",
    "data:image/png;base64,AAAA",
)


def test_hostile_replies_of_a_live_run_are_in_its_log_and_graded_as_they_were(tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(len(HOSTILE)))
    log = answered(
        dataset_task(spec), tmp_path / "logs", lambda prompt, *_: said(HOSTILE[int(prompt.split()[-1])])
    )
    path = Path(log.location)
    found = read_log(path).predictions
    # What UTF-8 cannot hold is spelled out by inspect; everything else is kept.
    assert [row.reply for row in found] == [reply.replace("\ud800", "\\ud800") for reply in HOSTILE]
    assert log.results is not None
    scored = score_strict(spec, PredictionFile("m", path), 0)
    assert log.results.scores[0].metrics["WAR"].value == scored.labelled.war > 0
    write_log(tmp_path / "again.eval", spec, found, IDENTITY)
    assert read_log(tmp_path / "again.eval").predictions == found
