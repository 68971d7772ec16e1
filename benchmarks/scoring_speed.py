"""Whole-process seconds of `unifer eval-total` on 11,072 predictions with 1,000 resamples (target 3 s), and
of `unifer --help` (0.5 s).

Run: python benchmarks/scoring_speed.py [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from unifer import files
from unifer.datasets import load_dataset
from unifer.dialogue import prompts
from unifer.places import FERBENCH
from unifer.records import Prediction, Question

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        rows = _project(Path(folder))
        total = [_seconds("eval-total", "--root", folder, "--resamples", "1000") for _ in range(runs)]
    answer = [_seconds("--help") for _ in range(runs)]
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, unifer.cli; print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    print(
        json.dumps(
            {
                "rows": rows,
                "eval_total_s": _spread(total),
                "help_s": _spread(answer),
                "help_imports_torch": loaded == "True",
            }
        )
    )


def _project(root: Path) -> int:
    """A project with predictions of the published sizes: right two times of three, long reasoning, some
    replies without answer.
    """
    rng, count = Random(0), 0
    for name in FERBENCH:
        (root / name).mkdir()
        shutil.copyfile(ROOT / name / "dataset.yaml", root / name / "dataset.yaml")
        spec = load_dataset(root / name)
        rows = []
        for label, number in spec.expected.items():
            for index in range(number):
                said = label if rng.random() < 0.66 else rng.choice(spec.labels)
                reasoning = (
                    prompts.reasoning(rng.sample((1, 2, 4, 5, 6, 7, 9, 12, 15, 17, 25, 26), 4), said)
                    + " It holds together." * 12
                )
                text = prompts.reply(reasoning, said) if rng.random() < 0.98 else reasoning
                question = Question(
                    f"/{label}/{index}.jpg", label, prompts.expression_question(spec.labels), spec.labels
                )
                rows.append(Prediction(question, text).to_json())
        files.write_rows(spec.results / "model.jsonl", rows)
        count += len(rows)
    return count


def _seconds(*argv: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "unifer", *argv], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _spread(seconds: list[float]) -> dict[str, float]:
    return {
        "min": round(min(seconds), 2),
        "median": round(statistics.median(seconds), 2),
        "max": round(max(seconds), 2),
    }


if __name__ == "__main__":
    main()
