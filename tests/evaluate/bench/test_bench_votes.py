"""A benchmark with votes: k requests per question, all counted, none lost when one fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai", reason="comes with the full environment")

from tests.api_server import Body, Reaction, completion, refusal, serving
from tests.evaluate.bench.benched import asked_about, dataset, models_file, rows_of
from unifer.cli import main
from unifer.evaluate.loading import read_rows

Said = pytest.CaptureFixture[str]


def command(models: Path, folder: Path, *more: str) -> list[str]:
    base = ["bench", "--models", str(models), "--datasets", str(folder), "--votes", "3"]
    return [*base, "--log-dir", str(folder.parent / "logs"), *more]


def test_each_question_is_asked_as_often_as_there_are_votes(tmp_path: Path, capsys: Said) -> None:
    folder = dataset(tmp_path / "eval_toy", 4)

    def react(number: int, body: Body) -> Reaction:
        return completion(f"<think>AU12</think>\n<answer>{'happiness' if number % 3 else 'neutral'}</answer>")

    with serving(react) as server:
        models = models_file(
            tmp_path / "m.yaml",
            {"name": "m", "url": server.url, "max_connections": 1, "prices": {"in": 1, "out": 1}},
        )
        assert main(command(models, folder, "--dry-run")) == 0
        assert " 12 " in capsys.readouterr().out
        assert main(command(models, folder)) == 0
        assert set(asked_about(server.requests).values()) == {3}
        assert {body["temperature"] for body in server.requests} == {0.7}
    rows = rows_of(folder, "m.votes")
    assert len(rows) == 4
    assert all(len(row["replies"]) == 3 for row in rows)
    assert "12 requests" in capsys.readouterr().out
    manifest = json.loads((folder / "results/m.votes.manifest.json").read_text())
    assert (manifest["identity"]["votes"], manifest["identity"]["generation"]["temperature"]) == (3, 0.7)
    logged = {row.question.key: row for row in read_rows(tmp_path / "logs/m.votes_toy.eval")}
    stored = {row.question.key: row for row in read_rows(folder / "results/m.votes.jsonl")}
    assert logged == stored, "a log must not lose the votes"


def test_a_vote_without_a_reply_fails_its_question_and_asks_no_further(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 2)

    def react(number: int, body: Body) -> Reaction:
        if number == 2:
            return refusal(400, "too long")
        return completion("<answer>neutral</answer>")

    with serving(react) as server:
        models = models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url, "max_connections": 1})
        main(command(models, folder))
        assert len(server.requests) < 2 * 3
    failed = [row for row in rows_of(folder, "m.votes") if row.get("error")]
    assert ["of 3: " in row["error_message"] for row in failed] == [True]


def test_a_temperature_without_votes_is_refused(tmp_path: Path, capsys: Said) -> None:
    folder = dataset(tmp_path / "eval_toy", 2)
    models = models_file(tmp_path / "m.yaml", {"name": "m", "url": "http://127.0.0.1:9/v1"})
    flags = command(models, folder, "--temperature", "0.5")
    flags[flags.index("--votes") + 1] = "1"
    assert main(flags) == 2
    assert "goes with --votes" in capsys.readouterr().err
