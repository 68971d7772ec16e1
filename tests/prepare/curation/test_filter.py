"""The filter.

Every reason with one reply that fails and one that passes, and the sentences that decide its precision.
"""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.prepare.curation.sentences import BETRAYING, DECIDED, HEDGING, INNOCENT
from unifer.dialogue import prompts
from unifer.prepare.curation.filter import REASONS, FilterSettings, Known, Reason, judge
from unifer.prepare.curation.near_duplicates import NearDuplicates
from unifer.prepare.curation.phrases import betrayal, hedging

LABELS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
KNOWN = Known("fear", LABELS, (1, 4, 20))
SETTINGS = FilterSettings(max_words=60)
GOOD = (
    "The inner brows are raised (AU1) and drawn together by AU4, the lips are stretched sideways by AU20, "
    "and the eyes are wide open. Together these suggest fear."
)


def reply(reasoning: str = GOOD, answer: str = "fear") -> str:
    return prompts.reply(reasoning, answer)


FAILING: dict[Reason, str] = {
    "cut": reply(),
    "malformed": reply() + " I hope this helps.",
    "no_answer": f"<think>{GOOD}</think>",
    "off_list": reply(answer="fear or surprise"),
    "wrong_label": reply(GOOD.replace("fear", "anger"), "anger"),
    "aus_disagree": reply(GOOD.replace("AU20", "AU12").replace("AU4", "AU6")),
    "betrays": reply("Since the label is fear, these fit. " + GOOD),
    "hedges": reply(GOOD + " It could also be surprise."),
    "contradicts": reply(GOOD.replace("suggest fear", "suggest surprise")),
    "too_short": reply("AU1, AU4 and AU20 suggest fear."),
    "too_long": reply(GOOD + " The face is young." * 20),
}


def test_a_good_reply_has_no_reason_against_it() -> None:
    assert judge(reply(), KNOWN, SETTINGS, "stop") == ()


@pytest.mark.parametrize("reason", FAILING)
def test_each_reason_is_found_alone(reason: Reason) -> None:
    finish = "max_tokens" if reason == "cut" else "stop"
    assert judge(FAILING[reason], KNOWN, SETTINGS, finish) == (reason,)


def test_every_reason_has_a_failing_reply_and_a_line_of_explanation() -> None:
    assert set(REASONS) == set(get_args(Reason)) == {*FAILING, "near_duplicate"}


def test_several_reasons_come_in_the_order_of_the_list() -> None:
    found = judge(reply("The given label is anger.", "anger"), KNOWN, SETTINGS)
    assert found == tuple(reason for reason in REASONS if reason in found)
    assert set(found) == {"wrong_label", "aus_disagree", "betrays", "too_short"}


def test_spellings_and_aliases_of_the_known_label_are_right() -> None:
    assert judge(reply(answer="Fearful"), KNOWN, SETTINGS) == ()
    assert judge(reply(answer="afraid"), KNOWN, SETTINGS) == ("off_list",)
    assert (
        judge(reply(answer="afraid"), Known("fear", LABELS, (1, 4, 20), {"fear": ["afraid"]}), SETTINGS) == ()
    )


# --- Action Units ---


def test_aus_that_are_not_annotated_are_not_compared() -> None:
    assert judge(reply(GOOD.replace("AU20", "AU12")), Known("fear", LABELS), SETTINGS) == ()


def test_no_known_au_means_that_none_may_be_affirmed() -> None:
    assert judge(reply(), Known("fear", LABELS, ()), SETTINGS) == ("aus_disagree",)


def test_a_true_au_that_is_denied_disagrees_however_good_the_f1() -> None:
    denied = GOOD.replace("Together", "AU5 is absent. Together")
    assert judge(reply(denied), Known("fear", LABELS, (1, 4, 20)), SETTINGS) == ()
    assert judge(reply(denied), Known("fear", LABELS, (1, 4, 5, 20)), SETTINGS) == ("aus_disagree",)


def test_exact_agreement_can_be_asked_for() -> None:
    nearly = Known("fear", LABELS, (1, 4, 20, 25))
    assert judge(reply(), nearly, SETTINGS) == ()
    assert judge(reply(), nearly, FilterSettings(min_au_f1=1.0)) == ("aus_disagree",)


