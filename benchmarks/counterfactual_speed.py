"""210 families of 12 counterfactual faces, drawn and answered: time, noise floor, wanted rates.

- Seconds and processor seconds of drawing, of asking (one `unifer infer`, engine start included) and of
  scoring, each in a process of its own.
- The noise floor: answers and claims that differ on identical faces. Greedy decoding wants 0.
- `seen` over the AUs that the training rows show at least 100 times, and both kinds of `unfaithful`.
- The rule-based reader's own score: on the base faces, which it chooses, and on ordinary drawn faces.

    python benchmarks/counterfactual_speed.py --model runs/quickstart/UniFER-Tiny \\
        --training runs/quickstart/train/cot.json runs/quickstart/rlvr/rlvr.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from unifer.action_units import ACTION_UNITS
from unifer.au_reader import read_units
from unifer.evaluate.trust.sheets import Sheet, read_sheet
from unifer.files import read_rows
from unifer.prepare.corpus import balanced, emotional_face
from unifer.records import Json

TARGETS = {"seconds": 180.0, "noise": 0.0, "seen_taught": 0.8, "unfaithful": 0.1}
TAUGHT = 100
ORDINARY = 1000


def timed(*arguments: str) -> Json:
    """One command in a process of its own: its wall and processor seconds, its children's included."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "unifer", *arguments], check=True, stdout=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(time.perf_counter() - started, 1), "processor_seconds": round(used, 1)}


def taught_units(training: list[Path]) -> set[str]:
    """The AUs that at least `TAUGHT` rows show; every AU where no training rows are named."""
    if not training:
        return {f"AU{number}" for number in ACTION_UNITS}
    counts = Counter(unit for path in training for _, row in read_rows(path) for unit in row["AUs"])
    return {unit for unit, count in counts.items() if count >= TAUGHT}


def seen_among(sheet: Sheet, units: set[str]) -> Json:
    """`seen` over some AUs, and each AU that stays below the target."""
    counts = {unit: rates["seen"] for unit, rates in sheet.details["by_au"].items() if unit in units}
    hits, total = (sum(count[index] for count in counts.values()) for index in (0, 1))
    below = {unit: round(hit / n, 3) for unit, (hit, n) in counts.items() if hit / n < TARGETS["seen_taught"]}
    return {"seen": round(hits / total, 3), "n": total, "aus": len(counts), "below": below}


def reader_score() -> float:
    """The share of ordinary drawn faces, ambiguous ones among them, that the rule-based reader names."""
    faces = [emotional_face("reader", index, emotion) for index, emotion in enumerate(balanced(ORDINARY))]
    return sum(read_units(face.action_units).emotion == face.emotion for face in faces) / ORDINARY


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--training", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--families", type=int, default=210)
    parser.add_argument("--engine", default="vllm")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faces = Path(folder) / "faces"
        drawing = ("counterfactual", "--out", str(faces), "--families", str(args.families), "--draw-only")
        asking = ("--dataset-dir", str(faces), "--model", str(args.model), "--engine", args.engine)
        predictions = faces / "results" / f"{args.model.name}.jsonl"
        scoring = ("counterfactual", "--out", str(faces), "--predictions", str(predictions))
        steps = {
            "draw": timed(*drawing),
            "ask": timed("infer", *asking, "--max-new-tokens", "200"),
            "score": timed(*scoring),
        }
        sheet = read_sheet(predictions.with_name(f"{args.model.name}.faithfulness.json"))
    rates = {rate.name: [rate.value, rate.low, rate.high, rate.n] for rate in sheet.rates}
    result = {
        "faces": sheet.details["faces"],
        "steps": steps,
        "draw_and_ask": {name: round(steps["draw"][name] + steps["ask"][name], 1) for name in steps["draw"]},
        "reader": {"base_faces": sheet.details["reader"], "ordinary_faces": reader_score()},
        "taught": seen_among(sheet, taught_units(args.training)),
        "rates": rates,
        "targets": TARGETS,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
