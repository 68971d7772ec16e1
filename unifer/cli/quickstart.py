"""`unifer quickstart`: the whole pipeline on the embedded default, each stage the very command a user would type.

A finished stage is skipped when the command runs again; an unfinished one goes on where it stopped, as its command does.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from unifer import files
from unifer.cli.stages import Stages, command, share_of_machine, side_by_side, unifer
from unifer.places import FERBENCH, QUICKSTART_MODEL, QUICKSTART_SFT, TINY_BASE, project_root

# The recipe, with train_unifer/configs/{sft,grpo}_tiny.yaml. As in the published one, rows with reasoning are few and out of balance,
# rows with labels alone many.
COT_FACES, REWARD_FACES, HELD_OUT_FACES = 600, 2400, 1000
FACES = {
    "train": ["--count", str(COT_FACES), "--seed", "train", "--shares", "benchmark"],
    "rlvr": ["--count", str(REWARD_FACES), "--seed", "rlvr", "--shares", "equal"],
    "heldout": ["--count", str(HELD_OUT_FACES), "--seed", "heldout", "--shares", "equal"],
}
"""What is drawn into which folder; every seed is another series of faces."""

MODELS = {"base": TINY_BASE, "sft": QUICKSTART_SFT, "grpo": QUICKSTART_MODEL}
"""The checkpoints that answer the held-out faces, relative to the project, in the order of training."""
ANSWERING = ["--sample", "--max-new-tokens", "160"]
"""Settings of inference, the same for every model; `_infer` adds how precisely it computes."""

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
        description="The whole pipeline on the embedded default. Run again, it skips what is done and goes on where it stopped.",
    )
    parser.add_argument("--fresh", action="store_true", help="start over; an earlier run is moved aside")
    parser.set_defaults(run=_quickstart)


def _quickstart(args: argparse.Namespace) -> int:
    root = project_root(Path(__file__).parent)
    work = root / Path(QUICKSTART_MODEL).parent
    if args.fresh and (aside := files.move_aside(work)):
        print(f"the earlier run is now in {os.path.relpath(aside)}")
    stages = Stages(work / "stages.json", FACES, "start anew with --fresh, which moves that run aside")
    if not stages.seconds:
        _forget_samples(root)
    if "install" not in stages.seconds and _SETUP in os.environ:
        stages.note("install", float(os.environ[_SETUP]))
    stages.run("faces", "draw synthetic faces with their rows", lambda: _faces(work))
    stages.run("sft", "cold-start SFT of UniFER-Tiny on chain-of-thought rows", lambda: _train(root, "run_sft_fer.sh", "sft"))
    stages.run("grpo", "GRPO on rows with labels alone, rollouts by vLLM", lambda: _train(root, "run_grpo_vllm.sh", "grpo"))
    stages.run("infer", "base, SFT and GRPO model answer the held-out faces", lambda: _infer(root, work))
    stages.forget("score")  # seconds of work, and its tables are what one wants to see
    stages.run("score", "score, on every reply and every question", lambda: _score(root, work))
    from unifer.cli.quickstart_results import show

    show(root, work, MODELS, stages.seconds)
    return 0


def _faces(work: Path) -> None:
    held_out = work / "heldout"
    files.write_text(held_out / "dataset.yaml", _HELD_OUT)
    places = {"heldout": ["--out", str(held_out / "data"), "--datasets", str(held_out)]}
    for name, series in FACES.items():
        command(unifer("data", "faces", *series, *places.get(name, ["--out", str(work / name)])))


def _train(root: Path, launcher: str, stage: str) -> None:
    """By one process: a rank a GPU would multiply the batch that the config was tuned for."""
    folder = root / "train_unifer"
    config = ["--config", str(folder / "configs" / f"{stage}_tiny.yaml"), "--output_dir", str(root / MODELS[stage])]
    command(["bash", str(folder / "src/scripts" / launcher), *config], NPROC="1")


def _infer(root: Path, work: Path) -> None:
    """All models over the held-out faces, the last one over the four samples too. It has most to answer, so it starts first."""
    from unifer.models.devices import visible_gpus

    # Left to itself each engine takes the precision of its checkpoint, and the base is stored in another one than the trained models.
    settings = [*ANSWERING, *([] if visible_gpus() else ["--dtype", "float32"])]
    samples = [str(root / name) for name in FERBENCH]
    asked = {stage: [str(work / "heldout"), *(samples if stage == "grpo" else [])] for stage in reversed(MODELS)}
    commands = {
        stage: unifer("infer", "--model", str(root / MODELS[stage]), *settings, "--dataset-dir", *folders)
        for stage, folders in asked.items()
    }
    side_by_side(commands, work / "logs", **share_of_machine(len(commands)))


def _score(root: Path, work: Path) -> None:
    held_out = work / "heldout"
    for model in MODELS.values():
        name = Path(model).name
        command(unifer("eval", "--dataset-dir", str(held_out), "--predictions", str(held_out / "results" / f"{name}.jsonl")))
    command(unifer("eval-total", "--root", str(root), "--run", f"{Path(QUICKSTART_MODEL).name}.sample_qa"))


def _forget_samples(root: Path) -> None:
    """Drop what an earlier quickstart left in the eval folders: its model was another one."""
    for path in root.glob(f"eval_*/results/{Path(QUICKSTART_MODEL).name}.sample_qa*"):
        path.unlink()
