"""A small dataset folder, models files, and whole runs of the benchmark, for its tests."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.api_server import Body, Reaction, completion, prompt_of
from tests.evaluate.asked import make_dataset
from unifer.datasets import load_dataset
from unifer.evaluate.bench.asking import BenchLimits
from unifer.evaluate.bench.cells import BenchCell, make_cells, read_datasets
from unifer.evaluate.bench.entries import read_models
from unifer.evaluate.bench.running import Bench, BenchSpending, run_bench
from unifer.records import Json

GOOD = "<think>AU12 is there.</think>\n<answer>neutral</answer>"


def dataset(folder: Path, count: int = 12) -> Path:
    """A dataset folder whose questions can be told apart by their prompts."""
    made = make_dataset(folder, count)
    path = made / "data/toy_qa.json"
    rows = [
        row | {"prompt": f"Question {number}: which?"}
        for number, row in enumerate(json.loads(path.read_text()))
    ]
    path.write_text(json.dumps(rows))
    return made


def models_file(path: Path, *entries: Json, **defaults: Any) -> Path:
    path.write_text(
        json.dumps({"defaults": {"max_connections": 4, "timeout": 5, **defaults}, "models": list(entries)})
    )
    return path


def bench(
    models: Path, folders: Sequence[Path], log_dir: Path, limits: BenchLimits | None = None, **options: bool
) -> tuple[list[BenchCell], BenchSpending]:
    """Run it all; the cells as they end, and what was spent."""
    asked = read_datasets([load_dataset(folder) for folder in folders], sample=False, limit=None)
    cells = make_cells(read_models(models), asked, None)
    return cells, run_bench(Bench(cells, log_dir, limits or BenchLimits(), **options), unseen)


@contextlib.contextmanager
def unseen(cells: Sequence[BenchCell]) -> Iterator[None]:
    yield


def rows_of(folder: Path, model: str) -> list[Json]:
    path = folder / "results" / f"{model}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def asked_about(requests: Sequence[Body]) -> Counter[str]:
    """How often each question was sent."""
    return Counter(prompt_of(body) for body in requests)


def good(number: int, body: Body) -> Reaction:
    return completion(GOOD)
