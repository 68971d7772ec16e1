"""Several runs over several datasets: each run's scores, and every pair's difference with interval and
adjusted p.

Knows prediction files by way of `scoring`; two runs at a time are `compare`. Nothing is averaged in silence:
runs that do not answer the same questions are refused, or cut down to what they share, which then stands in
every table.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.evaluate.metrics import HEADLINE, LEVEL, RESAMPLES
from unifer.evaluate.overall import overall
from unifer.evaluate.scoring import DatasetScores, figures, score_strict
from unifer.evaluate.statistics.bootstrap import Drawn
from unifer.evaluate.statistics.compare import (
    MEASURES,
    Gain,
    PairedReplies,
    gain_of,
    holm,
    pair_up,
    score_alone,
)
from unifer.evaluate.statistics.matching import Matched, match
from unifer.evaluate.statistics.provenance import differing, differing_words
from unifer.records import Json

if TYPE_CHECKING:
    from unifer.evaluate.run_files import Selected

Value = tuple[float | None, tuple[float, float] | None]
"""A score in [0, 1] and its interval."""


@dataclass(frozen=True)
class Difference:
    """What the run `after` gained over the run `before`; `adjusted` is its p after Holm's correction over all
    pairs of the table.
    """

    before: str
    after: str
    gain: Gain
    adjusted: float

    def to_json(self) -> Json:
        return {"before": self.before, "after": self.after, **self.gain.to_json(), "holm_p": self.adjusted}


@dataclass(frozen=True)
class Contest:
    """One table: a dataset, all of them pooled, or their mean. `scores` are by run and name, over `n`
    questions.
    """

    key: str
    title: str
    n: int
    scores: dict[str, dict[str, Value]]
    differences: tuple[Difference, ...]
    drawn: Drawn
    notes: tuple[str, ...] = ()

    def to_json(self) -> Json:
        scores = {
            run: {name: _value_json(value) for name, value in found.items()}
            for run, found in self.scores.items()
        }
        pairs = [difference.to_json() for difference in self.differences]
        return {
            "title": self.title,
            "n": self.n,
            "scores": scores,
            "differences": pairs,
            "notes": list(self.notes),
        }


def _value_json(value: Value) -> Json:
    score, bounds = value
    return {"value": score, "interval": None if bounds is None else list(bounds)}


@dataclass(frozen=True)
class Comparison:
    """All tables of one call, by one of `compare.MEASURES`; `notes` concern all of them."""

    names: tuple[str, ...]
    measure: str
    baseline: str | None
    common: bool
    contests: tuple[Contest, ...]
    notes: tuple[str, ...]
    wordings: Mapping[str, str]
    """Run -> in whose words it was asked: `published prompt`, `own prompt`."""

    def to_json(self) -> Json:
        said = {
            "protocol": "strict",
            "runs": list(self.names),
            "wordings": dict(self.wordings),
            "measure": self.measure,
            "baseline": self.baseline,
            "level": LEVEL,
        }
        family = "Holm over the pairs of one table"
        tables = {contest.key: contest.to_json() for contest in self.contests}
        return {
            **said,
            "correction": family,
            "common": self.common,
            "tables": tables,
            "notes": list(self.notes),
        }


def compare(
    selected: Sequence[Selected],
    *,
    measure: str | None = None,
    baseline: str | None = None,
    common: bool = False,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare the runs of `selected` on every dataset, pooled and in the mean of datasets.

    `measure` is one of `compare.MEASURES` (default: WAR, or AU F1 where no dataset has labels); `baseline`
    names the run that all others are held against (default: every pair). Raises InputError for fewer than two
    runs, an unknown baseline, two files of one name, and runs that do not answer the same questions of the
    same datasets, which `common` leaves out and notes instead.
    """
    names = tuple(dict.fromkeys(one.run.name for one in selected))
    if len(names) < 2:
        raise InputError(
            "a comparison needs two runs or more, and here is "
            f"{', '.join(names) or 'none'}; name another file, folder or run"
        )
    if baseline is not None and baseline not in names:
        raise InputError(f"--baseline {baseline}: is none of the runs; there are {', '.join(names)}")
    chosen, left = _datasets(selected, names, common)
    parts = {
        key: {one.run.name: score_strict(one.spec, one.run, resamples) for one in runs}
        for key, runs in chosen.items()
    }
    measure, skipped = _measure(parts, measure)
    entered = [_enter(runs, common, resamples) for key, runs in parts.items() if key not in skipped]
    pairs = (
        list(combinations(names, 2))
        if baseline is None
        else [(baseline, name) for name in names if name != baseline]
    )
    contests = [_contest(each, pairs, measure, resamples) for each in entered]
    if len(entered) > 1:
        contests += [
            _together(entered, pairs, measure, resamples, average=average) for average in (False, True)
        ]
    left += [
        f"{next(iter(parts[key].values())).spec.title} is left out: it has nothing that {measure} is made of"
        for key in skipped
    ]
    used = [one for key, runs in chosen.items() if key not in skipped for one in runs]
    scored = [part for key, runs in parts.items() if key not in skipped for part in runs.values()]
    left += differing_words([(part.run.name, part.spec.title, part.wording) for part in scored])
    return Comparison(
        names, measure, baseline, common, tuple(contests), (*left, *differing(used)), _wordings(scored)
    )


