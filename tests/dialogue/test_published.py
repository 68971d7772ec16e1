"""Protocol `unifer` against a second, literal writing of the published rule, from its description alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ferbench import needs_ferbench, question_file, specs
from tests.literal import TAGGED, labelled, unifer_label
from unifer.datasets import AnswerTag, DatasetSpec, read_questions
from unifer.dialogue.published import UNKNOWN, published_label

SPECS = specs()
TAGS: tuple[AnswerTag, ...] = ("one_line", "any_lines")
WORDS = [
    *sorted({word for spec in SPECS for words in spec.published.aliases.values() for word in words}),
    *sorted({label for spec in SPECS for label in spec.labels}),
]
COUNT = 5_000
"""Of each set and tag: 40,000 in all. benchmarks/protocol_parity.py takes 20,000 of each set."""


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_equals_the_literal_rule_on_invented_replies(spec: DatasetSpec, tag: AnswerTag) -> None:
    rng = random.Random(spec.name + tag)
    seen = set()
    for _ in range(COUNT):
        reply = labelled(rng, WORDS)
        expected = unifer_label(reply, spec.labels, spec.published.aliases, tag)
        assert published_label(reply, spec.labels, spec.published.aliases, tag) == expected, reply
        seen.add(expected)
    assert seen == {*spec.labels, UNKNOWN}


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from([*TAGGED, *WORDS]), max_size=12).map("".join),
    st.sampled_from(SPECS),
    st.sampled_from(TAGS),
)
def test_equals_the_literal_rule_on_searched_replies(reply: str, spec: DatasetSpec, tag: AnswerTag) -> None:
    expected = unifer_label(reply, spec.labels, spec.published.aliases, tag)
    assert published_label(reply, spec.labels, spec.published.aliases, tag) == expected


@needs_ferbench
def test_equals_the_literal_rule_on_every_published_question() -> None:
    rng, asked = random.Random(0), 0
    for spec in SPECS:
        for question in read_questions(question_file(spec), spec):
            reply = (
                labelled(rng, WORDS)
                if rng.random() < 0.5
                else f"<think>{labelled(rng, WORDS)}</think>\n<answer>{rng.choice(spec.labels)}</answer>"
            )
            for tag in TAGS:
                expected = unifer_label(reply, question.candidate_labels, spec.published.aliases, tag)
                assert (
                    published_label(reply, question.candidate_labels, spec.published.aliases, tag) == expected
                ), reply
            asked += 1
    assert asked == 11072


FERPLUS, SFEW = SPECS[2], SPECS[3]


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ("<answer>unhappy</answer>", "happy"),
        ("<answer>not angry, sad</answer>", "angry"),
        ("<think>no surprise</think><answer>joyful</answer>", "surprise"),
        ("<think>no fear, the", "fear"),
        ("<answer></answer>", "unknown"),
        ("<answer>\n happy \n</answer>", "happy"),
        ("full of scorn", "contempt"),
        ("", "unknown"),
    ],
)
def test_the_published_quirks_are_kept(reply: str, label: str) -> None:
    assert published_label(reply, FERPLUS.labels, FERPLUS.published.aliases) == label


def test_sfew_alone_reads_over_lines_and_minds_letter_case() -> None:
    """Its own script and the pooled one disagree: the folder says `any_lines`, `eval-total` `one_line`."""
    reply, aliases = "<think>Not fear.</think><Answer>sad</Answer>", SFEW.published.aliases
    assert [spec.published.answer_tag for spec in SPECS] == ["one_line", "one_line", "one_line", "any_lines"]
    assert published_label(reply, SFEW.labels, aliases, "any_lines") == "fear"
    assert published_label(reply, SFEW.labels, aliases, "one_line") == "sad"
    spread = "fear <answer>it is\nsad</answer>"
    assert published_label(spread, SFEW.labels, aliases, "any_lines") == "sad"
    assert published_label(spread, SFEW.labels, aliases, "one_line") == "fear"


def test_the_fallback_table_is_not_limited_to_the_candidates() -> None:
    assert published_label("pure terror", ("happy", "sad"), FERPLUS.published.aliases) == "fear"


@pytest.mark.parametrize(
    "reply",
    ["<answer>" + " " * 2**20, "<answer>" * 2**17, "<answer>\n" * 2**16 + "x</answer>", "</answer>" * 2**17],
)
def test_a_megabyte_of_hostile_text_ends(reply: str) -> None:
    assert published_label(reply, FERPLUS.labels, FERPLUS.published.aliases) == UNKNOWN
