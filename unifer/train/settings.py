"""YAML and flags -> typed settings of a training run, merged once and checked once.

`configs` reads the YAML. A path in it that starts with `./` or `../` is relative to that file, a path in a
flag to where the user stands.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from unifer.configs import read_config
from unifer.dialogue.images import PATCH, ImageRule
from unifer.errors import InputError
from unifer.train import global_batch


@dataclass
class FerArguments:
    """What a FER training run needs beyond TRL's own arguments."""

    rows: str = field(metadata={"help": "JSON or JSONL file of training rows."})
    image_root: str | None = field(
        default=None,
        metadata={"help": "Folder that a leading '/' of image_path stands for (default: UNIFER_IMAGE_ROOT)."},
    )
    image_size: int = field(
        default=224, metadata={"help": "Side in pixels every image is resized to; 0 keeps its own size."}
    )
    processor_rescales: bool = field(
        default=False,
        metadata={
            "help": "The checkpoint's processor may scale images of image_size, which its pixel limits "
            "exclude."
        },
    )
    freeze_vision_tower: bool = field(default=False, metadata={"help": "Train the language model alone."})
    preflight: bool = field(
        default=True, metadata={"help": "Look first at packages, disk and memory, as `unifer doctor` does."}
    )
    eval_questions: str | None = field(
        default=None,
        metadata={
            "help": "Question file answered every eval_steps while training: held-out WAR in the curves."
        },
    )
    eval_image_root: str | None = field(
        default=None, metadata={"help": "Its image root (default: that of the rows)."}
    )
    eval_max_new_tokens: int | None = field(
        default=None,
        metadata={
            "help": "Most tokens of such a reply (default: max_completion_length of GRPO, 1024 for SFT)."
        },
    )
    keep: str = field(
        default="last",
        metadata={"help": "Which model the run ends with: the last, or the best on eval_questions."},
    )
    global_batch: int | None = field(
        default=None,
        metadata={
            "help": "Rows (SFT) or replies (GRPO) per step over all processes; "
            "gradient_accumulation_steps follows."
        },
    )
    max_minutes: float | None = field(
        default=None,
        metadata={
            "help": "After so many minutes save, and end with status 75: for a cluster's time limit; the "
            "same command goes on."
        },
    )
    fresh: bool = field(
        default=False, metadata={"help": "Start over: a run in output_dir is moved aside instead of resumed."}
    )


_DEAD = {
    "load_in_8bit": "SFT with LoRA takes 4-bit weights: --load_in_4bit true --use_peft true",
    "model_revision": "give --model_name_or_path a folder that holds the revision",
    "trust_remote_code": "checkpoints run no code of their own here",
    "resume_from_checkpoint": "a run in output_dir is resumed by itself; --fresh true starts over",
    "save_only_model": "without optimizer state a run could not be resumed",
    "max_length": "nothing is cut, a cut would fall into image tokens or the answer",
    "packing": "image rows cannot be packed",
    "model_init_kwargs": "use --dtype and --attn_implementation",
}
"""Flags of TRL that have no effect on these runs, and what to do instead."""

_PACKAGES = (
    ("wandb", "report_to", "wandb", "tensorboard"),
    ("flash_attn", "attn_implementation", "flash_attention_2", "sdpa"),
    ("bitsandbytes", "load_in_4bit", True, "whole weights"),
)
"""(package, flag, its value that needs the package, the value that does not)"""


_HINTS = {
    "bf16": "; without a GPU: --bf16 false --dtype float32",
    "num_generations": "; a batch counts completions, not prompts: make per_device_train_batch_size x ranks "
    "x batches a generation a multiple of num_generations",
}
"""Word in what TRL or transformers says about settings -> what to do."""


def refuse_dead_flags(config: Any, model: Any) -> None:
    """Raise InputError for a flag that would change nothing, or that needs a missing package."""
    if model.dtype == "auto":
        raise InputError(
            "--dtype auto: sampler and trainer must hold weights alike; say float32, bfloat16 or float16"
        )
    for name, instead in _DEAD.items():
        for arguments in (config, model):
            default = getattr(type(arguments), name, None)
            if hasattr(arguments, name) and getattr(arguments, name) not in (default, None):
                raise InputError(f"--{name} has no effect here: {instead}")
    for package, name, value, instead in _PACKAGES:
        given = getattr(config, name, None) or getattr(model, name, None) or ()
        if (
            value in (given if isinstance(given, list | tuple) else [given])
            and importlib.util.find_spec(package) is None
        ):
            spelling = "true" if value is True else value
            raise InputError(
                f"--{name} {spelling} needs the package {package.replace('_', '-')}: install it, or use "
                f"{instead}"
            )


def check_held_out(fer: FerArguments, config: Any) -> None:
    """Refuse, before any weight is loaded, a held-out evaluation that could not be run. Raises InputError."""
    if fer.keep not in ("last", "best"):
        raise InputError(f"--keep {fer.keep}: allowed are last and best")
    if fer.eval_questions is None:
        if fer.keep == "best":
            raise InputError(
                "--keep best: best on what? name held-out questions with --eval_questions FILE and "
                "--eval_steps N"
            )
        return
    steps = config.eval_steps
    if steps is None or steps < 1 or steps != int(steps):
        raise InputError(
            f"--eval_questions {fer.eval_questions} with --eval_steps {steps}: say every how many steps, "
            "such as --eval_steps 20"
        )
    if not Path(fer.eval_questions).is_file():
        raise InputError(
            f"--eval_questions {fer.eval_questions}: no such file; a question file is expected (`unifer "
            "data build`, or a sample)"
        )


