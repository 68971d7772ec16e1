"""`unifer quickstart`: the whole pipeline on the embedded default, each stage the very command a user would type.

A finished stage is skipped when the command runs again; an unfinished one goes on where it stopped, as its command does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unifer import files
from unifer.errors import InputError, Interrupted
from unifer.places import FERBENCH, QUICKSTART_MODEL, project_root
from unifer.records import Json

MODEL = Path(QUICKSTART_MODEL).name
TRAIN_FACES, HELD_OUT_FACES = 1500, 1000
_SETUP = "UNIFER_SETUP_SECONDS"

_HELD_OUT = """\
# Faces that no training has seen, drawn by `unifer quickstart`.
name: heldout
title: Held-out drawn faces
questions: data/heldout_qa.json
sample: data/heldout_qa.json
labels: [neutral, happiness, sadness, surprise, fear, disgust, anger, contempt]
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer quickstart`."""
    parser = commands.add_parser(
        "quickstart",
        help="draw faces, train UniFER-Tiny, answer, score: minutes on two CPU cores",
        description="The whole pipeline on the embedded default. Run again, it skips what is done and goes on where it stopped.",
    )
    parser.add_argument("--fresh", action="store_true", help="start over; an earlier run is moved aside")
    parser.set_defaults(run=_quickstart)


def _quickstart(args: argparse.Namespace) -> int:
    root = project_root(Path(__file__).parent)
    work = root / Path(QUICKSTART_MODEL).parent
    if args.fresh and (aside := files.move_aside(work)):
        print(f"the earlier run is now in {os.path.relpath(aside)}")
    stages = _Stages(work / "stages.json")
    if not stages.seconds:
        _forget_samples(root)
    if "install" not in stages.seconds and _SETUP in os.environ:
        stages.note("install", float(os.environ[_SETUP]))
    folders = [work / "heldout", *(root / name for name in FERBENCH)]
    launcher = root / "train_unifer" / "src" / "scripts" / "run_sft_fer.sh"
    stages.run("faces", "draw synthetic faces with their rows", lambda: _faces(work))
    sft = ["bash", str(launcher), "--config", str(root / "train_unifer/configs/sft_tiny.yaml"), "--output_dir", str(work / MODEL)]
    stages.run("sft", "cold-start SFT of UniFER-Tiny on chain-of-thought rows", lambda: _command(sft, NPROC="1"))
    infer = ["infer", "--model", str(work / MODEL), "--sample", "--max-new-tokens", "160", "--dataset-dir", *map(str, folders)]
    stages.run("infer", "answer held-out faces and the four sample benchmarks", lambda: _unifer(*infer))
    stages.forget("score")  # seconds of work, and its tables are what one wants to see
    stages.run("score", "score, on every reply and every question", lambda: _score(root, work))
    return _show(work, stages)


class _Stages:
    """Which stages are done and how long each took, on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: dict[str, float] = files.read_json(path) if path.exists() else {}

    def note(self, name: str, seconds: float) -> None:
        self.seconds[name] = round(seconds, 1)
        files.write_json(self.path, self.seconds)

    def forget(self, name: str) -> None:
        self.seconds.pop(name, None)

    def run(self, name: str, title: str, work: Callable[[], None]) -> None:
        if name in self.seconds:
            print(f"── {name}: done before, in {self.seconds[name]:.0f} s")
            return
        print(f"── {name}: {title}", flush=True)
        started = time.monotonic()
        work()
        self.note(name, time.monotonic() - started)
        print(f"── {name}: done in {self.seconds[name]:.0f} s", flush=True)


def _unifer(*argv: str) -> None:
    _command([sys.executable, "-m", "unifer", *argv])


def _command(argv: list[str], **environment: str) -> None:
    """Run one command in a process of its own, so that each stage starts and ends as it does for a user."""
    try:
        status = subprocess.run(argv, env=os.environ | environment, check=False).returncode
    except KeyboardInterrupt:
        raise Interrupted("stopped; run the same command to go on") from None
    if status:
        raise InputError(f"stopped: `{' '.join(map(os.path.relpath, argv[:2]))} ...` ended with status {status}; its message stands above")


def _faces(work: Path) -> None:
    held_out = work / "heldout"
    files.write_text(held_out / "dataset.yaml", _HELD_OUT)
    train = ["--out", str(work / "train"), "--count", str(TRAIN_FACES), "--seed", "train", "--shares", "benchmark"]
    _unifer("data", "faces", *train)
    _unifer(
        "data", "faces", "--out", str(held_out / "data"), "--count", str(HELD_OUT_FACES), "--seed", "heldout", "--datasets", str(held_out)
    )


def _score(root: Path, work: Path) -> None:
    _unifer("eval", "--dataset-dir", str(work / "heldout"))
    _unifer("eval-total", "--root", str(root), "--run", f"{MODEL}.sample_qa")


def _forget_samples(root: Path) -> None:
    """Drop what an earlier quickstart left in the eval folders: its model was another one."""
    for path in root.glob(f"eval_*/results/{MODEL}.sample_qa*"):
        path.unlink()


def _show(work: Path, stages: _Stages) -> int:
    """Write summary.json and the figures, print the table and where everything is."""
    from unifer.report.figures import Bar, bars_png

    root = project_root(Path(__file__).parent)
    held_out = files.read_json(work / "heldout" / "results" / f"{MODEL}.metrics.json")
    total = files.read_json(root / "eval_total" / "results" / f"{MODEL}.sample_qa.metrics.json")
    sft = {"accuracy": held_out["war"], "uar": held_out["uar"], "ci95": held_out["intervals"]["war"], "n": held_out["counts"]["asked"]}
    seconds = {**stages.seconds, "total": round(sum(stages.seconds.values()), 1)}
    files.write_json(work / "summary.json", {"sft": sft, "seconds": seconds})
    sets: dict[str, Json] = {"held-out": held_out, **{part["title"]: part for part in total["datasets"].values()}}
    bars = [Bar(name, part["war"], part["uar"], part["intervals"]["war"], part["intervals"]["uar"]) for name, part in sets.items()]
    bars_png(work / "scores.png", bars, "UniFER-Tiny after cold-start SFT, drawn faces", chance=1 / 8)
    _gallery(work)
    low, high = sft["ci95"]
    print(f"\nUniFER-Tiny after cold-start SFT, {sft['n']} held-out faces of 8 emotions (chance 12.5 %):")
    print(f"  WAR {100 * sft['accuracy']:.1f} % [{100 * low:.1f}, {100 * high:.1f}], UAR {100 * sft['uar']:.1f} %")
    print("seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in seconds.items()))
    shown = [os.path.relpath(work / name) for name in ("scores.png", "gallery.png", "summary.json", MODEL)]
    print("wrote " + "\n      ".join(shown))
    return 0


def _gallery(work: Path) -> None:
    from PIL import Image

    from unifer.dialogue import answers
    from unifer.records import Prediction
    from unifer.report.gallery import Answered, gallery_png

    predictions = list(files.read_records(work / "heldout" / "results" / f"{MODEL}.jsonl", Prediction.from_json))
    chosen = sorted(predictions, key=lambda prediction: prediction.question.key)[:8]
    answered = []
    for prediction in chosen:
        question = prediction.question
        verdict = answers.grade(prediction.reply, question.candidate_labels)
        with Image.open(work / "heldout" / "data" / question.image_path) as picture:
            answered.append(Answered(picture.convert("RGB"), question.true_label, verdict.label, verdict.reasoning))
    gallery_png(work / "gallery.png", answered, "UniFER-Tiny reads eight held-out faces (synthetic)")
