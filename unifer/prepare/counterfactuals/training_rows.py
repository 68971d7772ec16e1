"""Counterfactual faces as rows to train on: reasoning for SFT, labels and AUs for GRPO.

Only for families of another seed than those that are measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unifer import files
from unifer.au_reader import read_units
from unifer.dialogue import prompts
from unifer.records import CoTRow, Question, RewardRow


def write_training_rows(folder: Path, questions: Sequence[Question]) -> None:
    """Write `cot.json` and `rlvr.json`: the faces whose AUs settle the label, each picture once."""
    clear = [each for each in questions if read_units(each.action_units or ()).clear]
    chosen = [question for question in clear if not question.key.endswith(_CONTROL)]
    files.write_rows(folder / "cot.json", [_cot_row(question).to_json() for question in chosen])
    files.write_rows(folder / "rlvr.json", [_reward_row(question).to_json() for question in chosen])


_CONTROL = "-01"
"""Ends the id of the face that is the base of its family once more."""


def _cot_row(question: Question) -> CoTRow:
    reasoning = prompts.reasoning(question.action_units or (), question.true_label or "")
    response = prompts.reply(reasoning, question.true_label or "")
    return CoTRow(question.image_path, question.prompt, response, **_facts(question))


def _reward_row(question: Question) -> RewardRow:
    return RewardRow(question.image_path, question.prompt, question.true_label, **_facts(question))


def _facts(question: Question) -> dict[str, Any]:
    return {
        "id": question.key,
        "dataset": question.dataset,
        "candidate_labels": question.candidate_labels,
        "action_units": question.action_units,
        "provenance": question.provenance,
    }
