"""`unifer quickstart`: the whole pipeline on the embedded default, each stage as a user types it.

A finished stage is skipped when the command runs again; an unfinished one goes on where it stopped, as its
command does. The screen shows how far each stage is; what its commands say goes to runs/quickstart/logs.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unifer import files
from unifer.cli import machine, yardstick
from unifer.cli.board import StageBoard, board
from unifer.cli.stages import Stages, side_by_side, training, unifer
from unifer.places import FERBENCH, QUICKSTART_MODEL, QUICKSTART_SFT, TINY_BASE, project_root

# The recipe, with train_unifer/configs/{sft,grpo}_tiny.yaml. As in the published one, rows with reasoning are
# few and out of balance, rows with labels alone many. No emotion has less than a twelfth of the rows with
# reasoning: one that the cold start never answers is never sampled, and whether GRPO finds it is a lottery.
COT_FACES, REWARD_FACES, HELD_OUT_FACES = 240, 2400, 1000
FACES = {
    "train": ["--count", str(COT_FACES), "--seed", "train", "--shares", "benchmark", "--least-share", "0.08"],
    "rlvr": ["--count", str(REWARD_FACES), "--seed", "rlvr", "--shares", "equal"],
    "heldout": ["--count", str(HELD_OUT_FACES), "--seed", "heldout", "--shares", "equal"],
}
"""What is drawn into which folder; every seed is another series of faces."""

TRAINING: dict[str, list[str]] = {"sft": [], "grpo": []}
"""Flags of the training commands beside their configs."""

MODELS = {"base": TINY_BASE, "sft": QUICKSTART_SFT, "grpo": QUICKSTART_MODEL}
"""The checkpoints that answer the held-out faces, relative to the project, in the order of training."""
ANSWERING = ["--sample", "--max-new-tokens", "160"]
"""Settings of inference, the same for every model; `_infer` adds how precisely it computes."""
SAMPLES = 4 * 48
"""Questions of the four samples, which the last model is asked too."""
BASE_LIMIT = 200
"""Held-out faces that the base is asked about: it was never taught to answer, and each reply runs to the
limit of tokens.
"""

TITLES = {
    "install": "packages into .venv",
    "faces": "draw synthetic faces with their rows",
    "sft": "SFT of UniFER-Tiny on rows with reasoning",
    "grpo": "GRPO on rows with labels alone, rollouts by vLLM",
    "infer": "base, SFT and GRPO model answer held-out faces",
    "score": "score every reply, draw figures, write the report",
}
TYPICAL = {"faces": 10, "sft": 110, "grpo": 260, "infer": 80, "score": 6}
"""Seconds on two cores of a cloud machine, for the time left of stages that have not begun."""

DISK, MEMORY = 1 * machine.GB, 4.0 * machine.GB
"""What the run needs. Checkpoints, faces and reports take a tenth of that disk. The largest process, GRPO
with vLLM inside, was seen at 3.4 GB, its launcher and this command at 0.5."""

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
        help="draw faces, train UniFER-Tiny by SFT and GRPO, answer, score: minutes on two CPU cores",
        description="The whole pipeline on the embedded default. Run again, it skips what is done and goes "
        "on where it stopped.",
    )
    parser.add_argument("--fresh", action="store_true", help="start over; an earlier run is moved aside")
    parser.set_defaults(run=_quickstart)


def _quickstart(args: argparse.Namespace) -> int:
    from unifer.cli import quickstart_results as results

    root = project_root(Path(__file__).parent)
    work = root / Path(QUICKSTART_MODEL).parent
    if args.fresh and (aside := files.move_aside(work)):
        print(f"the earlier run is now in {os.path.relpath(aside)}")
    stages = Stages(work / "stages.json", FACES, "start anew with --fresh, which moves that run aside")
    _look_at_machine(work, "grpo" in stages.seconds)
    if not stages.seconds:
        _forget_samples(root)
    stages.forget("score")  # seconds of work, and its tables are what one wants to see
    done_before = frozenset(stages.seconds)
    if "install" not in done_before and _SETUP in os.environ:
        stages.note("install", float(os.environ[_SETUP]))
    scored: results.Scored = {}
    shown = {name: title for name, title in TITLES.items() if name != "install" or name in stages.seconds}
    held_out = _count(FACES["heldout"])
    counts = {
        "faces": sum(map(_count, FACES.values())),
        "infer": 2 * held_out + SAMPLES + min(held_out, BASE_LIMIT),
    }
    with _ends_when_asked(), board(shown, TYPICAL, counts) as screen:
        run = Runner(stages, screen, work / "logs", done_before)
        run.stage("faces", lambda: run.commands(_faces(work), lanes=len(FACES)))
        run.stage("sft", lambda: run.commands({"sft": _train(root, "sft")}, NPROC="1"))
        run.stage("grpo", lambda: run.commands({"grpo": _train(root, "grpo")}, NPROC="1"))
        run.stage("infer", lambda: run.commands({"infer": _infer(root, work)}))
        run.stage("score", lambda: scored.update(results.score(root, work, MODELS)))
    results.show(work, MODELS, scored, stages)
    return 0


@contextmanager
def _ends_when_asked() -> Iterator[None]:
    """Take a request to end (`kill`, a container that stops) as Ctrl-C.

    Else the running stage would live on, unseen.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Runner:
    """Runs stages that are not done yet, shows them on the board, and times the yardstick before each."""

    def __init__(self, stages: Stages, screen: StageBoard, logs: Path, done_before: Set[str]) -> None:
        self._stages, self._screen, self._logs, self._done_before = stages, screen, logs, done_before
        if "install" in stages.seconds:
            screen.done("install", stages.seconds["install"], before="install" in done_before)

    def stage(self, name: str, work: Callable[[], None]) -> None:
        """Do `work` and note its seconds, unless it was done before."""
        stages = self._stages
        if name not in stages.seconds:
            stages.note_yardstick(name, yardstick.measure())
            self._screen.begin(name)
            started = time.monotonic()
            work()
            stages.note(name, time.monotonic() - started)
        self._screen.done(name, stages.seconds[name], before=name in self._done_before)

    def commands(self, commands: Mapping[str, list[str]], lanes: int = 1, **environment: str) -> None:
        """Run commands, each with its log."""
        side_by_side(commands, self._logs, lanes, self._screen.hear, **environment)