def _wordings(scored: Sequence[DatasetScores]) -> dict[str, str]:
    found: dict[str, dict[str, None]] = {}
    for part in scored:
        if part.wording is not None:
            found.setdefault(part.run.name, {})[part.wording.short] = None
    return {name: " and ".join(kinds) for name, kinds in found.items()}


def _datasets(
    selected: Sequence[Selected], names: Sequence[str], common: bool
) -> tuple[dict[str, list[Selected]], list[str]]:
    """The runs by dataset, each in the order of `names`, and notes on datasets left out."""
    found: dict[str, dict[str, Selected]] = {}
    for one in selected:
        other = found.setdefault(one.spec.name, {}).setdefault(one.run.name, one)
        if other is not one:
            raise InputError(
                f"{other.run.path} and {one.run.path} are both called {one.run.name} on "
                f"{one.spec.title}; rename one of them"
            )
    lacking = {key: [name for name in names if name not in runs] for key, runs in found.items()}
    problems = [
        f"{', '.join(who)} on {next(iter(found[key].values())).spec.title}"
        for key, who in lacking.items()
        if who
    ]
    whole = {key: [found[key][name] for name in names] for key, who in lacking.items() if not who}
    if not whole:
        raise InputError(
            "no dataset was answered by all of "
            f"{', '.join(names)}: there are no predictions of {'; '.join(problems)}"
        )
    if problems and not common:
        remedy = "make them, name single files, or give --common to compare over the datasets that all have"
        raise InputError(f"there are no predictions of {'; '.join(problems)}; {remedy}")
    return whole, [
        f"datasets that only some runs answered are left out: no predictions of {problem}"
        for problem in problems
    ]


def _measure(parts: dict[str, dict[str, DatasetScores]], measure: str | None) -> tuple[str, list[str]]:
    """The measure to use, and the datasets that cannot be measured by it."""
    specs = {key: next(iter(runs.values())) for key, runs in parts.items()}
    if measure is None:
        measure = MEASURES[0] if any(part.scores is not None for part in specs.values()) else "au_f1"
    skipped = [
        key
        for key, part in specs.items()
        if (part.action_units if measure == "au_f1" else part.scores) is None
    ]
    if len(skipped) == len(parts):
        other = (
            "they have labels: try --measure war"
            if measure == "au_f1"
            else "they ask for AUs alone: try --measure au_f1"
        )
        titles = ", ".join(part.spec.title for part in specs.values())
        raise InputError(
            f"--measure {measure}: none of the datasets has what it is made of ({titles}); {other}"
        )
    return measure, skipped


@dataclass(frozen=True)
class _Entered:
    """One dataset's runs over the questions that count, with what is to be said of them."""

    parts: dict[str, DatasetScores]
    matched: Matched
    notes: tuple[str, ...]

    @property
    def first(self) -> DatasetScores:
        return next(iter(self.parts.values()))


def _enter(runs: dict[str, DatasetScores], common: bool, resamples: int) -> _Entered:
    title = next(iter(runs.values())).spec.title
    short = [
        f"{name} has no reply to {part.counts['missing']:,}"
        for name, part in runs.items()
        if part.counts["missing"]
    ]
    if short and not common:
        raise InputError(
            f"{title}: {'; '.join(short)} of its questions; finish it with `unifer infer`, or give --common"
        )
    try:
        matched = match({name: part.graded for name, part in runs.items()}, common=common)
    except InputError as error:
        raise InputError(f"{title}: {error}") from None
    said = [f"{name}: {note}" for name, part in runs.items() for note in part.notes]
    shared = set.intersection(*(set(part.notes) for part in runs.values()))
    notes = [*dict.fromkeys(note for part in runs.values() for note in part.notes if note in shared)]
    notes += [note for note in said if note.partition(": ")[2] not in shared]
    if matched.left_out or short:
        for name, part in runs.items():
            graded = matched.graded[name]
            scores, units = figures(part.spec, graded, resamples=resamples)
            runs = runs | {name: replace(part, graded=graded, scores=scores, action_units=units)}
    return _Entered(runs, matched, (*matched.notes, *notes))


