"""Several replies to a question: all of them kept, the winner graded, the run resumed and never mixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.evaluate.asked import LABELS, make_plan, rows_of, silent
from unifer.cli import main
from unifer.datasets import load_dataset
from unifer.errors import InputError
from unifer.evaluate.inference import infer
from unifer.evaluate.inference.outputs import AnswerPlan
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import score_strict
from unifer.models.engines import EngineSpec, Request
from unifer.models.engines.scripted import ScriptedEngine
from unifer.questions import read_questions
from unifer.records import Prediction

Said = pytest.CaptureFixture[str]


def happy_twice(request: Request) -> str:
    """Votes 2 and 3 say happiness, the first nothing, others neutral."""
    if "#" not in request.key:
        return "I would rather not say."
    said = "happiness" if request.key.endswith(("#2", "#3")) else "neutral"
    return f"<think>AU12, {request.key}</think>\n<answer>{said}</answer>"


def run(dataset: Path, reply: object = happy_twice, votes: int = 4, limit: int = 4) -> infer.InferenceSummary:
    plan, spec = voted_plan(dataset, votes, limit)
    engine = ScriptedEngine(reply)  # type: ignore[arg-type]
    return infer.run_inference([plan], spec, progress=silent, make_engine=lambda: engine)[0]


def voted_plan(dataset: Path, votes: int, limit: int) -> tuple[AnswerPlan, EngineSpec]:
    _, spec = make_plan(dataset)
    path, out = dataset / "data/toy_qa.json", dataset / "results/model.jsonl"
    questions = read_questions(path)[:limit]
    return infer.plan(path, questions, out, model={"name": "model"}, spec=spec, votes=votes), spec


def test_every_vote_is_kept_and_the_first_for_the_winner_stands(dataset: Path) -> None:
    assert run(dataset).answered == 4
    row = next(row for row in rows_of(dataset) if row["image_path"] == "faces/0.png")
    assert [vote["label"] for vote in row["replies"]] == [None, "happiness", "happiness", "neutral"]
    assert [vote["outcome"] for vote in row["replies"]] == ["no_answer", *["answered"] * 3]
    assert row["replies"][1]["AUs"] == ["AU12"]
    assert row["model_response"] == row["replies"][1]["model_response"]
    assert "faces/0.png#2" in row["model_response"]
    assert row["completion_tokens"] == sum(vote["completion_tokens"] for vote in row["replies"])
    assert Prediction.from_json(row).to_json() == row


def test_the_score_is_that_of_the_winner(dataset: Path) -> None:
    """Of the first votes alone nobody would have answered."""
    run(dataset)
    scores = score_strict(load_dataset(dataset), PredictionFile("model", dataset / "results/model.jsonl"), 0)
    assert (scores.counts["answered"], scores.counts["no_answer"]) == (4, 0)
    assert scores.labelled.table.counts.tolist()[0][LABELS.index("happiness")] == 4


def test_one_reply_leaves_rows_and_manifest_as_they_were(dataset: Path) -> None:
    run(dataset, votes=1)
    assert all("replies" not in row for row in rows_of(dataset))
    assert "votes" not in json.loads((dataset / "results/model.manifest.json").read_text())["identity"]


def test_a_stopped_run_asks_for_whole_questions_again(dataset: Path) -> None:
    asked: list[str] = []

    def stopped(request: Request) -> str:
        asked.append(request.key)
        if len(asked) == 6:
            raise KeyboardInterrupt
        return happy_twice(request)

    with pytest.raises(BaseException, match="stopped; 1 of 4 questions"):
        run(dataset, stopped)
    again: list[str] = []

    def noted(request: Request) -> str:
        again.append(request.key)
        return happy_twice(request)

    assert run(dataset, noted).resumed == 1
    assert len(again) == 12
    assert not {key.partition("#")[0] for key in again} & {"faces/0.png"}
    assert all(len(row["replies"]) == 4 for row in rows_of(dataset))


def test_a_vote_that_fails_fails_its_row(dataset: Path) -> None:
    """With one vote less its shares would not be comparable with those of other rows."""

    def once(request: Request) -> str:
        if request.key == "faces/2.png#3":
            raise ValueError("out of memory")
        return happy_twice(request)

    summary = run(dataset, once)
    assert (summary.answered, summary.failed) == (3, 1)
    (failed,) = [row for row in rows_of(dataset) if row.get("error")]
    assert failed["error_message"] == "vote 3 of 4: out of memory"
    assert "replies" not in failed


def test_another_number_of_votes_is_refused(dataset: Path) -> None:
    run(dataset)
    with pytest.raises(InputError, match="votes: 4 -> 8"):
        run(dataset, votes=8)


def test_questions_that_cannot_be_voted_on_are_refused(dataset: Path) -> None:
    path = dataset / "data/toy_qa.json"
    rows = json.loads(path.read_text())
    rows[3]["id"] = "faces/0.png#2"
    path.write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"'faces/0.png' and 'faces/0.png#2'"):
        run(dataset)
    rows[3] = rows[3] | {"id": None, "true_label": None, "candidate_labels": [], "AUs": ["AU12"]}
    path.write_text(json.dumps(rows))
    with pytest.raises(InputError, match="row 4: asks for AUs alone"):
        run(dataset)


def command(dataset: Path, *more: str) -> list[str]:
    base = ["infer", "--dataset-dir", str(dataset), "--engine", "scripted"]
    return [*base, "--replies", str(dataset / "replies.json"), "--limit", "3", *more]


def test_the_command_samples_at_07_beside_the_greedy_run(dataset: Path, capsys: Said) -> None:
    assert main(command(dataset)) == 0
    assert main(command(dataset, "--votes", "3")) == 0
    assert "3 votes" in capsys.readouterr().err
    assert (dataset / "results/scripted.jsonl").is_file()
    manifest = json.loads((dataset / "results/scripted.votes.manifest.json").read_text())
    assert manifest["identity"]["votes"] == 3
    assert manifest["identity"]["generation"]["temperature"] == 0.7
    assert main(command(dataset, "--votes", "3", "--temperature", "1")) == 2
    assert "generation.temperature: 0.7 -> 1.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--temperature", "0"), "3 greedy replies are 3 times the same"),
        (("--profile", "published"), "contradicts --profile published"),
    ],
)
def test_votes_that_would_be_alike_are_refused(
    flags: tuple[str, ...], problem: str, dataset: Path, capsys: Said
) -> None:
    assert main(command(dataset, "--votes", "3", *flags)) == 2
    assert problem in capsys.readouterr().err
    assert not (dataset / "results").exists()
