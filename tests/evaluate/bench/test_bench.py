"""Whole benchmarks against APIs that fail in every way: nothing is lost, nothing asked twice, no model takes
another with it.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai", reason="comes with the full environment")

from tests.api_server import Body, Reaction, completion, prompt_of, refusal, serving
from tests.evaluate.bench.benched import GOOD, bench, dataset, good, models_file, rows_of
from unifer.datasets import load_dataset
from unifer.errors import InputError
from unifer.evaluate.bench.asking import NAME, BenchLimits, open_ledger
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import score_strict
from unifer.records import Json

ROOT = Path(__file__).parents[3]


def test_every_question_is_answered_once_whatever_goes_wrong_in_between(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 14)
    faults = [
        refusal(429, "slow down", {"Retry-After": "0"}),
        refusal(429, "slow down"),
        refusal(500, "boom"),
        Reaction(body="<html>Bad gateway</html>"),
        Reaction(body=completion("cut off").body[:40], promised=500),
        Reaction(),
        Reaction(hangs=True),
    ]
    seen: set[str] = set()
    lock = threading.Lock()

    def react(number: int, body: Body) -> Reaction:
        with lock:
            again = prompt_of(body) in seen
            seen.add(prompt_of(body))
            return completion(GOOD) if again or not faults else faults.pop()

    with serving(react) as server:
        entry = {"name": "m", "url": server.url, "timeout": 5}
        (cell,), spent = bench(models_file(tmp_path / "m.yaml", entry), [folder], tmp_path / "logs")
    rows = rows_of(folder, "m")
    assert not faults
    assert len({row["image_path"] for row in rows}) == len(rows) == 14
    assert all(row["model_response"] == GOOD for row in rows)
    assert (cell.state, cell.failed, cell.war) == ("done", 0, 1.0)
    assert spent.requests == len(server.requests) == 14 + 7


def test_predictions_manifest_and_log_say_the_same(tmp_path: Path) -> None:
    from unifer.evaluate.loading import open_run

    folder = dataset(tmp_path / "eval_toy", 6)
    with serving(good) as server:
        models = models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url, "served": "small"})
        bench(models, [folder], tmp_path / "logs")
    assert {body["model"] for body in server.requests} == {"small"}
    spec = load_dataset(folder)
    ours = open_run(spec, PredictionFile("m", folder / "results/m.jsonl")).predictions
    theirs = open_run(spec, PredictionFile("m", tmp_path / "logs/m_toy.eval")).predictions
    assert sorted(row.question.key for row in ours) == sorted(row.question.key for row in theirs)
    assert {row.reply for row in ours} == {row.reply for row in theirs} == {GOOD}
    assert (ours[0].prompt_tokens, ours[0].completion_tokens, ours[0].finish_reason) == (100, 20, "stop")
    manifest = json.loads((folder / "results/m.manifest.json").read_text())
    assert manifest["command"] == "bench"
    assert set(manifest["identity"]) == {
        "questions",
        "model",
        "prompt",
        "engine",
        "dtype",
        "generation",
        "image_rule",
    }
    assert manifest["context"]["rows"] == {"asked": 6, "answered": 6, "failed": 0, "missing": 0}
    assert score_strict(spec, PredictionFile("m", folder / "results/m.jsonl"), 0).counts["answered"] == 6


def test_one_lost_model_of_three_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNIFER_BENCH_API_KEY", "sk-very-secret-0123456789")
    folder = dataset(tmp_path / "eval_toy")

    def expired(number: int, body: Body) -> Reaction:
        return completion(GOOD) if number <= 3 else refusal(401, "key sk-very-secret-0123456789 has expired")

    with (
        serving(good) as one,
        serving(expired) as two,
        serving(lambda number, body: refusal(404, "no such model")) as three,
    ):
        entries = [
            {"name": name, "url": server.url, "max_connections": 1}
            for name, server in (("a", one), ("b", two), ("c", three))
        ]
        cells, _ = bench(models_file(tmp_path / "m.yaml", *entries), [folder], tmp_path / "logs")
    states = {cell.entry.name: cell.state for cell in cells}
    assert states == {"a": "done", "b": "lost", "c": "lost"}
    reasons = {cell.entry.name: cell.reason for cell in cells}
    assert "refused the key (HTTP 401)" in reasons["b"]
    assert "UNIFER_BENCH_API_KEY" in reasons["b"]
    assert "does not serve 'c' (HTTP 404)" in reasons["c"]
    assert "very-secret" not in json.dumps(reasons)
    assert len(rows_of(folder, "b")) == 3
    assert not (folder / "results/c.jsonl").exists()
    assert "very-secret" not in (tmp_path / "logs" / NAME).read_text()


def test_a_missing_key_a_missing_folder_and_a_dead_address_lose_their_models_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    folder = dataset(tmp_path / "eval_toy", 3)
    with serving(good) as server:
        entries: list[Json] = [
            {"name": "keyless", "provider": "openai/gpt-4o"},
            {"name": "nobody", "provider": "nobody/knows"},
            {"name": "gone", "url": "http://127.0.0.1:9/v1"},
            {"name": "folderless", "vllm": {"model": "runs/not/there"}},
            {"name": "fine", "url": server.url},
        ]
        cells, _ = bench(models_file(tmp_path / "m.yaml", *entries), [folder], tmp_path / "logs")
    reasons = {cell.entry.name: cell.reason for cell in cells}
    assert [cell.state for cell in cells] == ["lost"] * 4 + ["done"]
    assert "OPENAI_API_KEY" in reasons["keyless"]
    assert "not recognized" in reasons["nobody"]
    assert "Is the server running" in reasons["gone"]
    assert "runs/not/there: no such folder" in reasons["folderless"]


def test_what_is_done_is_skipped_and_a_failed_question_is_asked_again_when_asked_for(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 5)
    broken = {"Question 2: which?"}

    def react(number: int, body: Body) -> Reaction:
        return refusal(400, "the image is too large") if prompt_of(body) in broken else completion(GOOD)

    with serving(react) as server:
        models = models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url})
        (cell,), _ = bench(models, [folder], tmp_path / "logs")
        assert (cell.state, cell.failed) == ("done", 1)
        (message,) = [row["error_message"] for row in rows_of(folder, "m") if row.get("error")]
        assert message.startswith(f"{server.url}: refused the request (HTTP 400)")
        assert "the image is too large" in message
        bench(models, [folder], tmp_path / "logs")
        assert len(server.requests) == 5
        broken.clear()
        (cell,), _ = bench(models, [folder], tmp_path / "logs", retry_failed=True)
        assert len(server.requests) == 6
    assert (cell.done, cell.failed) == (5, 0)


def test_a_dataset_added_later_is_asked_and_those_done_stay_done(tmp_path: Path) -> None:
    first, second = dataset(tmp_path / "eval_toy", 3), dataset(tmp_path / "eval_more", 4)
    (second / "dataset.yaml").write_text(
        (second / "dataset.yaml").read_text().replace("name: toy", "name: more")
    )
    with serving(good) as server:
        models = models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url})
        bench(models, [first], tmp_path / "logs")
        cells, _ = bench(models, [first, second], tmp_path / "logs")
        assert len(server.requests) == 7
    assert [(cell.dataset.spec.name, cell.state, cell.done) for cell in cells] == [
        ("toy", "done", 3),
        ("more", "done", 4),
    ]


def test_another_runs_predictions_are_never_added_to(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 3)
    with serving(good) as server:
        bench(models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url}), [folder], tmp_path / "logs")
        before = (folder / "results/m.jsonl").read_bytes()
        warmer = {"name": "m", "url": server.url, "generation": {"temperature": 1}}
        (cell,), _ = bench(models_file(tmp_path / "m.yaml", warmer), [folder], tmp_path / "logs")
        assert len(server.requests) == 3
    assert (cell.state, (folder / "results/m.jsonl").read_bytes()) == ("lost", before)
    assert "generation.temperature: 0.0 -> 1.0" in cell.reason
    assert "give the entry another name" in cell.reason


def test_a_picture_that_is_not_there_is_a_failed_row_and_costs_no_request(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 4)
    (folder / "data/faces/2.png").unlink()
    with serving(good) as server:
        (cell,), _ = bench(
            models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url}), [folder], tmp_path / "logs"
        )
    assert (cell.done, cell.failed, len(server.requests)) == (4, 1, 3)
    assert any("is missing" in row.get("error_message", "") for row in rows_of(folder, "m"))


HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J",
    "<script>alert(1)</script>",
    "\u202eright to left",
    "\0",
    "\ud800",
    "x" * 1_000_000,
)


@pytest.mark.parametrize("reply", HOSTILE, ids=["ANSI", "script", "bidi", "NUL", "surrogate", "1 MB"])
def test_hostile_replies_are_kept_as_they_are(reply: str, tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 2)
    with serving(lambda number, body: completion(reply)) as server:
        (cell,), _ = bench(
            models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url}), [folder], tmp_path / "logs"
        )
    assert {row["model_response"] for row in rows_of(folder, "m")} == {reply}
    assert (cell.state, cell.war) == ("done", 0.0)
    assert (tmp_path / "logs/m_toy.eval").exists()


# --- the budget ---


@pytest.mark.parametrize("most", [0, 1, 7, 30])
def test_no_more_requests_leave_than_allowed_over_all_models_and_runs(most: int, tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 12)

    def react(number: int, body: Body) -> Reaction:
        return refusal(500, "boom") if number % 3 == 0 else completion(GOOD)

    with serving(react) as one, serving(react) as two:
        models = models_file(
            tmp_path / "m.yaml", {"name": "a", "url": one.url}, {"name": "b", "url": two.url}
        )
        for _ in range(2):
            cells, spent = bench(models, [folder], tmp_path / "logs", BenchLimits(max_requests=most))
        sent = len(one.requests) + len(two.requests)
    assert sent == spent.requests == most
    assert all(
        cell.state == "stopped" and "the budget is spent" in cell.reason for cell in cells if cell.done < 12
    )
    assert sum(cell.done for cell in cells) >= most // 2


def test_money_is_never_overspent_and_what_was_under_way_in_a_kill_counts(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 12)
    price = {"in": 1000.0, "out": 1000.0, "picture_tokens": 100}
    with serving(good) as server:  # each reply costs 120 tokens, 0.12 USD; at most some 1.1 USD
        entry = {"name": "m", "url": server.url, "prices": price, "generation": {"max_tokens": 1000}}
        models = models_file(tmp_path / "m.yaml", entry)
        (cell,), spent = bench(models, [folder], tmp_path / "logs", BenchLimits(max_cost=1.6))
        assert spent.cost <= 1.6
        assert 0 < cell.done < 12
        assert spent.cost == pytest.approx(0.12 * cell.done)
        left = open_ledger(tmp_path / "logs" / NAME)
        left.sent({"model": "m", "id": "toy/x", "try": 1}, 1.0)
        left.close()
        again = open_ledger(tmp_path / "logs" / NAME)
        assert again.cost == pytest.approx(spent.cost + 1.0)
        again.close()


def test_a_wrong_image_root_is_no_models_fault(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 2)
    for picture in (folder / "data/faces").iterdir():
        picture.unlink()
    with (
        serving(good) as server,
        pytest.raises(InputError, match=r"none of its 2 images is there.*--image-root"),
    ):
        bench(models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url}), [folder], tmp_path / "logs")
    assert not server.requests


def test_a_budget_of_money_needs_prices(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 2)
    models = models_file(tmp_path / "m.yaml", {"name": "unpriced", "url": "http://127.0.0.1:9/v1"})
    with pytest.raises(InputError, match=r"no prices for unpriced"):
        bench(models, [folder], tmp_path / "logs", BenchLimits(max_cost=1.0))


def test_a_file_that_is_no_journal_is_refused_by_its_line(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"image_path": "a"}\n')
    with pytest.raises(InputError, match=rf"{NAME}:1: is no line of a benchmark's requests"):
        open_ledger(tmp_path / NAME)
