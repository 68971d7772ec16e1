"""`max_minutes`: save and stop before a cluster's time limit, so that a job submitted again loses minutes and
not a checkpoint interval.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback


class TimeLimit(TrainerCallback):
    """Asks for a checkpoint and the end at the first step that `minutes` after `started` lie behind, on every
    rank at the same step.

    `every` is the number of steps between places where a checkpoint may lie (a GRPO run resumes with fresh
    rollouts). `reached` says so afterwards.
    """

    def __init__(
        self, minutes: float, started: float, *, every: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._end, self._every, self._clock = started + 60 * minutes, every, clock
        self.reached = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % self._every or state.global_step >= state.max_steps:
            return
        if self._over(args):
            self.reached = control.should_save = control.should_training_stop = True

    def _over(self, args: Any) -> bool:
        """By the clock of rank 0: one rank that stops alone would leave the others waiting for it."""
        over = [self._clock() >= self._end]
        if args.world_size > 1:
            from accelerate.utils import broadcast_object_list

            broadcast_object_list(over)
        return over[0]
