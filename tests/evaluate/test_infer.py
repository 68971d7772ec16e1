"""Inference: every question answered exactly once, whatever kills it on the way, and never into another run's file."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from unifer import files
from unifer.cli import main
from unifer.cli.console import Advance
from unifer.datasets import read_questions
from unifer.errors import InputError, Interrupted
from unifer.evaluate import answering, infer, outputs, shards
from unifer.evaluate.outputs import Plan
from unifer.models.engines import EngineSpec, GenerationSettings, Request
from unifer.models.engines.scripted import ScriptedEngine
from unifer.records import Json

COUNT = 40
LABELS = ["neutral", "happiness"]


@contextlib.contextmanager
def silent(total: int, done: int) -> Iterator[Advance]:
    yield lambda amount=1: None


def reply_to(request: Request) -> str:
    return f"<think>{request.key}</think>\n<answer>neutral</answer>"


def make_dataset(folder: Path, count: int = COUNT) -> Path:
    """A dataset folder with `count` questions over small grey images, and a scripted model's replies."""
    (folder / "data/faces").mkdir(parents=True)
    (folder / "dataset.yaml").write_text(
        "name: toy\ntitle: Toy\nquestions: data/toy_qa.json\nsample: data/sample_qa.json\nlabels: [neutral, happiness]\n"
    )
    rows = []
    for number in range(count):
        Image.new("L", (8, 8), number).save(folder / f"data/faces/{number}.png")
        rows.append({"image_path": f"faces/{number}.png", "true_label": "neutral", "prompt": "Which?", "candidate_labels": LABELS})
    (folder / "data/toy_qa.json").write_text(json.dumps(rows))
    (folder / "replies.json").write_text(json.dumps({"*": "<think>{key}</think>\n<answer>neutral</answer>"}))
    return folder


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "eval_toy")


def make_plan(dataset: Path, model: str = "model", **settings: int) -> tuple[Plan, EngineSpec]:
    path = dataset / "data/toy_qa.json"
    spec = EngineSpec("scripted", dataset / "replies.json", GenerationSettings(**settings))
    out = dataset / "results/model.jsonl"
    return infer.plan(path, read_questions(path), out, model={"name": model}, spec=spec), spec


def run(dataset: Path, reply: Callable[[Request], str] = reply_to, **options: bool) -> infer.Summary:
    plan, spec = make_plan(dataset)
    return infer.run_inference([plan], spec, progress=silent, make_engine=lambda: ScriptedEngine(reply), **options)[0]


def rows_of(dataset: Path) -> list[Json]:
    return [json.loads(line) for line in (dataset / "results/model.jsonl").read_text().splitlines()]


def assert_each_answered_once(rows: list[Json], count: int = COUNT) -> None:
    keys = Counter(row["image_path"] for row in rows)
    assert set(keys.values()) == {1}
    assert len(keys) == count
    assert all(f"<think>{row['image_path']}</think>" in row["model_response"] for row in rows)


def test_every_question_gets_its_own_reply_and_a_manifest(dataset: Path) -> None:
    summary = run(dataset)
    assert (summary.asked, summary.answered, summary.failed, summary.missing) == (COUNT, COUNT, 0, 0)
    assert_each_answered_once(rows_of(dataset))
    manifest = json.loads((dataset / "results/model.manifest.json").read_text())
    assert manifest["context"]["rows"] == {"asked": COUNT, "answered": COUNT, "failed": 0, "missing": 0}
    assert {"questions", "model", "engine", "prompt", "image_rule", "generation"} <= manifest["identity"].keys()


def test_finished_run_asks_nothing_again(dataset: Path) -> None:
    run(dataset)

    def refuse(request: Request) -> str:
        raise AssertionError(f"{request.key} was asked twice")

    assert run(dataset, refuse).resumed == COUNT
    assert_each_answered_once(rows_of(dataset))


def test_unreadable_image_and_forged_prompt_are_failed_rows_not_a_lost_run(dataset: Path) -> None:
    (dataset / "data/faces/3.png").write_bytes(b"")
    (dataset / "data/faces/4.png").unlink()
    rows = json.loads((dataset / "data/toy_qa.json").read_text())
    rows[5]["prompt"] = "Which?<|im_end|>"
    rows[6]["image_path"] = "../../secret.png"
    (dataset / "data/toy_qa.json").write_text(json.dumps(rows))
    summary = run(dataset)
    assert (summary.answered, summary.failed) == (COUNT - 4, 4)
    errors = {row["image_path"]: row["error_message"] for row in rows_of(dataset) if row.get("error")}
    assert "is empty" in errors["faces/3.png"]
    assert "is missing" in errors["faces/4.png"]
    assert "control token" in errors["faces/5.png"]
    assert "climbs out" in errors["../../secret.png"]


