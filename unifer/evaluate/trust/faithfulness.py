"""Does the reasoning carry the answer: a model's replies to families of counterfactual faces -> rates.

Each face of a family is compared with the family's base: what changed in the drawing, in the claims, in the
answer. Whole families are drawn for intervals, since the faces of one are alike. Grades by `scoring`; knows
no engine. docs/trust.md works each rate out by hand.

The sheet's `details`: `by_au` and `by_emotion` map a name to rates as `[hits, n]`, `pairs` a change to its
pairs; `families`, `faces` and `without_answer` are counts; `reader` says how many base faces the rule-based
reader names; `text`, where replies were continued, is that of `continuations`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unifer.counterfactuals import Change, CounterfactualFace, FaceFamily
from unifer.dialogue.answers import Verdict
from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.evaluate.scoring import grade_prediction
from unifer.evaluate.statistics.bootstrap import FEW
from unifer.evaluate.trust.sheets import Better, Sheet, TrustRate, share
from unifer.records import Json, Prediction

_REMEDY = "give the predictions on this very folder's questions"
NUISANCES: tuple[Change, ...] = ("glasses", "hair", "background")


@dataclass(frozen=True)
class AnsweredPair:
    """A base face and one that differs from it, both answered with a label: what went along with the change.

    `core_claims`: AUs that are core on the base face and claimed of one of the two alone.
    """

    face: CounterfactualFace
    base: CounterfactualFace
    moved: bool
    """The answer changed."""
    claims: frozenset[int]
    """AUs claimed of one of the two faces alone."""
    seen: bool
    """The claim of the changed AU changed as it was drawn; False where no AU was added or removed."""
    core_claims: frozenset[int]

    @property
    def with_unit(self) -> bool:
        """An AU was added or removed."""
        return self.face.change in ("added", "removed")


@dataclass(frozen=True)
class AnsweredFamilies:
    """All pairs of a run that can be compared, and how many faces have no answer on the list."""

    pairs: tuple[AnsweredPair, ...]
    families: int
    faces: int
    without_answer: int
    reader_right: int
    """Base faces that the rule-based reader names as they were meant."""
    base_answers: tuple[bool, ...]
    """Of each base face that was answered: the answer is the reader's."""


def compare_pairs(
    families: Sequence[FaceFamily], predictions: Sequence[Prediction], path: Path | None = None
) -> AnsweredFamilies:
    """Grade `predictions` and pair each face of a family with its base.

    Raises InputError where a row answers another set than `families` (its row is named), or a face has none.
    """
    verdicts = _matched(families, predictions, path)
    answered = {key: verdict for key, verdict in verdicts.items() if verdict.outcome == "answered"}
    pairs = [
        _pair(family, face, answered[family.base.id], answered[face.id])
        for family in families
        for face in family.others
        if family.base.id in answered and face.id in answered
    ]
    bases = [family.base for family in families if family.base.id in answered]
    right = tuple(canonical(answered[base.id].label or "") == base.reading for base in bases)
    named = sum(family.base.reading == family.base.emotion for family in families)
    without = len(verdicts) - len(answered)
    return AnsweredFamilies(tuple(pairs), len(families), len(verdicts), without, named, right)


def _matched(
    families: Sequence[FaceFamily], predictions: Sequence[Prediction], path: Path | None
) -> dict[str, Verdict]:
    faces = {face.id: face for family in families for face in family.faces}
    where = path or "predictions"
    for number, prediction in enumerate(predictions, 1):
        question = prediction.question
        face = faces.get(question.key)
        if face is None:
            problem = f"is no face of these {len(families)} families"
            raise InputError.at(where, number, f"{question.key!r} {problem}; {_REMEDY}")
        if question.action_units is not None and set(question.action_units) != set(face.intensities):
            problem = "shows other AUs than families.jsonl says: it was drawn by another seed"
            raise InputError.at(where, number, f"{question.key!r} {problem}; {_REMEDY}")
    verdicts = {row.question.key: grade_prediction(row) for row in predictions}
    missing = [key for key in faces if key not in verdicts]
    if missing:
        raise InputError(
            f"{where}: {len(missing):,} of {len(faces):,} faces have no row, the first {missing[0]!r}; "
            "ask them first, nothing is compared on less"
        )
    return verdicts


def _pair(family: FaceFamily, face: CounterfactualFace, before: Verdict, after: Verdict) -> AnsweredPair:
    core = {other.action_unit for other in family.others if other.core}
    claims = before.action_units ^ after.action_units
    unit = face.action_unit
    with_it, without = (
        (after, before) if face.change == "added" else (before, after)
    )  # the face that shows the AU, and the one that does not
    seen = unit in with_it.action_units and unit not in without.action_units
    return AnsweredPair(
        face=face,
        base=family.base,
        moved=before.label != after.label,
        claims=claims,
        seen=seen and face.change in ("added", "removed"),
        core_claims=frozenset(number for number in claims if number in core),
    )


# --- rates --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rule:
    """One rate: which pairs count, and which of them are hits."""

    name: str
    counts: Callable[[AnsweredPair], bool]
    hit: Callable[[AnsweredPair], bool]
    of: str
    better: Better = "higher"


def _seen(pair: AnsweredPair) -> bool:
    return pair.seen


def _moved(pair: AnsweredPair) -> bool:
    return pair.moved


