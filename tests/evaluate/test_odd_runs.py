"""Runs with rows missing, doubled, of another dataset or of another question file: named and refused or
flagged, by every command.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.scored import dataset, question, replied, write
from unifer import files
from unifer.cli import main
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.published import score_published
from unifer.evaluate.scoring import score_strict

TRUTHS = ("happy", "sad", "angry", "sad")
QUESTIONS = [question(index, truth) for index, truth in enumerate(TRUTHS)]
Rows = list[dict[str, Any]]


def answered(questions: Sequence[dict[str, Any]] = QUESTIONS) -> Rows:
    return [row | replied(row["true_label"]) for row in questions]


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DatasetSpec:
    """A dataset whose question file is at hand."""
    monkeypatch.chdir(tmp_path)
    made = dataset(tmp_path, "toy")
    write(made.questions, QUESTIONS)
    return made


def manifest_of(spec: DatasetSpec, asked: int = 4) -> dict[str, Any]:
    """What `write` puts into the manifest of a run that was asked this dataset's question file."""
    return {"asked": asked, "name": spec.questions.name, "sha256": files.sha256(spec.questions)}


def notes_of(spec: DatasetSpec, path: Path) -> str:
    """What either protocol says of the run itself; what `strict` adds about its own means is another
    matter.
    """
    strict = score_strict(spec, PredictionFile(path.stem, path), 0).notes
    published = score_published(spec, PredictionFile(path.stem, path)).notes
    assert set(published) <= set(strict), "both protocols say what is odd"
    return " | ".join(published)


def relabelled(rows: Rows) -> Rows:
    return [rows[0] | {"true_label": "sad"}, *rows[1:]]


def coded(units: Sequence[str]) -> Callable[[Rows], Rows]:
    return lambda rows: [row | {"AUs": list(units)} for row in rows]


# --- refused
# -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("stated", [True, False], ids=["manifest", "no manifest"])
@pytest.mark.parametrize("score", [score_strict, score_published])
def test_the_same_keys_with_another_truth_are_refused(
    spec: DatasetSpec, score: Callable[..., Any], stated: bool
) -> None:
    """Rows carry their own truth: a file made against other labels once scored as if nothing had happened."""
    path = write(spec.results / "m.jsonl", relabelled(answered()), **(manifest_of(spec) if stated else {}))
    with pytest.raises(
        InputError,
        match=r"m\.jsonl: 'true_label' of '/faces/0000\.png' is sad here and happy in .*toy_qa\.json",
    ):
        score(spec, PredictionFile("m", path))


def test_published_results_of_another_truth_are_refused(spec: DatasetSpec) -> None:
    path = write(spec.results / "toy_x_results.json", relabelled(answered()))
    with pytest.raises(InputError, match="'true_label' of"):
        score_strict(spec, PredictionFile("x", path))


def test_other_labels_and_other_units_of_one_key_are_refused(spec: DatasetSpec) -> None:
    path = write(
        spec.results / "m.jsonl", [row | {"candidate_labels": ["happy", "sad"]} for row in answered()[:2]]
    )
    with pytest.raises(InputError, match="'candidate_labels' of"):
        score_strict(spec, PredictionFile("m", path))
    write(spec.questions, coded(["AU6"])(list(QUESTIONS)))
    path = write(spec.results / "m.jsonl", coded(["AU12"])(answered()))
    with pytest.raises(InputError, match=r"'AUs' of '/faces/0000\.png' is \['AU12'\] here and \['AU6'\] in"):
        score_strict(spec, PredictionFile("m", path))


def test_rows_without_units_contradict_no_question_file(spec: DatasetSpec) -> None:
    """Published results carry no AUs: that is no other question file."""
    write(spec.questions, coded(["AU6"])(list(QUESTIONS)))
    assert notes_of(spec, write(spec.results / "m.jsonl", answered())) == ""


def test_a_row_that_the_stated_question_file_lacks_is_refused(spec: DatasetSpec) -> None:
    """Rows pasted in from another run: the manifest's count alone lets one in for each that is missing."""
    rows = [*answered()[:3], question(9, "sad") | replied("sad")]
    path = write(spec.results / "m.jsonl", rows, **manifest_of(spec))
    with pytest.raises(
        InputError, match=r"'/faces/0009\.png', the first of 1 such rows, is no question of toy_qa\.json"
    ):
        score_strict(spec, PredictionFile("m", path))


def test_a_changed_question_file_whose_truths_changed_is_refused(spec: DatasetSpec) -> None:
    path = write(spec.results / "m.jsonl", answered(), **manifest_of(spec))
    write(spec.questions, relabelled(list(QUESTIONS)))
    with pytest.raises(InputError, match="put that one back, or ask the model again"):
        score_strict(spec, PredictionFile("m", path))


# --- flagged
# -----------------------------------------------------------------------------------------------------------
def test_a_run_that_agrees_with_its_question_file_has_nothing_to_note(spec: DatasetSpec) -> None:
    assert notes_of(spec, write(spec.results / "m.jsonl", answered(), **manifest_of(spec))) == ""


