"""Training curves of the models on a page: which folder trained each, and its panels as points to draw.

Knows checkpoint folders and metric logs; what a panel shows is `report/curves`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from unifer import runs
from unifer.errors import InputError
from unifer.records import Json
from unifer.report.curves import Panel, panels, running_mean, series
from unifer.train.history import METRICS, read_metrics

POINTS = 240
"""Points a line has at most: more cannot be told apart at the size of a panel."""


def training_of(model: Json, near: Iterable[Path]) -> Path | None:
    """The folder among `near` that holds the checkpoint a manifest's `model` describes, with a log of its
    training; None if none does.

    The name finds it and the fingerprint proves it: curves of another model of the same name are not shown.
    """
    name = model.get("name")
    if not isinstance(name, str) or not name or Path(name).name != name:
        return None
    for folder in dict.fromkeys(parent / name for parent in near):
        if _logged(folder) and runs.describe_checkpoint(folder)["fingerprint"] == model.get("fingerprint"):
            return folder
    return None


def _logged(folder: Path) -> bool:
    return (folder / METRICS).is_file() or any(folder.glob("checkpoint-*/trainer_state.json"))


def curves_json(folder: Path, name: str) -> Json:
    """Panels of the run in `folder`: lines of [steps, running mean], the points they are the mean of, steps
    with alarms.
    """
    try:
        rows = read_metrics(folder)
    except InputError as error:
        return {"name": name, "problem": str(error), "panels": [], "alarms": []}
    found = panels(rows)
    alarms = [{"step": row["step"], "text": alarm} for row in rows for alarm in row.get("alarms", ())]
    return {
        "name": name,
        "steps": [rows[0]["step"], rows[-1]["step"]],
        "panels": [_panel(each, rows) for each in found],
        "alarms": alarms,
    }


def _panel(panel: Panel, rows: Sequence[Json]) -> Json:
    half = 0 if panel.exact or len(rows) < 30 else max(2, len(rows) // 40)
    lines = []
    for line in panel.lines:
        steps, values = series(rows, line.metric)
        if panel.log:
            steps, values = steps[values > 0], values[values > 0]
        values = values * panel.scale
        kept = np.unique(np.linspace(0, len(steps) - 1, min(POINTS, len(steps))).astype(int))
        raw = [_short(value) for value in values[kept]]
        smooth = [_short(value) for value in running_mean(values, half)[kept]] if half else raw
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


def _short(value: float) -> float:
    """Four digits: what a small panel can show."""
    return float(f"{value:.4g}")
