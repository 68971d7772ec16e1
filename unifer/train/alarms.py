"""Alarms over the metrics of a GRPO run: what goes wrong in silence, named once when it starts.

Each text says what to do. Pure arithmetic on numbers as TRL logs them; knows no trainer and no file.
Replaying the metrics log gives the state of a run that was never stopped.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from unifer.records import Json
from unifer.train.history import number


@dataclass(frozen=True)
class AlarmLimits:
    """When an alarm starts.

    It ends, and may start again, once its value is `margin` (a share of the limit) on the good side.
    """

    window: int = 10
    """Logged steps whose mean is looked at; the sampler is looked at step by step."""
    margin: float = 0.1
    zero_variance: float = 0.8
    """Share of groups whose completions all earn the same: at 0.8 four of five samples teach nothing."""
    entropy: float = 0.2
    """Share of its early level (the first window) that entropy may fall to."""
    clipped: float = 0.25
    """Share of completions cut at the completion limit; they cannot earn format or accuracy."""
    logp_difference: float = 1e-3
    """Mean |log-probability difference| of sampler and trainer a token, in nats.

    The default is for float32, where different kernels alone give some 1e-5. For bfloat16 5e-2: rounding
    gives 0.01 to 0.03 on models of 0.5B to 7B, other weights or pixels give more than 0.1.
    """
    importance: float = 0.5
    """Mean importance-sampling ratio; below it, half of the rollouts are masked or weighed to nothing."""
    reward: float = 0.7
    """Share of its best windowed mean that the total reward may fall to."""


@dataclass(frozen=True)
class _Watch:
    """One metric against a limit.

    `limit` names a field of `AlarmLimits`; `reference` makes it a share of the metric's own first or best
    window.
    """

    limit: str
    metric: str
    what: str
    remedy: str
    bad: Literal["above", "below"] = "above"
    reference: Literal["first", "best"] | None = None


_WATCHES = (
    _Watch(
        "zero_variance",
        "frac_reward_zero_std",
        "groups without variance teach nothing",
        "raise temperature or num_generations, or take harder rows; `unifer rewards` shows which "
        "reward does not move",
    ),
    _Watch(
        "entropy",
        "entropy",
        "entropy collapses",
        "lower learning_rate, or raise temperature, beta or epsilon_high",
        "below",
        "first",
    ),
    _Watch(
        "clipped",
        "completions/clipped_ratio",
        "completions are cut at their limit",
        "raise max_completion_length, or add the length reward",
    ),
    _Watch(
        "logp_difference",
        "sampling/sampling_logp_difference/mean",
        "the sampler drifts from the trainer",
        "compare dtype, image size and weight sync of both; samples of another policy mislead training",
    ),
    _Watch(
        "importance",
        "sampling/importance_sampling_ratio/mean",
        "rollouts are masked or weighed down",
        "the sampler's probabilities differ from the trainer's: see the difference of "
        "log-probabilities, or lower num_iterations",
        "below",
    ),
    _Watch(
        "reward",
        "reward",
        "the reward falls",
        "go back to an earlier checkpoint with a lower learning_rate and more warmup_steps, or raise beta",
        "below",
        "best",
    ),
)


class _State:
    """What one watch has seen."""

    def __init__(self, watch: _Watch, limits: AlarmLimits) -> None:
        self.watch, self._margin = watch, limits.margin
        self._bound: float = getattr(limits, watch.limit)
        self._window = 1 if watch.limit == "logp_difference" else limits.window
        self._recent: deque[float] = deque(maxlen=self._window)
        self._reference: float | None = None
        self._on = False

    def see(self, value: float) -> str | None:
        """Take in one value; the alarm's text when it starts here."""
        self._recent.append(value)
        if len(self._recent) < self._window:
            return None
        mean = fmean(self._recent)
        limit = self._limit(mean)
        badness = mean - limit if self.watch.bad == "above" else limit - mean
        if self._on:
            self._on = badness > -self._margin * limit
            return None
        self._on = badness > 0
        return self._text(mean, limit) if self._on else None

    def _limit(self, mean: float) -> float:
        if self.watch.reference is None:
            return self._bound
        if self._reference is None or (self.watch.reference == "best" and mean > self._reference):
            self._reference = mean
        # A share of nothing, or of a reward below zero, says nothing.
        return self._bound * self._reference if self._reference > 0 else -math.inf

    def _text(self, mean: float, limit: float) -> str:
        watch = self.watch
        over = f" over {self._window} logged steps" if self._window > 1 else ""
        of = (
            ""
            if watch.reference is None
            else f", {self._bound:g} of its {watch.reference} {self._reference:.3g}"
        )
        return f"{watch.what}: {watch.metric} is {mean:.3g}{over} (limit {limit:.3g}{of}); {watch.remedy}"


class Alarms:
    """`check` each logged step in order; `replay` the metrics log before a run goes on."""

    def __init__(self, limits: AlarmLimits | None = None) -> None:
        limits = limits or AlarmLimits()
        self._states = [_State(watch, limits) for watch in _WATCHES]

    def check(self, step: int, metrics: Mapping[str, Any]) -> list[str]:
        """Texts of the alarms that start at `step`: what, value, limit, what to do.

        Metrics that are absent or not finite are skipped.
        """
        if (
            "reward" not in metrics
        ):  # the closing summary, an evaluation, supervised training: there entropy is meant to fall
            return []
        texts = []
        for state in self._states:
            value = number(metrics.get(state.watch.metric))
            text = None if value is None else state.see(value)
            if text:
                texts.append(f"step {step}: {text}")
        return texts

    def replay(self, rows: Iterable[Json]) -> list[str]:
        """Take in logged rows; what was said when they were new."""
        return [text for row in rows for text in self.check(row["step"], row)]
