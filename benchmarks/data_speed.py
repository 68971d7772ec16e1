"""How long the data side takes, and its peak memory: 360,000 reward rows without images, 11,072 images
decoded and compared, FEA-20K.

Targets on two cores: build (`data rlvr`) and check of the rows within 60 s and 2 GB; decode and duplicates
within 90 s; the 19,425 rows of FEA-20K's layout built and checked within 20 s. Run: python
benchmarks/data_speed.py [--rows 360000] [--images 11072] [--no-fea20k]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from unifer import files
from unifer.action_units import ACTION_UNITS
from unifer.datasets import load_dataset
from unifer.dialogue import prompts
from unifer.places import FERBENCH
from unifer.prepare import corpus
from unifer.prepare.builders import fea20k
from unifer.records import Question, RewardRow

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=360_000)
    parser.add_argument("--images", type=int, default=11_072)
    parser.add_argument("--no-fea20k", action="store_true")
    args = parser.parse_args()
    print(f"{'what':<44}{'wall s':>8}{'CPU s':>8}{'peak GB':>9}  target")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.rows:
            _rows(folder, args.rows)
        if args.images:
            _images(folder, args.images)
        if not args.no_fea20k:
            _fea20k(folder)


def _rows(folder: Path, count: int) -> None:
    parts = []
    for dataset in FERBENCH:
        parts.append(folder / f"{dataset}.json")
        files.write_rows(parts[-1], _reward_rows(dataset, count // len(FERBENCH)))
    out = folder / "rlvr.json"
    built = _timed("data", "rlvr", *map(str, parts), "--out", str(out), "--no-images")
    checked = _timed("data", "check", str(out), "--no-images")
    _line(f"{count:,} reward rows: data rlvr", *built)
    _line(f"{count:,} reward rows: data check --no-images", *checked)
    _line("  together", built[0] + checked[0], built[1] + checked[1], max(built[2], checked[2]), "60 s, 2 GB")


def _reward_rows(dataset: str, count: int) -> Iterator[object]:
    spec = load_dataset(ROOT / dataset)
    rng = Random(dataset)
    problem = prompts.expression_question(spec.labels)
    for index in range(count):
        row = RewardRow(
            image_path=f"/{spec.title}/train/{index:06d}_aligned.jpg",
            problem=problem,
            solution=rng.choice(spec.labels),
            id=f"{spec.name}-train-{index:06d}",
            dataset=spec.name,
            candidate_labels=spec.labels,
            provenance={
                "builder": spec.name,
                "source": f"train/{index:06d}.jpg",
                "split": "train",
                "prompt": prompts.version("expression"),
            },
        )
        yield row.to_json()


def _images(folder: Path, count: int) -> None:
    spec = load_dataset(ROOT / "eval_affectnet")
    drawn, rows = [], []
    for index, emotion in enumerate(corpus.balanced(count)):
        face = corpus.emotional_face("speed", index, emotion)
        drawn.append((face, folder / corpus.image_name(face)))
        rows.append(
            Question(
                corpus.image_name(face), emotion, prompts.expression_question(spec.labels), spec.labels
            ).to_json()
        )
    corpus.save_faces(drawn, workers=2)
    files.write_rows(folder / "qa.json", rows)
    _line(
        f"{count:,} images: data check, two processes",
        *_timed("data", "check", str(folder / "qa.json"), "--workers", "2"),
        "90 s",
    )


FEA20K = {
    "Train-stage1": {
        "FABA": 5826,
        "RAF-AU": 3479,
        "DISFA": 2432,
        "BP4D": 2000,
        "FER2013": 1000,
        "AffectNet": 1000,
        "RAF-DB": 1000,
        "ExpW": 1000,
    },
    "Test": {"RAF-AU": 853, "DISFA": 524, "FABA": 311},
}
"""Rows of each released file: 17,737 and 1,688."""


def _fea20k(folder: Path) -> None:
    """Synthetic rows in the released layout, built as training rows and as questions, and both checked
    together.
    """
    root = folder / "FEA-20K"
    for part, counts in FEA20K.items():
        for source, count in counts.items():
            files.write_rows(
                root / f"{source}-{part}.jsonl", (_fea20k_row(source, index) for index in range(count))
            )
    train, test = folder / "fea20k_train.jsonl", folder / "fea20k_qa.json"
    build = ("data", "build", "fea20k", "--root", str(root))
    done = [
        _timed(*build, "--split", "train", "--out", str(train)),
        _timed(*build, "--split", "test", "--rows", "questions", "--out", str(test)),
        _timed(
            "data",
            "check",
            str(train),
            str(test),
            "--no-images",
            "--dataset-dir",
            str(ROOT / "eval_more" / "fea20k"),
        ),
    ]
    for what, each in zip(
        ("build of 17,737 rows to train on", "build of 1,688 questions", "check of both files"),
        done,
        strict=True,
    ):
        _line(f"FEA-20K: {what}", *each)
    walls, busy, peaks = zip(*done, strict=True)
    _line("  together", sum(walls), sum(busy), max(peaks), "20 s")


def _fea20k_row(source: str, index: int) -> object:
    rng = Random(f"{source}/{index}")
    labels = fea20k.LABELS[source]
    label = [rng.choice(labels)] if labels else []
    units = (
        sorted(rng.sample(sorted(ACTION_UNITS), rng.randrange(1, 6)))
        if source in ("FABA", "RAF-AU", "DISFA", "BP4D")
        else []
    )
    seen = " ".join(
        f"AU{unit}: {ACTION_UNITS[unit].name} is visible around the face, at a moderate strength."
        for unit in units
    )
    return {
        "id": index,
        "dataset": source,
        "image": f"{index:05d}.jpg",
        "question": "Analyze the facial expression.",
        "AUs": [f"AU{unit}" for unit in units],
        "labels": label,
        "description": f"<think>{seen} Taken together, this is what the face "
        f"expresses.</think><answer>{''.join(label)}</answer>",
        "meta_info": {},
    }


def _timed(*argv: str) -> tuple[float, float, float]:
    """Wall and CPU seconds of one command, and the peak resident GB of the largest process so far."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "unifer", *argv], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"unifer {' '.join(argv)} ended with status {done.returncode}:\n{done.stderr}")
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / 2**20


def _line(what: str, wall: float, cpu: float, gigabytes: float, target: str = "") -> None:
    print(f"{what:<44}{wall:>8.1f}{cpu:>8.1f}{gigabytes:>9.2f}  {target}".rstrip(), flush=True)


if __name__ == "__main__":
    main()
