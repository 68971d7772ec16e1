"""A judge's marks on disk, and what their mean says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.reasoning.asked import DRAWS, REFERENCE, graded, question
from tests.evaluate.reasoning.judging import good, rows, run, scores, task
from unifer.errors import InputError
from unifer.evaluate.reasoning.judge import Task
from unifer.evaluate.reasoning.marks import judged_path, read_judged, score_judged
from unifer.models.api.client import ApiSpec


def test_silence_has_the_lowest_mark_and_is_asked_of_nobody(tmp_path: Path) -> None:
    """A model that fails on hard faces must not be judged on the easy ones alone."""
    empty = graded("happiness", "<think></think><answer>happiness</answer>", index=6, description=REFERENCE)
    work = task(
        tmp_path,
        (
            *rows(2),
            empty,
            graded("happiness", None, index=7, description=REFERENCE),
            graded("happiness", "A smile.", index=8),
        ),
    )
    model, summary = run(work, good)
    assert (len(model.asked), summary.to_judge) == (2, 2)
    judged = read_judged(work.predictions)
    assert judged is not None
    asked = [
        *(row.prediction.question for row in work.graded),
        question("happiness", index=9, description=REFERENCE),
    ]
    found = score_judged(judged, asked, [*work.graded, None], DRAWS)
    assert (found.judged, found.silent, found.mean.n) == (2, 3, 5)
    assert found.mean.value == pytest.approx((3 + 4 + 3 * 1) / 5)


def test_a_score_of_another_reply_is_no_score_of_this_one(tmp_path: Path) -> None:
    """`unifer infer --retry-failed` changes replies under a judge's file."""
    work = task(tmp_path)
    run(work, good)
    changed = (
        graded("happiness", "<think>Other words.</think><answer>happiness</answer>", description=REFERENCE),
        *work.graded[1:],
    )
    assert (scores(task(tmp_path, changed)).judged, scores(task(tmp_path, changed)).unasked) == (5, 1)
    model, _ = run(task(tmp_path, changed), good)
    assert model.asked == ["0.png"]


def test_the_scores_of_two_judges_do_not_mix(tmp_path: Path) -> None:
    run(task(tmp_path), good)
    other = Task(
        tmp_path / "m.jsonl", rows(), ApiSpec("judge-70b", "http://127.0.0.1:1/v1", max_connections=2)
    )
    with pytest.raises(InputError, match=r"(?s)judge\.model: \"judge-7b\" -> \"judge-70b\".*--overwrite"):
        run(other, good)
    run(other, good, overwrite=True)
    assert scores(other).judge == "judge-70b"
    assert (tmp_path / "m.judged.jsonl.1").exists()


def test_without_references_there_is_nothing_to_judge(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a reference \(its description\)"):
        run(task(tmp_path, (graded("happiness", "A smile."),)), good)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"score": 3}', "a judgement has 'id' and 'of'"),
        ('{"id": "a", "of": "b", "score": 0}', "'score' is 0; a whole number from 1 to 10"),
        ('{"id": "a", "of": "b", "score": null}', "no 'fault' says why"),
        ("{", "not valid JSON"),
    ],
)
def test_a_file_that_no_judge_wrote_is_refused(tmp_path: Path, line: str, problem: str) -> None:
    work = task(tmp_path)
    run(work, good)
    judged_path(work.predictions).write_text(line + "\n")
    with pytest.raises(InputError, match=f"m.judged.jsonl:1: .*{problem}"):
        read_judged(work.predictions)


def test_scores_without_a_manifest_say_not_who_judged(tmp_path: Path) -> None:
    work = task(tmp_path)
    run(work, good)
    (tmp_path / "m.judged.manifest.json").unlink()
    with pytest.raises(InputError, match="says who judged"):
        read_judged(work.predictions)
