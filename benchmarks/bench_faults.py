"""500 injected faults over 1,000 questions: `unifer bench` must answer every question once, lose none and
double none.

Half of the questions meet one fault each before they are answered: too many requests with and without
`Retry-After`, a server error, a timeout, a connection cut in the middle of a reply, garbage. Waits are the
real ones.

    python -m benchmarks.bench_faults --questions 1000 --faults 500
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from tests.api_server import Body, Reaction, completion, prompt_of, refusal, serving
from unifer import files
from unifer.datasets import load_dataset
from unifer.evaluate.bench.asking import NAME
from unifer.evaluate.bench.cells import BenchCell, make_cells, read_datasets
from unifer.evaluate.bench.entries import ModelEntry
from unifer.evaluate.bench.running import Bench, run_bench

LABELS = ("neutral", "happiness")
FAULTS = ("429 with Retry-After", "429", "500", "timeout", "cut connection", "garbage")
TIMEOUT = 2.0


def make_dataset(folder: Path, count: int) -> Path:
    """Questions that can be told apart by their prompts, over one small picture."""
    (folder / "data").mkdir(parents=True)
    Image.new("RGB", (112, 112), "gray").save(folder / "data/face.png")
    row = {"image_path": "face.png", "true_label": "neutral", "candidate_labels": list(LABELS)}
    files.write_rows(
        folder / "data/qa.json",
        [row | {"id": f"q{number}", "prompt": f"Question {number}: which?"} for number in range(count)],
    )
    (folder / "dataset.yaml").write_text(
        f"name: toy\ntitle: Toy\nquestions: data/qa.json\nlabels: [{', '.join(LABELS)}]\n"
    )
    return folder


class Faulty:
    """Reacts to the first request of each chosen question with its fault, then answers."""

    def __init__(self, count: int, faults: int) -> None:
        chosen = random.Random(0).sample(range(count), faults)
        self.plan = {
            f"Question {number}: which?": FAULTS[index % len(FAULTS)] for index, number in enumerate(chosen)
        }
        self.injected: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, number: int, body: Body) -> Reaction:
        prompt = prompt_of(body)
        good = completion(f"<think>{prompt}</think>\n<answer>neutral</answer>")
        with self._lock:
            fault = self.plan.pop(prompt, None)
            if fault is None:
                self.answered[prompt] += 1
                return good
            self.injected[fault] += 1
        return {
            "429 with Retry-After": refusal(429, "slow down", {"Retry-After": "0.2"}),
            "429": refusal(429, "slow down"),
            "500": refusal(500, "boom"),
            "timeout": Reaction(hangs=True),
            "cut connection": Reaction(body=good.body[:60], promised=500),
            "garbage": Reaction(body="<html>Bad gateway</html>"),
        }[fault]


@contextlib.contextmanager
def unseen(cells: Sequence[BenchCell]) -> Iterator[None]:
    yield


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    dataset = make_dataset(folder / "toy", args.questions)
    faulty = Faulty(args.questions, args.faults)
    with serving(faulty) as server:
        entry = ModelEntry(
            "m", "m", url=server.url, served="m", max_connections=args.connections, timeout=TIMEOUT
        )
        (cell,) = make_cells([entry], read_datasets([load_dataset(dataset)], sample=False, limit=None), None)
        started = time.perf_counter()
        spent = run_bench(Bench([cell], folder / "logs"), unseen)
        seconds = time.perf_counter() - started
        sent = len(server.requests)
    rows = [row for _, row in files.read_rows(dataset / "results/m.jsonl")]
    keys = Counter(row["id"] for row in rows)
    mine = sum(
        row["model_response"].startswith(f"<think>{row['prompt']}<") for row in rows if not row.get("error")
    )
    journal = Counter(line["event"] for _, line in files.read_rows(folder / "logs" / NAME))
    return {
        "questions": args.questions,
        "injected": dict(faulty.injected),
        "faults": faulty.injected.total(),
        "rows": len(rows),
        "answered_once": sum(count == 1 for count in keys.values()),
        "with_their_own_reply": mine,
        "lost": args.questions - len(keys),
        "doubled": sum(count > 1 for count in keys.values()),
        "failed": sum(bool(row.get("error")) for row in rows),
        "answered_twice_by_the_server": sum(count > 1 for count in faulty.answered.values()),
        "requests": {"sent": sent, "budgeted": spent.requests, "journal": dict(journal)},
        "seconds": round(seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--connections", type=int, default=32)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(parser.parse_args(), Path(folder)), indent=2))


if __name__ == "__main__":
    main()
