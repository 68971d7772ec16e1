"""`unifer doctor`: can this machine do it? Lines of findings, and what to do about each."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path
from typing import Any, Literal

from unifer import files
from unifer.cli import flags
from unifer.errors import InputError
from unifer.places import project_root

_WIDTH = 80
_SIGNS = {"ok": ("✓", "+"), "warning": ("!", "!"), "problem": ("✗", "x")}


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer doctor`."""
    doctor = commands.add_parser(
        "doctor",
        help="check packages, machine, data and memory before a run",
        description="Check what is installed against the pins, GPUs, disk, the data files and a sample of "
        "their images. With --config also whether that training run fits, and what to change if "
        "not. Exit status 1 if there is a problem.",
        epilog="With --config, further flags override it as in `unifer sft`: --per_device_train_batch_size 4",
    )
    flags.file(doctor, "--config", "training config, such as train_unifer/configs/sft_7b.yaml")
    doctor.add_argument(
        "--stage", choices=("sft", "grpo"), help="which training the config is for (default: by its keys)"
    )
    doctor.add_argument(
        "--gpus", type=int, metavar="N", help="estimate for N GPUs (default: those here, else 1)"
    )
    doctor.add_argument(
        "--gpu-memory",
        type=float,
        metavar="GB",
        help="memory of each (default: that of --card or of the GPUs here, else 80)",
    )
    doctor.add_argument(
        "--card",
        metavar="NAME",
        help="with --config: what the run costs on a100, a800, h100, h200 or rtx4090",
    )
    flags.add_image_root(doctor, "without --config")
    doctor.add_argument("--json", type=Path, metavar="FILE", help="write the findings there too")
    doctor.set_defaults(run=_doctor, passes_flags_on=True)


def _doctor(args: argparse.Namespace) -> int:
    from unifer.train.doctor import cards, examination

    card = cards.card(args.card) if args.card else None

    if args.config is None:
        if card:
            raise InputError(f"--card {card.name}: without --config there is no run to predict")
        if args.rest:
            raise InputError(f"{args.rest[0]}: without --config there is nothing to override")
        sections = examination.examine(project_root(Path.cwd()), args.image_root)
    else:
        sections = _for_config(args, card)
    for section in sections:
        print(section.title)
        for finding in section.findings:
            print(_lines(finding.level, finding.title, finding.text, finding.remedy))
        print()
    levels = [finding.level for section in sections for finding in section.findings]
    problems, warnings = levels.count("problem"), levels.count("warning")
    print(f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}")
    if args.json:
        files.write_json(
            args.json,
            {
                "problems": problems,
                "warnings": warnings,
                "sections": [section.to_json() for section in sections],
            },
        )
    return 1 if problems else 0


def _for_config(args: argparse.Namespace, card: Any) -> list[Any]:
    if (args.gpus is not None and args.gpus < 1) or (args.gpu_memory is not None and args.gpu_memory <= 0):
        raise InputError("--gpus and --gpu-memory must be above 0")
    from unifer.train.doctor import examination

    stage: Literal["sft", "grpo"] = args.stage or examination.stage_of(args.config, args.rest)
    gpus = examination.planned_gpus(args.gpus)
    fer, config, model = examination.read_plan(stage, ["--config", str(args.config), *args.rest], gpus)
    return examination.examine_run(
        stage, fer, config, model, gpus, args.gpu_memory * 2**30 if args.gpu_memory else None, card
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _lines(level: str, title: str, text: str, remedy: str) -> str:
    """One finding in lines of at most 80 columns: sign, level, title, text, and below it the remedy."""
    plain = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") != "utf8"
    head = f"  {_SIGNS[level][plain]} {level:<7}  "
    indent = " " * len(head)
    lines = textwrap.wrap(
        f"{title}: {text}",
        _WIDTH,
        initial_indent=head,
        subsequent_indent=indent + "  ",
        break_on_hyphens=False,
    )
    if remedy:
        lines += textwrap.wrap(
            remedy,
            _WIDTH,
            initial_indent=f"{indent}-> ",
            subsequent_indent=f"{indent}   ",
            break_on_hyphens=False,
        )
    return "\n".join(lines)
