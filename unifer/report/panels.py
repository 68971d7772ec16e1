"""What is worth seeing of a training run: its panels by metric names, and their lines as numbers.

Knows metric names as TRL logs them, neither files nor trainers. Panels without data are left out. Drawn by
`curves`, and by the page from JSON.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from unifer.records import Json

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PHASES = ("generate", "sync", "score", "rewards", "train")
"""Parts of a step in the order in which they are stacked; others come after them by name."""


_POINTS = 240
"""Points of a line on the page: more cannot be told apart at the size of a panel."""


@dataclass(frozen=True)
class CurveLine:
    """A metric by step; `low` and `high` name metrics that bound a band around it."""

    metric: str
    label: str
    low: str = ""
    high: str = ""
    bold: bool = False


@dataclass(frozen=True)
class Panel:
    """One of the small multiples. `scale` turns logged values into what the axis counts (100 for percent)."""

    title: str
    unit: str
    lines: tuple[CurveLine, ...]
    scale: float = 1.0
    log: bool = False
    stacked: bool = False
    exact: bool = False
    """A schedule, which a running mean would bend."""


_DIFFERENCE = "sampling/sampling_logp_difference"
_LENGTH = "completions/{}_length".format
_HELD_OUT = Panel(
    "Held-out WAR",
    "percent, 95 %",
    (CurveLine("heldout/war", "greedy", "heldout/war_low", "heldout/war_high", bold=True),),
    100,
)
_AFTER_REWARDS = (
    _HELD_OUT,
    Panel("Policy entropy", "nats per token", (CurveLine("entropy", "entropy"),)),
    Panel("KL from the reference", "nats per token", (CurveLine("kl", "KL"),)),
    Panel(
        "Completion length",
        "tokens",
        (CurveLine(_LENGTH("mean"), "mean, and shortest to longest", _LENGTH("min"), _LENGTH("max")),),
    ),
    Panel("Completions cut at the limit", "percent", (CurveLine("completions/clipped_ratio", "cut"),), 100),
    Panel("Groups without variance", "percent", (CurveLine("frac_reward_zero_std", "groups"),), 100),
    Panel(
        "Sampler against trainer",
        "|Δ log p|, nats",
        (CurveLine(f"{_DIFFERENCE}/mean", "mean"), CurveLine(f"{_DIFFERENCE}/max", "max")),
        log=True,
    ),
    Panel(
        "Importance-sampling ratio",
        "mean ratio",
        (CurveLine("sampling/importance_sampling_ratio/mean", "ratio"),),
    ),
)
_SUPERVISED = (
    _HELD_OUT,
    Panel(
        "Loss",
        "nats per token",
        (CurveLine("loss", "training", bold=True), CurveLine("eval_loss", "evaluation")),
    ),
    Panel("Tokens predicted", "percent", (CurveLine("mean_token_accuracy", "accuracy"),), 100),
    Panel("Entropy", "nats per token", (CurveLine("entropy", "entropy"),)),
)
_OPTIMIZER = (
    Panel("Gradient norm", "L2 norm", (CurveLine("grad_norm", "norm"),), log=True),
    Panel("Learning rate", "rate", (CurveLine("learning_rate", "rate"),), exact=True),
)


def panels(rows: Sequence[Json]) -> list[Panel]:
    """The panels that `rows` have data for, first the rewards, or the loss of supervised training."""
    names = {name for row in rows for name in row if is_number(row[name])}
    rewards = sorted(name for name in names if name.startswith("rewards/") and name.endswith("/mean"))
    if "reward" in names:
        total = CurveLine("reward", "weighted total", bold=True)
        each = (CurveLine(name, name.removeprefix("rewards/").removesuffix("/mean")) for name in rewards)
        wanted = [
            Panel("Rewards", "mean reward", (total, *each)),
            *_AFTER_REWARDS,
            _step_time(names),
            *_OPTIMIZER,
        ]
    else:
        wanted = [*_SUPERVISED, *_OPTIMIZER, _step_time(names)]
    found = []
    for panel in wanted:
        lines = tuple(line for line in panel.lines if line.metric in names)
        if lines:
            positive = any(
                is_number(row.get(line.metric)) and row[line.metric] > 0 for row in rows for line in lines
            )
            found.append(replace(panel, lines=lines, log=panel.log and positive))
    return found


def _step_time(names: set[str]) -> Panel:
    phases = sorted(name.removeprefix("time/") for name in names if name.startswith("time/"))
    if not phases:
        return Panel("Step time", "seconds", (CurveLine("step_time", "step"),))
    ordered = [phase for phase in _PHASES if phase in phases] + [
        phase for phase in phases if phase not in _PHASES
    ]
    # What the phases leave of a step is the trainer's own: forward, backward, optimizer.
    rest = (CurveLine("step_time", "other" if "train" in phases else "train"),)
    return Panel(
        "Step time",
        "seconds",
        (*(CurveLine(f"time/{phase}", phase) for phase in ordered), *rest),
        stacked=True,
    )


def is_number(value: Any) -> bool:
    """A finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def series(rows: Sequence[Json], metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps and values of `metric`, both (n,), where it was logged and finite."""
    found = [(row["step"], row[metric]) for row in rows if is_number(row.get(metric))]
    table = np.asarray(found, dtype=float).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def running_mean(values: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    """Mean of each value with up to `half` neighbours on either side.

    Shape (n,) -> (n,); fewer neighbours at the ends.
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    return np.asarray((sums[high] - sums[low]) / (high - low), dtype=float)


def neighbours(count: int) -> int:
    """How many neighbours on either side to average over: 5 % of the run in all, none of few points."""
    return 0 if count < 30 else max(2, count // 40)


def panel_json(panel: Panel, rows: Sequence[Json]) -> Json:
    """Title, unit and lines of a panel: steps, the points that were logged, and their running mean."""
    half = 0 if panel.exact else neighbours(len(rows))
    lines = []
    for line in panel.lines:
        steps, values = series(rows, line.metric)
        if panel.log:
            steps, values = steps[values > 0], values[values > 0]
        values = values * panel.scale
        kept = np.unique(np.linspace(0, len(steps) - 1, min(_POINTS, len(steps))).astype(int))
        raw = [_four_digits(value) for value in values[kept]]
        smooth = [_four_digits(value) for value in running_mean(values, half)[kept]] if half else raw
        label = "whole step" if line.metric == "step_time" and panel.stacked else line.label
        lines.append(
            {"label": label, "bold": line.bold, "steps": steps[kept].tolist(), "raw": raw, "mean": smooth}
        )
    return {
        "title": panel.title,
        "unit": panel.unit,
        "log": panel.log,
        "lines": [line for line in lines if line["steps"]],
    }


def _four_digits(value: float) -> float:
    """Four digits: what a small panel can show."""
    return float(f"{value:.4g}")
