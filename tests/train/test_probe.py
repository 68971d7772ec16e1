"""The probe refuses what it cannot compare: log-probabilities that are no numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from unifer.errors import InputError
from unifer.train import probe


def trainer() -> Any:
    return SimpleNamespace(accelerator=SimpleNamespace(gather=lambda values: values))


MASK = torch.ones(4, 30, dtype=torch.long)
SOUND = torch.full((4, 30), -0.5)


def test_nothing_but_nan_is_no_agreement() -> None:
    """NaN was left out of the mean, and what was left, nothing, counted as a difference of 0."""
    broken = torch.full((4, 30), float("nan"))
    assert probe.difference(SOUND, broken, MASK)[0] == 0
    with pytest.raises(
        InputError,
        match=r"vLLM gives 120 of the first 120 sampled tokens no log-probability \(NaN\).*--rollouts none",
    ):
        probe._refuse_unscored(trainer(), SOUND, broken, MASK)
    with pytest.raises(InputError, match="the trainer gives 120"):
        probe._refuse_unscored(trainer(), broken, SOUND, MASK)


def test_one_token_in_a_hundred_may_be_unscored_and_two_may_not() -> None:
    few = SOUND.clone()
    few[0, 0] = float("nan")
    probe._refuse_unscored(trainer(), SOUND, few, MASK)
    few[1, :2] = float("nan")
    with pytest.raises(InputError, match="3 of the first 120"):
        probe._refuse_unscored(trainer(), SOUND, few, MASK)


def test_the_end_token_of_an_empty_reply_does_not_count() -> None:
    """vLLM returns no log-probability for it; a young policy gives many empty replies in a sound run."""
    mask = MASK.clone()
    mask[2:, 1:] = 0
    empty = SOUND.clone()
    empty[2:, 0] = float("nan")
    probe._refuse_unscored(trainer(), SOUND, empty, mask)


def test_the_limit_is_that_of_the_arithmetic() -> None:
    """vLLM's attention on a GPU multiplies float32 in TF32: the limit of a CPU would refuse a sound run."""
    assert probe.limit("float32", "cpu") == 1e-3
    assert probe.limit("float32", "cuda") == 1e-2
    assert probe.limit("bfloat16", "cpu") == probe.limit("bfloat16", "cuda") == 5e-2
