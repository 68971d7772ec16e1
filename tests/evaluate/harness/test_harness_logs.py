"""Logs and predictions, each from the other: nothing lost, and a log that cannot be used says why."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log, read_eval_log_sample_summaries, write_eval_log
from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput

from tests.evaluate.harness.drawn import LABELS, runs_of
from tests.evaluate.harness.mocked import RIGHT, answered, asked, faces, said
from tests.evaluate.scored import dataset
from unifer import runs
from unifer.datasets import DatasetSpec
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.evaluate import loading
from unifer.evaluate.harness.logs import read_log, read_log_manifest
from unifer.evaluate.harness.tasks import dataset_task, picture_uri
from unifer.evaluate.harness.writing import write_log
from unifer.evaluate.loading import PredictionFile, is_log, open_run, run_name
from unifer.evaluate.scoring import score_strict
from unifer.models.engines import GenerationSettings
from unifer.records import Json, Prediction, Question

IDENTITY: Json = {
    "questions": {"name": "q.json", "sha256": "0" * 64},
    "model": {"name": "tiny", "fingerprint": "f"},
    "prompt": "fer-1",
}


@given(rows=runs_of())
@settings(max_examples=60, deadline=None)
def test_predictions_come_back_from_a_log_as_they_were(rows: list[Prediction]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.eval"
        write_log(path, dataset(Path(folder), "toy", LABELS), rows, IDENTITY)
        found = read_log(path)
        assert list(found.predictions) == rows
        assert (found.identity, found.asked, found.dataset, found.status) == (
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
    assert ([row.question.key for row in found.predictions], found.asked) == (["10", "9", "b"], 3)


def test_pictures_are_in_the_log_when_asked_for_and_one_that_is_missing_costs_nothing(tmp_path: Path) -> None:
    spec = faces(tmp_path, asked(2))
    rows = [Prediction(Question.from_json(row), RIGHT) for row in [*asked(2), asked(3)[2]]]
    path = tmp_path / "x.eval"

    def picture(question: Question) -> str:
        return picture_uri(question, spec.questions.parent, None, ImageRule(28))

    write_log(path, spec, rows, IDENTITY, asked=5, picture=picture)
    log = read_eval_log(path, resolve_attachments=True)
    assert log.status == "cancelled"
    contents = [sample.messages[0].content for sample in log.samples or ()]
    assert [[part.type for part in content if not isinstance(part, str)] for content in contents] == [
        ["image", "text"]
    ] * 2 + [["text"]]
    assert list(read_log(path).predictions) == rows
    assert read_log(path).asked == 5


# --- logs that cannot be used ---


def log_of(tmp_path: Path, count: int = 2, **options: Any) -> tuple[Path, DatasetSpec]:
    spec = faces(tmp_path, asked(count))
    return Path(answered(dataset_task(spec), tmp_path / "logs", **options).location), spec


def test_epochs_and_logs_without_samples_are_refused(tmp_path: Path) -> None:
    path, _ = log_of(tmp_path, epochs=2)
    with pytest.raises(InputError, match=r"asks each question 2 times \(epochs\).*--epochs 1"):
        read_log(path)
    path, _ = log_of(tmp_path / "other", log_samples=False)
    with pytest.raises(InputError, match=r"was made with --no-log-samples, so there are no replies"):
        read_log(path)


def test_a_log_of_another_task_or_dataset_is_named(tmp_path: Path) -> None:
    @task
    def arithmetic() -> Task:
        return Task([Sample("1 + 1?", target="2")])

    path = Path(answered(arithmetic(), tmp_path / "logs").location)
    with pytest.raises(InputError, match=r"is a log of the task 'arithmetic', which is none of ours"):
        read_log(path)
    path, _ = log_of(tmp_path)
    with pytest.raises(InputError, match=r"is a log of the dataset 'toy', not of 'other'"):
        open_run(dataset(tmp_path, "other"), PredictionFile("m", path))


def changed(path: Path, name: str, change: Callable[[Json], None]) -> Path:
    """A copy of the log whose member `name` is changed, or left out where `change` empties it."""
    other = path.with_name("changed.eval" if path.name != "changed.eval" else "again.eval")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for member in old.namelist():
            value = json.loads(old.read(member))
            if member == name:
                change(value)
            if value:
                new.writestr(member, json.dumps(value))
    return other


def test_a_log_in_progress_and_one_whose_samples_are_lost_are_told_apart(tmp_path: Path) -> None:
    path, _ = log_of(tmp_path)
    with pytest.raises(
        InputError,
        match=r"is still being written, or its run was killed; .*`inspect eval-retry changed.eval`",
    ):
        read_log_manifest(changed(path, "header.json", dict.clear))
    with zipfile.ZipFile(path) as archive:
        (first, second) = [name for name in archive.namelist() if name.startswith("samples/")]
    with pytest.raises(InputError, match=r"holds no sample \(its run ended with status 'success'\)"):
        read_log(changed(changed(path, first, dict.clear), second, dict.clear))


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, -1])
def test_a_log_that_was_cut_off_is_damaged_not_empty(kept: float, tmp_path: Path) -> None:
    path, _ = log_of(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if 0 < kept < 1 else int(kept)])
    for read in (read_log, read_log_manifest):
        with pytest.raises(
            InputError, match=r"cannot be read as a log of inspect_ai .*damaged or was cut off"
        ):
            read(path)


def test_a_damaged_sample_and_a_forged_one_are_named(tmp_path: Path) -> None:
    path, spec = log_of(tmp_path)
    name = next(name for name in zipfile.ZipFile(path).namelist() if name.startswith("samples/"))
    with pytest.raises(InputError, match=r"damaged or was cut off"):
        read_log(changed(path, name, lambda sample: sample.pop("id")))
    with pytest.raises(InputError, match=r"sample 'faces/000\d.png': its metadata has no 'question'"):
        read_log(changed(path, name, lambda sample: sample.update(metadata={})))
    with pytest.raises(InputError, match=r"sample 'faces/0009.png': its question is 'faces/000\d.png'"):
        read_log(changed(path, name, lambda sample: sample.update(id="faces/0009.png")))

    def other_label(sample: Json) -> None:
        sample["metadata"]["question"] |= {"candidate_labels": ["pride"], "true_label": "pride"}

    with pytest.raises(
        InputError, match=r"'candidate_labels' holds 'pride', so this row is of another dataset"
    ):
        open_run(spec, PredictionFile("m", changed(path, name, other_label)))


def test_files_that_are_no_logs_are_refused_and_nothing_half_written_is_left(tmp_path: Path) -> None:
    for name, text in (
        ("a.eval", "no log"),
        ("b.json", "{}"),
        ("c.json", '{"version": 2'),
        ("d.json", '{"eval": {"task": 3}}'),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=name):
            read_log(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        read_log(tmp_path / "none.eval")
    spec = dataset(tmp_path, "toy")
    row = Prediction(Question.from_json(asked(1)[0]), "x")
    with pytest.raises(InputError, match=r"ends in \.eval"):
        write_log(tmp_path / "x.json", spec, [row], IDENTITY)
    with pytest.raises(InputError, match="there are no predictions"):
        write_log(tmp_path / "x.eval", spec, [], IDENTITY)

    def broken(question: Question) -> str:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        write_log(tmp_path / "x.eval", spec, [row], IDENTITY, picture=broken)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.eval",
        "b.json",
        "c.json",
        "d.json",
        "eval_toy",
    ]


def test_json_is_a_log_only_where_it_begins_as_one_and_a_log_needs_inspect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {
        "rows.json": '{"image_path": "a"}\n{}',
        "array.json": '[{"eval": 1}]',
        "log.json": '\ufeff {"version": 2, "eval": {}}',
        "x.eval": "PK",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert {name for name in texts if is_log(tmp_path / name)} == {"log.json", "x.eval"}
    assert not is_log(tmp_path / "none.json")
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"x\.eval: reading a log of inspect_ai needs inspect_ai: pip install"
    ):
        is_log(tmp_path / "x.eval")
    assert not is_log(tmp_path / "rows.json")


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
