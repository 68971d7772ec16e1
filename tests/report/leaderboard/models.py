"""A project of two FERBench-like datasets with models of known strength, for the tests of the leaderboard."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.evaluate.scored import FAILED, NOUNS, question, replied
from unifer import files
from unifer.datasets import DatasetSpec, load_dataset
from unifer.evaluate.run_files import Selected, find_runs
from unifer.report.leaderboard.boards import arrange
from unifer.report.leaderboard.entries import collect
from unifer.report.leaderboard.lines import Leaderboard, Ranking, RankingLine
from unifer.report.leaderboard.published import Protocol, PublishedResult, PublishedSource

FOLDERS = {"rafdb": "eval_rafdb", "affectnet": "eval_affectnet"}
COUNT = 200
IDENTITY = {"prompt": "fer-1", "engine": "vllm", "dtype": "float32", "image_rule": {"size": 224}}


def project(
    root: Path, sets: Sequence[str] = ("rafdb", "affectnet"), count: int = COUNT
) -> dict[str, DatasetSpec]:
    """`root` with `data`, `train_unifer` and dataset folders whose question files are at hand."""
    for folder in ("data", "train_unifer"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    return {name: dataset(root / FOLDERS.get(name, f"eval_more/{name}"), name, count) for name in sets}


def dataset(folder: Path, name: str, count: int = COUNT, **extra: Any) -> DatasetSpec:
    (folder / "data").mkdir(parents=True)
    (folder / "results").mkdir()
    facts = {
        "name": name,
        "title": f"Set {name}",
        "questions": f"data/{name}_qa.json",
        "sample": "data/sample_qa.json",
    }
    facts = {
        key: value for key, value in (facts | {"labels": list(NOUNS)} | extra).items() if value is not None
    }
    (folder / "dataset.yaml").write_text(json.dumps(facts), encoding="utf-8")
    spec = load_dataset(folder)
    rows = [
        question(index, NOUNS[index % len(NOUNS)], NOUNS) | {"image_path": f"/{name}/{index:04d}.png"}
        for index in range(count)
    ]
    spec.questions.write_text(json.dumps(rows), encoding="utf-8")
    spec.samples.write_text(
        json.dumps([row | {"image_path": f"s{row['image_path']}"} for row in rows[:20]]), encoding="utf-8"
    )
    return spec


def answer(
    spec: DatasetSpec,
    model: str,
    right: float,
    *,
    limit: int | None = None,
    skip: Sequence[int] = (),
    failed: Sequence[int] = (),
    sample: bool = False,
    seed: int = 0,
    **identity: Any,
) -> Path:
    """Predictions of a model that is right on a share `right` of the questions, with their manifest."""
    source = spec.samples if sample else spec.questions
    asked = json.loads(source.read_text(encoding="utf-8"))[:limit]
    draw = random.Random(f"{model} {spec.name} {seed}")
    wrong = set(draw.sample(range(len(asked)), round((1 - right) * len(asked))))
    rows = []
    for index, row in enumerate(asked):
        label = (
            NOUNS[(NOUNS.index(row["true_label"]) + 1) % len(NOUNS)] if index in wrong else row["true_label"]
        )
        if index not in skip:
            rows.append(row | (FAILED if index in failed else replied(label)))
    path = spec.results / f"{model}{'.sample_qa' if sample else ''}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    stated = {
        "questions": {"name": source.name, "sha256": files.sha256(source)},
        "model": {"name": model, "fingerprint": model},
    }
    manifest = {"identity": IDENTITY | stated | identity, "context": {"asked": len(asked)}}
    path.with_suffix(".manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return path


OWN = PublishedSource("own", "Paper")


TOLD = [
    PublishedResult("Theirs", "rafdb", "war", 99.9, "zero-shot", OWN, Protocol("p", "accuracy")),
    PublishedResult(
        "UniFER-7B", "pooled", "war", 68.84, "fine-tuned", OWN, Protocol("u", "lenient", "unifer")
    ),
    PublishedResult("Film", "dfew", "war", 60.0, "zero-shot", OWN, Protocol("p", "accuracy")),
]


def boards_of(
    specs: dict[str, DatasetSpec],
    protocol: str = "strict",
    resamples: int = 100,
    told: tuple[PublishedResult, ...] = (),
    sort: str | None = None,
) -> list[Leaderboard]:
    selected = [Selected(spec, run) for spec in specs.values() for run in find_runs(spec)]
    entries, found = collect(selected, protocol=protocol, resamples=resamples)
    return arrange(entries, specs | found, told, protocol=protocol, resamples=resamples, sort=sort)


def ranking(board: Leaderboard, metric: str = "war") -> Ranking:
    return next(each for each in board.rankings if each.metric == metric)


def line(board: Leaderboard, name: str, metric: str = "war") -> RankingLine:
    return next(each for each in ranking(board, metric).lines if each.name == name)


def names(board: Leaderboard) -> list[str]:
    """Lines in order, those of no model apart."""
    return [each.name for each in ranking(board).lines if each.kind != "baseline"]


def answered(specs: dict[str, DatasetSpec], model: str, right: float) -> None:
    for spec in specs.values():
        answer(spec, model, right)
