"""What each reward pays, by hand-computed tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train.replies import EIGHT, HAPPY, think
from unifer.action_units import PROTOTYPES
from unifer.dialogue.vocabulary import vocabulary
from unifer.emotions import EMOTIONS, SPELLINGS
from unifer.records import RewardRow
from unifer.train.continuing import Continuation
from unifer.train.rewards import DEFAULT, REWARDS, Case, judge

RANGES = {"length": (-1, 0), "facial_r1_au": (-1, 1)}


def case(
    reply: str,
    units: Sequence[int] | None = (6, 12),
    label: str = "happy",
    tokens: int | None = None,
    limit: int | None = None,
) -> Case:
    return judge(reply, label, EIGHT, units, tokens, limit)


def test_a_row_of_action_units_alone_is_paid_for_its_units_and_form() -> None:
    """`None == None` must not make an unanswered reply correct."""
    assert vocabulary(RewardRow("a.jpg", "Which action units?", None, action_units=(6, 12))) == ()
    judged = judge("<think>AU6 and AU12.</think><answer>AU6, AU12</answer>", None, (), (6, 12))
    paid = {name: REWARDS[name](judged) for name in (*DEFAULT, "unifer_accuracy", "facial_r1_accuracy")}
    assert paid == {
        "accuracy": None,
        "format": 1,
        "au_f1": 1,
        "unifer_accuracy": None,
        "facial_r1_accuracy": 0.5,
    }


@pytest.mark.parametrize(
    ("reply", "accuracy", "form", "unifer_accuracy", "unifer_format", "facial_r1_accuracy"),
    [
        (HAPPY, 1, 1, 1, 1, 1),
        ("<think>x</think>\n<answer>Happy.</answer>", 1, 1, 0, 1, 0),
        ("<think>x</think><answer>happiness</answer>", 1, 1, 0, 1, 0),
        ("<think>x</think><answer> happy </answer>", 1, 1, 1, 1, 1),
        ("<think>x</think><answer>unhappy</answer>", 0, 1, 0, 1, 0),
        ("<think>x</think><answer>joy</answer>", 0, 1, 0, 1, 0),
        ("happy", 0, 0, 1, 0, 1),
        (" happy\n", 0, 0, 1, 0, 1),
        ("", 0, 0, 0, 0, 0),
        ("<think>x</think><answer>happy</answer><answer>sad</answer>", 0, 0, 1, 1, 0),
        ("<think>x</think><answer>sad</answer><answer>happy</answer>", 0, 0, 0, 1, 1),
        ("<think></think><answer>happy</answer>", 1, 0, 1, 1, 1),
        ("<think>x</think><answer></answer>", 0, 0, 0, 1, 0),
        ("<think>x</think><answer>happy</answer>\n", 1, 1, 1, 0, 1),
        ("\n<think>x</think><answer>happy</answer>", 1, 1, 1, 0, 1),
        ("<think>x</think>so<answer>happy</answer>", 1, 0, 1, 0, 1),
        ("<think>x</think> \n <answer>hap\npy</answer>", 0, 1, 0, 1, 0),
        ("<Think>x</Think><Answer>happy</Answer>", 1, 0, 0, 0, 0),
        ("<answer>happy</answer>", 1, 0, 1, 0, 1),
        ("<think>x</think><answer>happy", 0, 0, 0, 0, 0),
        ("<think></answer>", 0, 0, 0, 0, 0),
        ("</think><answer>happy</answer>", 1, 0, 1, 0, 1),
    ],
)
def test_answers_and_form_by_our_rules_and_the_published_ones(
    reply: str, accuracy: int, form: int, unifer_accuracy: int, unifer_format: int, facial_r1_accuracy: int
) -> None:
    names = ("accuracy", "format", "unifer_accuracy", "unifer_format", "facial_r1_accuracy")
    paid = tuple(REWARDS[name](case(reply)) for name in names)
    assert paid == (accuracy, form, unifer_accuracy, unifer_format, facial_r1_accuracy)


@pytest.mark.parametrize(
    ("reply", "units", "au_f1", "facial_r1_au"),
    [
        (think("AU6, AU12."), (6, 12), 1, 1),
        (think("AU12."), (6, 12), 2 / 3, 1 / 3),
        (think("AU6, AU12 and AU4."), (6, 12), 4 / 5, 3 / 5),  # a spurious AU costs precision
        (think("AU4."), (6, 12), 0, -1),
        (think("calm."), (6, 12), 0, -1),
        (think("calm."), (), 1, 0),
        (think("AU4."), (), 0, 0),
        (think("AU12."), None, None, 0),
        (think("au12."), (12,), 1, 1),
        (think("AU 12."), (12,), 1, -1),
        (think("AU12, no AU4."), (12,), 1, 1 / 3),
        (think("AU12, AU99."), (12,), 1, 1 / 3),  # FACS has no AU99, so we do not read one
        ("AU12 <answer>happy</answer>", (12,), 1, -1),
        ("<think>x</think> AU12 <think>AU12</think>", (12,), 1, -1),
    ],
)
def test_action_units_by_our_rules_and_the_published_ones(
    reply: str, units: tuple[int, ...] | None, au_f1: float | None, facial_r1_au: float
) -> None:
    assert REWARDS["au_f1"](case(reply, units)) == (None if au_f1 is None else pytest.approx(au_f1))
    assert REWARDS["facial_r1_au"](case(reply, units)) == pytest.approx(facial_r1_au)


@pytest.mark.parametrize(
    ("reasoning", "answer", "paid"),
    [
        ("Mouth: AU12 lip corner puller. Together these suggest happy.", "happy", 1),
        ("Mouth: AU12 lip corner puller. Together these suggest happiness.", "Happy", 1),
        ("Mouth: AU12 lip corner puller. Together these suggest surprise.", "happy", 0),
        ("Mouth: AU12 lip corner puller.", "happy", 0),
        ("Together these suggest happy.", "joy", None),
    ],
)
def test_conclusion_pays_for_reasoning_that_arrives_at_its_own_answer(
    reasoning: str, answer: str, paid: float | None
) -> None:
    """Without it GRPO drifted to "Together these suggest surprise", answer happy, and no reward saw it."""
    assert REWARDS["conclusion"](case(f"<think>{reasoning}</think><answer>{answer}</answer>", None)) == paid


@pytest.mark.parametrize(
    ("reply", "paid"),
    [
        (think("AU6, AU12, AU25."), 1),
        (think("AU6, AU12."), 4 / 5),
        (think("AU6, AU12.", "sad"), 0),  # the answer given counts, not the label
        (think("AU1, AU4, AU15, AU17.", "sad"), 1),
        (think("calm.", "neutral"), 1),
        (think("AU12.", "neutral"), 0),
        (think("AU14.", "contempt"), 1),
        (think("calm."), 0),
        (think("AU6, AU12.", "joy"), None),
        ("AU6, AU12: happy", None),
    ],
)
def test_consistency_holds_the_answer_against_its_own_prototype(reply: str, paid: float | None) -> None:
    assert REWARDS["consistency"](case(reply, None)) == (None if paid is None else pytest.approx(paid))


def test_an_answer_that_is_no_known_emotion_has_no_prototype() -> None:
    assert REWARDS["consistency"](judge(think("AU1", "awe"), "awe", ("awe", "sad"), None)) is None


@pytest.mark.parametrize(
    ("tokens", "limit", "paid"),
    [
        (0, 1000, 0),
        (800, 1000, 0),
        (801, 1000, -0.005),
        (900, 1000, -0.5),
        (1000, 1000, -1),
        (1001, 1000, -1),
        (None, 1000, None),
        (9, None, None),
    ],
)
def test_length_falls_over_the_last_fifth_of_the_limit(
    tokens: int | None, limit: int | None, paid: float | None
) -> None:
    assert REWARDS["length"](case(HAPPY, tokens=tokens, limit=limit)) == (
        None if paid is None else pytest.approx(paid)
    )


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "<think>",
                "</think>",
                "<answer>",
                "</answer>",
                "<Think>",
                "happy",
                "AU6",
                "AU12 ",
                "no AU4",
                "\n",
            ]
        ),
        st.text(max_size=5),
    ),
    max_size=12,
).map("".join)
UNITS = st.one_of(st.none(), st.lists(st.sampled_from((1, 4, 6, 12)), unique=True))


@given(PIECES, UNITS, st.integers(0, 300))
def test_every_reward_stays_in_its_range_on_any_reply(
    reply: str, units: list[int] | None, tokens: int
) -> None:
    for name, reward in REWARDS.items():
        paid = reward(case(reply, units, tokens=tokens, limit=200))
        low, high = RANGES.get(name, (0, 1))
        assert paid is None or low <= paid <= high, name


@given(PIECES)
def test_the_published_format_is_the_published_expression(reply: str) -> None:
    published = re.fullmatch(r"<think>.*?</think>\s*<answer>.*?</answer>", reply, re.DOTALL) is not None
    assert REWARDS["unifer_format"](case(reply)) == published


@pytest.mark.parametrize(
    "label", [*EMOTIONS, *(word for words in SPELLINGS.values() for word in words), "awe", "ennui"]
)
def test_no_label_is_lost_on_its_way_to_a_reward(label: str) -> None:
    """Facial-R1 strips the characters of `<answer>` from the label, which leaves nothing of `awe`."""
    row = RewardRow("a.jpg", "?", f"<answer>{label}</answer>", candidate_labels=(label, "other"))
    graded = judge(f"<think>x</think><answer>{label}</answer>", row.label, vocabulary(row), None)
    assert [REWARDS[name](graded) for name in ("accuracy", "unifer_accuracy", "facial_r1_accuracy")] == [
        1,
        1,
        1,
    ]


def test_every_reward_can_tell_some_reply_from_another() -> None:
    replies = {HAPPY: 10, "AU4 sad": 200, think("AU4.", "sad"): 190, think("AU4 suggests sad.", "sad"): 190}
    graded = [case(reply, tokens=tokens, limit=200) for reply, tokens in replies.items()]
    graded += [
        replace(graded[0], continuation=Continuation(True, "neutral", "happiness", after))
        for after in ("neutral", "happiness")
    ]
    for name, reward in REWARDS.items():
        assert len({reward(one) for one in graded} - {None}) > 1, name


def test_prototypes_are_those_of_all_emotions() -> None:
    assert set(PROTOTYPES) == set(EMOTIONS)
