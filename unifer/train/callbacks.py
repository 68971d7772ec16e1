"""What hangs on TRL's loop: the bar, the run's own metrics, and the end before a cluster's time limit.

Where another command of ours waits for this one, it is told how far the run is (`unifer.progress`), and no
bar is drawn.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from transformers import ProgressCallback, TrainerCallback

from unifer.progress import Teller, teller
from unifer.train.alarms import Alarms
from unifer.train.history import MetricsLog, RolloutLog

log = logging.getLogger(__name__)


class TrainingBar(ProgressCallback):
    """The trainer's own bar, the newest loss behind it; or nothing on the screen, where somebody is told."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self._teller: Teller | None = None
        self._newest: dict[str, str] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self._teller = teller(self.title, state.max_steps, state.global_step, "steps")
        if self._teller is not None:
            return
        super().on_train_begin(args, state, control, **kwargs)
        if self.training_bar is not None:
            self.training_bar.set_description(self.title)
            self.training_bar.update(state.global_step)
            self.current_step = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._teller is not None:
            self._teller()
        elif self.training_bar is not None:
            super().on_step_end(args, state, control, **kwargs)

    def on_prediction_step(
        self, args: Any, state: Any, control: Any, eval_dataloader: Any = None, **kwargs: Any
    ) -> None:
        if self._teller is None:
            super().on_prediction_step(args, state, control, eval_dataloader, **kwargs)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.training_bar is not None:
            super().on_train_end(args, state, control, **kwargs)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """The reward where there is one (GRPO's loss says nothing), else the loss; the last held-out WAR."""
        logs = logs or {}
        if "reward" in logs:
            self._newest["reward"] = f"reward {float(logs['reward']):.2f}"
        elif "loss" in logs:
            self._newest["loss"] = f"loss {float(logs['loss']):.3f}"
        if "heldout/war" in logs:
            self._newest["war"] = f"WAR {100 * float(logs['heldout/war']):.1f} %"
        text = ", ".join(self._newest.values())
        if self._teller is not None:
            self._teller.say(text)
        elif self.training_bar is not None:
            self.training_bar.set_postfix_str(text)


class MetricsRecorder(TrainerCallback):
    """Writes what the trainer logs to the run's own file, each step once, and says what alarms in it."""

    def __init__(self, metrics: MetricsLog, rollouts: RolloutLog, alarms: Alarms) -> None:
        self.metrics, self.rollouts, self.alarms = metrics, rollouts, alarms

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if state.is_world_process_zero and logs and "loss" in logs:
            texts = self.alarms.check(state.global_step, logs)
            self.metrics.append(state.global_step, logs, texts)
            for text in texts:
                log.warning("\n%s", text)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.metrics.close()
        self.rollouts.close()


class TimeLimit(TrainerCallback):
    """Saves and stops at the first step that ends `minutes` after `started`, on every rank at the same step.

    A job that a cluster would end, and that is submitted again, so loses minutes and not a checkpoint
    interval. `every` is the number of steps between places where a checkpoint may lie (a GRPO run resumes
    with fresh rollouts). `reached` says so afterwards.
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
