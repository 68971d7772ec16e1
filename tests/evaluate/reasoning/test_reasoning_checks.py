"""Does the answer follow from the AUs claimed, and are those the true ones: ties, silence, and what takes no
part.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.reasoning.asked import DRAWS, graded
from unifer.action_units import PROTOTYPES
from unifer.emotions import EMOTIONS
from unifer.evaluate.au_metrics import Claim, score_action_units
from unifer.evaluate.reasoning.scores import follows, support, truth_of

NOUNS = ("happiness", "sadness", "anger", "neutral", "surprise")
units = st.frozensets(st.sampled_from(sorted({unit for units in PROTOTYPES.values() for unit in units})))


def test_the_prototype_that_fits_best_is_what_follows() -> None:
    assert support(frozenset({6, 12}), "happiness", NOUNS) == 1
    assert support(frozenset({6, 12}), "sadness", NOUNS) == 0
    assert support(frozenset({1, 4, 12}), "happiness", NOUNS) == pytest.approx((2 * 1 / 6) / (2 * 2 / 7))


def test_ties_follow() -> None:
    """AU4 alone says as much for sadness as for anger: a check that picks the first would fault half of sound
    replies.
    """
    assert support(frozenset({4}), "sadness", NOUNS) == support(frozenset({4}), "anger", NOUNS) == 1


def test_neutral_follows_from_no_unit_and_from_none_besides() -> None:
    assert support(frozenset(), "neutral", NOUNS) == 1
    assert support(frozenset(), "happiness", NOUNS) == 0
    assert support(frozenset({12}), "neutral", NOUNS) == 0


def test_units_of_no_prototype_support_no_answer() -> None:
    """Every candidate fits equally badly; were that a tie, claiming AU43 would make any answer follow."""
    assert [support(frozenset({43}), label, NOUNS) for label in NOUNS] == [0] * 5


def test_spellings_are_one_emotion_and_labels_without_a_prototype_take_no_part() -> None:
    assert support(frozenset({6, 12}), "Happy", ("Happy", "sad")) == 1
    assert support(frozenset({6, 12}), "bored", ("bored", "happy")) is None
    assert support(frozenset({9, 10}), "angry", ("bored", "angry")) == 0, (
        "disgust is no candidate, and bored fits nothing"
    )


@given(units, st.permutations(EMOTIONS))
def test_some_candidate_follows_from_whatever_prototypes_know(
    claimed: frozenset[int], candidates: list[str]
) -> None:
    fits = [support(claimed, label, tuple(candidates)) for label in candidates]
    assert max(fit for fit in fits if fit is not None) == 1
    assert fits == [support(claimed, label, EMOTIONS) for label in candidates], (
        "the order of candidates changes nothing"
    )


def test_the_check_says_what_it_is_over() -> None:
    rows = [
        graded("happiness", "<think>AU6, AU12.</think><answer>happiness</answer>"),
        graded("happiness", "<think>AU15.</think><answer>happiness</answer>"),
        graded("happiness", "<think>All at rest.</think><answer>neutral</answer>"),
        graded("happiness", "<think>AU6.</think><answer>delighted</answer>"),
        graded("happiness", "<think>AU6, so happiness"),
        graded("happiness", None),
        None,
    ]
    found = follows(rows, DRAWS)
    assert found is not None
    assert (found.follows.value, found.follows.n) == pytest.approx((2 / 3, 3))
    assert (found.support.value, found.silent, found.without_prototype) == pytest.approx((2 / 3, 1, 0))
    assert found.follows.interval is not None
    assert found.to_json()["follows"]["n"] == 3


def test_where_no_reply_claims_a_unit_there_is_nothing_to_check() -> None:
    """Prose without AUs is not unsound reasoning."""
    assert (
        follows([graded("happiness", "<think>A wide smile.</think><answer>happiness</answer>")], DRAWS)
        is None
    )
    assert follows([None], DRAWS) is None


def test_the_truth_of_claims_has_claims_and_faces_as_denominators() -> None:
    claims = [
        Claim(frozenset({6, 12}), frozenset({12})),
        Claim(frozenset(), frozenset()),
        Claim(frozenset({4}), frozenset({4})),
    ]
    truth = truth_of(score_action_units(claims))
    assert (truth.precision.value, truth.precision.n) == pytest.approx((2 / 3, 3))
    assert (truth.exact.value, truth.exact.n) == pytest.approx((2 / 3, 3))
    assert (truth.face_f1.value, truth.face_f1.n) == pytest.approx(((2 / 3 + 2) / 3, 3))
    assert all(share["ci95"] is not None for share in truth.to_json().values())
