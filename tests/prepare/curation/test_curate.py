"""Whole curation runs with a scripted teacher: what is kept, what is asked again, and what is never asked
again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.prepare.curation.curated import (
    BAD,
    SETTINGS,
    ScriptedTeacher,
    good_reply,
    lines_of,
    make_plan,
    make_rows,
    run,
    silent,
)
from unifer import files
from unifer.dialogue import prompts
from unifer.errors import InputError, Interrupted
from unifer.models.api.budget import Prices
from unifer.models.api.requests import Answer, NoReply
from unifer.prepare.curation.curate import curate
from unifer.prepare.curation.filter import FilterSettings
from unifer.prepare.curation.plan import CurationLimits, read_plan_rows
from unifer.records import CoTRow


def good(key: str, attempt: int, prompt: str) -> Answer:
    return good_reply(key)


def second_time(key: str, attempt: int, prompt: str) -> Answer:
    return good_reply(key) if attempt > 1 else BAD


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return make_rows(tmp_path)


def test_kept_rows_have_the_published_schema_the_students_question_and_their_provenance(rows: Path) -> None:
    summary, _ = run(make_plan(rows), second_time)
    assert (summary.rows, summary.accepted, summary.exhausted, summary.failed, summary.open) == (
        10,
        10,
        0,
        0,
        0,
    )
    made = list(files.read_records(rows.with_name("cot.json"), CoTRow.from_json))
    asked = read_plan_rows(rows, None, None)
    assert [row.id for row in made] == [row.id for row in asked]
    for cot, row in zip(made, asked, strict=True):
        assert (cot.question, cot.action_units, cot.candidate_labels) == (
            row.problem,
            row.action_units,
            row.candidate_labels,
        )
        assert "right answer" not in cot.question + cot.response
        provenance = cot.provenance or {}
        assert (
            provenance.items()
            >= {
                "builder": "toy",
                "teacher": "scripted",
                "guided": True,
                "attempts": 2,
                "prompt": "fer-1",
            }.items()
        )
        assert {"template", "run"} <= provenance.keys()


def test_rejected_replies_are_kept_apart_with_their_reasons(rows: Path) -> None:
    run(make_plan(rows), second_time)
    rejected = lines_of(rows.with_name("cot.rejected.jsonl"))
    assert len(rejected) == 10
    assert all({"wrong_label", "betrays", "aus_disagree"} <= set(line["reasons"]) for line in rejected)
    assert rejected[0].keys() >= {
        "id",
        "image_path",
        "question",
        "response",
        "attempt",
        "temperature",
        "label",
        "AUs",
    }


def test_a_retry_is_warmer_and_told_what_was_wrong(rows: Path) -> None:
    _, teacher = run(make_plan(rows, temperature=0.7, temperature_step=0.2), second_time)
    assert teacher.temperatures["r0", 1] == 0.7
    assert teacher.temperatures["r0", 2] == pytest.approx(0.9)
    assert "could not be used" not in teacher.prompts["r0", 1]
    assert "do not refer to a label" in teacher.prompts["r0", 2]


def test_the_teacher_is_told_label_and_aus_unless_it_is_asked_blind(rows: Path) -> None:
    _, told = run(make_plan(rows), good)
    assert "The right answer is fear." in told.prompts["r0", 1]
    assert "AU20 (lip stretcher)" in told.prompts["r0", 1]
    blind = replace(make_plan(rows, guided=False), out=rows.with_name("blind.json"))
    _, asked = run(blind, second_time)
    for prompt in asked.prompts.values():
        assert "right answer" not in prompt
        assert "AU20" not in prompt
    made = list(files.read_records(blind.out, CoTRow.from_json))
    assert all((row.provenance or {})["guided"] is False for row in made)


def test_a_template_replaces_the_question_of_the_kept_rows(rows: Path) -> None:
    run(make_plan(rows, template="joint"), good)
    row = next(files.read_records(rows.with_name("cot.json"), CoTRow.from_json))
    assert row.question == prompts.question("joint", ("neutral", "happiness", "fear"))
    assert (row.provenance or {})["prompt"] == prompts.version("joint")


def test_rows_that_know_aus_alone_are_asked_for_them(tmp_path: Path) -> None:
    path = make_rows(tmp_path, 2)
    told = [
        row | {"solution": None, "candidate_labels": None, "problem": prompts.question("action-units")}
        for row in json.loads(path.read_text())
    ]
    path.write_text(
        json.dumps([{key: value for key, value in row.items() if key != "candidate_labels"} for row in told])
    )
    reply = Answer(
        prompts.reply(
            "The brows are raised (AU1) and lowered (AU4), lips stretched (AU20).", "AU1, AU4, AU20"
        ),
        "stop",
        1,
        1,
    )
    summary, _ = run(make_plan(path, attempts=1), lambda key, attempt, prompt: reply)
    assert (summary.accepted, summary.exhausted) == (1, 1)
    assert summary.classes["(AUs only)"].to_json() == {"asked": 2, "kept": 1, "acceptance": 0.5}
    with pytest.raises(InputError, match=r"knows AUs alone.*action-units"):
        read_plan_rows(path, None, "joint")


def test_near_copies_over_faces_are_kept_only_so_often(rows: Path) -> None:
    def template(key: str, attempt: int, prompt: str) -> Answer:
        return good_reply(key[0] + str(int(key[1:]) % 2))

    plan = make_plan(rows, attempts=1, filter=FilterSettings(min_words=5, repeats=2))
    summary, _ = run(plan, template)
    assert summary.accepted == 4
    assert summary.reasons == {"near_duplicate": 6}
    assert all(
        line["duplicate_of"].startswith("faces/") for line in lines_of(rows.with_name("cot.rejected.jsonl"))
    )


# --- resuming ---


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


def test_the_reports_count_by_class_dataset_and_reason(rows: Path) -> None:
    def happy_only(key: str, attempt: int, prompt: str) -> Answer:
        return good_reply(key) if int(key[1:]) % 2 else BAD

    run(make_plan(rows, attempts=2), happy_only, CurationLimits(prices=Prices(1, 1), retries=0))
    report = json.loads(rows.with_name("cot.report.json").read_text())
    assert report["by_class"]["happiness"] == {"asked": 5, "kept": 5, "acceptance": 1.0}
    assert report["by_class"]["fear"] == {"asked": 5, "kept": 0, "acceptance": 0.0}
    assert report["by_dataset"]["toy"]["acceptance"] == 0.5
    assert report["rejected_replies"]["betrays"] == 10
    assert (report["replies"], report["tokens_in"], report["tokens_out"]) == (15, 3000, 450)
    assert report["cost_usd"] == pytest.approx(3450 / 1e6)
    text = rows.with_name("cot.report.md").read_text()
    assert "| happiness | 5 | 5 | 100.0% |" in text
    assert "| `betrays` | 10 |" in text
    assert "Since the label is neutral" in text


def test_the_manifest_tells_the_run_and_its_counts(rows: Path) -> None:
    run(make_plan(rows), good)
    manifest = json.loads(rows.with_name("cot.manifest.json").read_text())
    assert manifest["identity"].keys() >= {
        "rows",
        "teacher",
        "teacher_prompt",
        "template",
        "guided",
        "attempts",
        "temperature",
        "filter",
    }
    assert manifest["context"]["rows"]["kept"] == 10


def test_the_teacher_is_closed_even_when_the_run_stops(rows: Path) -> None:
    closed = []

    class Closing(ScriptedTeacher):
        async def close(self) -> None:
            closed.append(True)

    with pytest.raises(InputError, match="no key"):
        curate(
            make_plan(rows),
            CurationLimits(),
            silent,
            lambda: Closing(lambda key, attempt, prompt: NoReply("key", "no key")),
        )
    assert closed == [True]