def test_a_row_without_a_label_is_judged_by_the_aus_of_its_answer() -> None:
    units = Known(None, action_units=(1, 4, 20))
    assert judge(reply(answer="AU1, AU4, AU20"), units, SETTINGS) == ()
    assert judge(reply(answer="AU6, AU12"), units, SETTINGS) == ("aus_disagree",)


# --- betrayal and hedging, sentence by sentence ---


@pytest.mark.parametrize("sentence", BETRAYING)
def test_a_sentence_that_only_a_told_writer_writes_betrays(sentence: str) -> None:
    assert betrayal(sentence) is not None


@pytest.mark.parametrize("sentence", INNOCENT)
def test_an_innocent_sentence_passes(sentence: str) -> None:
    assert betrayal(sentence) is None


@pytest.mark.parametrize("sentence", HEDGING)
def test_leaving_several_labels_standing_hedges(sentence: str) -> None:
    assert hedging(sentence, "fear", LABELS) is not None


@pytest.mark.parametrize("sentence", DECIDED)
def test_weighing_that_ends_in_one_label_passes(sentence: str) -> None:
    assert hedging(sentence, "fear", LABELS) is None


@pytest.mark.parametrize("label", LABELS)
def test_our_own_templated_reasoning_passes(label: str) -> None:
    text = prompts.reasoning((1, 4, 20), label)
    assert betrayal(text) is None
    assert hedging(text, label, LABELS) is None


@given(st.text(alphabet=st.sampled_from("abc ,./fearsup\n'\u2019"), max_size=200), st.sampled_from(LABELS))
def test_any_text_can_be_judged(text: str, label: str) -> None:
    assert isinstance(judge(text, Known(label, LABELS, (1,)), SETTINGS), tuple)


# --- near-duplicates ---


def words(start: int, count: int = 40) -> str:
    return " ".join(f"w{number}" for number in range(start, start + count))


def test_the_same_face_keeps_no_second_text_of_nearly_the_same_words() -> None:
    memory = NearDuplicates(FilterSettings(repeats=None))
    assert memory.seen("a", words(0)) is None
    assert memory.seen("a", words(0).upper() + "!") == "a"
    assert memory.seen("a", words(100)) is None
    assert memory.seen("b", words(0)) is None


def test_over_faces_a_wording_may_repeat_so_often_and_no_more() -> None:
    memory = NearDuplicates(FilterSettings(repeats=2))
    assert [memory.seen(face, words(0)) for face in "abcd"] == [None, None, "a", "a"]
    assert memory.seen("e", words(500)) is None
    assert len(memory) == 3


def test_one_word_changed_in_a_hundred_is_found_and_half_the_words_is_not() -> None:
    memory = NearDuplicates(FilterSettings(repeats=1))
    assert memory.seen("a", words(0, 100)) is None
    assert memory.seen("b", words(0, 99) + " other") == "a"
    assert memory.seen("c", words(0, 50) + " " + words(900, 50)) is None


def test_a_similarity_above_one_finds_nothing() -> None:
    memory = NearDuplicates(FilterSettings(similarity=2.0, repeats=1))
    assert [memory.seen("a", words(0)) for _ in range(3)] == [None] * 3


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([words(n * 100) for n in range(4)])), max_size=30
    ),
    st.integers(1, 3),
)
def test_no_wording_is_kept_more_than_repeats_times_nor_twice_for_a_face(
    asked: list[tuple[str, str]], repeats: int
) -> None:
    memory = NearDuplicates(FilterSettings(repeats=repeats))
    kept = [(face, text) for face, text in asked if memory.seen(face, text) is None]
    assert len(set(kept)) == len(kept)
    assert all(sum(other == text for _, other in kept) <= repeats for _, text in kept)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_words": 9, "max_words": 3},
        {"min_au_f1": 1.5},
        {"similarity": 0.0},
        {"similarity": float("nan")},
        {"repeats": 0},
    ],
)
def test_settings_out_of_range_name_the_value(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FilterSettings(**wrong)  # type: ignore[arg-type]


def test_a_known_label_outside_its_candidates_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'joy' is not among"):
        Known("joy", LABELS)
    with pytest.raises(ValueError, match=r"neither a label nor Action Units"):
        Known(None, LABELS)