def _look_at_machine(work: Path, trained: bool) -> None:
    """Refuse a machine on which hours of work would end in an error; say what will be slow."""
    machine.refuse_full_disk(work, DISK)
    if not trained:
        machine.refuse_little_memory("GRPO", MEMORY)
    if machine.cores() == 1:
        print("one processor core: everything works, and takes about twice as long as on two")


def _faces(work: Path) -> dict[str, list[str]]:
    held_out = work / "heldout"
    files.write_text(held_out / "dataset.yaml", _HELD_OUT)
    places = {"heldout": ["--out", str(held_out / "data"), "--datasets", str(held_out)]}
    return {
        f"faces-{name}": unifer("data", "faces", *series, *places.get(name, ["--out", str(work / name)]))
        for name, series in FACES.items()
    }


def _count(series: list[str]) -> int:
    return int(series[series.index("--count") + 1])


def _train(root: Path, stage: str) -> list[str]:
    """By one process (NPROC=1): a rank a GPU would multiply the batch that the config was tuned for."""
    config = root / "train_unifer" / "configs" / f"{stage}_tiny.yaml"
    return training(stage, config, "--output_dir", str(root / MODELS[stage]), *TRAINING[stage])


def _infer(root: Path, work: Path) -> list[str]:
    """All models over the held-out faces, the last one over the samples too, by one engine start."""
    from unifer.models.devices import visible_gpus

    # Left to itself each engine takes the precision of its checkpoint, and the base is stored in another one
    # than the trained models.
    settings = [*ANSWERING, *([] if visible_gpus() else ["--dtype", "float32"])]
    held_out, model = (
        str(work / "heldout"),
        {stage: ["--model", str(root / path)] for stage, path in MODELS.items()},
    )
    samples = [str(root / name) for name in FERBENCH]
    last = [*model["grpo"], *settings, "--dataset-dir", held_out, *samples]
    before = [*model["sft"], "--dataset-dir", held_out]
    return unifer("infer", *last, "--then", *before, "--then", *model["base"], "--limit", str(BASE_LIMIT))


def _forget_samples(root: Path) -> None:
    """Drop what an earlier quickstart left in the eval folders: its model was another one."""
    for path in root.glob(f"eval_*/results/{Path(QUICKSTART_MODEL).name}.sample_qa*"):
        path.unlink()
