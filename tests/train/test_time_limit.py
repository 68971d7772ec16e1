"""A run that is given its minutes stops by itself where it can go on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("transformers", reason="training needs the full environment")

from unifer.errors import InputError
from unifer.train import settings
from unifer.train.callbacks import TimeLimit


def step(limit: TimeLimit, number: int, of: int = 100) -> Any:
    control = SimpleNamespace(should_save=False, should_training_stop=False)
    limit.on_step_end(
        SimpleNamespace(world_size=1), SimpleNamespace(global_step=number, max_steps=of), control
    )
    return control


def test_it_saves_and_stops_once_its_minutes_are_over() -> None:
    now = [0.0]
    limit = TimeLimit(2, 1000.0, clock=lambda: now[0])
    now[0] = 1119.0
    assert not step(limit, 5).should_training_stop
    assert not limit.reached
    now[0] = 1121.0
    assert step(limit, 6) == SimpleNamespace(should_save=True, should_training_stop=True)
    assert limit.reached


def test_it_waits_for_a_step_at_which_new_rollouts_would_be_sampled() -> None:
    """A checkpoint inside a generation window would go on with other rollouts."""
    limit = TimeLimit(1, 0.0, every=4, clock=lambda: 1e9)
    assert not step(limit, 7).should_save
    assert step(limit, 8).should_save


def test_the_last_step_is_the_end_of_the_run_and_no_interruption() -> None:
    limit = TimeLimit(1, 0.0, clock=lambda: 1e9)
    assert not step(limit, 100).should_training_stop
    assert not limit.reached


def test_minutes_that_no_step_fits_are_refused() -> None:
    with pytest.raises(InputError, match="--max_minutes -5: minutes above 0"):
        settings.check_time(settings.FerArguments(rows="rows.json", max_minutes=-5))
