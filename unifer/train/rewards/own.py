"""The project's rewards: plain functions from a graded reply to a number, or None where the reward does not
apply.

Each says its range and its source. Weights, names and trainers are not known here; the published variants are
in `published`.
"""

from __future__ import annotations

from unifer.action_units import PROTOTYPES, f1
from unifer.dialogue.label_mentions import concluded
from unifer.emotions import canonical
from unifer.train.rewards.cases import Case

OVERLONG_SHARE = 0.2
"""Share of the completion limit over which `length` falls to -1: DAPO's 4,096 of 20,480 tokens."""


def accuracy(case: Case) -> float | None:
    """1 if the one answer is the row's label, as the metric WAR counts it; else 0. None for a row of AUs
    alone.
    """
    return None if case.label is None else float(case.correct)


def form(case: Case) -> float:
    """1 if the whole reply is one non-empty think block, then one non-empty answer block; else 0. The label
    may be any.
    """
    return float(case.verdict.well_formed)


def au_f1(case: Case) -> float | None:
    """F1 of the AUs that the reply claims against the row's, in [0, 1]; None for a row without AU annotation.

    Claimed are those that the reasoning affirms; where the row asks for AUs alone, those that the answer
    lists (`dialogue.answers`).
    """
    return None if case.action_units is None else f1(case.verdict.action_units, case.action_units)


def consistency(case: Case) -> float | None:
    """F1 of the AUs that the reasoning affirms against the FACS prototype of the emotion answered, in [0, 1].

    The true label and the row's AUs play no part. Neutral's prototype is empty: 1 if no AU is claimed, else
    0. None without an answer from the list, and for an answer that is none of the eight emotions.
    """
    prototype = None if case.verdict.label is None else PROTOTYPES.get(canonical(case.verdict.label))
    return None if prototype is None else f1(case.verdict.action_units, prototype)


def conclusion(case: Case) -> float | None:
    """1 if the reasoning settles on the label that is answered, 0 if on another or on none. None without an
    answer from the list.

    The true label plays no part. Rewards that read AUs and the answer alone let the sentence between the two
    drift.
    """
    if case.verdict.label is None:
        return None
    return float(concluded(case.verdict.reasoning, case.candidate_labels) == case.verdict.label)


def length(case: Case) -> float | None:
    """Soft overlong penalty in [-1, 0]: 0 up to 80 % of the limit, then falling linearly to -1 at the limit.

    DAPO (arXiv 2503.14476), equation 13, with L_max the completion limit and L_cache = `OVERLONG_SHARE` of
    it, in tokens. None where the number of tokens or the limit is not known.
    """
    if case.completion_tokens is None or case.completion_limit is None:
        return None
    cache = OVERLONG_SHARE * case.completion_limit
    left = case.completion_limit - cache - case.completion_tokens
    return min(0.0, max(-1.0, left / cache))
