"""SIGKILL an inference run at random moments, resume it each time, and check the file it leaves.

Each kill hits a fresh process somewhere between its start and the end of its work; a run that finishes
unharmed is started anew in the next file. At the end of every run: each question answered exactly once, no
torn line, the same replies as an uninterrupted run.

    python benchmarks/kill_resume.py --kills 200 python benchmarks/kill_resume.py --kills 200 --engine vllm
    --model runs/quickstart/UniFER-Tiny python benchmarks/kill_resume.py --kills 20 --engine vllm --processes
    --shards 2 --victim either --questions 24   # as on GPUs

With `--processes` vLLM's engine is a process of its own. After each kill nothing that the command had started
may run ten seconds later.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.watching import descendants, still_running  # noqa: E402
from unifer.places import QUICKSTART_MODEL  # noqa: E402

_LATER = 10.0


def command(args: argparse.Namespace, folder: Path, out: Path, slow: bool) -> list[str]:
    base = [
        sys.executable,
        "-m",
        "unifer",
        "infer",
        "--dataset-dir",
        str(args.dataset),
        "--questions",
        str(folder / "questions.json"),
    ]
    base += [
        "--image-root",
        str(folder),
        "--out",
        str(out),
        "--engine",
        args.engine,
        "--shards",
        str(args.shards),
    ]
    if args.engine == "scripted":
        return [
            *base,
            "--replies",
            str(folder / "replies.json"),
            "--reply-seconds",
            str(args.reply_seconds if slow else 0),
        ]
    return [*base, "--model", args.model, "--max-new-tokens", "128", "--batch-size", "8"]


def make_questions(args: argparse.Namespace, folder: Path) -> None:
    """Copies of the dataset's sample questions, each with its own image, until there are enough."""
    from PIL import Image

    from unifer.datasets import load_dataset
    from unifer.questions import read_questions

    spec = load_dataset(args.dataset)
    samples = read_questions(spec.samples)
    rows = []
    for number in range(args.questions):
        sample = samples[number % len(samples)]
        with Image.open(spec.samples.parent / sample.image_path) as image:
            image.save(folder / f"{number}.png")
        rows.append(sample.to_json() | {"image_path": f"{number}.png", "id": f"q{number}"})
    (folder / "questions.json").write_text(json.dumps(rows))
    (folder / "replies.json").write_text(
        json.dumps({"*": "<think>about {key}</think>\n<answer>neutral</answer>"})
    )


def replies_in(out: Path, questions: int) -> dict[str, str]:
    """Key -> reply of a finished file. Fails on a torn line, a question answered twice, and one left out."""
    raw = out.read_bytes()
    assert raw.endswith(b"\n"), f"{out}: torn last line"
    rows: list[dict[str, Any]] = [json.loads(line) for line in raw.splitlines()]
    counts = Counter(row["id"] for row in rows)
    doubled = [key for key, count in counts.items() if count > 1]
    assert not doubled, f"{out}: answered twice: {doubled[:5]}"
    assert len(counts) == questions, f"{out}: {len(counts)} of {questions} questions answered"
    assert not any(row.get("error") for row in rows), f"{out}: failed rows"
    return {row["id"]: row["model_response"] for row in rows}


def finish(args: argparse.Namespace, folder: Path, out: Path) -> dict[str, str]:
    subprocess.run(command(args, folder, out, slow=False), check=True, stderr=subprocess.DEVNULL)
    leftovers = [path.name for path in out.parent.iterdir() if ".shard-" in path.name]
    assert not leftovers, leftovers
    return replies_in(out, args.questions)


def kill(process: subprocess.Popen[bytes], victim: str, chance: random.Random) -> int:
    """SIGKILL the first process that the command started, then it, or it alone; how many of those below run
    `_LATER` seconds later.
    """
    started = descendants(process.pid)
    left = 0
    if started and (victim == "child" or (victim == "either" and chance.random() < 0.5)):
        below = descendants(started[0])
        os.kill(started[0], signal.SIGKILL)
        left += len(still_running(below, _LATER))
    process.kill()
    process.wait()
    return left + len(still_running(started, _LATER))


def kill_many(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    started = time.perf_counter()
    expected = finish(args, folder, folder / "whole.jsonl")
    span = args.span or time.perf_counter() - started + args.questions * args.reply_seconds / args.shards
    moments = random.Random(args.seed)
    killed = midway = finished = run = orphans = 0
    while killed < args.kills:
        out = folder / f"run-{run}.jsonl"
        process = subprocess.Popen(command(args, folder, out, slow=True), stderr=subprocess.DEVNULL)
        try:
            process.wait(moments.uniform(0, span))
        except subprocess.TimeoutExpired:
            orphans += kill(process, args.victim, moments)
            killed += 1
            midway += out.exists() and 0 < out.read_bytes().count(b"\n") < args.questions
            print(f"\r{killed} kills, {finished} files whole", end="", file=sys.stderr, flush=True)
            continue
        assert process.returncode == 0, f"resume ended with status {process.returncode}"
        assert replies_in(out, args.questions) == expected, "replies differ from the uninterrupted run"
        finished, run = finished + 1, run + 1
    assert finish(args, folder, folder / f"run-{run}.jsonl") == expected, (
        "replies differ from the uninterrupted run"
    )
    print(file=sys.stderr)
    seconds = round(time.perf_counter() - started, 1)
    return {
        "kills": killed,
        "running_later": orphans,
        "with_rows_to_keep": midway,
        "files": finished + 1,
        "questions": args.questions,
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--engine", default="scripted", choices=("scripted", "transformers", "vllm"))
    parser.add_argument("--model", default=QUICKSTART_MODEL)
    parser.add_argument("--dataset", type=Path, default=ROOT / "eval_rafdb")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument(
        "--victim",
        choices=("parent", "child", "either"),
        default="parent",
        help="the command, or a worker of it",
    )
    parser.add_argument(
        "--processes", action="store_true", help="vllm: its engine in a process of its own, as on GPUs"
    )
    parser.add_argument("--reply-seconds", type=float, default=0.005, help="scripted: time each reply takes")
    parser.add_argument(
        "--span",
        type=float,
        help="latest moment of a kill, seconds after start (default: how long a whole run takes)",
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.processes:
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        make_questions(args, Path(folder))
        print(json.dumps(kill_many(args, Path(folder))))


if __name__ == "__main__":
    main()
