"""`unifer bench` as people run it: stopped in the middle, typed wrong, tried dry."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai", reason="comes with the full environment")

from tests.api_server import Body, Reaction, completion, serving
from tests.evaluate.bench.benched import GOOD, asked_about, dataset, good, models_file, rows_of
from unifer.cli import main

ROOT = Path(__file__).parents[3]


# --- killed and stopped ---


class Gate:
    """Answers the first requests, then holds all others until it is opened."""

    def __init__(self, free: int) -> None:
        self.free, self.opened, self.held = free, threading.Event(), threading.Event()

    def __call__(self, number: int, body: Body) -> Reaction:
        if number > self.free and not self.opened.is_set():
            self.held.set()
            self.opened.wait(600)
        return completion(GOOD)


def command(models: Path, folder: Path, log_dir: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "unifer",
        "bench",
        "--models",
        str(models),
        "--datasets",
        str(folder),
        "--log-dir",
        str(log_dir),
    ]


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT], ids=["killed", "Ctrl-C"])
def test_stopped_in_the_middle_it_goes_on_and_asks_nothing_twice(by: signal.Signals, tmp_path: Path) -> None:
    folder = dataset(tmp_path / "eval_toy", 12)
    gate = Gate(5)
    with serving(gate) as server:
        models = models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url, "max_connections": 1})
        process = subprocess.Popen(
            command(models, folder, tmp_path / "logs"), cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        assert gate.held.wait(600), "a busy machine takes its time to start"
        process.send_signal(by)
        _, said = process.communicate(timeout=600)
        answered = {row["prompt"] for row in rows_of(folder, "m")}
        gate.opened.set()
        before = len(server.requests)
        again = main(command(models, folder, tmp_path / "logs")[3:])
        later = asked_about(server.requests[before:])
    assert len(answered) == 5
    if by == signal.SIGINT:
        assert process.returncode == 130
        assert "5 of 12 questions have their answer on disk" in said
    assert again == 0
    assert not answered & later.keys()
    assert set(later.values()) == {1}
    assert len(rows_of(folder, "m")) == 12


# --- the command ---


Said = pytest.CaptureFixture[str]


def run(said: Said, *arguments: str | Path) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    status = main(["bench", *map(str, arguments)])
    return status, *said.readouterr()


def test_a_lost_model_makes_the_exit_status_one_and_stands_in_the_table(tmp_path: Path, capsys: Said) -> None:
    folder = dataset(tmp_path / "eval_toy", 4)
    with serving(good) as server:
        models = models_file(
            tmp_path / "m.yaml",
            {"name": "m", "url": server.url},
            {"name": "gone", "url": "http://127.0.0.1:9/v1"},
        )
        status, out, errors = run(
            capsys, "--models", models, "--datasets", folder, "--log-dir", tmp_path / "logs"
        )
    assert status == 1
    assert "gone (toy): http://127.0.0.1:9/v1: no connection" in out
    assert "m on toy, done: 4 of 4" in errors
    assert "inspect view" in out


def test_a_dry_run_says_requests_and_cost_and_sends_nothing(tmp_path: Path, capsys: Said) -> None:
    folder = dataset(tmp_path / "eval_toy", 4)
    with serving(good) as server:
        price = {"in": 1000.0, "out": 0.0, "picture_tokens": 482}
        models = models_file(tmp_path / "m.yaml", {"name": "m", "url": server.url, "prices": price})
        status, out, _ = run(
            capsys, "--models", models, "--datasets", folder, "--log-dir", tmp_path / "logs", "--dry-run"
        )
        assert not server.requests
    assert status == 0
    assert out.splitlines()[-1].split() == ["all", "4", "2.00"]
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--max-requests", "-1"], "--max-requests -1 must not be negative"),
        (["--image-root", "nowhere"], "--image-root nowhere: no such folder"),
        (["--datasets", "nowhere"], "nowhere: no such folder; a dataset folder holds dataset.yaml"),
        (["--models-only", "GPT4o"], "did you mean 'GPT-4o'?"),
        (["--models", "nowhere.yaml"], "nowhere.yaml: no such file"),
    ],
)
def test_what_the_user_typed_wrong_is_said_before_anything_is_asked(
    flags: list[str], says: str, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    status, _, errors = run(capsys, "--sample", "--dry-run", *flags)
    assert status == 2
    assert says in errors
