"""Several runs over several datasets: each run's scores, and every pair's difference with adjusted p.

Knows prediction files by way of `scoring`; two runs at a time are `gains`. Nothing is averaged in silence:
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
from unifer.evaluate.statistics.gains import MEASURES, Gain, gain_of, holm, pair_up, score_alone
from unifer.evaluate.statistics.matching import Matched, in_common, match
from unifer.evaluate.statistics.provenance import differing, differing_words
from unifer.records import Json

if TYPE_CHECKING:
    from unifer.evaluate.run_files import Selected

Estimate = tuple[float | None, tuple[float, float] | None]
"""A score in [0, 1] and its interval."""
Pair = tuple[str, str]
"""Names of two runs, before and after."""


@dataclass(frozen=True)
class Difference:
    """What the run `after` gained over the run `before`; `adjusted` is p by Holm over all pairs."""

    before: str
    after: str
    gain: Gain
    adjusted: float

    def to_json(self) -> Json:
        return {"before": self.before, "after": self.after, **self.gain.to_json(), "holm_p": self.adjusted}


@dataclass(frozen=True)
class Contest:
    """One table: a dataset, all of them pooled, or their mean; `scores` by run and name."""

    key: str
    title: str
    n: int
    scores: dict[str, dict[str, Estimate]]
    differences: tuple[Difference, ...]
    drawn: Drawn
    notes: tuple[str, ...] = ()

    def to_json(self) -> Json:
        scores = {
            run: {
                name: {"value": score, "interval": None if bounds is None else list(bounds)}
                for name, (score, bounds) in estimates.items()
            }
            for run, estimates in self.scores.items()
        }
        return {
            "title": self.title,
            "n": self.n,
            "scores": scores,
            "differences": [difference.to_json() for difference in self.differences],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Comparison:
    """All tables of one call, by one of `gains.MEASURES`; `notes` concern all of them."""

    names: tuple[str, ...]
    measure: str
    baseline: str | None
    common: bool
    contests: tuple[Contest, ...]
    notes: tuple[str, ...]
    wordings: Mapping[str, str]
    """Run -> in whose words it was asked: `published prompt`, `own prompt`."""

    def to_json(self) -> Json:
        return {
            "protocol": "strict",
            "runs": list(self.names),
            "wordings": dict(self.wordings),
            "measure": self.measure,
            "baseline": self.baseline,
            "level": LEVEL,
            "correction": "Holm over the pairs of one table",
            "common": self.common,
            "tables": {contest.key: contest.to_json() for contest in self.contests},
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

    `measure` is one of `gains.MEASURES` (default: WAR, or AU F1 where no dataset has labels); `baseline`
    names the run that all others are compared with (default: every pair). Raises InputError for fewer than
    two runs, an unknown baseline, two files of one name, and runs that do not answer the same questions of
    the same datasets, which `common` leaves out and notes instead.
    """
    names = tuple(dict.fromkeys(each.run.name for each in selected))
    pairs = _pairs(names, baseline)
    datasets, notes = in_common(selected, names, common)
    parts = {
        key: {each.run.name: score_strict(each.spec, each.run, resamples) for each in runs}
        for key, runs in datasets.items()
    }
    measure, skipped = _measure(parts, measure)
    entered = [_enter(runs, common, resamples) for key, runs in parts.items() if key not in skipped]
    contests = [_contest(each, pairs, measure, resamples) for each in entered]
    if len(entered) > 1:
        contests += [
            _together(entered, pairs, measure, resamples, average=average) for average in (False, True)
        ]
    notes += [
        f"{next(iter(parts[key].values())).spec.title} is left out: it has nothing that {measure} is made of"
        for key in skipped
    ]
    used = [each for key, runs in datasets.items() if key not in skipped for each in runs]
    scored = [part for key, runs in parts.items() if key not in skipped for part in runs.values()]
    notes += differing_words([(part.run.name, part.spec.title, part.wording) for part in scored])
    notes += differing(used)
    return Comparison(names, measure, baseline, common, tuple(contests), tuple(notes), _wordings(scored))


def _pairs(names: Sequence[str], baseline: str | None) -> list[Pair]:
    if len(names) < 2:
        raise InputError(
            "a comparison needs two runs or more, and here is "
            f"{', '.join(names) or 'none'}; name another file, folder or run"
        )
    if baseline is None:
        return list(combinations(names, 2))
    if baseline not in names:
        raise InputError(f"--baseline {baseline}: is none of the runs; there are {', '.join(names)}")
    return [(baseline, name) for name in names if name != baseline]


def _wordings(scored: Sequence[DatasetScores]) -> dict[str, str]:
    wordings: dict[str, dict[str, None]] = {}
    for part in scored:
        if part.wording is not None:
            wordings.setdefault(part.run.name, {})[part.wording.short] = None
    return {name: " and ".join(kinds) for name, kinds in wordings.items()}


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
        titles = ", ".join(part.spec.title for part in specs.values())
        other = "they ask for AUs alone: try --measure au_f1"
        if measure == "au_f1":
            other = "they have labels: try --measure war"
        raise InputError(
            f"--measure {measure}: none of the datasets has what it is made of ({titles}); {other}"
        )
    return measure, skipped


