"""Will this machine carry this run? What is installed and there, whether it fits, and what it costs.

Knows which checks make a section and which make a preflight; each check is a module of its own. A config for
another machine is read here for what it says. Prints nothing, loads no model.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from unifer.configs import read_config
from unifer.errors import InputError
from unifer.train import grpo_settings, settings
from unifer.train.doctor import data, machine, needs, packages, price
from unifer.train.doctor.cards import Card
from unifer.train.doctor.findings import DoctorFinding, Section, size
from unifer.train.doctor.plans import PlannedRun

Stage = Literal["sft", "grpo"]


def preflight(stage: Stage, fer: Any, config: Any, model: Any) -> list[DoctorFinding]:
    """What a training run asks before it loads anything: packages, disk, memory of the GPUs here.

    It takes less than a second. `fer`, `config` and `model` are what `settings.parse` gave. Returns the
    warnings; raises InputError listing every problem.
    """
    findings = packages.check(packages.needed(config))
    gpus = machine.gpus()
    findings += machine.toolchain() if gpus else []
    run = PlannedRun.of(stage, fer, config, model, gpus=int(getattr(config, "world_size", 1)))
    findings += machine.disks({"output_dir": Path(config.output_dir)}, needs.disk(run))
    if gpus and run.shape is not None:
        smallest = min(gpu.bytes for gpu in gpus)
        findings += needs.memory(run, smallest)
    problems = [finding for finding in findings if finding.level == "problem"]
    if problems:
        listed = "\n".join(f"  {problem.title}: {problem.text}; {problem.remedy}" for problem in problems)
        raise InputError(
            "this run cannot work here (`unifer doctor` says more; --preflight false tries "
            f"anyhow):\n{listed}"
        )
    return [finding for finding in findings if finding.level == "warning"]


def examine(root: Path, image_root: Path | None = None) -> list[Section]:
    """The sections without a config: packages, machine, and the published data files below `root`."""
    return [
        Section("Installed", packages.check(frozenset())),
        Section("Machine", machine.describe({"project": root})),
        Section("Data", data.published(root, image_root)),
    ]


def planned_gpus(gpus: int | None) -> int:
    """GPUs of the run that is planned: `gpus`, else those of this machine times NNODES, else one."""
    return gpus or len(machine.gpus()) * int(os.environ.get("NNODES", "1")) or 1


def examine_run(
    stage: Stage,
    fer: Any,
    config: Any,
    model: Any,
    gpus: int | None = None,
    gpu_memory: float | None = None,
    card: Card | None = None,
) -> list[Section]:
    """The sections for one run; `gpus` and `gpu_memory` (bytes each) stand in for GPUs that are not here.

    80 GB where nothing is known. With a `card` its memory is what `gpu_memory` is by default, and a section
    says what the run costs on it.
    """
    here = machine.gpus()
    count = planned_gpus(gpus)
    each = gpu_memory or (
        card.memory if card else min(gpu.bytes for gpu in here) if here else needs.USUAL_GPU
    )
    run = PlannedRun.of(stage, fer, config, model, gpus=count)
    run, by_name = price.named(run) if card else (run, "")
    where = machine.describe({"output_dir": Path(config.output_dir)}, needs.disk(run))
    if not here and (config.bf16 or config.deepspeed):
        what = "bf16" if config.bf16 else "DeepSpeed"
        text = f"the run asks for {what}; {count} x {size(each)} assumed for the estimate"
        where.append(DoctorFinding("warning", "GPUs", text, "on CPU alone: --bf16 false --dtype float32"))
    sections = [
        Section("Installed", packages.check(packages.needed(config))),
        Section("Machine", where),
        Section("Data", data.of_run(stage, fer)),
        Section(f"Memory on each of {count} GPU{'s' if count > 1 else ''}", needs.memory(run, each)),
    ]
    if card:
        work, assumed = price.work_of(stage, fer, config, run)
        sections.append(
            Section("Cost", price.findings(run, work, card, [by_name, *assumed] if by_name else assumed))
        )
    return sections


def stage_of(config: Path, flags: Sequence[str]) -> Any:
    """`grpo` if the config or the flags hold a setting that only GRPO has, else `sft`."""
    given = {*read_config(config), *(flag.lstrip("-").split("=")[0] for flag in flags)}
    return (
        "grpo"
        if given & {"num_generations", "max_completion_length", "rollouts", "rewards", "beta"}
        else "sft"
    )


def read_plan(stage: str, argv: Sequence[str], processes: int = 1) -> tuple[Any, Any, Any]:
    """The settings of a run that need not work here: no check asks for a GPU or starts DeepSpeed.

    Raises InputError as `settings.parse` does.
    """
    from trl import GRPOConfig, ModelConfig, SFTConfig

    base: Any = SFTConfig if stage == "sft" else GRPOConfig

    @dataclass
    class Planned(base):
        """The arguments as they were given."""

        def __post_init__(self: Any) -> None:
            self.bf16 = not self.fp16 if self.bf16 is None else self.bf16
            self.report_to = [self.report_to] if isinstance(self.report_to, str) else self.report_to

    own: Any = settings.FerArguments if stage == "sft" else grpo_settings.GrpoArguments
    fer, config, model = settings.parse((own, Planned, ModelConfig), argv, processes)
    if stage == "grpo":
        if fer.rollouts not in grpo_settings.MODES:
            raise InputError(
                f"--rollouts {fer.rollouts}: no such way to sample; allowed are "
                f"{', '.join(grpo_settings.MODES)}"
            )
        grpo_settings.check_choices(fer, config)
        config.use_vllm, config.vllm_mode = fer.rollouts != "none", fer.rollouts
    return fer, config, model
