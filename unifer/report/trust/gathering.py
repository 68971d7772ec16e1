"""Which sheets belong to a run: those beside its predictions, and beside those of its votes.

Several votes per question lie in a run of their own, `<run>.votes.jsonl`, beside the greedy replies; their
calibration is the same model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unifer.evaluate.run_files import Selected
from unifer.evaluate.trust.sheets import Sheet, sheets_of

VOTED = ".votes"
"""Ending of the name of a run with several votes per question."""


def model_name(run: str) -> str:
    """The model that a run is of, whether its replies are greedy or votes."""
    return run.removesuffix(VOTED)


def sheets_near(predictions: Path) -> list[Sheet]:
    """The sheets of a run and of its votes, one of a kind. Raises InputError for one that cannot be read."""
    sheets = sheets_of(predictions)
    voted = predictions.with_name(f"{predictions.stem}{VOTED}{predictions.suffix}")
    kinds = {sheet.kind for sheet in sheets}
    return sheets + [sheet for sheet in sheets_of(voted) if sheet.kind not in kinds]


def without_votes(selected: Sequence[Selected]) -> list[Selected]:
    """The runs, without those of votes whose greedy run is among them: its sheets come with that one."""
    greedy = {(each.spec.name, each.run.path.parent, each.run.name) for each in selected}

    def doubled(each: Selected) -> bool:
        name = model_name(each.run.name)
        return name != each.run.name and (each.spec.name, each.run.path.parent, name) in greedy

    return [each for each in selected if not doubled(each)]
