"""Whole curation runs with a scripted teacher.

What is kept, what is asked again, and what is never asked again.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.prepare.curation.curated import (
    BAD,
    ScriptedTeacher,
    good,
    good_reply,
    lines_of,
    make_plan,
    make_rows,
    run,
    second_time,
    silent,
)
from unifer import files
from unifer.dialogue import prompts
from unifer.errors import InputError
from unifer.models.api.budget import Prices
from unifer.models.api.requests import Answer, NoReply
from unifer.prepare.curation.curate import curate
from unifer.prepare.curation.filter import FilterSettings
from unifer.prepare.curation.plan import CurationLimits, read_plan_rows
from unifer.records import CoTRow


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
