"""`unifer sft` and `unifer tiny-base`: rows -> checkpoints."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import flags
from unifer.errors import InputError
from unifer.places import project_root

if TYPE_CHECKING:
    from unifer.models.families import Family

_CONFIGS = project_root(Path(__file__).parent) / "train_unifer" / "configs"


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add this group's commands."""
    sft = commands.add_parser(
        "sft",
        help="cold-start supervised fine-tuning on CoT rows",
        description="Supervised fine-tuning on CoT rows with trl.SFTTrainer. Run it through "
        "train_unifer/src/scripts/run_sft_fer.sh.",
        epilog="Every key of the config is a flag: those of trl.SFTConfig and trl.ModelConfig, and rows, "
        "image_root, image_size, freeze_vision_tower, fresh. `unifer sft --flags` lists them all.",
    )
    sft.add_argument("--flags", action="store_true", help="list every flag (imports torch)")
    sft.set_defaults(run=_sft, passes_flags_on=True)
    grpo = commands.add_parser(
        "grpo",
        help="reinforcement learning with verifiable rewards on label-only rows",
        description="GRPO with trl.GRPOTrainer, rollouts by vLLM. Run it through "
        "train_unifer/src/scripts/run_grpo_vllm.sh.",
        epilog="Every key of the config is a flag: those of trl.GRPOConfig and trl.ModelConfig, and "
        "rows, rollouts, rewards, probe_limit, image_root, image_size, freeze_vision_tower, "
        "fresh. `unifer grpo --flags` lists them all.",
    )
    grpo.add_argument("--flags", action="store_true", help="list every flag (imports torch)")
    grpo.set_defaults(run=_grpo, passes_flags_on=True)
    base = commands.add_parser(
        "tiny-base",
        help="pre-train UniFER-Tiny, the embedded default",
        description="Build UniFER-Tiny and teach it to name the active AUs of drawn faces. Further flags go "
        "to the trainer. With --untrained: the random model alone, of any family that training knows "
        "(docs/families.md).",
    )
    base.add_argument("--family", default="qwen2.5-vl", metavar="NAME", help="model family, such as qwen3-vl")
    base.add_argument("--untrained", action="store_true", help="write random weights, train nothing")
    flags.folder(base, "--out", "folder of the finished base checkpoint (bfloat16)", required=True)
    flags.folder(base, "--work", "faces and training state", default=Path("runs/tiny_base"))
    base.add_argument("--faces", type=int, default=24_000, metavar="N", help="number of faces to draw")
    base.set_defaults(run=_tiny_base, passes_flags_on=True)


def _sft(args: argparse.Namespace) -> int:
    from unifer.train import sft, stage

    stage.speak()
    sft.run(["--help"] if args.flags else args.rest)
    return 0


def _grpo(args: argparse.Namespace) -> int:
    from unifer.cli import curves
    from unifer.train import grpo, stage

    stage.speak()
    out = grpo.run(["--help"] if args.flags else args.rest)
    if int(os.environ.get("RANK", "0")) == 0:
        curves.show(out)
    return 0


def _untrained(family: Family, out: Path) -> int:
    from unifer.models import tiny_families

    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"--out {out}: is not empty; name a new folder")
    weights = tiny_families.build(family, out)
    print(f"untrained {family.name}: {out} ({weights:,} weights)")
    return 0


def _tiny_base(args: argparse.Namespace) -> int:
    from unifer.models.families import family_named

    family = family_named(args.family)
    if args.untrained:
        return _untrained(family, args.out)
    if family.name != "qwen2.5-vl":
        raise InputError(
            f"--family {family.name}: UniFER-Tiny is trained as a qwen2.5-vl alone; --untrained makes the "
            "random model"
        )
    return _taught(args)


def _taught(args: argparse.Namespace) -> int:
    from unifer.cli import main
    from unifer.models import tiny
    from unifer.train import sft, stage

    stage.speak()
    rows, untrained, trained = (
        args.work / "faces" / "action_units.json",
        args.work / "untrained",
        args.work / "trained",
    )
    draw = [
        "data",
        "faces",
        "--out",
        str(rows.parent),
        "--count",
        str(args.faces),
        "--seed",
        "base",
        "--task",
        "action-units",
    ]
    if not rows.exists() and (status := main(draw)):
        return status
    if not (untrained / "processor_config.json").exists():  # the last file of a whole build
        tiny.build(untrained)
    settings = [
        "--config",
        str(_CONFIGS / "tiny_base.yaml"),
        "--rows",
        str(rows),
        "--model_name_or_path",
        str(untrained),
    ]
    sft.run([*settings, "--output_dir", str(trained), *args.rest])
    tiny.export(trained, args.out)
    print(f"base checkpoint: {args.out}")
    return 0
