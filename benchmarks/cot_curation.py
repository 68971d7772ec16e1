"""Requests per second of CoT curation and of a plain load client against one real vLLM server.

Both send the same prompts and pictures over as many connections, greedily, and take turns; the median round
counts:

- `plain`: httpx alone, request bodies written beforehand, replies thrown away: the server's own throughput;
- `unifer`: `curate`, rows and image files in; decoded, encoded, logged, filtered, reports and manifest out.

The server keeps no prefix and no picture from round to round. Then a curation process is killed in the middle
and started again: no row that was kept or exhausted may be asked a second time.

    python -m benchmarks.cot_curation --model runs/quickstart/UniFER-Tiny --images 256
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.load_client import body, plain_rate
from unifer.append_log import AppendLog
from unifer.datasets import load_dataset
from unifer.dialogue import images
from unifer.models.api.budget import read_log
from unifer.models.server import ServerOptions, serving
from unifer.places import FERBENCH, QUICKSTART_MODEL
from unifer.prepare import corpus
from unifer.prepare.curation.curate import curate
from unifer.prepare.curation.filter import FilterSettings
from unifer.prepare.curation.outcome import log_path
from unifer.prepare.curation.plan import CurationLimits, CurationPlan, read_plan_rows
from unifer.prepare.curation.teachers import ApiTeacher, TeacherSpec
from unifer.progress import Advance

ROOT = Path(__file__).parents[1]
TARGET = 0.8
SERVED = "UniFER-Tiny"
WARM_UP = 24


@contextlib.contextmanager
def silent(total: int, done: int) -> Iterator[Advance]:
    yield lambda amount=1: None


def draw_rows(folder: Path, count: int) -> Path:
    """Reward rows over `count` freshly drawn faces."""
    specs = [load_dataset(ROOT / name) for name in FERBENCH]
    drawn = [
        corpus.emotional_face("curation", index, emotion)
        for index, emotion in enumerate(corpus.balanced(count))
    ]
    corpus.save_faces([(face, folder / corpus.image_name(face)) for face in drawn], workers=2)
    corpus.write_emotion_corpus(folder, drawn, specs)
    return folder / "rlvr.json"


def make_plan(
    rows: Path, url: str, out: Path, args: argparse.Namespace, limit: int | None = None
) -> CurationPlan:
    teacher = TeacherSpec(SERVED, url=url, max_tokens=args.max_tokens, max_connections=args.connections)
    settings = FilterSettings(repeats=None)
    return CurationPlan(
        rows, read_plan_rows(rows, limit, None), out, teacher, settings, attempts=1, temperature=0.0
    )


def bodies(plan: CurationPlan) -> list[bytes]:
    """The very requests that `curate` sends, made beforehand."""
    teacher = ApiTeacher(plan.teacher)
    made = []
    for row in plan.rows:
        picture = teacher.picture(images.resolve(row.image_path, None, plan.rows_file.parent), row.image_path)
        made.append(body(SERVED, picture, plan.prompt(row, ()), plan.teacher.max_tokens))
    return made


def unifer_rate(plan: CurationPlan) -> float:
    started = time.perf_counter()
    summary = curate(plan, CurationLimits(retries=0), silent)
    seconds = time.perf_counter() - started
    assert summary.replies == len(plan.rows), summary
    return len(plan.rows) / seconds


def killed_and_resumed(rows: Path, url: str, out: Path, args: argparse.Namespace) -> dict[str, int]:
    """Kill `unifer data cot` once a third of its rows are answered, run it to its end, and count rows asked
    again without need.
    """
    command = [
        sys.executable,
        "-m",
        "unifer",
        "data",
        "cot",
        str(rows),
        "--teacher",
        url,
        "--model",
        SERVED,
        "--out",
        str(out),
    ]
    command += [
        "--attempts",
        "1",
        "--max-tokens",
        str(args.max_tokens),
        "--min-au-f1",
        "0",
        "--min-length",
        "1",
        "--repeats",
        "0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    while process.poll() is None and len(replies(out)) < args.images // 3:
        time.sleep(0.05)
    process.kill()
    process.wait()
    AppendLog(log_path(out)).close()
    before = replies(out)
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, check=False)
    asked = [line["id"] for _, line in read_log(log_path(out)) if line["event"] == "reply"]
    return {
        "answered_before_the_kill": len(before),
        "answered": len(set(asked)),
        "asked_again": len(asked) - len(set(asked)),
    }


def replies(out: Path) -> list[str]:
    path = log_path(out)
    whole = path.read_text().rpartition("\n")[0].split("\n") if path.exists() else []
    return [line for line in whole if '"event": "reply"' in line]


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    rows = draw_rows(folder, args.images)
    options = ServerOptions(
        args.model, dtype="float32", max_model_len=2048, args=("--no-enable-prefix-caching",)
    )
    with serving(options, SERVED, folder / "server.log") as server:
        url = server.url
        requests = bodies(make_plan(rows, url, folder / "unused.json", args))
        plain_rate(url, requests[:WARM_UP], args.connections)
        unifer_rate(make_plan(rows, url, folder / "warm.json", args, WARM_UP))
        rounds = []
        for number in range(args.rounds):
            plain = plain_rate(url, requests, args.connections)
            rounds.append((plain, unifer_rate(make_plan(rows, url, folder / f"round-{number}.json", args))))
            print(
                f"round {number}: plain {rounds[-1][0]:.2f}/s, unifer {rounds[-1][1]:.2f}/s",
                file=sys.stderr,
                flush=True,
            )
        resumed = killed_and_resumed(rows, url, folder / "killed.json", args)
    plain, ours = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    ratio = statistics.median(unifer / other for other, unifer in rounds)
    found = {
        "requests": args.images,
        "requests_per_second": {"plain": plain, "unifer": ours},
        "rounds": rounds,
    }
    return found | {"unifer_over_plain": ratio, "target": TARGET, "killed_and_resumed": resumed}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=QUICKSTART_MODEL, help="checkpoint folder")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=96)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(parser.parse_args(), Path(folder)), indent=2))


if __name__ == "__main__":
    main()
