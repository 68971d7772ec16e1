"""The grader: what counts as an answer, and that nothing can make it guess, raise or hang."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialogue.hard_replies import ADJECTIVES, CASES, NOUNS
from unifer.action_units import FACS_NUMBERS
from unifer.dialogue.answers import PROTOCOLS, grade
from unifer.emotions import spellings

LABELS = st.sampled_from(ADJECTIVES)
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "<think>",
                "</think>",
                "<answer>",
                "</answer>",
                "<Answer>",
                "< answer >",
                "happy",
                "sad",
                "unhappy",
                "not ",
                "\n",
                "AU12",
            ]
        ),
        st.text(max_size=8),
    ),
    max_size=14,
).map("".join)


@pytest.mark.parametrize(
    ("hazard", "candidates", "reply", "outcome", "label"),
    CASES,
    ids=[f"{c[0][:30]}-{c[2][-40:]!r}" for c in CASES],
)
def test_hard_replies(
    hazard: str, candidates: tuple[str, ...], reply: str, outcome: str, label: str | None
) -> None:
    verdict = grade(reply, candidates)
    assert (verdict.outcome, verdict.label) == (outcome, label), hazard


def test_the_table_is_long_enough_and_repeats_nothing() -> None:
    assert len(CASES) >= 150
    assert len({(candidates, reply) for _, candidates, reply, *_ in CASES}) == len(CASES)


def test_protocol_names() -> None:
    assert PROTOCOLS == ("strict", "unifer", "facial-r1")


def test_listed_aliases_are_answers_and_only_for_candidates() -> None:
    aliases = {"happy": ["joy", "Joyful"], "anger": ["mad"]}
    assert grade("<answer>Joy!</answer>", ADJECTIVES, aliases).label == "happy"
    assert grade("<answer>joyful</answer>", ADJECTIVES, aliases).label == "happy"
    assert grade("<answer>mad</answer>", ADJECTIVES, aliases).outcome == "off_list"


def test_a_spelling_that_two_candidates_share_names_neither() -> None:
    shared = {"fear": ["alarm"], "surprise": ["alarm"]}
    assert grade("<answer>alarm</answer>", ADJECTIVES, shared).outcome == "off_list"


def test_a_candidates_own_name_goes_before_anothers_spelling() -> None:
    both = ("happy", "happiness")
    assert grade("<answer>happiness</answer>", both).label == "happiness"
    assert grade("<answer>happy</answer>", both).label == "happy"
    assert grade("<answer>joy</answer>", ("joy", "happy"), {"happy": ["joy"]}).label == "joy"


def test_the_label_comes_back_as_the_question_spells_it() -> None:
    assert grade("<answer>HAPPINESS</answer>", ("Happy", "Sad")).label == "Happy"
    assert grade("<answer>not sure</answer>", ("not sure", "sad")).label == "not sure"


@pytest.mark.parametrize(
    "reply",
    [
        "<think>a</think><answer>happy</answer>",
        "<think>a</think>\n<answer>happy</answer>\n",
        "\n <think>\na\n</think> \n\n <answer>\nHappy.\n</answer>  ",
        "<think>a</think><answer>unhappy</answer>",
    ],
)
def test_well_formed(reply: str) -> None:
    assert grade(reply, ADJECTIVES).well_formed


@pytest.mark.parametrize(
    "reply",
    [
        "<think></think><answer>happy</answer>",
        "<think> \n</think><answer>happy</answer>",
        "<think>...</think><answer>happy</answer>",
        "<think>a</think><answer></answer>",
        "<think>a</think><answer> </answer>",
        "<answer>happy</answer>",
        "<answer>happy</answer><think>a</think>",
        "<think>a</think>so<answer>happy</answer>",
        "ok <think>a</think><answer>happy</answer>",
        "<think>a</think><answer>happy</answer> done",
        "<think>a</think><answer>happy</answer><answer>happy</answer>",
        "<think>a</think><think>b</think><answer>happy</answer>",
        "<think>a <think>b</think></think><answer>happy</answer>",
        "<think>a<answer>happy</answer></think>",
        "<think>a</think><answer><think>b</think></answer>",
        "<Think>a</Think><Answer>happy</Answer>",
        "<think>a</think>< answer >happy</answer>",
        "<think>a<answer>happy</answer>",
        "a</think><answer>happy</answer>",
        "<think>a</think><answer>happy</answer>\0",
    ],
)
def test_not_well_formed(reply: str) -> None:
    assert not grade(reply, ADJECTIVES).well_formed


@pytest.mark.parametrize(
    ("reply", "reasoning", "units"),
    [
        ("<think> AU12 is up. </think><answer>AU4</answer>", "AU12 is up.", {12}),
        ("<think>AU1</think>AU2<think>AU4</think><answer>sad</answer>", "AU1\nAU4", {1, 4}),
        ("AU6, AU12: a smile.<answer>happy</answer>", "AU6, AU12: a smile.", {6, 12}),
        ("AU6 seen.</think><answer>AU9</answer>", "AU6 seen.", {6}),
        ("<think>AU6 and no end <answer>happy</answer>", "AU6 and no end", {6}),
        ("<answer>happy</answer>", "", set()),
        ("no tags, AU4", "no tags, AU4", {4}),
    ],
)
def test_reasoning_is_the_think_block_or_what_stands_outside_the_answer(
    reply: str, reasoning: str, units: set[int]
) -> None:
    verdict = grade(reply, ADJECTIVES)
    assert (verdict.reasoning, set(verdict.action_units)) == (reasoning, units)


@given(
    st.one_of(
        PIECES, st.text(), st.text(st.characters(codec=None, min_codepoint=0xD7F0, max_codepoint=0xE010))
    )
)
def test_any_text_gets_a_consistent_verdict(reply: str) -> None:
    verdict = grade(reply, ADJECTIVES)
    assert verdict.outcome in ("answered", "off_list", "no_answer")
    assert (verdict.label is not None) == (verdict.outcome == "answered")
    assert verdict.label is None or verdict.label in ADJECTIVES
    assert not verdict.well_formed or verdict.outcome in ("answered", "off_list")


@given(PIECES)
def test_letter_case_never_changes_the_outcome(reply: str) -> None:
    if not reply.isascii():
        return
    verdicts = [grade(text, ADJECTIVES) for text in (reply, reply.upper(), reply.lower())]
    assert len({(verdict.outcome, verdict.label) for verdict in verdicts}) == 1


@given(PIECES, st.text(" \t\r\n", max_size=5), st.text(" \t\r\n", max_size=5))
def test_blanks_around_a_reply_never_change_the_verdict(reply: str, before: str, after: str) -> None:
    bare, padded = grade(reply, ADJECTIVES), grade(before + reply + after, ADJECTIVES)
    assert (bare.outcome, bare.label, bare.well_formed) == (padded.outcome, padded.label, padded.well_formed)


@given(LABELS, st.data(), st.text(" \n*_\"'`", max_size=4), st.text(" \n*_\"'`.!", max_size=4))
def test_every_spelling_in_light_dress_names_its_label(
    label: str, data: st.DataObject, before: str, after: str
) -> None:
    word = data.draw(st.sampled_from(spellings(label)))
    assert grade(f"<think>x</think><answer>{before}{word}{after}</answer>", ADJECTIVES).label == label


@given(st.sampled_from(NOUNS), st.sampled_from(NOUNS))
def test_two_different_labels_are_never_an_answer(first: str, second: str) -> None:
    for joint in (" ", ", ", "/", " or ", "\n", "; not "):
        assert grade(f"<answer>{first}{joint}{second}</answer>", NOUNS).outcome == "off_list"
    assert grade(f"<answer>{first}</answer><answer>{second}</answer>", NOUNS).outcome == "no_answer"


@pytest.mark.parametrize(
    ("answer", "outcome", "units"),
    [
        ("AU6, AU12", "answered", {6, 12}),
        ("[6, 12]", "answered", {6, 12}),
        ("6; 12 and 25", "answered", {6, 12, 25}),
        ("AU6 (cheek raiser), AU12C", "answered", {6, 12}),
        ("AU1+2+5", "answered", {1, 2, 5}),
        ("AU6, but no AU4", "answered", {6}),
        ("none", "answered", set()),
        ("No AUs.", "answered", set()),
        ("happiness", "off_list", set()),
        ("AU99", "off_list", set()),
        ("", "no_answer", set()),
    ],
)
def test_a_question_of_aus_is_answered_by_the_list_alone(answer: str, outcome: str, units: set[int]) -> None:
    """AUs weighed in the reasoning are no claim: the question asks which are active; the answer says so."""
    verdict = grade(f"<think>AU9 may be there, AU4 too.</think>\n<answer>{answer}</answer>", ())
    assert (str(verdict.outcome), set(verdict.action_units), verdict.label) == (outcome, units, None)


def test_aus_without_an_answer_are_no_answer() -> None:
    assert grade("AU6 and AU12 are active.", ()).action_units == frozenset()
    assert grade("<answer>AU6</answer> or <answer>AU12</answer>", ()).outcome == "no_answer"


@given(st.text(max_size=200))
def test_any_answer_to_a_question_of_aus_names_real_aus_or_none(answer: str) -> None:
    verdict = grade(f"<answer>{answer}</answer>", ())
    assert verdict.action_units <= FACS_NUMBERS
    assert verdict.outcome == "answered" or not verdict.action_units
