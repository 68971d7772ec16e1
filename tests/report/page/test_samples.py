"""The sample browser's columns: every question once, replies as they were, marks where the grader read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.page.pages import (
    COUNT,
    HOSTILE,
    NOUNS,
    SmallPage,
    make_dataset,
    samples_of,
    write_page,
    write_run,
)
from unifer.dialogue.answers import grade
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import score_strict
from unifer.report.page.browser import LONGEST, MarkedReply, cut_for, gather, mark


def test_each_question_stands_once_beside_the_replies_of_all_models(small: SmallPage) -> None:
    samples = samples_of(small.text)
    assert len(samples["questions"]["key"]) == small.written.questions == 2 * COUNT
    first, second = samples["replies"]
    assert -1 not in first["outcome"]
    assert [at for at, outcome in enumerate(second["outcome"]) if outcome < 0] == list(
        range(2 * COUNT - 5, 2 * COUNT)
    )


def test_replies_come_through_unchanged_whatever_they_hold(small: SmallPage) -> None:
    texts = samples_of(small.text)["replies"][0]["text"]
    for number, hostile in enumerate(HOSTILE.values(), 20):
        assert texts[number] == f"<think>{hostile}</think><answer>sadness</answer>"


def test_a_reply_of_a_megabyte_is_cut_with_its_length(small: SmallPage) -> None:
    columns = samples_of(small.text)["replies"][0]
    assert len(columns["text"][27]) == LONGEST
    assert columns["length"][27] == len("<think></think><answer>anger</answer>") + 9 * 120_000
    assert columns["answer"][27] is None, "the answer stands behind the cut"
    assert max(columns["marks"][27][1::4]) <= LONGEST
    assert samples_of(small.text)["longest"] == LONGEST


def test_many_long_replies_are_cut_shorter_rather_than_make_a_page_nobody_can_open() -> None:
    assert cut_for([100] * 1000) == LONGEST
    cut = cut_for([50_000] * 10_000, 40_000_000)
    assert 500 <= cut * 10_000 <= 40_000_000


@pytest.mark.parametrize(
    ("reply", "marks"),
    [
        ("<think>AU6, no AU4.</think><answer>sadness</answer>", ["AU6", "AU4"]),
        ("I see AU12. <answer>sadness</answer>", ["AU12"]),
        ("\U0001f600\U0001f600 <think>\U0001f600 AU12</think><answer>sadness</answer>", ["AU12"]),
        ("<think>AU1</think>and<think>AU2</think><answer>sadness</answer>", ["AU1", "AU2"]),
    ],
)
def test_marks_and_answer_are_places_in_utf_16_as_the_page_counts(reply: str, marks: list[str]) -> None:
    answer, places = mark(MarkedReply(reply, grade(reply, NOUNS).action_units, in_answer=False), LONGEST)
    units = reply.encode("utf-16-le")
    assert [
        units[2 * start : 2 * end].decode("utf-16-le")
        for start, end in zip(places[::4], places[1::4], strict=True)
    ] == marks
    assert answer is not None
    assert units[2 * answer[0] : 2 * answer[1]].decode("utf-16-le") == "sadness"


def test_questions_of_one_key_with_other_truths_stand_apart_and_are_said(tmp_path: Path) -> None:
    spec = make_dataset(tmp_path, "nouns", NOUNS, count=8)
    first = write_run(spec, "first", 3)
    second = write_run(spec, "second", 3)
    spec.questions.unlink()
    second.write_text(second.read_text().replace('"true_label": "neutral"', '"true_label": "anger"'))
    results = [score_strict(spec, PredictionFile(path.stem, path), 0) for path in (first, second)]
    assert len(gather(results, ["first", "second"], ["nouns"])) == 10
    written = write_page(tmp_path / "out", [(spec, first), (spec, second)])
    assert any(
        "2 questions, such as 'faces/000.png', have another truth" in warning for warning in written.warnings
    )
