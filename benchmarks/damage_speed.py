"""What a damage costs: milliseconds per picture, and the images/s of a grid beside those of plain inference.

First every damage at every level on drawn faces of 224 x 224: processor milliseconds of the thread, median of
rounds that take the damages in turns (target: at most 4). Then, with --model, one `unifer infer` of N faces
and one of the same faces over --cells cells of the grid, each by one engine start, in turns; images/s from
the first reply to the last, and processor seconds per image of the whole process, as ratios (target: at least
0.9). Prints JSON. Run: python benchmarks/damage_speed.py [--model DIR --faces 200 --rounds 7]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from unifer import files, runs
from unifer.dialogue.damage.effects import damaged
from unifer.dialogue.damage.kinds import GRID, KINDS, Damage
from unifer.evaluate.inference.infer import Job, plan, run_jobs
from unifer.models.engines import EngineSpec, GenerationSettings, default_engine
from unifer.models.engines.succession import EngineSlot
from unifer.prepare import corpus
from unifer.progress import Advance
from unifer.questions import read_questions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="checkpoint; without it only the damages are timed")
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--cells", type=int, default=11, help="cells of the grid, level 3 of each damage first"
    )
    args = parser.parse_args()
    result: dict[str, Any] = {"milliseconds": _milliseconds(args.rounds)}
    result["most"] = max(max(levels) for levels in result["milliseconds"].values())
    if args.model is not None:
        result |= _throughput(args.model, args.faces, args.cells, args.rounds)
    print(json.dumps(result, indent=1))


def _milliseconds(rounds: int, faces: int = 4) -> dict[str, list[float]]:
    """Median processor time of each damage, by level."""
    pictures = [
        corpus.emotional_face("damage speed", index, "happiness").draw().resize((224, 224))
        for index in range(faces)
    ]
    taken: dict[Damage, list[float]] = {damage: [] for damage in GRID}
    for _ in range(rounds):
        for damage, times in taken.items():
            for index, picture in enumerate(pictures):
                start = time.thread_time()
                damaged(picture, damage, str(index), 224)
                times.append(1e3 * (time.thread_time() - start))
    return {
        name: [round(statistics.median(taken[each]), 2) for each in GRID if each.name == name]
        for name in KINDS
    }


def _throughput(model: Path, faces: int, cells: int, rounds: int) -> dict[str, Any]:
    """Plain inference, one file, and cells of the grid with as many pictures, in turns, by one engine."""
    spec = EngineSpec(default_engine(), model, GenerationSettings())
    ordered = sorted(GRID, key=lambda damage: damage.level != 3)[:cells]
    rates: dict[str, list[tuple[float, float]]] = {"plain": [], "grid": []}
    with tempfile.TemporaryDirectory() as name, EngineSlot() as slot:
        folder = Path(name)
        file, long_file = _draw(folder, faces), folder / "plain.json"
        rows = files.read_json(file)
        copies = [row | {"id": f"{at}-{copy}"} for copy in range(cells) for at, row in enumerate(rows)]
        files.write_rows(long_file, copies)
        slot.engine_for(spec)
        for number in range(rounds + 1):  # the first warms up
            for kind, asked, damages in (("plain", long_file, [None]), ("grid", file, ordered)):
                plans = [
                    plan(
                        asked,
                        read_questions(asked),
                        folder / f"{kind}-{number}-{at}.jsonl",
                        model=runs.describe_checkpoint(model),
                        spec=spec,
                        damage=damage,
                    )
                    for at, damage in enumerate(damages)
                ]
                figures: dict[str, float] = {}
                run_jobs([Job(tuple(plans), spec, partial(_timed, figures))], slot=slot)
                if number:
                    rates[kind].append((faces * cells / figures["wall"], figures["cpu"] / faces / cells))
    (plain, plain_cpu), (grid, grid_cpu) = (
        [statistics.median(values) for values in zip(*rates[kind], strict=True)] for kind in rates
    )
    return {
        "faces": faces,
        "cells": cells,
        "engine": spec.name,
        "images_per_second": {"plain": round(plain, 2), "grid": round(grid, 2)},
        "grid_over_plain": round(grid / plain, 3),
        "cpu_ms_per_image": {"plain": round(1e3 * plain_cpu, 2), "grid": round(1e3 * grid_cpu, 2)},
        "cpu_plain_over_grid": round(plain_cpu / grid_cpu, 3),
    }


@contextlib.contextmanager
def _timed(figures: dict[str, float], total: int, done: int) -> Iterator[Advance]:
    start, cpu = time.monotonic(), time.process_time()
    yield lambda amount=1: None
    figures |= {"wall": time.monotonic() - start, "cpu": time.process_time() - cpu}


def _draw(folder: Path, faces: int) -> Path:
    """Drawn faces of 224 x 224 and their questions."""
    rows = []
    for index in range(faces):
        face = corpus.emotional_face("damage speed", index, "happiness")
        path = folder / f"{index}.png"
        face.draw().resize((224, 224)).save(path)
        rows.append(
            {
                "image_path": path.name,
                "true_label": "happiness",
                "prompt": "What is the emotion of this face?",
                "candidate_labels": ["happiness", "sadness"],
            }
        )
    file = folder / "questions.json"
    files.write_rows(file, rows)
    return file


if __name__ == "__main__":
    main()