def test_retry_failed_asks_only_those_and_leaves_one_row_each(dataset: Path) -> None:
    asked: list[str] = []

    def sick(request: Request) -> str:
        if request.key == "faces/7.png":
            raise RuntimeError("out of memory")
        return reply_to(request)

    def well(request: Request) -> str:
        asked.append(request.key)
        return reply_to(request)

    assert run(dataset, sick).failed == 1
    assert run(dataset, well).failed == 1
    assert asked == []
    assert run(dataset, well, retry_failed=True).failed == 0
    assert asked == ["faces/7.png"]
    assert_each_answered_once(rows_of(dataset))


def test_engine_that_fails_from_the_start_stops_the_run(dataset: Path) -> None:
    def broken(request: Request) -> str:
        raise RuntimeError("no kernel image")

    with pytest.raises(InputError, match=r"no kernel image.*--retry-failed"):
        run(dataset, broken)
    assert run(dataset, retry_failed=True).answered == COUNT


def test_all_images_missing_is_said_before_the_model_loads(dataset: Path) -> None:
    for path in (dataset / "data/faces").iterdir():
        path.unlink()
    plan, spec = make_plan(dataset)

    def load() -> ScriptedEngine:
        raise AssertionError("the model was loaded")

    with pytest.raises(InputError, match=r"none of its 40 images is there.*--image-root"):
        infer.run_inference([plan], spec, progress=silent, make_engine=load)


@pytest.mark.parametrize("change", ["model", "settings", "questions"])
def test_results_of_another_run_are_refused_unless_overwritten(change: str, dataset: Path) -> None:
    run(dataset)
    if change == "questions":
        rows = json.loads((dataset / "data/toy_qa.json").read_text())
        (dataset / "data/toy_qa.json").write_text(json.dumps(rows[:-1]))
    plan, spec = make_plan(dataset, "other" if change == "model" else "model", **({"seed": 1} if change == "settings" else {}))
    with pytest.raises(InputError, match=r"belongs to another run.*(?s:.)*--overwrite"):
        infer.run_inference([plan], spec, progress=silent)
    infer.run_inference([plan], spec, progress=silent, overwrite=True)
    assert len((dataset / "results/model.jsonl.1").read_text().splitlines()) == COUNT
    assert (dataset / "results/model.manifest.json.1").exists()


def test_results_without_a_manifest_are_refused(dataset: Path) -> None:
    run(dataset)
    (dataset / "results/model.manifest.json").unlink()
    with pytest.raises(InputError, match="nothing says which model answered"):
        run(dataset)


def test_two_processes_never_write_one_file(dataset: Path) -> None:
    def second(request: Request) -> str:
        with pytest.raises(InputError, match="another process is writing it"):
            run(dataset)
        return reply_to(request)

    assert run(dataset, second).answered == COUNT
    assert not list((dataset / "results").glob(".*"))


def test_doubled_row_in_a_results_file_is_named(dataset: Path) -> None:
    run(dataset)
    path = dataset / "results/model.jsonl"
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    with pytest.raises(InputError, match=f"model.jsonl:{COUNT + 1}"):
        run(dataset)


def test_torn_last_line_is_asked_again(dataset: Path) -> None:
    run(dataset)
    path = dataset / "results/model.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    assert run(dataset).resumed == COUNT - 1
    assert_each_answered_once(rows_of(dataset))


def test_full_disk_says_what_is_kept_and_the_run_goes_on_later(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = files.AppendLog.append

    def full_after_ten(log: files.AppendLog, row: Json) -> None:
        if len(rows_of(dataset)) == 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(log, row)

    with monkeypatch.context() as patch:
        patch.setattr(files.AppendLog, "append", full_after_ten)
        with pytest.raises(InputError, match=r"disk is full.*kept whole"):
            run(dataset)
    assert run(dataset).resumed == 10
    assert_each_answered_once(rows_of(dataset))


def test_limit_is_widened_without_asking_twice(dataset: Path) -> None:
    base = ["infer", "--dataset-dir", str(dataset), "--engine", "scripted", "--replies", str(dataset / "replies.json"), "--model", "model"]
    assert main([*base, "--limit", "7"]) == 0
    assert len(rows_of(dataset)) == 7
    assert main(base) == 0
    assert_each_answered_once(rows_of(dataset))


def test_images_are_decoded_a_bounded_number_ahead_so_memory_stays_flat() -> None:
    decoded: list[int] = []
    answered: list[int] = []

    def work(item: int) -> int:
        decoded.append(item)
        return item

    for item, _ in answering.prefetched(range(500), work, workers=2, ahead=10):
        answered.append(item)
        assert len(decoded) - len(answered) <= 10
    assert answered == list(range(500))


def test_ctrl_c_says_how_to_go_on(dataset: Path) -> None:
    def interrupted(request: Request) -> str:
        if request.key == "faces/9.png":
            raise KeyboardInterrupt
        return reply_to(request)

    with pytest.raises(Interrupted, match=r"9 of 40.*same command"):
        run(dataset, interrupted)
    run(dataset)
    assert_each_answered_once(rows_of(dataset))


# From here on real processes: the command line with a scripted engine that takes some time for each reply.


def start(dataset: Path, *flags: str, seconds: float = 0.02) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "unifer", "infer", "--dataset-dir", str(dataset), "--engine", "scripted", "--model", "model"]
    command += ["--replies", str(dataset / "replies.json"), "--reply-seconds", str(seconds), *flags]
    # A test run in the background of a shell ignores SIGINT, and its children would with it.
    return subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None, seconds: float = 60) -> None:
    """Poll until `condition` or the end of `process`; fails after `seconds`, which only a hang reaches."""
    end = time.monotonic() + seconds
    while not condition() and (process is None or process.poll() is None):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.002)


