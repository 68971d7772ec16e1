"""Training curves of the models on a page: which folder trained each, and its panels as points to draw.

Knows checkpoint folders and metric logs; what a panel shows is `report/panels`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from unifer import runs
from unifer.errors import InputError
from unifer.evaluate.asked import read_stated
from unifer.evaluate.scoring import DatasetScores
from unifer.places import project_root
from unifer.records import Json
from unifer.report.panels import panel_json, panels
from unifer.train.history import METRICS, read_metrics


def training_json(results: Sequence[DatasetScores], folders: Sequence[Path]) -> list[Json]:
    """Curves of `folders`, and of the checkpoints behind `results` that lie where checkpoints lie."""
    chosen = {folder.resolve(): None for folder in folders}
    for result in results:
        root, above = project_root(result.spec.folder), result.spec.folder.absolute().parent
        near = (above, root / "runs", root / "runs" / "quickstart", root / "model")
        stated = read_stated(result.run.path)
        model = None if stated is None else stated.identity.get("model")
        folder = _folder_of(model, near) if isinstance(model, dict) else None
        if folder is not None:
            chosen[folder.resolve()] = None
    return [_curves_json(folder) for folder in chosen]


def _folder_of(model: Json, near: Iterable[Path]) -> Path | None:
    """The checkpoint folder in `near` that a manifest's `model` describes, if it has a log of its training.

    The name finds it and the fingerprint proves it: curves of another model of the same name are not shown.
    """
    name = model.get("name")
    if not isinstance(name, str) or not name or Path(name).name != name:
        return None
    for folder in dict.fromkeys(parent / name for parent in near):
        logged = (folder / METRICS).is_file() or any(folder.glob("checkpoint-*/trainer_state.json"))
        if logged and runs.describe_checkpoint(folder)["fingerprint"] == model.get("fingerprint"):
            return folder
    return None


def _curves_json(folder: Path) -> Json:
    """Panels of the run in `folder` and steps of its alarms; the problem where its log cannot be read."""
    try:
        rows = read_metrics(folder)
    except InputError as error:
        return {"name": folder.name, "problem": str(error), "panels": [], "alarms": []}
    alarms = [{"step": row["step"], "text": alarm} for row in rows for alarm in row.get("alarms", ())]
    return {
        "name": folder.name,
        "steps": [rows[0]["step"], rows[-1]["step"]],
        "panels": [panel_json(panel, rows) for panel in panels(rows)],
        "alarms": alarms,
    }
