"""The judge at work: nothing is asked twice, a failure is null and counted, and what was judged is what is
scored.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.evaluate.reasoning.asked import REFERENCE, graded
from tests.evaluate.reasoning.judging import SPEC, good, rows, run, scores, task
from unifer.errors import InputError, Interrupted
from unifer.evaluate.grading import Graded
from unifer.evaluate.reasoning.judge import ATTEMPTS, Task
from unifer.evaluate.reasoning.marks import judged_path, read_rows
from unifer.models.api.requests import NoReply


def test_every_reply_is_judged_once_and_the_mean_says_over_how_many(tmp_path: Path) -> None:
    work = task(tmp_path)
    model, summary = run(work, good)
    assert sorted(model.asked) == [f"{index}.png" for index in range(6)]
    assert (summary.judged, summary.failed, summary.open) == (6, 0, 0)
    found = scores(work)
    assert found.mean.value == pytest.approx(5.5)
    assert (found.judged, found.failed, found.unasked, found.silent) == (6, 0, 0, 0)
    assert (found.judge, found.rubric, found.mean.interval is not None) == ("judge-7b", "judge-1", True)
    manifest = json.loads((tmp_path / "m.judged.manifest.json").read_text())
    assert manifest["identity"]["judge"] == {
        "model": "judge-7b",
        "rubric": "judge-1",
        "pictured": False,
        "max_tokens": 1024,
    }
    assert manifest["context"]["rows"] == {"judged": 6, "failed": 0, "open": 0}


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ("I would say it is quite good.", "nonsense"),
        ("", "nonsense"),
        ('{"score": 0}', "out_of_range"),
        ('{"score": 99}', "out_of_range"),
        ("Sorry, I cannot help with that.", "refusal"),
        ("\x1b[2J<script>alert(1)</script>\ud800", "nonsense"),
    ],
)
def test_a_judge_without_a_score_leaves_null_which_no_mean_contains(
    tmp_path: Path, reply: str, fault: str
) -> None:
    """A 0 on a scale from 1 to 10 for each outage is what makes a published judge's mean say how well its
    network worked.
    """
    work = task(tmp_path)
    model, summary = run(work, lambda key: reply if key == "2.png" else good(key))
    assert model.asked.count("2.png") == ATTEMPTS
    assert (summary.judged, summary.failed) == (5, 1)
    found = scores(work)
    assert found.faults == {fault: 1}
    assert (found.mean.n, found.mean.value) == pytest.approx((5, (3 + 4 + 6 + 7 + 8) / 5))
    again, _ = run(work, good)
    assert again.asked == [], "the judge has spoken: asking the same brings the same"
    retried, summary = run(work, good, retry_failed=True)
    assert retried.asked == ["2.png"]
    assert (scores(work).judged, summary.failed) == (6, 0)


def test_a_second_attempt_may_bring_the_score(tmp_path: Path) -> None:
    work, replies = task(tmp_path, rows(1)), ["what?", '{"score": 4}']
    model, summary = run(work, lambda _: replies.pop(0))
    assert (len(model.asked), summary.judged) == (2, 1)


def test_where_no_reply_came_the_same_command_asks_again(tmp_path: Path) -> None:
    work = task(tmp_path)
    model, summary = run(
        work, lambda key: NoReply("server", "down (HTTP 500)") if key == "4.png" else good(key)
    )
    assert model.asked.count("4.png") == ATTEMPTS
    assert (summary.failed, summary.first_error) == (1, "4.png: down (HTTP 500)")
    assert scores(work).faults == {"server": 1}
    again, summary = run(work, good)
    assert again.asked == ["4.png"]
    assert (summary.before, summary.judged) == (5, 6)
    assert len(judged_path(work.predictions).read_text().splitlines()) == 7, (
        "append-only: the last row of a question counts"
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("key", "refused the key"),
        ("no_model", "does not serve"),
        ("quota", "quota"),
        ("refused", "Is the judge running"),
    ],
)
def test_what_ends_the_run_is_said_and_leaves_null(tmp_path: Path, fault: str, said: str) -> None:
    work = task(tmp_path)
    with pytest.raises(InputError, match=said):
        run(work, lambda _: NoReply(fault, f"http://x: {said}"))  # type: ignore[arg-type]
    found = scores(work)
    assert (found.mean.value, found.failed + found.unasked) == (None, 6)
    _, summary = run(work, good)
    assert summary.judged == 6


def test_a_judge_that_answers_nobody_is_not_asked_a_thousand_times(tmp_path: Path) -> None:
    work = task(
        tmp_path,
        rows(9)
        + tuple(
            graded("happiness", "A smile.", index=index, description=REFERENCE) for index in range(9, 60)
        ),
    )
    with pytest.raises(InputError, match="8 rows in a row got no reply"):
        run(work, lambda _: NoReply("server", "down (HTTP 503)"))
    found = scores(work)
    assert (found.judged, found.failed, found.unasked) == (0, 8, 52)
    assert found.mean.value is None


def test_a_kill_loses_and_doubles_nothing(tmp_path: Path) -> None:
    work = task(tmp_path)

    def interrupted(key: str) -> str:
        if key == "3.png":
            signal.raise_signal(signal.SIGINT)
        return good(key)

    with pytest.raises(Interrupted, match="goes on from there"):
        run(work, interrupted)
    out = judged_path(work.predictions)
    kept = set(read_rows(out))
    assert 0 < len(kept) < 6
    with out.open("a") as stream:
        stream.write('{"id": "5.png", "of": "0123", "sco')
    assert scores(work).judged == len(kept), "what a kill tore is scored as if it had not been begun"
    model, summary = run(work, good)
    assert sorted(model.asked) == sorted({f"{index}.png" for index in range(6)} - kept)
    assert (summary.before, summary.judged) == (len(kept), 6)


def test_the_face_is_shown_where_that_is_asked_for(tmp_path: Path) -> None:
    from unifer.dialogue.images import ImageError

    def picture(row: Graded) -> str:
        name = row.prediction.question.image_path
        if name == "1.png":
            raise ImageError(name, "is missing")
        return f"data:image/jpeg;base64,{name}"

    work = Task(tmp_path / "m.jsonl", rows(3), SPEC, picture)
    model, summary = run(work, good)
    assert sorted(map(str, model.pictures)) == [
        "data:image/jpeg;base64,0.png",
        "data:image/jpeg;base64,2.png",
    ]
    assert summary.first_error == "1.png: image '1.png' is missing"
    assert scores(work).faults == {"image": 1}
