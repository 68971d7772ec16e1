"""For whom a run fails: scores by group of people, the worst group, the gap, and what is confused for whom.

Knows graded predictions and the group of each; no files. The worst of several groups looks worse, and the gap
wider, than they are: `statistics.extremes` gives both their intervals, and the gap by chance stands beside.
Holm's correction runs over every pair of groups, and over every confusion in every pair, of all columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from unifer.evaluate.metrics import RESAMPLES
from unifer.evaluate.scoring import DatasetScores, seed_of
from unifer.evaluate.statistics.bootstrap import FEW, cluster_notes
from unifer.evaluate.statistics.extremes import Extremes
from unifer.evaluate.statistics.gains import holm
from unifer.evaluate.statistics.recalls import ALPHA
from unifer.evaluate.trust.confusion_gaps import ConfusionGap, confusion_gaps, surest
from unifer.evaluate.trust.group_study import (
    LEAST,
    LEAST_FACES,
    AnsweredQuestion,
    Bounded,
    GroupStudy,
    PairGap,
    PeopleGroup,
    answered,
    recall_mean,
    study,
)
from unifer.evaluate.trust.person_flips import pairs_by, person_flips
from unifer.evaluate.trust.sheets import Sheet, TrustRate
from unifer.records import Json

Tested = TypeVar("Tested", PairGap, ConfusionGap)


def fairness_sheet(
    result: DatasetScores,
    columns: Mapping[str, Sequence[str | None]],
    *,
    twin: str | None = None,
    least: int = LEAST,
    resamples: int = RESAMPLES,
) -> Sheet:
    """The rates of a run by group; docs/trust.md describes each, and `details`.

    `columns`: name -> group of each of `answered(result)`, None where it is not known. `twin`: the column
    that names the row of the same expression on another person. Raises InputError as `group_study.study`
    and `person_flips.pairs_by`.
    """
    rows, labels, seed = answered(result), result.spec.labels, seed_of(result.spec.name)
    studies = [
        study(labels, rows, name, groups, least=least, resamples=resamples, seed=seed)
        for name, groups in columns.items()
    ]
    pairs = _corrected([each.pairs() for each in studies])
    confusions = _corrected([list(confusion_gaps(each.groups, labels, LEAST_FACES)) for each in studies])
    rates, details = [], []
    notes = cluster_notes([row.question for row in rows])
    for each, tested, confused in zip(studies, pairs, confusions, strict=True):
        ends = each.extremes
        rates += _rates(each, ends, least)
        details.append(_details(each, ends, labels, tested, surest(confused)) | {"tests": len(confused)})
        notes += _notes(each, rows, labels, least)
    changes: Json = {}
    if twin is not None:
        pairs_of_people, families = pairs_by(result.graded, twin)
        flips, changes = person_flips(pairs_of_people, units=families, seed=seed, resamples=resamples)
        rates += flips
    return Sheet(
        "fairness",
        result.run.name,
        result.spec.name,
        tuple(rates),
        tuple(notes),
        {
            "least": least,
            "least_faces_of_a_label": LEAST_FACES,
            "columns": details,
            "person_changes": changes,
        },
    )


def _corrected(found: Sequence[Sequence[Tested]]) -> list[list[tuple[Tested, float]]]:
    """Each with its p by Holm over all of them together."""
    adjusted = iter(holm([each.p for part in found for each in part]))
    return [[(each, next(adjusted)) for each in part] for part in found]


def group_scores(group: PeopleGroup, common: Sequence[int]) -> tuple[Bounded, Bounded]:
    """Accuracy over all faces of a group, and its UAR over the labels `common`, each with its interval."""
    hits = group.samples.diagonal(axis1=1, axis2=2).sum(axis=1) / group.samples.sum(axis=(1, 2))
    accuracy = float(group.table.counts.diagonal().sum() / group.table.total)
    score = float(recall_mean(group.table.counts[None], common)[0])
    return group.bounded(accuracy, hits), group.bounded(score, recall_mean(group.samples, common))


def _rates(each: GroupStudy, ends: Extremes | None, least: int) -> list[TrustRate]:
    of = f"faces in groups of {least} or more"
    scores = each.scores
    lowest, gap = float(scores.min()), float(scores.max() - scores.min())
    worst = each.groups[int(scores.argmin())]
    low, high = (None, None) if ends is None else ends.gap_ci95
    rates = [TrustRate(f"{each.column}: gap in UAR", gap, low, high, each.faces, of, "lower")]
    if ends is not None:
        chance = f"{each.column}: gap by chance"
        rates.append(TrustRate(chance, ends.by_chance, None, None, each.faces, of, "neither"))
    low, high = (None, None) if ends is None else ends.lowest_ci95
    named = f"faces of the worst group, {worst.name}"
    rates.append(TrustRate(f"{each.column}: worst UAR", lowest, low, high, worst.table.total, named))
    for group in each.groups:
        accuracy, uar = group_scores(group, each.common)
        name, n = f"{each.column} {group.name}", group.table.total
        rates.append(TrustRate(f"{name}: UAR", *uar, n, f"faces of {group.name}"))
        rates.append(TrustRate(f"{name}: accuracy", *accuracy, n, f"faces of {group.name}"))
    return rates


def _details(
    each: GroupStudy,
    ends: Extremes | None,
    labels: Sequence[str],
    pairs: Sequence[tuple[PairGap, float]],
    confusions: Sequence[tuple[ConfusionGap, float]],
) -> Json:
    """Of one column; intervals are [value, low, high], counts [hits, faces], p by Holm over all columns."""
    scores = each.scores
    worst, best = each.groups[int(scores.argmin())].name, each.groups[int(scores.argmax())].name
    sure = {pair.higher for pair, p in pairs if pair.lower == worst and p <= ALPHA}
    groups = []
    for group in each.groups:
        accuracy, uar = group_scores(group, each.common)
        support, right = group.table.counts.sum(axis=1), group.table.counts.diagonal()
        recalls = {label: [int(right[at]), int(support[at])] for at, label in enumerate(labels)}
        own = {"group": group.name, "n": group.table.total, "subjects": group.clusters}
        groups.append(own | {"accuracy": list(accuracy), "uar": list(uar), "recalls": recalls})
    return {
        "column": each.column,
        "labels": [labels[place] for place in each.common],
        "groups": groups,
        "small": dict(each.small),
        "unknown": each.unknown,
        "worst": worst,
        "best": best,
        "not_told_from_worst": [group.name for group in each.groups if group.name not in {worst, *sure}]
        if pairs
        else [],
        "gap_by_chance": None if ends is None else ends.by_chance,
        "p_no_gap": None if ends is None else ends.p,
        "pairs": [pair._asdict() | {"p_holm": p} for pair, p in pairs],
        "confusions": [gap._asdict() | {"gap": gap.gap, "p_holm": p} for gap, p in confusions],
    }


def _notes(
    each: GroupStudy, rows: Sequence[AnsweredQuestion], labels: Sequence[str], least: int
) -> list[str]:
    notes = []
    if each.unknown:
        notes.append(
            f"{each.column}: unknown for {each.unknown:,} of {len(rows):,} faces, which are left out"
        )
    if each.small:
        listed = ", ".join(f"{name} {size:,}" for name, size in each.small.items())
        notes.append(f"{each.column}: too small, neither worst nor best (under {least} faces): {listed}")
    lacking = [label for place, label in enumerate(labels) if place not in each.common]
    if lacking:
        notes.append(
            f"{each.column}: UAR of groups leaves out {', '.join(lacking)}, which not every group shows "
            f"{LEAST_FACES} times"
        )
    few = [f"{group.name} {group.clusters}" for group in each.groups if (group.clusters or FEW) < FEW]
    if few:
        notes.append(f"{each.column}: few subjects, rough intervals: {', '.join(few)}")
    return notes
