"""THE filter of machine-written reasoning: one reply -> the reasons not to train on it.

CoT curation and synthesis both ask here. Knows the known label, the known AUs and the bounds; not who wrote
the reply, nor what becomes of it. Form and label are judged by the grader (`dialogue/answers`) alone, so that
what passes here is what reward and metric call right.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Literal

from unifer.action_units import f1
from unifer.dialogue.answers import Verdict, grade, is_correct
from unifer.dialogue.au_mentions import affirmations
from unifer.dialogue.label_mentions import concluded
from unifer.dialogue.vocabulary import vocabulary
from unifer.emotions import spelled_in
from unifer.prepare.curation.phrases import betrayal, hedging
from unifer.records import Json, RewardRow

VERSION = "filter-1"
"""Changes whenever the filter would keep other replies at the same settings; written in every manifest."""

Reason = Literal[
    "cut",
    "malformed",
    "no_answer",
    "off_list",
    "wrong_label",
    "aus_disagree",
    "betrays",
    "hedges",
    "contradicts",
    "too_short",
    "too_long",
    "near_duplicate",
]

REASONS: Mapping[Reason, str] = MappingProxyType(
    {
        "cut": "the reply ran into the token limit",
        "malformed": "not exactly one think block followed by one answer block",
        "no_answer": "no answer block, several, or an empty one",
        "off_list": "the answer is none of the candidate labels",
        "wrong_label": "the answer is another candidate than the known label",
        "aus_disagree": "the Action Units in the reasoning are not the known ones",
        "betrays": "the reasoning shows that its writer was told the answer",
        "hedges": "the reasoning settles on several labels",
        "contradicts": "the reasoning settles on another label than it answers",
        "too_short": "the reasoning has fewer words than the lower bound",
        "too_long": "the reasoning has more words than the upper bound",
        "near_duplicate": "nearly the same words as reasoning that was kept before",
    }
)
"""Every reason with what it means, in the order in which `judge` reports them."""

_CUT = ("length", "max_tokens", "model_length")


@dataclass(frozen=True)
class Known:
    """What is known of one face: its label among `candidate_labels`, and its AUs where they are annotated.

    `label` None: AUs alone are known, and the answer block lists them. `action_units` None: not annotated, so
    nothing is compared.
    """

    label: str | None
    candidate_labels: tuple[str, ...] = ()
    action_units: Collection[int] | None = None

    def __post_init__(self) -> None:
        if self.label is not None and self.label not in self.candidate_labels:
            raise ValueError(
                f"the known label {self.label!r} is not among the candidates "
                f"{', '.join(self.candidate_labels)}"
            )
        if self.label is None and self.action_units is None:
            raise ValueError("neither a label nor Action Units are known: no reply could be judged")

    @classmethod
    def of(cls, row: RewardRow) -> Known:
        """What `row` knows, its label as its vocabulary spells it."""
        labels = vocabulary(row)
        label = row.label if row.label is None or row.label in labels else spelled_in(row.label, labels)
        return cls(label, labels, row.action_units)

    def is_label_of(self, verdict: Verdict) -> bool:
        """Whether a reply is correct, as reward and metric decide it too."""
        return is_correct(verdict, self.label)


@dataclass(frozen=True)
class FilterSettings:
    """Bounds of the filter. Raises ValueError naming the setting, its value and what is allowed."""

    min_words: int = 15
    max_words: int = 400
    """Words of the reasoning, both bounds included."""
    min_au_f1: float = 0.6
    """F1 between the AUs that the reasoning affirms and the known ones.

    1 asks for exactly them, 0 compares nothing.
    """
    allow_hedging: bool = False
    similarity: float = 0.85
    """Jaccard similarity of word 3-grams from which two texts are near-duplicates; above 1 there are none."""
    repeats: int | None = 3
    """Near-identical texts that may be kept over different faces; None does not compare faces.

    Of one face a second is never kept.
    """

    def __post_init__(self) -> None:
        if not 0 <= self.min_words <= self.max_words:
            raise ValueError(
                f"min_words {self.min_words} and max_words {self.max_words}: 0 <= min_words <= max_words "
                "is needed"
            )
        if not 0 <= self.min_au_f1 <= 1:
            raise ValueError(f"min_au_f1 {self.min_au_f1} must be from 0 to 1")
        if not self.similarity > 0:
            raise ValueError(
                f"similarity {self.similarity} must be above 0; a value above 1 finds no near-duplicates"
            )
        if self.repeats is not None and self.repeats < 1:
            raise ValueError(f"repeats {self.repeats} must be at least 1, or none to keep any number")

    def to_json(self) -> Json:
        return {"version": VERSION} | asdict(self)


def judge(
    reply: str, known: Known, settings: FilterSettings, finish_reason: str | None = None
) -> tuple[Reason, ...]:
    """Why `reply` should not be learned from, in the order of `REASONS`; empty: keep it.

    `near_duplicate` is not judged here: it depends on what was kept before
    (`near_duplicates.NearDuplicates`).
    """
    verdict = grade(reply, known.candidate_labels)
    reasons: list[Reason] = []
    if finish_reason in _CUT:
        reasons.append("cut")
    reasons += _form_and_label(verdict, known)
    if (
        known.action_units is not None
        and settings.min_au_f1 > 0
        and not _units_agree(verdict, known, settings.min_au_f1)
    ):
        reasons.append("aus_disagree")
    if betrayal(verdict.reasoning):
        reasons.append("betrays")
    if not settings.allow_hedging and _hedges(verdict, known):
        reasons.append("hedges")
    if verdict.label is not None and concluded(verdict.reasoning, known.candidate_labels) not in (
        None,
        verdict.label,
    ):
        reasons.append("contradicts")
    words = len(verdict.reasoning.split())
    if words < settings.min_words:
        reasons.append("too_short")
    if words > settings.max_words:
        reasons.append("too_long")
    return tuple(reasons)


def _form_and_label(verdict: Verdict, known: Known) -> list[Reason]:
    if verdict.outcome == "no_answer":
        return ["no_answer"]
    reasons: list[Reason] = [] if verdict.well_formed else ["malformed"]
    if known.label is not None:
        if verdict.outcome == "off_list":
            reasons.append("off_list")
        elif not known.is_label_of(verdict):
            reasons.append("wrong_label")
    return reasons


def _hedges(verdict: Verdict, known: Known) -> bool:
    return (
        known.label is not None
        and hedging(verdict.reasoning, known.label, known.candidate_labels) is not None
    )


def _units_agree(verdict: Verdict, known: Known, least: float) -> bool:
    """Whether the reasoning affirms the known AUs (F1) and denies none of them.

    Without a label the answer must list them too.
    """
    truth = frozenset(known.action_units or ())
    mentions = affirmations(verdict.reasoning)
    affirmed = [number for number, active in mentions.items() if active]
    if any(not mentions.get(number, True) for number in truth) or f1(affirmed, truth) < least:
        return False
    return known.label is not None or f1(verdict.action_units, truth) >= least