def test_a_question_file_that_grew_is_said_to_have_changed(spec: DatasetSpec) -> None:
    path = write(spec.results / "m.jsonl", answered(), **manifest_of(spec))
    write(spec.questions, [*QUESTIONS, question(9, "sad")])
    notes = notes_of(spec, path)
    assert "toy_qa.json has changed since this run was asked" in notes
    assert "partial run: 4 of the 5 questions of toy_qa.json were asked" in notes


def test_a_question_file_that_shrank_leaves_rows_without_a_question(spec: DatasetSpec) -> None:
    path = write(spec.results / "m.jsonl", answered(), **manifest_of(spec))
    write(spec.questions, QUESTIONS[:3])
    assert "1 of 4 rows answer no question of toy_qa.json, such as '/faces/0003.png'" in notes_of(spec, path)


@pytest.mark.parametrize("name", ["m.jsonl", "toy_m_results.json"])
def test_rows_missing_from_a_file_without_a_manifest_are_counted(spec: DatasetSpec, name: str) -> None:
    assert "partial run: 3 of the 4 questions of toy_qa.json were asked" in notes_of(
        spec, write(spec.results / name, answered()[:3])
    )


def test_a_run_with_a_limit_is_no_full_run(spec: DatasetSpec) -> None:
    """`unifer infer --limit 3` is complete by its own manifest, and once looked like a run over the whole
    set.
    """
    path = write(spec.results / "m.jsonl", answered()[:3], **manifest_of(spec, asked=3))
    assert notes_of(spec, path) == "partial run: 3 of the 4 questions of toy_qa.json were asked"


def test_other_prompts_and_images_of_one_key_are_counted(spec: DatasetSpec) -> None:
    rows = [row | {"prompt": "Who?"} for row in answered()]
    assert "4 rows were asked with another prompt than toy_qa.json has" in notes_of(
        spec, write(spec.results / "m.jsonl", rows)
    )
    write(spec.questions, [row | {"id": row["image_path"]} for row in QUESTIONS])
    rows = [row | {"id": row["image_path"], "image_path": "/x.png"} for row in answered()]
    assert "4 rows name another image than toy_qa.json does" in notes_of(
        spec, write(spec.results / "m.jsonl", rows)
    )


def test_sample_questions_are_compared_with_the_sample(spec: DatasetSpec) -> None:
    sample = [question(50 + index, truth) for index, truth in enumerate(TRUTHS)]
    write(spec.samples, sample)
    assert notes_of(spec, write(spec.results / "m.sample_qa.jsonl", answered(sample))) == ""
    with pytest.raises(InputError, match=r"in .*sample_qa\.json"):
        score_strict(
            spec, PredictionFile("m", write(spec.results / "bad.jsonl", relabelled(answered(sample))))
        )


def test_rows_of_no_question_file_at_hand_are_scored_as_they_are(spec: DatasetSpec) -> None:
    elsewhere = [question(70 + index, truth) for index, truth in enumerate(TRUTHS)]
    assert notes_of(spec, write(spec.results / "m.jsonl", answered(elsewhere))) == ""


def test_what_a_merge_accepted_is_said_by_every_score(spec: DatasetSpec) -> None:
    path = write(spec.results / "m.jsonl", answered(), **manifest_of(spec))
    beside = path.with_suffix(".manifest.json")
    found = json.loads(beside.read_text())
    found["identity"]["mixed"] = {"dtype": ["float32", "bfloat16"]}
    beside.write_text(json.dumps(found))
    assert notes_of(spec, path) == 'merged from parts that differ in dtype: "float32" / "bfloat16"'


# --- by command
# -----------------------------------------------------------------------------------------------------------
ODD: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "doubled": (lambda rows: [*rows, rows[0]], "stands already in row 1"),
    "another truth": (relabelled, "answered another question file"),
    "another dataset": (
        lambda rows: [row | {"true_label": "joy", "candidate_labels": ["joy"]} for row in rows],
        "of another dataset",
    ),
    "more rows than asked": (lambda rows: [*rows, question(9, "sad") | replied("sad")], ""),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "command",
    [
        ["eval", "--dataset-dir", "eval_toy", "--predictions", "eval_toy/results/m.jsonl"],
        ["eval-total", "--root", ".", "--datasets", "eval_toy", "--run", "m"],
        ["merge", "eval_toy/results/m.jsonl", "good.jsonl", "--out", "out.jsonl"],
    ],
    ids=["eval", "eval-total", "merge"],
)
def test_every_command_refuses_an_odd_run_by_name(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str], command: list[str], odd: str
) -> None:
    change, message = ODD[odd]
    write(Path("good.jsonl"), answered(), **manifest_of(spec))
    write(spec.results / "m.jsonl", change(answered()), **manifest_of(spec))
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "m.jsonl" in error
    assert message in error or command[0] == "merge"
    assert not Path("out.jsonl").exists()


def test_missing_rows_are_said_by_eval_and_eval_total(
    spec: DatasetSpec, capsys: pytest.CaptureFixture[str]
) -> None:
    write(spec.results / "m.jsonl", answered()[:3], **manifest_of(spec))
    for command in (
        ["eval", "--dataset-dir", "eval_toy"],
        ["eval-total", "--root", ".", "--datasets", "eval_toy"],
    ):
        assert main(command) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert "incomplete run: 1 of 4 questions have no reply yet and count as wrong" in out
        assert "75.0" in out
