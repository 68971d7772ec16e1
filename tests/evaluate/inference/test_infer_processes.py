"""Inference killed, interrupted and in several processes: no answer lost, none doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from benchmarks.watching import descendants, still_running, wait_until
from tests.evaluate.asked import (
    COUNT,
    assert_each_answered_once,
    lines,
    make_dataset,
    make_plan,
    reply_to,
    rows_of,
    run,
    silent,
)
from unifer.errors import InputError
from unifer.evaluate.inference import infer, outputs, shards
from unifer.models.engines import EngineSpec, Reply, Request
from unifer.models.engines.scripted import ScriptedEngine


def start(dataset: Path, *flags: str, seconds: float = 0.02) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "unifer",
        "infer",
        "--dataset-dir",
        str(dataset),
        "--engine",
        "scripted",
        "--model",
        "model",
    ]
    command += ["--replies", str(dataset / "replies.json"), "--reply-seconds", str(seconds), *flags]
    # A test run in the background of a shell ignores SIGINT, and its children would with it.
    return subprocess.Popen(
        command, stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    )


def until(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    """Wait for `condition`, or for the end of `process`, after which it will not come."""
    wait_until(lambda: condition() or process.poll() is not None, 60)


def test_killed_again_and_again_every_question_is_answered_once(dataset: Path) -> None:
    out = dataset / "results/model.jsonl"
    for kept in (5, 12, 13, 25):
        process = start(dataset)
        until(process, lambda kept=kept: lines(out) >= kept)  # type: ignore[misc]
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.communicate()
    process = start(dataset, seconds=0)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert_each_answered_once(rows_of(dataset))


def test_sigint_stops_within_seconds_with_status_130(dataset: Path) -> None:
    process = start(dataset, seconds=0.2)
    until(process, lambda: lines(dataset / "results/model.jsonl") >= 2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"The same command goes on from there" in errors


def test_two_shards_merge_into_one_file(dataset: Path) -> None:
    process = start(dataset, "--shards", "2", seconds=0)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert_each_answered_once(rows_of(dataset))
    assert sorted(path.name for path in (dataset / "results").iterdir()) == [
        "model.jsonl",
        "model.manifest.json",
    ]


def test_dying_shard_keeps_all_rows_and_is_reported(dataset: Path) -> None:
    process = start(dataset, "--shards", "2", seconds=0.05)
    parts = [dataset / f"results/model.shard-{index}.jsonl" for index in (0, 1)]
    until(process, lambda: all(lines(path) >= 2 for path in parts))
    os.kill(descendants(process.pid)[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"number 0 was killed by signal 9" in errors
    kept = len(rows_of(dataset))
    assert COUNT // 2 + 2 <= kept < COUNT
    assert not any(path.exists() for path in parts)
    assert run_again(dataset).startswith(f"{kept} of them before")
    assert_each_answered_once(rows_of(dataset))


def run_again(dataset: Path, *flags: str) -> str:
    process = start(dataset, *flags, seconds=0)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return errors.decode().split("answered, ")[-1]


def test_rows_of_shards_whose_parent_was_killed_are_adopted(dataset: Path) -> None:
    process = start(dataset, "--shards", "2", seconds=0.05)
    parts = [dataset / f"results/model.shard-{index}.jsonl" for index in (0, 1)]
    until(process, lambda: all(lines(path) >= 3 for path in parts))
    children = descendants(process.pid)
    process.kill()
    process.communicate()
    assert still_running(children, 60) == [], "they end by themselves, when their parent's pipe closes"
    found = sum(lines(path) for path in parts)
    assert found >= 6
    assert run_again(dataset).startswith(f"{found} of them before")
    assert_each_answered_once(rows_of(dataset))


def test_interrupted_shards_are_merged(dataset: Path) -> None:
    process = start(dataset, "--shards", "2", seconds=0.1)
    parts = [dataset / f"results/model.shard-{index}.jsonl" for index in (0, 1)]
    until(process, lambda: all(lines(path) >= 2 for path in parts))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, lines(dataset / "results/model.jsonl") >= 4) == (130, True), errors
    assert not any(path.exists() for path in parts)


def test_several_folders_share_one_engine(dataset: Path, tmp_path: Path) -> None:
    other = make_dataset(tmp_path / "eval_other", count=3)
    plans = [make_plan(folder)[0] for folder in (dataset, other)]
    loads: list[str] = []

    def load() -> ScriptedEngine:
        loads.append("engine")
        return ScriptedEngine(reply_to)

    first, second = infer.run_inference(plans, make_plan(dataset)[1], progress=silent, make_engine=load)
    assert (first.answered, second.answered, loads) == (COUNT, 3, ["engine"])


def test_folders_whose_keys_differ_are_one_stream_and_each_row_finds_its_file(
    dataset: Path, tmp_path: Path
) -> None:
    """Between two streams the engine runs empty, and fills with a burst that costs memory."""
    other = make_dataset(tmp_path / "eval_other", count=3)
    path = other / "data/toy_qa.json"
    path.write_text(
        json.dumps(
            [row | {"id": f"other-{number}"} for number, row in enumerate(json.loads(path.read_text()))]
        )
    )
    streams: list[int] = []

    class Counting(ScriptedEngine):
        def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
            streams.append(1)
            return super().stream(requests)

    plans = [make_plan(folder)[0] for folder in (dataset, other)]
    infer.run_inference(plans, make_plan(dataset)[1], progress=silent, make_engine=lambda: Counting(reply_to))
    assert streams == [1]
    assert_each_answered_once(rows_of(dataset))
    assert sorted(row["id"] for row in rows_of(other)) == ["other-0", "other-1", "other-2"]


def test_more_shards_than_gpus_are_refused_before_anything_starts(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    plan, spec = make_plan(dataset)
    with pytest.raises(InputError, match="need 3 GPUs, 2 are visible"):
        infer.run_inference([plan], spec, progress=silent, shards=3)


def test_each_shard_sees_its_own_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    spec = EngineSpec("vllm", Path("model"), tensor_parallel_size=2)
    assert shards.default_shards(spec) == 2
    assert [shards._environment(index, 2, spec)["CUDA_VISIBLE_DEVICES"] for index in (0, 1)] == ["4,5", "6,7"]


def test_shard_files_of_another_run_in_the_folder_are_left_alone(dataset: Path) -> None:
    other = dataset / "results/model-b.shard-0.jsonl"
    other.parent.mkdir()
    other.write_text("")
    run(dataset)
    assert other.exists()
    assert outputs.AnswerPlan(other, (), other.with_name("model-b.jsonl"), None, {}).shards() == [other]