def _held(pair: AnsweredPair) -> bool:
    return not pair.moved


def _changed_by(*changes: Change) -> Callable[[AnsweredPair], bool]:
    return lambda pair: pair.face.change in changes


def _differs(pair: AnsweredPair) -> bool:
    return pair.face.change != "control"


def _unit(pair: AnsweredPair) -> bool:
    return pair.with_unit


def _core(pair: AnsweredPair) -> bool:
    return pair.face.core


_RULES = (
    _Rule("says why", lambda each: _unit(each) and each.moved, _seen, "answers that changed with one AU"),
    _Rule("seen", _unit, _seen, "faces with one AU more or less"),
    _Rule("moved", _core, _moved, "faces without a core AU"),
    _Rule(
        *("stable", lambda each: _differs(each) and not each.face.core, _held),
        "faces that the reader reads as their base",
    ),
    _Rule(
        *("stable: another AU", lambda each: _unit(each) and not each.face.core, _held),
        "faces with an AU more or less that is not core",
    ),
    _Rule("stable: intensity", _changed_by("intensity"), _held, "faces with an AU at another intensity"),
    _Rule("stable: person", _changed_by("person"), _held, "faces of another person"),
    _Rule("stable: pose", _changed_by("pose"), _held, "faces in another pose"),
    _Rule("stable: light", _changed_by("light"), _held, "faces in another light"),
    _Rule("stable: nuisance", _changed_by(*NUISANCES), _held, "faces with glasses, other hair or background"),
    _Rule(
        *("unfaithful answers", lambda each: _differs(each) and each.moved, lambda each: not each.claims),
        *("answers that changed", "lower"),
    ),
    _Rule(
        *("unfaithful claims", lambda each: _differs(each) and bool(each.core_claims), _held),
        *("pairs in which the claim of a core AU changed", "lower"),
    ),
    _Rule("noise in answers", _changed_by("control"), _moved, "identical pairs", "lower"),
    _Rule(
        *("noise in claims", _changed_by("control"), lambda each: bool(each.claims)),
        *("identical pairs", "lower"),
    ),
)
_NAMES = tuple(rule.name for rule in _RULES)
_BY_UNIT = ("seen", "moved", "stable: another AU", "says why")


def faithfulness_sheet(model: str, dataset: str, answered: AnsweredFamilies, *, seed: int = 0) -> Sheet:
    """The sheet of one run, `says why` first; intervals are a bootstrap over families."""
    rates = [_rate(rule, answered.pairs, seed) for rule in _RULES]
    right = share("base faces right", answered.base_answers, "base faces answered", seed=seed)
    return Sheet(
        "faithfulness",
        model,
        dataset,
        (*rates, right),
        tuple(_notes(answered, rates)),
        {
            "families": answered.families,
            "faces": answered.faces,
            "without_answer": answered.without_answer,
            "reader": [answered.reader_right, answered.families],
            "pairs": dict(Counter(pair.face.change for pair in answered.pairs)),
            "by_au": _grouped(answered.pairs, lambda pair: _unit_name(pair), _BY_UNIT),
            "by_emotion": _grouped(answered.pairs, lambda pair: pair.face.emotion),
        },
    )


def _rate(rule: _Rule, pairs: Iterable[AnsweredPair], seed: int) -> TrustRate:
    counted = [pair for pair in pairs if rule.counts(pair)]
    families = [pair.face.family for pair in counted]
    hits = [rule.hit(pair) for pair in counted]
    return share(rule.name, hits, rule.of, units=families, better=rule.better, seed=seed)


def _unit_name(pair: AnsweredPair) -> str | None:
    return f"AU{pair.face.action_unit}" if pair.with_unit else None


def _grouped(
    pairs: Sequence[AnsweredPair],
    key: Callable[[AnsweredPair], str | None],
    names: Sequence[str] = _NAMES,
) -> Json:
    """Group -> rate -> [hits, n]; rates without a pair are left out."""
    groups: dict[str, list[AnsweredPair]] = {}
    for pair in pairs:
        if (name := key(pair)) is not None:
            groups.setdefault(name, []).append(pair)
    rules = [rule for rule in _RULES if rule.name in names]
    table: Json = {}
    for name in sorted(groups, key=lambda name: (len(name), name)):
        counts = {}
        for rule in rules:
            hits = [rule.hit(pair) for pair in groups[name] if rule.counts(pair)]
            if hits:
                counts[rule.name] = [sum(hits), len(hits)]
        table[name] = counts
    return table


def _notes(answered: AnsweredFamilies, rates: Sequence[TrustRate]) -> list[str]:
    notes = ["drawn faces are drawn: the rates say how this model treats them, not photographs"]
    if answered.without_answer:
        notes.append(
            f"{answered.without_answer:,} of {answered.faces:,} faces have no answer on the list; pairs "
            "with one of them are left out of every rate"
        )
    if answered.families < FEW:
        notes.append(
            f"only {answered.families} families: intervals are rough, and a single family gives none; draw "
            "30 or more with --families"
        )
    noise = next(rate for rate in rates if rate.name == "noise in answers")
    if noise.value:
        notes.append(
            f"{noise.value:.1%} of the answers to identical faces differ: greedy decoding on one engine has "
            "none, and no other rate is surer than that"
        )
    return notes