def _contest(entered: _Entered, pairs: Sequence[tuple[str, str]], measure: str, resamples: int) -> Contest:
    labels = [canonical(label) for label in entered.first.spec.labels]
    scores = {name: _standing(part, measure) for name, part in entered.parts.items()}
    swap = None if measure == "war" else True
    gains = [
        gain_of([_paired(entered, *pair, measure, labels)], resamples=resamples, seeds=[0], swap=swap)
        for pair in pairs
    ]
    spec = entered.first.spec
    return _judged(
        Contest(spec.name, spec.title, gains[0].n, scores, (), gains[0].drawn, entered.notes), pairs, gains
    )


def _standing(part: DatasetScores, measure: str) -> dict[str, Value]:
    if measure == "au_f1" and part.action_units is not None:
        units = part.action_units
        return {
            name: (getattr(units, name), units.intervals.get(name))
            for name in ("face_f1", "micro_f1", "macro_f1")
        }
    return {name: (getattr(part.labelled, name), part.labelled.intervals.get(name)) for name in HEADLINE}


def _paired(entered: _Entered, before: str, after: str, measure: str, labels: Sequence[str]) -> PairedReplies:
    return pair_up(entered.matched.graded[before], entered.matched.graded[after], measure, labels)


def _together(
    entered: Sequence[_Entered],
    pairs: Sequence[tuple[str, str]],
    measure: str,
    resamples: int,
    *,
    average: bool,
) -> Contest:
    """All datasets pooled, or with `average` their mean; each is drawn with a seed of its own, lest they vary
    together.
    """
    seeds = [zlib.crc32(each.first.spec.name.encode()) for each in entered]
    every = list(dict.fromkeys(canonical(label) for each in entered for label in each.first.spec.labels))
    names = [[canonical(label) for label in each.first.spec.labels] if average else every for each in entered]
    gains = []
    for pair in pairs:
        made = [_paired(each, *pair, measure, labels) for each, labels in zip(entered, names, strict=True)]
        gains.append(gain_of(made, resamples=resamples, seeds=seeds, average=average))
    scores = {
        name: _overall([each.parts[name] for each in entered], measure, resamples, seeds, average)
        for name in entered[0].parts
    }
    key, title = (
        ("mean_of_datasets", f"mean of {len(entered)} datasets")
        if average
        else ("pooled", f"{len(entered)} datasets pooled")
    )
    notes = [f"{each.first.spec.title}: {note}" for each in entered for note in each.matched.notes]
    return _judged(Contest(key, title, gains[0].n, scores, (), gains[0].drawn, tuple(notes)), pairs, gains)


def _overall(
    parts: Sequence[DatasetScores], measure: str, resamples: int, seeds: Sequence[int], average: bool
) -> dict[str, Value]:
    if measure == "au_f1":
        return {
            "face_f1": score_alone(
                [part.graded for part in parts], resamples=resamples, seeds=seeds, average=average
            )
        }
    total = overall(parts, resamples)
    if average:
        return {name: (total.mean[name], total.mean_intervals.get(name)) for name in HEADLINE}
    return {name: (getattr(total.pooled, name), total.pooled.intervals.get(name)) for name in HEADLINE}


def _judged(contest: Contest, pairs: Sequence[tuple[str, str]], gains: Sequence[Gain]) -> Contest:
    """The contest with its differences, p adjusted for how many there are."""
    adjusted = holm([gain.significance for gain in gains])
    differences = tuple(
        Difference(*pair, gain, p) for pair, gain, p in zip(pairs, gains, adjusted, strict=True)
    )
    subjects = contest.drawn.clusters
    taken = (
        []
        if subjects is None
        else [f"p is of the swap test over subjects ({subjects}); McNemar's takes questions for independent"]
    )
    return replace(contest, differences=differences, notes=(*contest.notes, *taken))
