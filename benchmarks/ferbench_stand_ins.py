"""The real benchmark's questions end to end: 11,072 rows over stand-in faces, answered in the four folders,
scored by eval-total.

Targets on two cores: 6 minutes in all, memory flat from the first thousand rows to the last. The scores mean
nothing of a model: the faces are drawn. Run: python benchmarks/ferbench_stand_ins.py --questions
FOLDER_WITH_QA_FILES --model CHECKPOINT
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from unifer.datasets import load_dataset
from unifer.places import FERBENCH

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--questions", type=Path, required=True, help="folder with the four published *_qa.json"
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--engine", default="vllm")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in FERBENCH:
            (root / folder).mkdir()
            shutil.copyfile(ROOT / folder / "dataset.yaml", root / folder / "dataset.yaml")
            target = load_dataset(root / folder).questions
            target.parent.mkdir()
            shutil.copyfile(args.questions / target.name, target)
        seconds = {"faces": _timed(lambda: _draw(root))}
        memory: list[tuple[int, float]] = []
        seconds["infer"] = _timed(lambda: memory.extend(_infer(root, args.model, args.engine)))
        seconds["score"] = _timed(lambda: _unifer("eval-total", "--root", str(root)))
        resident = {
            str(mark): round(next(gb for rows, gb in memory if rows >= mark), 3)
            for mark in range(1_000, memory[-1][0], 1_000)
        }
        result = {
            "rows": memory[-1][0],
            "seconds": {key: round(value, 1) for key, value in seconds.items()}
            | {"total": round(sum(seconds.values()), 1)},
            "resident_gb_at_row": resident,
        }
        print(json.dumps(result))


def _draw(root: Path) -> None:
    for folder in FERBENCH:
        questions = load_dataset(root / folder).questions
        _unifer("data", "faces", "--for-questions", str(questions), "--image-root", str(root / "images"))


def _infer(root: Path, model: Path, engine: str) -> list[tuple[int, float]]:
    """(rows written, resident GB of the process) twice a second while it answers."""
    folders = [str(root / folder) for folder in FERBENCH]
    argv = [
        "infer",
        "--dataset-dir",
        *folders,
        "--image-root",
        str(root / "images"),
        "--model",
        str(model),
        "--engine",
        engine,
    ]
    process = subprocess.Popen([sys.executable, "-m", "unifer", *argv, "--max-new-tokens", "160"])
    seen = []
    while process.poll() is None:
        rows = sum(
            path.read_bytes().count(b"\n")
            for folder in FERBENCH
            for path in (root / folder / "results").glob("*.jsonl")
        )
        resident = (
            int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * 4096 / 2**30
            if process.poll() is None
            else 0.0
        )
        if rows:
            seen.append((rows, resident))
        time.sleep(0.5)
    if process.returncode:
        raise SystemExit(f"infer ended with status {process.returncode}")
    return seen


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _unifer(*argv: str) -> None:
    subprocess.run([sys.executable, "-m", "unifer", *argv], check=True)


if __name__ == "__main__":
    main()