@dataclass(frozen=True)
class _Entered:
    """One dataset: the scores of its runs over the questions that count, and notes."""

    parts: dict[str, DatasetScores]
    matched: Matched
    notes: tuple[str, ...]

    @property
    def first(self) -> DatasetScores:
        return next(iter(self.parts.values()))


def _enter(runs: dict[str, DatasetScores], common: bool, resamples: int) -> _Entered:
    title = next(iter(runs.values())).spec.title
    missing = {name: part.counts["missing"] for name, part in runs.items() if part.counts["missing"]}
    if missing and not common:
        short = "; ".join(f"{name} has no reply to {count:,}" for name, count in missing.items())
        raise InputError(
            f"{title}: {short} of its questions; finish it with `unifer infer`, or give --common"
        )
    try:
        matched = match({name: part.graded for name, part in runs.items()}, common=common)
    except InputError as error:
        raise InputError(f"{title}: {error}") from None
    named = [f"{name}: {note}" for name, part in runs.items() for note in part.notes]
    shared = set.intersection(*(set(part.notes) for part in runs.values()))
    notes = [*dict.fromkeys(note for part in runs.values() for note in part.notes if note in shared)]
    notes += [note for note in named if note.partition(": ")[2] not in shared]
    if matched.left_out or missing:
        for name, part in runs.items():
            graded = matched.graded[name]
            scores, units = figures(part.spec, graded, resamples=resamples)
            runs = runs | {name: replace(part, graded=graded, scores=scores, action_units=units)}
    return _Entered(runs, matched, (*matched.notes, *notes))


def _contest(entered: _Entered, pairs: Sequence[Pair], measure: str, resamples: int) -> Contest:
    """The table of one dataset."""
    spec, graded = entered.first.spec, entered.matched.graded
    labels = [canonical(label) for label in spec.labels]
    scores = {name: _estimates(part, measure) for name, part in entered.parts.items()}
    swap = None if measure == "war" else True
    gains = []
    for before, after in pairs:
        replies = [pair_up(graded[before], graded[after], measure, labels)]
        gains.append(gain_of(replies, resamples=resamples, seeds=[0], swap=swap))
    return _with_gains(
        Contest(spec.name, spec.title, gains[0].n, scores, (), gains[0].drawn, entered.notes), pairs, gains
    )


def _estimates(part: DatasetScores, measure: str) -> dict[str, Estimate]:
    if measure == "au_f1" and (units := part.action_units) is not None:
        names = ("face_f1", "micro_f1", "macro_f1")
        return {name: (getattr(units, name), units.intervals.get(name)) for name in names}
    return {name: (getattr(part.labelled, name), part.labelled.intervals.get(name)) for name in HEADLINE}


def _together(
    entered: Sequence[_Entered], pairs: Sequence[Pair], measure: str, resamples: int, *, average: bool
) -> Contest:
    """All datasets pooled, or with `average` their mean, each drawn with a seed of its own."""
    seeds = [zlib.crc32(each.first.spec.name.encode()) for each in entered]
    own = [[canonical(label) for label in each.first.spec.labels] for each in entered]
    # Tables can only be added over the same labels; means are taken over each dataset's own.
    labels = own if average else [list(dict.fromkeys(name for names in own for name in names))] * len(entered)
    gains = []
    for before, after in pairs:
        replies = [
            pair_up(each.matched.graded[before], each.matched.graded[after], measure, names)
            for each, names in zip(entered, labels, strict=True)
        ]
        gains.append(gain_of(replies, resamples=resamples, seeds=seeds, average=average))
    scores = {
        name: _overall([each.parts[name] for each in entered], measure, resamples, seeds, average)
        for name in entered[0].parts
    }
    key, title = ("pooled", f"{len(entered)} datasets pooled")
    if average:
        key, title = "mean_of_datasets", f"mean of {len(entered)} datasets"
    notes = tuple(f"{each.first.spec.title}: {note}" for each in entered for note in each.matched.notes)
    return _with_gains(Contest(key, title, gains[0].n, scores, (), gains[0].drawn, notes), pairs, gains)


def _overall(
    parts: Sequence[DatasetScores], measure: str, resamples: int, seeds: Sequence[int], average: bool
) -> dict[str, Estimate]:
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


def _with_gains(contest: Contest, pairs: Sequence[Pair], gains: Sequence[Gain]) -> Contest:
    """The contest with its differences, p adjusted for how many there are."""
    adjusted = holm([gain.significance for gain in gains])
    differences = tuple(
        Difference(*pair, gain, p) for pair, gain, p in zip(pairs, gains, adjusted, strict=True)
    )
    notes, subjects = contest.notes, contest.drawn.clusters
    if subjects is not None:
        notes += (
            f"p is of the swap test over subjects ({subjects}); McNemar's takes questions for independent",
        )
    return replace(contest, differences=differences, notes=notes)
