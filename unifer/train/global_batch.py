"""`global_batch`: rows (SFT) or replies (GRPO) per optimizer step, and the accumulation that keeps it.

A recipe names what a step takes; on how many GPUs it runs changes the time and not the step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from unifer.errors import InputError

ACCUMULATION = "gradient_accumulation_steps"
_BATCH = "per_device_train_batch_size"
NAMES = ("global_batch", _BATCH, ACCUMULATION, "num_generations")
"""Settings that decide it."""

_LARGEST_NAMED = 16


def derive(given: Mapping[str, Any], processes: int) -> int | None:
    """`gradient_accumulation_steps` that makes `global_batch` on so many processes; None without one.

    Raises InputError: a batch that these processes cannot share (with the sizes that would do), or an
    accumulation that says otherwise.
    """
    if given.get("global_batch") in (None, 0, "0"):
        return None
    wanted, each = (_number(given, name, default) for name, default in (("global_batch", 0), (_BATCH, 8)))
    group = _number(given, "num_generations", 1) if "num_generations" in given else 1
    if wanted % processes or wanted // processes % each or wanted % group:
        shared = f"{processes} process{'es' if processes > 1 else ''} of {each}"
        raise InputError(f"--global_batch {wanted} on {shared}: {_instead(wanted, processes, each, group)}")
    steps = wanted // processes // each
    given_steps = given.get(ACCUMULATION)
    if given_steps is not None and _number(given, ACCUMULATION, 1) != steps:
        raise InputError(
            f"--{ACCUMULATION} {given_steps} with --global_batch {wanted}: {processes} x {each} need "
            f"{steps}, which is derived: leave it out, or --global_batch 0 to set it yourself"
        )
    return steps


def _instead(wanted: int, processes: int, each: int, group: int) -> str:
    """What would do, in the order of how little it changes the run."""
    ways = []
    if not wanted % processes and not wanted % group:
        sizes = [size for size in range(1, _LARGEST_NAMED + 1) if not wanted // processes % size]
        ways.append(f"--{_BATCH} {_or(sizes)}")
    counts = [count for count in range(1, 1 + wanted // each) if not wanted % (count * each)]
    if counts and not wanted % group:
        ways.append(f"{_or(counts)} processes")
    step = math.lcm(processes * each, group)
    lower = wanted // step * step
    ways.append(
        f"another step, such as --global_batch {_or([size for size in (lower, lower + step) if size])}"
    )
    return "a step cannot be shared so; what would do: " + "; or ".join(ways)


def _or(numbers: list[int]) -> str:
    return " or ".join(filter(None, [", ".join(map(str, numbers[:-1])), str(numbers[-1])]))


def _number(given: Mapping[str, Any], name: str, default: int) -> int:
    value = given.get(name, default)
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise InputError(f"--{name} {value}: a whole number above 0 is expected")
    return number
