"""What the page says of its models, as JSON: scores with intervals, lengths, provenance, warnings.

Arranges what `evaluate` computes by model and dataset; the one figure of its own is how often replies of
about one length are right. Knows no markup. Pairs of models are in `pairs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from unifer import __version__, files, runs
from unifer.action_units import ACTION_UNITS
from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.evaluate.overall import overall
from unifer.evaluate.run_files import Selected
from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.statistics.provenance import differing, differing_words
from unifer.places import project_root
from unifer.proportions import wilson
from unifer.records import Json
from unifer.report.page.browser import SampleRow
from unifer.report.page.pairs import ALL
from unifer.report.panels import panel_json, panels
from unifer.train.history import METRICS, read_metrics

BINS = 8
"""Bins of length."""


def summary(
    results: Sequence[DatasetScores], rows: Sequence[SampleRow], models: Sequence[str], resamples: int
) -> Json:
    """What the page shows above its sample browser; `results` hold at most one run per model and dataset."""
    specs = {result.spec.name: result.spec for result in results}
    return {
        "version": __version__,
        "made": runs.now(),
        "models": list(models),
        "datasets": [
            {"name": spec.name, "title": spec.title, "labels": list(spec.labels)} for spec in specs.values()
        ],
        "units": {str(number): unit.name for number, unit in ACTION_UNITS.items()},
        "runs": [_run(result) for result in results],
        "together": _together(results, models, resamples),
        "lengths": _lengths(results, models),
        "resamples": resamples,
        "warnings": _warnings(results, rows, models),
    }


def _run(result: DatasetScores) -> Json:
    manifest, path = result.loaded.manifest, runs.manifest_path(result.run.path)
    context: Json = {}
    if result.run.path.suffix == ".jsonl" and path.exists():
        context = files.read_json(path, "remove it").get("context", {})
    return result.to_json() | {
        "identity": None if manifest is None else manifest.identity,
        "context": {key: context.get(key) for key in ("versions", "commit", "started", "finished")},
        "counts": result.counts,
    }


def _together(results: Sequence[DatasetScores], models: Sequence[str], resamples: int) -> list[Json]:
    """Pooled scores and means of datasets of every model that answered several with labels."""
    totals = []
    for model in models:
        parts = [result for result in results if result.run.name == model and result.scores is not None]
        if len(parts) > 1:
            total = overall(parts, resamples).to_json()
            scores = {key: total[key] for key in ("pooled", "mean_of_datasets")}
            totals.append({"run": model, "datasets": [part.spec.name for part in parts], **scores})
    return totals


def _lengths(results: Sequence[DatasetScores], models: Sequence[str]) -> Mapping[str, Json]:
    """Accuracy by length of reply, for each dataset and for all of them."""
    scopes: dict[str, dict[str, list[Graded]]] = {}
    for result in results:
        for scope in (ALL, result.spec.name):
            scopes.setdefault(scope, {}).setdefault(result.run.name, []).extend(result.graded)
    lengths = {scope: by_length(graded) for scope, graded in scopes.items()}
    return {scope: bins for scope, bins in lengths.items() if bins is not None}


def _warnings(
    results: Sequence[DatasetScores], rows: Sequence[SampleRow], models: Sequence[str]
) -> list[str]:
    """What to know before comparing: notes, other conditions or questions, datasets not answered by all."""
    noted: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for note in result.notes:
            noted.setdefault((result.spec.title, note), []).append(result.run.name)
    warnings = [f"{', '.join(names)} on {title}: {note}" for (title, note), names in noted.items()]
    warnings += differing_words([(result.run.name, result.spec.title, result.wording) for result in results])
    warnings += differing([Selected(result.spec, result.run) for result in results])
    answered = {
        model: {result.spec.title for result in results if result.run.name == model} for model in models
    }
    every = set().union(*answered.values())
    warnings += [
        f"{model} has no predictions of {', '.join(sorted(every - titles))}: its pooled scores and "
        "means are over fewer datasets"
        for model, titles in answered.items()
        if every - titles
    ]
    return warnings + _twice(results, rows)


def _twice(results: Sequence[DatasetScores], rows: Sequence[SampleRow]) -> list[str]:
    """Questions of one key that runs have with another truth or other AUs."""
    titles = list(dict.fromkeys(result.spec.title for result in results))
    seen: dict[tuple[int, str], int] = {}
    for row in rows:
        place = (row.dataset, row.question.key)
        seen[place] = seen.get(place, 0) + 1
    warnings = []
    for number, title in enumerate(titles):
        doubled = [key for (dataset, key), count in seen.items() if dataset == number and count > 1]
        if doubled:
            warnings.append(
                f"{title}: {len(doubled):,} questions, such as {doubled[0]!r}, have another truth or "
                "other AUs in another run; the models answered different question files, and the "
                "browser shows both"
            )
    return warnings


def by_length(graded: Mapping[str, Sequence[Graded]]) -> Json | None:
    """Accuracy of each model's replies in bins of length that all share; None without any reply.

    Each bin holds about as many replies. Lengths are in tokens where every reply has its count, else in
    characters. Replies to questions without a label do not count.
    """
    replies = {
        name: [
            row
            for row in rows
            if not row.prediction.failed and row.prediction.question.true_label is not None
        ]
        for name, rows in graded.items()
    }
    every = [row for rows in replies.values() for row in rows]
    if not every:
        return None
    counted = all(row.prediction.completion_tokens is not None for row in every)
    sizes = {name: np.array([_length(row, counted) for row in rows]) for name, rows in replies.items()}
    edges = np.unique(
        np.quantile(np.concatenate(list(sizes.values())), np.linspace(0, 1, BINS + 1), method="nearest")
    )
    return {
        "unit": "tokens" if counted else "characters",
        "models": {name: _bins(replies[name], sizes[name], edges) for name in replies},
    }


def _length(row: Graded, counted: bool) -> int:
    tokens = row.prediction.completion_tokens
    return tokens if counted and tokens is not None else len(row.prediction.reply)


def _bins(
    rows: Sequence[Graded],
    sizes: np.ndarray[tuple[int], np.dtype[np.int64]],
    edges: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> list[Json]:
    """One entry a bin that holds a reply; the last bin holds its upper edge."""
    right = np.array([row.correct for row in rows], dtype=float)
    inner = edges[1:-1]
    at = np.searchsorted(inner, sizes, side="right")
    bins = []
    for index in range(len(inner) + 1):
        here = at == index
        if here.any():
            n, hits = int(here.sum()), int(right[here].sum())
            bounds = {
                "low": int(sizes[here].min()),
                "high": int(sizes[here].max()),
                "middle": float(np.median(sizes[here])),
            }
            bins.append({**bounds, "n": n, "accuracy": hits / n, "interval": list(wilson(hits, n))})
    return bins


def training_json(results: Sequence[DatasetScores], folders: Sequence[Path]) -> list[Json]:
    """Curves of `folders`, and of the checkpoints behind `results` that lie where checkpoints lie."""
    chosen = {folder.resolve(): None for folder in folders}
    for result in results:
        root, above = project_root(result.spec.folder), result.spec.folder.absolute().parent
        near = (above, root / "runs", root / "runs" / "quickstart", root / "model")
        manifest = result.loaded.manifest
        model = None if manifest is None else manifest.identity.get("model")
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