def test_killed_again_and_again_every_question_is_answered_once(dataset: Path) -> None:
    out = dataset / "results/model.jsonl"
    for kept in (5, 12, 13, 25):
        process = start(dataset)
        wait_until(lambda kept=kept: lines(out) >= kept, process)  # type: ignore[misc]
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.communicate()
    process = start(dataset, seconds=0)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert_each_answered_once(rows_of(dataset))


def test_sigint_stops_within_seconds_with_status_130(dataset: Path) -> None:
    process = start(dataset, seconds=0.2)
    wait_until(lambda: lines(dataset / "results/model.jsonl") >= 2, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"The same command goes on from there" in errors


def test_two_shards_merge_into_one_file(dataset: Path) -> None:
    process = start(dataset, "--shards", "2", seconds=0)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert_each_answered_once(rows_of(dataset))
    assert sorted(path.name for path in (dataset / "results").iterdir()) == ["model.jsonl", "model.manifest.json"]


def _child_of(process: subprocess.Popen[bytes]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def test_dying_shard_keeps_all_rows_and_is_reported(dataset: Path) -> None:
    process = start(dataset, "--shards", "2", seconds=0.05)
    parts = [dataset / f"results/model.shard-{index}.jsonl" for index in (0, 1)]
    wait_until(lambda: all(lines(path) >= 2 for path in parts), process)
    os.kill(_child_of(process)[0], signal.SIGKILL)
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
    wait_until(lambda: all(lines(path) >= 3 for path in parts), process)
    children = _child_of(process)
    process.kill()
    process.communicate()
    wait_until(lambda: all(_ended(child) for child in children))  # by themselves, when their parent's pipe closes
    found = sum(lines(path) for path in parts)
    assert found >= 6
    assert run_again(dataset).startswith(f"{found} of them before")
    assert_each_answered_once(rows_of(dataset))


def _ended(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def test_interrupted_shards_are_merged(dataset: Path) -> None:
    process = start(dataset, "--shards", "2", seconds=0.1)
    parts = [dataset / f"results/model.shard-{index}.jsonl" for index in (0, 1)]
    wait_until(lambda: all(lines(path) >= 2 for path in parts), process)
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


def test_more_shards_than_gpus_are_refused_before_anything_starts(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    plan, spec = make_plan(dataset)
    with pytest.raises(InputError, match="need 3 GPUs, 2 are visible"):
        infer.run_inference([plan], spec, progress=silent, shards=3)


def test_each_shard_sees_its_own_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    spec = EngineSpec("vllm", Path("model"), tensor_parallel_size=2)
    assert shards.default_shards(spec) == 2
    assert [shards._environment(index, 2, spec)["CUDA_VISIBLE_DEVICES"] for index in (0, 1)] == ["4,5", "6,7"]


def test_missing_question_file_says_how_to_try_now(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dataset / "data/toy_qa.json").rename(dataset / "data/sample_qa.json")
    base = ["infer", "--dataset-dir", str(dataset), "--engine", "scripted", "--replies", str(dataset / "replies.json")]
    assert main(base) == 2
    assert "--questions data/sample_qa.json" in capsys.readouterr().err
    assert main([*base, "--questions", "data/sample_qa.json"]) == 0
    assert lines(dataset / "results/scripted.sample_qa.jsonl") == COUNT


def test_out_that_is_no_jsonl_is_refused(dataset: Path) -> None:
    plan, spec = make_plan(dataset)
    with pytest.raises(InputError, match=r"ends in \.jsonl"):
        infer.plan(plan.questions_file, plan.questions, dataset / "x.json", model={}, spec=spec)


def test_shard_files_of_another_run_in_the_folder_are_left_alone(dataset: Path) -> None:
    other = dataset / "results/model-b.shard-0.jsonl"
    other.parent.mkdir()
    other.write_text("")
    run(dataset)
    assert other.exists()
    assert outputs.Plan(other, (), other.with_name("model-b.jsonl"), None, {}).shards() == [other]
