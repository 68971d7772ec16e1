"""Everything on the page but its samples, as JSON: scores with intervals, differences, lengths, provenance, warnings.

Computes nothing that `evaluate` computes; arranges what it gives by model and dataset. Knows no markup.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from itertools import combinations

from unifer import __version__, files, runs
from unifer.action_units import ACTION_UNITS
from unifer.errors import InputError
from unifer.evaluate.asked import read_stated
from unifer.evaluate.grading import Graded
from unifer.evaluate.scoring import DatasetScores, overall
from unifer.evaluate.selection import Selected
from unifer.evaluate.statistics.compare import gain_of, holm, pair_up
from unifer.evaluate.statistics.matching import match
from unifer.evaluate.statistics.provenance import differing, differing_words
from unifer.records import Json
from unifer.report.page.lengths import by_length
from unifer.report.page.samples import Asked

ALL = "*"
"""The scope of all datasets together."""
PAIRED = 6
"""Models up to which every pair is compared; of more, each is compared with the first."""


def summary(results: Sequence[DatasetScores], asked: Sequence[Asked], models: Sequence[str], resamples: int) -> Json:
    """What the page shows above its sample browser. `results` hold at most one run of each model and dataset."""
    specs = {result.spec.name: result.spec for result in results}
    return {
        "version": __version__,
        "made": runs.now(),
        "models": list(models),
        "datasets": [{"name": spec.name, "title": spec.title, "labels": list(spec.labels)} for spec in specs.values()],
        "units": {str(number): unit.name for number, unit in ACTION_UNITS.items()},
        "runs": [_run(result) for result in results],
        "together": _together(results, models, resamples),
        "gains": _gains(results, models, resamples) if len(models) > 1 else [],
        "lengths": _lengths(results, models),
        "resamples": resamples,
        "warnings": _warnings(results, asked, models),
    }


def _run(result: DatasetScores) -> Json:
    row, stated = result.to_json(), read_stated(result.run.path)
    manifest = runs.manifest_path(result.run.path)
    made = files.read_json(manifest, "remove it") if result.run.path.suffix == ".jsonl" and manifest.exists() else {}
    told = {key: made.get("context", {}).get(key) for key in ("versions", "commit", "started", "finished")}
    return row | {"identity": None if stated is None else stated.identity, "context": told, "counts": result.counts}


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


def _gains(results: Sequence[DatasetScores], models: Sequence[str], resamples: int) -> list[Json]:
    """What one model of each pair gained over the other, on all datasets that both answered and on each; the better one named first."""
    pairs = list(combinations(models, 2)) if len(models) <= PAIRED else [(models[0], other) for other in models[1:]]
    named = {(result.run.name, result.spec.name): result for result in results}
    found = []
    for first, second in pairs:
        both = [(named[first, name], named[second, name]) for model, name in named if model == first and (second, name) in named]
        rows = _rows(both, resamples)
        if any(row["gain"]["points"] < 0 for row in rows[:1] if "gain" in row):
            rows = _rows([(other, one) for one, other in both], resamples)
        found += rows
    for scope in {row["dataset"] for row in found}:
        told = [row for row in found if row["dataset"] == scope and "gain" in row]
        for row, adjusted in zip(told, holm([row["gain"]["p"] for row in told]), strict=True):
            row["holm"] = adjusted
    return found


def _rows(both: Sequence[tuple[DatasetScores, DatasetScores]], resamples: int) -> list[Json]:
    """A pair of models on its datasets with labels together, if there are several, and on each of its datasets."""
    labelled = [pair for pair in both if pair[0].spec.labels]
    together = [_gain(labelled, ALL, resamples)] if len(labelled) > 1 else []
    return together + [_gain([pair], pair[0].spec.name, resamples) for pair in both]


def _gain(pairs: Sequence[tuple[DatasetScores, DatasetScores]], scope: str, resamples: int) -> Json:
    """One pair of models over one or several datasets, by WAR, or by AU F1 where a dataset asks for AUs alone."""
    first, second = pairs[0]
    measure = "war" if first.spec.labels else "au_f1"
    row: Json = {"before": first.run.name, "after": second.run.name, "dataset": scope, "measure": measure}
    try:
        matched = [match({"first": one.graded, "second": other.graded}, common=True) for one, other in pairs]
        made = [pair_up(each.graded["first"], each.graded["second"], measure) for each in matched]
    except InputError as error:
        return row | {"problem": str(error)}
    # As `unifer compare` draws them, so that both say the same.
    seeds = [zlib.crc32(one.spec.name.encode()) for one, _ in pairs] if len(pairs) > 1 else [0]
    gain = gain_of(made, resamples=max(resamples, 1), seeds=seeds, swap=True if len(pairs) > 1 or measure != "war" else None)
    notes = [note for each in matched for note in each.notes]
    return row | {"gain": gain.to_json() | {"p": gain.significance}, "notes": notes}


def _lengths(results: Sequence[DatasetScores], models: Sequence[str]) -> Mapping[str, Json]:
    """Accuracy by length of reply, for each dataset and for all of them."""
    scopes: dict[str, dict[str, list[Graded]]] = {}
    for result in results:
        for scope in (ALL, result.spec.name):
            scopes.setdefault(scope, {}).setdefault(result.run.name, []).extend(result.graded)
    found = {scope: by_length(graded) for scope, graded in scopes.items()}
    return {scope: bins for scope, bins in found.items() if bins is not None}


def _warnings(results: Sequence[DatasetScores], asked: Sequence[Asked], models: Sequence[str]) -> list[str]:
    """What a reader must know before comparing: notes of runs, other conditions, other questions, datasets not answered by all."""
    noted: dict[tuple[str, str], list[str]] = {}
    for result in results:
        for note in result.notes:
            noted.setdefault((result.spec.title, note), []).append(result.run.name)
    found = [f"{', '.join(names)} on {title}: {note}" for (title, note), names in noted.items()]
    found += differing_words([(result.run.name, result.spec.title, result.wording) for result in results])
    found += differing([Selected(result.spec, result.run) for result in results])
    answered = {model: {result.spec.title for result in results if result.run.name == model} for model in models}
    every = set().union(*answered.values())
    found += [
        f"{model} has no predictions of {', '.join(sorted(every - titles))}: its pooled scores and means are over fewer datasets"
        for model, titles in answered.items()
        if every - titles
    ]
    return found + _twice(results, asked)


def _twice(results: Sequence[DatasetScores], asked: Sequence[Asked]) -> list[str]:
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
                f"{title}: {len(doubled):,} questions, such as {doubled[0]!r}, have another truth or other AUs in another run; "
                "the models answered different question files, and the browser shows both"
            )
    return found
