"""Scores of the runs of grpo_seeds.py: gains of GRPO over its cold start, per run and over all runs."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unifer.datasets import load_dataset
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import DatasetScores, score_strict
from unifer.evaluate.statistics.gains import face_f1, paired_gain


def score(out: Path, model: str) -> DatasetScores:
    spec = load_dataset(out / "heldout")
    return score_strict(spec, PredictionFile(model, spec.results / f"{model}.jsonl"))


def scores(out: Path, before: str, after: str) -> dict[str, Any]:
    sft, grpo = score(out, before), score(out, after)
    gains = {
        "war_gain": paired_gain(sft.graded, grpo.graded),
        "au_f1_gain": paired_gain(sft.graded, grpo.graded, face_f1),
    }
    return {
        "war": [round(100 * part.labelled.war, 1) for part in (sft, grpo)],
        "au_f1": [round(100 * part.action_units.face_f1, 1) for part in (sft, grpo) if part.action_units],
        **{name: [round(value, 2) for value in (gain.points, *gain.ci95)] for name, gain in gains.items()},
        "recall": [_recalls(part) for part in (sft, grpo)],
    }


def _recalls(part: DatasetScores) -> dict[str, float]:
    return {
        row.label: round(100 * row.recall, 1) for row in part.labelled.per_class if row.recall is not None
    }


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Median and range over the runs, and what holds in every one of them."""
    runs = [row for row in rows if "run" in row]
    gains = [row["war_gain"][0] for row in runs]
    units = [row["au_f1_gain"][0] for row in runs]
    lowest = min((recall, label, row["run"]) for row in runs for label, recall in row["recall"][1].items())
    return {
        "machine": _machine(),
        "runs": runs,
        "beside": [row for row in rows if "beside" in row],
        "war_gain": _spread(gains) | {"lowest_bound": min(row["war_gain"][1] for row in runs)},
        "au_f1_gain": _spread(units),
        "au_f1_surely_lost_in": [row["run"] for row in runs if row["au_f1_gain"][2] < 0],
        "lowest_recall": lowest,
        "holds": all(row["war_gain"][0] >= 5 and row["war_gain"][1] > 0 for row in runs),
    }


def _spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, range and mean, with the mean's own 95 % interval over the runs (Student's t)."""
    mean = statistics.mean(values)
    spread: dict[str, Any] = {
        "median": statistics.median(values),
        "range": [min(values), max(values)],
        "mean": round(mean, 2),
    }
    if len(values) > 2:
        from scipy.stats import t

        half = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
        spread["mean_ci95"] = [round(mean - half, 2), round(mean + half, 2)]
    return spread


def _machine() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].partition(': ')[2] if names else platform.processor()}, {os.cpu_count()} cores"
