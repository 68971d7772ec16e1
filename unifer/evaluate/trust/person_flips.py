"""Answers that change when only the person changes: the same expression drawn on somebody else.

Knows pairs of verdicts, however they came about; `pairs_by` takes them from a column that names each row's
twin. A flip is bias or noise: the same picture asked twice gives the floor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from unifer.dialogue.answers import Verdict
from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.evaluate.grading import Graded
from unifer.evaluate.metrics import RESAMPLES
from unifer.evaluate.trust.sheets import TrustRate, share
from unifer.records import Json

VerdictPair = tuple[Verdict, Verdict]


def person_flips(
    pairs: Sequence[VerdictPair],
    *,
    units: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[tuple[TrustRate, TrustRate], Json]:
    """The rates `person flips` and `person silences`, and which label became which (`a -> b`: times).

    Flips: the two answers differ, of the pairs where both name a label. Silences: one names a label and the
    other none, of the pairs where at least one does. `units`: what each pair belongs to, such as its family.
    """
    labels = [
        tuple(None if verdict.label is None else canonical(verdict.label) for verdict in pair)
        for pair in pairs
    ]
    both = [at for at, pair in enumerate(labels) if None not in pair]
    either = [at for at, pair in enumerate(labels) if pair != (None, None)]

    def rate(name: str, hits: Sequence[bool], places: Sequence[int], of: str) -> TrustRate:
        chosen = None if units is None else [units[at] for at in places]
        return share(name, hits, of, units=chosen, better="lower", seed=seed, resamples=resamples)

    flips = [labels[at][0] != labels[at][1] for at in both]
    silences = [None in labels[at] for at in either]
    changes = Counter(f"{labels[at][0]} -> {labels[at][1]}" for at in both if labels[at][0] != labels[at][1])
    return (
        rate("person flips", flips, both, "pairs of one expression on two people, both with a label"),
        rate("person silences", silences, either, "pairs of one expression on two people, one with a label"),
    ), dict(changes.most_common())


def pairs_by(graded: Sequence[Graded], column: str) -> tuple[list[VerdictPair], list[str]]:
    """Each pair (row, twin) once, and the family of each: rows that twins join, by the key of the first.

    `column` of a row's `provenance` holds the key of its twin. Raises InputError where no row has it, and for
    a twin that is no row.
    """
    rows = {row.prediction.question.key: row for row in graded}
    twins = {key: (row.prediction.question.provenance or {}).get(column) for key, row in rows.items()}
    named = {key: twin for key, twin in twins.items() if twin is not None}
    if not named:
        raise InputError(f"no row has {column!r} in its 'provenance'; it names the key of the row's twin")
    strange = [key for key, twin in named.items() if twin not in rows or twin == key]
    if strange:
        raise InputError(
            f"{len(strange):,} of {len(named):,} rows name a twin that is no other row, the first is "
            f"{strange[0]!r} with {named[strange[0]]!r}; {column!r} holds the 'id' or 'image_path' of a twin"
        )
    family = {key: key for key in rows}

    def head(key: str) -> str:
        while family[key] != key:
            key = family[key]
        return key

    pairs = list(dict.fromkeys(tuple(sorted((key, twin))) for key, twin in named.items()))
    for one, other in pairs:
        family[max(head(one), head(other))] = min(head(one), head(other))
    return [(rows[one].verdict, rows[other].verdict) for one, other in pairs], [head(one) for one, _ in pairs]
