"""A small dataset folder and a scripted model, for the tests of inference."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from unifer.evaluate.inference import infer
from unifer.evaluate.inference.outputs import AnswerPlan
from unifer.models.engines import EngineSpec, GenerationSettings, Request
from unifer.models.engines.scripted import ScriptedEngine
from unifer.progress import Advance
from unifer.questions import read_questions
from unifer.records import Json

COUNT = 40
LABELS = ["neutral", "happiness"]


@contextlib.contextmanager
def silent(total: int, done: int) -> Iterator[Advance]:
    yield lambda amount=1: None


def asking(dataset: Path, *flags: str) -> list[str]:
    """The command that asks the questions of `make_dataset` and takes the scripted replies beside them."""
    base = ["infer", "--dataset-dir", str(dataset), "--engine", "scripted"]
    return [*base, "--replies", str(dataset / "replies.json"), *flags]


def reply_to(request: Request) -> str:
    return f"<think>{request.key}</think>\n<answer>neutral</answer>"


def make_dataset(folder: Path, count: int = COUNT) -> Path:
    """A dataset folder with `count` questions over small grey images, and a scripted model's replies."""
    (folder / "data/faces").mkdir(parents=True)
    (folder / "dataset.yaml").write_text(
        "name: toy\ntitle: Toy\nquestions: data/toy_qa.json\nsample: data/sample_qa.json\nlabels: "
        "[neutral, happiness]\n"
    )
    rows = []
    for number in range(count):
        Image.new("L", (8, 8), number).save(folder / f"data/faces/{number}.png")
        rows.append(
            {
                "image_path": f"faces/{number}.png",
                "true_label": "neutral",
                "prompt": "Which?",
                "candidate_labels": LABELS,
            }
        )
    (folder / "data/toy_qa.json").write_text(json.dumps(rows))
    (folder / "replies.json").write_text(json.dumps({"*": "<think>{key}</think>\n<answer>neutral</answer>"}))
    return folder


def make_plan(dataset: Path, model: str = "model", **settings: int) -> tuple[AnswerPlan, EngineSpec]:
    path = dataset / "data/toy_qa.json"
    spec = EngineSpec("scripted", dataset / "replies.json", GenerationSettings(**settings))  # type: ignore[arg-type]
    out = dataset / "results/model.jsonl"
    return infer.plan(path, read_questions(path), out, model={"name": model}, spec=spec), spec


def run(dataset: Path, reply: Callable[[Request], str] = reply_to, **options: bool) -> infer.InferenceSummary:
    plan, spec = make_plan(dataset)
    return infer.run_inference(
        [plan], spec, progress=silent, make_engine=lambda: ScriptedEngine(reply), **options
    )[0]


def rows_of(dataset: Path) -> list[Json]:
    return [json.loads(line) for line in (dataset / "results/model.jsonl").read_text().splitlines()]


def assert_each_answered_once(rows: list[Json], count: int = COUNT) -> None:
    keys = Counter(row["image_path"] for row in rows)
    assert set(keys.values()) == {1}
    assert len(keys) == count
    assert all(f"<think>{row['image_path']}</think>" in row["model_response"] for row in rows)


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
