"""What the page shows of its models, as JSON: scores with intervals, lengths, provenance, warnings. Pairs of
them are in `pairs`.

Computes nothing that `evaluate` computes; arranges what it gives by model and dataset. Knows no markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unifer import __version__, files, runs
from unifer.action_units import ACTION_UNITS
from unifer.evaluate.grading import Graded
from unifer.evaluate.loading import read_manifest
from unifer.evaluate.overall import overall
from unifer.evaluate.run_files import Selected
from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.statistics.provenance import differing, differing_words
from unifer.records import Json
from unifer.report.page.lengths import by_length
from unifer.report.page.pairs import ALL
from unifer.report.page.samples import SampleRow


def summary(
    results: Sequence[DatasetScores], asked: Sequence[SampleRow], models: Sequence[str], resamples: int
) -> Json:
    """What the page shows above its sample browser. `results` hold at most one run of each model and
    dataset.
    """
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
        "warnings": _warnings(results, asked, models),
    }


def _run(result: DatasetScores) -> Json:
    row, stated = result.to_json(), read_manifest(result.run.path)
    manifest = runs.manifest_path(result.run.path)
    made = (
        files.read_json(manifest, "remove it")
        if result.run.path.suffix == ".jsonl" and manifest.exists()
        else {}
    )
    told = {key: made.get("context", {}).get(key) for key in ("versions", "commit", "started", "finished")}
    return row | {
        "identity": None if stated is None else stated.identity,
        "context": told,
        "counts": result.counts,
    }


def _together(results: Sequence[DatasetScores], models: Sequence[str], resamples: int) -> list[Json]:
    """Pooled scores and means of datasets of every model that answered several with labels."""
    found = []
    for model in models:
        parts = [result for result in results if result.run.name == model and result.scores is not None]
        if len(parts) > 1:
            whole = overall(parts, resamples).to_json()
            kept = {key: whole[key] for key in ("pooled", "mean_of_datasets")}
            found.append({"run": model, "datasets": [part.spec.name for part in parts], **kept})
    return found


def _lengths(results: Sequence[DatasetScores], models: Sequence[str]) -> Mapping[str, Json]:
    """Accuracy by length of reply, for each dataset and for all of them."""
    scopes: dict[str, dict[str, list[Graded]]] = {}
    for result in results:
        for scope in (ALL, result.spec.name):
            scopes.setdefault(scope, {}).setdefault(result.run.name, []).extend(result.graded)
    found = {scope: by_length(graded) for scope, graded in scopes.items()}
    return {scope: bins for scope, bins in found.items() if bins is not None}


def _warnings(
    results: Sequence[DatasetScores], asked: Sequence[SampleRow], models: Sequence[str]
) -> list[str]:
    """What a reader must know before comparing: notes of runs, other conditions, other questions, datasets
    not answered by all.
    """
    noted: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for note in result.notes:
            noted.setdefault((result.spec.title, note), []).append(result.run.name)
    found = [f"{', '.join(names)} on {title}: {note}" for (title, note), names in noted.items()]
    found += differing_words([(result.run.name, result.spec.title, result.wording) for result in results])
    found += differing([Selected(result.spec, result.run) for result in results])
    answered = {
        model: {result.spec.title for result in results if result.run.name == model} for model in models
    }
    every = set().union(*answered.values())
    found += [
        f"{model} has no predictions of {', '.join(sorted(every - titles))}: its pooled scores and "
        "means are over fewer datasets"
        for model, titles in answered.items()
        if every - titles
    ]
    return found + _twice(results, asked)


def _twice(results: Sequence[DatasetScores], asked: Sequence[SampleRow]) -> list[str]:
    """Questions of one key that runs have with another truth or other AUs."""
    titles = list(dict.fromkeys(result.spec.title for result in results))
    seen: dict[tuple[int, str], int] = {}
    for one in asked:
        place = (one.dataset, one.question.key)
        seen[place] = seen.get(place, 0) + 1
    found = []
    for number, title in enumerate(titles):
        doubled = [key for (dataset, key), count in seen.items() if dataset == number and count > 1]
        if doubled:
            found.append(
                f"{title}: {len(doubled):,} questions, such as {doubled[0]!r}, have another truth or "
                "other AUs in another run; the models answered different question files, and the "
                "browser shows both"
            )
    return found
