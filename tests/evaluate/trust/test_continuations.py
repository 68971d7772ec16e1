"""Edited replies are a test set of their own, and answers that follow the text are counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.trust import planted
from unifer.au_reader import read_units
from unifer.cli import main
from unifer.dialogue.au_mentions import mentioned
from unifer.errors import InputError
from unifer.evaluate.trust.claims import claim_rate
from unifer.evaluate.trust.continuations import continuation_questions, read_continued
from unifer.evaluate.trust.sheets import read_sheet
from unifer.files import read_json
from unifer.models.api import client
from unifer.models.api.client import ApiModel, ApiSpec
from unifer.models.api.requests import Ask, NoReply
from unifer.records import Json, Prediction, Question

DRAWN = planted.drawn_families(7)
SMALL = ["--families", "7", "--seed", "test", "--workers", "1"]


def answer_all(folder: Path, replies: dict[str, str], name: str) -> None:
    path = folder / "replies.json"
    path.write_text(json.dumps(replies))
    flags = ["--engine", "scripted", "--replies", str(path), "--model", name]
    assert main(["infer", "--dataset-dir", str(folder), *flags]) == 0


@pytest.mark.parametrize(
    ("model", "follows"),
    [
        (lambda row: read_units(mentioned(row["reply_start"])).emotion, 1.0),  # answers by its own words
        (
            lambda row: row["provenance"]["continues"]["answer"],
            0.0,
        ),  # answers by the picture, whatever it says
    ],
)
def test_answers_that_follow_the_text_are_counted(
    model: Callable[[Json], str], follows: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, name = tmp_path / "faces", "planted"
    command = ["counterfactual", "--out", str(folder)]
    predictions = ["--predictions", str(folder / f"results/{name}.jsonl")]
    assert main([*command, *SMALL, "--draw-only"]) == 0
    answer_all(folder, {v.face.id: planted.honest(v) for one in DRAWN for v in one}, name)

    assert main([*command, *predictions, "--continue"]) == 0
    assert "ask them under the same name" in capsys.readouterr().err
    continued = folder / "continued" / name
    rows = read_json(folder / f"data/{name}.continued_qa.json")
    answer_all(
        continued,
        {row["id"]: f"{row['reply_start']} So.</think><answer>{model(row)}</answer>" for row in rows},
        name,
    )
    assert main([*command, *predictions]) == 0

    sheet = read_sheet(folder / f"results/{name}.faithfulness.json")
    rates = {rate.name: rate for rate in sheet.rates}
    assert rates["text follows"].value == follows
    assert rates["text holds"].value == rates["stable"].value == 1.0
    assert rates["text noise"].value == 0.0
    assert rates["text follows"].n == sum(row["provenance"]["continues"]["core"] for row in rows)
    assert "text: answers follow a core edit" in capsys.readouterr().out


def test_nothing_to_continue_and_rows_that_continue_nothing_are_refused() -> None:
    rows = planted.answers(DRAWN, lambda variant: "<answer>neutral</answer>")
    with pytest.raises(InputError, match="none of 7 replies can be edited"):
        continuation_questions(rows, [one[0].face.id for one in DRAWN])
    with pytest.raises(InputError, match=r"other\.jsonl:1: continues no reply"):
        read_continued(rows, Path("other.jsonl"))


def test_a_provider_that_cannot_go_on_with_a_reply_is_named() -> None:
    """It would answer the beginning as a new turn, and the count would be of something else."""
    model = ApiModel(ApiSpec("mockllm/model"))
    with pytest.raises(NoReply, match="mockllm cannot go on with a reply that was begun") as refusal:
        asyncio.run(model.ask(Ask("q1", "Which?", None, None, start="<think>AU12.")))
    assert not refusal.value.worth_retrying


def test_a_provider_that_can_is_given_the_beginning_and_the_row_holds_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from inspect_ai.model import ModelOutput

    monkeypatch.setattr(client, "CONTINUING", ("mockllm",))
    model, start = ApiModel(ApiSpec("mockllm/model")), "<think>AU12."
    turns: list[str] = []

    async def watched(input: list[Any], **more: Any) -> Any:
        turns.extend(turn.role for turn in input)
        return ModelOutput.from_content("mockllm/model", " So.</think><answer>happiness</answer>")

    monkeypatch.setattr(model._model.api, "generate", watched)
    answer = asyncio.run(model.ask(Ask("q1", "Which?", None, None, start=start)))

    assert turns == ["user", "assistant"]
    assert answer.text == "<think>AU12. So.</think><answer>happiness</answer>"


def coded(number: int, reply: str, units: tuple[int, ...] | None, subject: str) -> Prediction:
    question = Question(
        f"{number}.jpg", "neutral", "Which?", ("neutral", "fear"), action_units=units, subject=subject
    )
    return Prediction(question, reply)


def test_claims_on_annotated_faces_are_a_rate_and_a_set_without_aus_has_none(tmp_path: Path) -> None:
    said = "<think>AU6 and AU12.</think><answer>neutral</answer>"
    rows = [
        coded(1, said, (6, 12), "ann"),
        coded(2, said, (4,), "ann"),
        coded(3, said, (12,), "ben"),
        coded(4, said, None, "ben"),
    ]
    rate, note = claim_rate(rows, tmp_path / "disfa.jsonl")

    assert rate.value == pytest.approx((1 + 0 + 2 / 3) / 3)  # F1 by hand: both, none, one of three
    assert rate.n == 3
    assert "3 of 4 rows" in note
    with pytest.raises(InputError, match="none of its 1 rows has 'AUs'"):
        claim_rate(rows[3:], tmp_path / "rafdb.jsonl")
