"""Training curves: which panels a run gets, what is averaged, and figures that can be drawn of any log."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unifer.records import Json
from unifer.report.curves import curves_png, curves_text
from unifer.report.panels import panels, running_mean, series

GRPO: Json = {
    "loss": 0.01,
    "reward": 1.2,
    "reward_std": 0.3,
    "rewards/format/mean": 1.0,
    "rewards/accuracy/mean": 0.7,
    "rewards/accuracy/std": 0.4,
    "kl": 0.02,
    "entropy": 0.3,
    "completions/mean_length": 50.0,
    "completions/min_length": 30.0,
    "completions/max_length": 80.0,
    "completions/clipped_ratio": 0.01,
    "frac_reward_zero_std": 0.2,
    "sampling/sampling_logp_difference/mean": 3e-5,
    "sampling/sampling_logp_difference/max": 2e-3,
    "step_time": 2.0,
    "time/rewards": 0.1,
    "time/generate": 0.8,
    "time/score": 0.2,
}


def run(count: int, **changed: Any) -> list[Json]:
    return [{"step": step, **GRPO, **changed} for step in range(1, count + 1)]


def shown(rows: list[Json]) -> dict[str, list[str]]:
    return {panel.title: [line.label for line in panel.lines] for panel in panels(rows)}


def test_a_grpo_run_gets_the_panels_it_has_data_for() -> None:
    assert shown(run(3)) == {
        "Rewards": ["weighted total", "accuracy", "format"],
        "Policy entropy": ["entropy"],
        "KL from the reference": ["KL"],
        "Completion length": ["mean, and shortest to longest"],
        "Completions cut at the limit": ["cut"],
        "Groups without variance": ["groups"],
        "Sampler against trainer": ["mean", "max"],
        "Step time": ["generate", "score", "rewards", "train"],
    }


def test_a_supervised_run_gets_its_loss_and_no_reward() -> None:
    rows: list[Json] = [
        {
            "step": 10,
            "loss": 1.0,
            "grad_norm": 0.5,
            "learning_rate": 1e-5,
            "mean_token_accuracy": 0.9,
            "epoch": 0.1,
        }
    ]
    assert list(shown(rows)) == ["Loss", "Tokens predicted", "Gradient norm", "Learning rate"]


def test_a_metric_that_was_never_finite_gets_no_panel() -> None:
    rows = run(3, kl=None, entropy=math.nan, **{"rewards/format/mean": None})
    assert not {"KL from the reference", "Policy entropy"} & set(shown(rows))
    assert shown(rows)["Rewards"] == ["weighted total", "accuracy"]


def test_step_time_without_phases_is_a_line_and_phases_of_ones_own_come_last() -> None:
    bare: list[Json] = [{"step": 1, "reward": 1.0, "step_time": 2.0}]
    assert (panels(bare)[-1].title, panels(bare)[-1].stacked) == ("Step time", False)
    assert shown(run(1, **{"time/train": 0.9, "time/augment": 0.1}))["Step time"] == [
        "generate",
        "score",
        "rewards",
        "train",
        "augment",
        "other",
    ]


def test_a_difference_of_zero_is_not_put_on_a_logarithmic_axis() -> None:
    zero = {"sampling/sampling_logp_difference/mean": 0.0, "sampling/sampling_logp_difference/max": 0.0}
    axis = {panel.title: panel.log for panel in panels(run(2, **zero))}
    assert axis["Sampler against trainer"] is False
    assert {panel.title: panel.log for panel in panels(run(2))}["Sampler against trainer"] is True


def test_a_series_leaves_out_what_was_not_logged() -> None:
    rows: list[Json] = [{"step": 1, "kl": 0.1}, {"step": 2, "kl": None}, {"step": 3}, {"step": 4, "kl": 0.4}]
    steps, values = series(rows, "kl")
    assert (steps.tolist(), values.tolist()) == ([1.0, 4.0], [0.1, 0.4])
    assert series(rows, "reward")[0].shape == (0,)


def test_the_running_mean_is_centred_and_shrinks_at_the_ends() -> None:
    assert running_mean(np.asarray([0.0, 3.0, 6.0, 9.0]), 1).tolist() == [1.5, 3.0, 6.0, 7.5]
    assert running_mean(np.asarray([5.0, 1.0]), 0).tolist() == [5.0, 1.0]
    assert running_mean(np.asarray([]), 2).tolist() == []


@pytest.mark.parametrize("count", [1, 2, 120])
def test_a_figure_is_at_least_1600_pixels_wide_on_a_light_ground(tmp_path: Path, count: int) -> None:
    rows = run(count)
    rows[-1]["alarms"] = ["step 1: $\\frac$"]
    curves_png(tmp_path / "c.png", rows, "$x_{ · training curves")
    with Image.open(tmp_path / "c.png") as image:
        assert image.width >= 1600
        assert image.convert("L").getpixel((3, 3)) == 255
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]


def test_hostile_and_broken_values_are_drawn_or_left_out(tmp_path: Path) -> None:
    zero = {
        "sampling/sampling_logp_difference/mean": 0.0,
        "sampling/sampling_logp_difference/max": 0.0,
        "grad_norm": 0.0,
    }
    rows = run(40, **zero, **{"rewards/$\\frac{\x1b[31m/mean": 0.5})
    rows[7] = {"step": 8, "reward": None}
    rows[9]["step_time"] = 0.1  # less than its phases
    curves_png(tmp_path / "c.png", rows, "run")
    with pytest.raises(ValueError, match="no metric"):
        curves_png(tmp_path / "none.png", [{"step": 1, "epoch": 0.5}], "run")


def test_the_text_compares_the_first_steps_with_the_last_and_ends_with_the_alarms() -> None:
    rows = run(40)
    for row in rows:
        row["reward"] = float(row["step"])
    rows[20]["alarms"] = ["step 21: " + "groups without variance teach nothing " * 4]
    text = curves_text(rows, "GRPO-Tiny")
    assert text.splitlines()[0] == "GRPO-Tiny · 40 logged steps, 1 to 40"
    assert "  Rewards: weighted total                    5.5        35.5" in text.splitlines()
    assert ["Groups", "without", "variance", "20", "%", "20", "%"] in [
        line.split() for line in text.splitlines()
    ]
    assert "! step 21: groups" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "no alarm in the log" in curves_text(run(1), "one")


def test_text_from_a_log_cannot_move_the_cursor() -> None:
    text = curves_text(
        [{"step": 1, "reward": 1.0, "rewards/\x1b[31m/mean": 1.0, "alarms": ["\x1b[2J"]}], "\x9b2J"
    )
    assert all(line.isprintable() for line in text.splitlines())
