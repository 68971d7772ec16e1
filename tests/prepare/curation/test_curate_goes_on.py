"""Curation runs that were stopped, that failed or that ran out of budget, with a scripted teacher.

What is asked again, and what is never asked again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.prepare.curation.curated import (
    BAD,
    SETTINGS,
    good,
    good_reply,
    lines_of,
    make_plan,
    make_rows,
    run,
    second_time,
)
from unifer.errors import InputError, Interrupted
from unifer.models.api.budget import Prices
from unifer.models.api.requests import Answer, NoReply
from unifer.prepare.curation.plan import CurationLimits


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return make_rows(tmp_path)


def test_a_finished_run_asks_nothing_again_kept_or_exhausted(rows: Path) -> None:
    def half(key: str, attempt: int, prompt: str) -> Answer:
        return good_reply(key) if int(key[1:]) < 5 else BAD

    first, _ = run(make_plan(rows), half)
    assert (first.accepted, first.exhausted) == (5, 5)
    again, teacher = run(make_plan(rows), good)
    assert teacher.asked == []
    assert again.to_json() == first.to_json()


def test_killed_in_the_middle_no_kept_row_is_asked_again_and_attempts_go_on(rows: Path) -> None:
    class Killed(BaseException):
        pass

    asked = 0

    def dies(key: str, attempt: int, prompt: str) -> Answer:
        nonlocal asked
        asked += 1
        if asked == 9:
            raise Killed
        return good_reply(key) if int(key[1:]) % 2 else second_time(key, attempt, prompt)

    with pytest.raises((Killed, BaseExceptionGroup)):
        run(make_plan(rows, connections=1), dies)
    before = [line for line in lines_of(rows.with_name("cot.log.jsonl")) if line["event"] == "reply"]
    assert before
    # A line torn by the kill is no answer.
    with rows.with_name("cot.log.jsonl").open("a") as stream:
        stream.write('{"event": "reply", "id": "r9", "att')
    summary, teacher = run(make_plan(rows, connections=1), second_time)
    sent = sum(line["event"] == "sent" for line in lines_of(rows.with_name("cot.log.jsonl"))) - len(
        teacher.asked
    )
    answered = {(line["id"], line["attempt"]) for line in before}
    assert not answered & set(teacher.asked)
    assert not {line["id"] for line in before if not line["reasons"]} & {key for key, _ in teacher.asked}
    assert summary.accepted == 10
    assert summary.requests == sent + len(teacher.asked) >= 9 + len(teacher.asked)


def test_ctrl_c_says_what_is_kept_and_the_run_goes_on(rows: Path) -> None:
    def stops(key: str, attempt: int, prompt: str) -> Answer:
        if key == "r3":
            raise KeyboardInterrupt
        return good_reply(key)

    with pytest.raises(Interrupted, match=r"rows are kept so far.*goes on"):
        run(make_plan(rows, connections=1), stops)
    assert run(make_plan(rows), good)[0].accepted == 10


def test_a_failed_row_is_recorded_the_run_goes_on_and_the_next_one_asks_it_again(rows: Path) -> None:
    def sick(key: str, attempt: int, prompt: str) -> Answer | NoReply:
        return NoReply("bad_request", "cannot read it") if key == "r4" else good_reply(key)

    summary, _ = run(make_plan(rows), sick)
    assert (summary.accepted, summary.failed, summary.first_error) == (9, 1, "r4: cannot read it")
    assert {"id": "r4", "image_path": "faces/4.png", "error": "cannot read it"} in lines_of(
        rows.with_name("cot.rejected.jsonl")
    )
    again, teacher = run(make_plan(rows), good)
    assert teacher.asked == [("r4", 1)]
    assert (again.accepted, again.failed) == (10, 0)


def test_a_missing_image_is_a_failed_row_and_all_missing_a_wrong_root(rows: Path) -> None:
    (rows.parent / "faces/2.png").unlink()
    summary, teacher = run(make_plan(rows), good)
    assert summary.failed == 1
    assert "missing" in (summary.first_error or "")
    assert ("r2", 1) not in teacher.asked
    for picture in (rows.parent / "faces").iterdir():
        picture.unlink()
    with pytest.raises(InputError, match=r"none of its 10 images.*--image-root"):
        run(replace(make_plan(rows), out=rows.with_name("other.json")), good)


@pytest.mark.parametrize(
    "change",
    [
        {"guided": False},
        {"attempts": 5},
        {"temperature": 0.1},
        {"template": "joint"},
        {"filter": replace(SETTINGS, min_words=6)},
    ],
)
def test_another_runs_file_is_refused_with_what_differs(rows: Path, change: dict[str, Any]) -> None:
    run(make_plan(rows), good)
    with pytest.raises(InputError, match=rf"belongs to another run(.|\n)*{next(iter(change))}"):
        run(make_plan(rows, **change), good)


def test_more_rows_of_the_same_file_go_on_in_the_same_output(rows: Path) -> None:
    assert run(make_plan(rows, limit=4), good)[0].accepted == 4
    summary, teacher = run(make_plan(rows), good)
    assert (summary.accepted, len(teacher.asked)) == (10, 6)


# --- the budget ---


def test_the_request_budget_holds_over_runs_and_leaves_rows_open(rows: Path) -> None:
    summary, teacher = run(make_plan(rows), second_time, CurationLimits(max_requests=7, retries=0))
    assert len(teacher.asked) == summary.requests == 7
    assert summary.stopped == "budget"
    assert summary.open > 0
    again, more = run(make_plan(rows), second_time, CurationLimits(max_requests=9, retries=0))
    assert len(more.asked) == 2
    assert again.requests == 9
    assert run(make_plan(rows), second_time, CurationLimits(retries=0))[0].accepted == 10


def test_the_cost_budget_is_never_exceeded(rows: Path) -> None:
    prices = Prices(1.0, 10.0)
    summary, teacher = run(make_plan(rows), good, CurationLimits(max_cost=0.06, prices=prices, retries=0))
    assert 0 < len(teacher.asked) < 30
    assert summary.cost == pytest.approx(len(teacher.asked) * 500 / 1e6)
    assert summary.cost <= 0.06


def test_a_cost_budget_without_prices_is_refused_with_what_to_give() -> None:
    with pytest.raises(ValueError, match=r"--price-in and --price-out"):
        CurationLimits(max_cost=1.0)


# --- the reports ---
