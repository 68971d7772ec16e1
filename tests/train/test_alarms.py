"""Alarms speak once when their trouble starts, again only after it has ended, and alike after a resume."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unifer.train.alarms import AlarmLimits, Alarms
from unifer.train.history import MetricsLog, read_metrics

ZERO, ENTROPY, CLIPPED = "frac_reward_zero_std", "entropy", "completions/clipped_ratio"
DIFFERENCE, RATIO = "sampling/sampling_logp_difference/mean", "sampling/importance_sampling_ratio/mean"
SHORT = AlarmLimits(window=2)


def said(metric: str, values: Sequence[float | None], limits: AlarmLimits = SHORT) -> list[str]:
    alarms = Alarms(limits)
    return [
        text
        for step, value in enumerate(values, 1)
        for text in alarms.check(step, {"reward": 1.0, metric: value})
    ]


def steps(texts: list[str]) -> list[int]:
    return [int(text.split(":")[0].removeprefix("step ")) for text in texts]


@pytest.mark.parametrize(
    ("metric", "good", "bad"),
    [
        (ZERO, 0.3, 0.95),
        (CLIPPED, 0.0, 0.5),
        (DIFFERENCE, 1e-5, 2.08),
        (RATIO, 1.0, 0.1),
        (ENTROPY, 1.0, 0.1),
    ],
)
def test_an_alarm_speaks_once_when_it_starts_and_again_after_it_has_ended(
    metric: str, good: float, bad: float
) -> None:
    texts = said(metric, [good] * 4 + [bad] * 5 + [good] * 4 + [bad] * 5)
    # Two bad steps fill the window; the sampler's is one step.
    assert steps(texts) == ([5, 14] if metric == DIFFERENCE else [6, 15])


def test_the_text_names_what_value_limit_and_remedy() -> None:
    text = said(ZERO, [0.9, 1.0])[0]
    assert text.startswith(
        "step 2: groups without variance teach nothing: frac_reward_zero_std is 0.95 over 2 logged "
        "steps (limit 0.8)"
    )
    assert "`unifer rewards` shows which reward does not move" in text
    assert "limit 0.1, 0.2 of its first 0.5" in said(ENTROPY, [0.5, 0.5, 0.05, 0.05])[0]


def test_a_value_that_flutters_around_its_limit_speaks_once() -> None:
    assert steps(said(DIFFERENCE, [0.0011, 0.00099] * 20)) == [1]
    assert steps(said(DIFFERENCE, [0.0011, 0.00089] * 2)) == [1, 3]
    assert said(DIFFERENCE, [0.001] * 5) == []


def test_one_bad_step_is_no_trend_but_one_drifting_sampler_is() -> None:
    calm = AlarmLimits(window=10)
    assert said(ZERO, [0.2] * 12 + [1.0] + [0.2] * 12, calm) == []
    assert steps(said(DIFFERENCE, [1e-5] * 12 + [0.02] + [1e-5] * 12, calm)) == [13]


def test_the_limit_of_the_sampler_follows_the_precision() -> None:
    assert said(DIFFERENCE, [0.02], AlarmLimits(logp_difference=5e-2)) == []
    assert steps(said(DIFFERENCE, [0.02])) == [1]


def test_a_reward_that_falls_from_its_best_is_said_whatever_it_began_with() -> None:
    rising_then_broken = [0.2, 0.2, 0.8, 0.8, 0.5, 0.5]
    alarms = Alarms(SHORT)
    texts = [
        text
        for step, value in enumerate(rising_then_broken, 1)
        for text in alarms.check(step, {"reward": value})
    ]
    assert steps(texts) == [6]
    assert "0.7 of its best 0.8" in texts[0]
    below_zero = Alarms(SHORT)
    assert not [text for step in range(1, 9) for text in below_zero.check(step, {"reward": -0.1 * step})], (
        "a share of -0.1 is no limit"
    )


def test_entropy_that_falls_in_supervised_training_is_no_alarm() -> None:
    alarms = Alarms(SHORT)
    rows = [{"step": step, "loss": 1.0, ENTROPY: 1 / step} for step in range(1, 50)]
    assert alarms.replay(rows) == []


def test_what_is_absent_or_not_finite_is_skipped() -> None:
    assert said(ZERO, [None, math.nan, math.inf, None]) == []
    assert steps(said(ZERO, [0.9, None, math.nan, 0.9])) == [4]
    assert Alarms().check(1, {}) == []


@given(data=st.data(), cut=st.integers(0, 40))
def test_a_resumed_run_says_what_an_uninterrupted_one_says(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, cut: int
) -> None:
    shares = st.floats(0, 1) | st.none() | st.just(math.nan)
    names = ("reward", ZERO, ENTROPY, CLIPPED, DIFFERENCE, RATIO)
    rows: list[dict[str, Any]] = data.draw(
        st.lists(st.fixed_dictionaries(dict.fromkeys(names, shares)), max_size=40)
    )
    limits = dataclasses.replace(SHORT, logp_difference=0.5)
    live, folder = Alarms(limits), tmp_path_factory.mktemp("run")
    with MetricsLog(folder) as log:
        expected = [live.check(step, row) for step, row in enumerate(rows, 1)]
        for step, row in enumerate(rows, 1):
            log.append(step, row, expected[step - 1])
        log.rewind(cut)
    resumed = Alarms(limits)
    logged = read_metrics(folder) if rows[:cut] else []
    assert resumed.replay(logged) == [text for texts in expected[:cut] for text in texts]
    assert [resumed.check(step, row) for step, row in list(enumerate(rows, 1))[cut:]] == expected[cut:]


def test_the_log_keeps_what_was_said(tmp_path: Path) -> None:
    alarms = Alarms(SHORT)
    with MetricsLog(tmp_path) as log:
        for step in (1, 2, 3):
            row = {"reward": 1.0, ZERO: 1.0}
            log.append(step, row, alarms.check(step, row))
    assert ["alarms" in row for row in read_metrics(tmp_path)] == [False, True, False]