def check_quantised(command: str, config: Any, model: Any) -> None:
    """Refuse 4-bit weights where nothing could train them. Raises InputError."""
    if not model.load_in_4bit:
        return
    if command != "sft":
        raise InputError(
            "--load_in_4bit true is for SFT: vLLM samples from whole weights, which is another "
            "policy; --use_peft true alone"
        )
    if not model.use_peft:
        raise InputError(
            "--load_in_4bit true: weights of 4 bits cannot be trained themselves, adapters on them "
            "can: --use_peft true"
        )
    if config.deepspeed:
        raise InputError('--load_in_4bit true: DeepSpeed cannot shard weights of 4 bits; --deepspeed ""')


def drop_adapter_dropout(command: str, model: Any) -> float:
    """Set the dropout of a GRPO run's adapter to 0; what it was, 0 where there was none to drop.

    With it the trainer scores a policy that nobody samples from. Measured after one step of an adapter with
    TRL's default of 0.05: 2.4e-3 to 2.8e-3 nats per token, and below 1e-3 without.
    """
    if command != "grpo" or not model.use_peft or not model.lora_dropout:
        return 0.0
    dropout, model.lora_dropout = float(model.lora_dropout), 0.0
    return dropout


def check_time(fer: FerArguments) -> None:
    """Raise InputError for a time limit under which no step could be taken."""
    if fer.max_minutes is not None and fer.max_minutes <= 0:
        raise InputError(
            f"--max_minutes {fer.max_minutes}: minutes above 0 are expected; how long the run may take, "
            "from its start"
        )


def image_rule(fer: FerArguments, unit: int = PATCH) -> ImageRule:
    """The rule that `--image_size` means. Raises InputError for a size that is no multiple of `unit`."""
    try:
        return ImageRule(fer.image_size or None, unit)
    except ValueError as error:
        raise InputError(f"--image_size: {error}") from None


def parse(
    argument_types: Sequence[type], argv: Sequence[str], processes: int | None = None
) -> tuple[Any, ...]:
    """`--config FILE` and flags -> one instance per type in `argument_types`; flags win.

    `processes` (default: those of this launch) share `global_batch`. Raises InputError: no such config, a key
    or a flag that nothing reads (with the nearest one), a batch that cannot be shared.
    """
    from trl import TrlParser

    parser: Any = TrlParser(list(argument_types), allow_abbrev=False)
    parser.error = _refuse  # argparse would print every flag there is and exit
    config, flags = _split_config(list(argv))
    known = sorted({action.dest for action in parser._actions} - {"help"})
    values = {} if config is None else read_config(config)
    if config is not None:
        for key in values:
            if key not in known:
                raise InputError(f"{config}: unknown key {key!r}; {_nearest(key, known)}")
        parser.set_defaults_with_config(**values)
    required = [
        action
        for action in parser._actions
        if action.required or (action.dest == "model_name_or_path" and not action.default)
    ]
    missing = [action.dest for action in required if not _given(action.option_strings, flags)]
    if missing and not {"-h", "--help"} & set(flags):
        raise InputError(f"missing {', '.join(missing)}: set it in the YAML file or as --{missing[0]}")
    spelled = {option for action in parser._actions for option in action.option_strings}
    for flag in flags:
        if flag.startswith("--") and flag.split("=", 1)[0] not in spelled:
            raise InputError(f"unknown flag {flag}; {_nearest(flag.lstrip('-').split('=')[0], known)}")
    accumulation = global_batch.derive(
        values | _batch_flags(flags), processes or int(os.environ.get("WORLD_SIZE", "1"))
    )
    if accumulation is not None:
        flags += [f"--{global_batch.ACCUMULATION}", str(accumulation)]
    try:
        *parsed, rest = parser.parse_args_into_dataclasses(args=flags, return_remaining_strings=True)
    except ValueError as error:
        hint = next((hint for word, hint in _HINTS.items() if word in str(error)), "")
        raise InputError(f"{error}{hint}") from None
    if rest:
        raise InputError(f"{rest[0]!r} belongs to no flag; a value follows its --flag")
    return tuple(parsed)


def _refuse(problem: str) -> NoReturn:
    raise InputError(problem)


def _split_config(argv: list[str]) -> tuple[Path | None, list[str]]:
    """The last `--config`, so that a launcher's own is a default, and all other flags."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--config", type=Path)
    known, flags = own.parse_known_args(argv)
    return known.config, flags


def _batch_flags(flags: Sequence[str]) -> dict[str, Any]:
    """What flags say of the batch, settled before TRL reads it: GRPO derives more from it at once."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    for name in global_batch.NAMES:
        own.add_argument(f"--{name}", f"--{name.replace('_', '-')}")
    return vars(own.parse_known_args(list(flags))[0])


def _given(options: Sequence[str], flags: Sequence[str]) -> bool:
    return any(flag.split("=", 1)[0] in options for flag in flags)


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name.replace("-", "_"), known, n=1)
    return f"did you mean {near[0]!r}?" if near else "`unifer sft --flags` lists them all"
