"""Lines to read scores against: what naming the commonest label would score, and how often people agree.

Knows counts and what a dataset's file says of people; no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unifer.datasets import DatasetSpec, HumanAgreement
from unifer.evaluate.metrics import HEADLINE, ConfusionTable
from unifer.records import Json


@dataclass(frozen=True)
class Baselines:
    """Scores, in [0, 1], of always answering with `label`, the commonest true label, over the same questions.

    `war` is its share; `uar` is 1 / k and `macro_f1` is 2 share / (1 + share) / k, k the labels that have
    questions. `label` is None for a mean of datasets, whose commonest labels differ. `human` is how often
    people agree on the dataset, where its file says so.
    """

    label: str | None
    war: float
    uar: float
    macro_f1: float
    human: HumanAgreement | None = None

    def to_json(self) -> Json:
        majority = {name: getattr(self, name) for name in ("label", *HEADLINE)}
        human = None if self.human is None else {"war": self.human.accuracy, "about": self.human.about}
        return {"majority": majority, "human": human}


def baselines_of(table: ConfusionTable, spec: DatasetSpec | None = None) -> Baselines:
    """Baselines of the questions counted in `table`; of two labels equally common, the first.

    Raises ValueError for an empty table.
    """
    support = table.counts.sum(axis=1)
    if not support.any():
        raise ValueError("there is no question with a label")
    share, labels = float(support.max() / support.sum()), int((support > 0).sum())
    label = table.labels[int(support.argmax())]
    return Baselines(
        label, share, 1 / labels, 2 * share / (1 + share) / labels, spec.human if spec is not None else None
    )


def mean_baselines(parts: Sequence[Baselines]) -> Baselines:
    """The mean over datasets of always naming the commonest label of each."""
    war, uar, macro_f1 = (float(np.mean([getattr(part, name) for part in parts])) for name in HEADLINE)
    return Baselines(None, war, uar, macro_f1)
