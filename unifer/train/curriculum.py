"""Which prompts come next: labels that the policy gets wrong come more often, and less so as it learns them.

`strength` 0 draws every row as often as every other, 1 draws labels in proportion to their share of wrong
samples. Errors are those of the policy's own samples, so no label has a name here, and a label that suffers
from the others' practice comes back by itself. Batches are stratified: a label's share of a batch is its
share of the draw to within one prompt, and its rows take turns.

Knows indices, labels and right or wrong; no model and no reward.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch.utils.data import Sampler

from unifer import files
from unifer.records import Json

NAME = "curriculum.json"
"""What a checkpoint keeps of it."""

_MEMORY = 0.8
"""How much of a label's error estimate a batch that holds the label leaves as it was."""
_DELAY = 2
"""Batches between a draw and the newest errors that it knows.

The loader has drawn the next batch before this one is sampled.
"""


class Curriculum(Sampler[int]):
    """Row indices, each `group` times in a row and each batch of `prompts` rows `repeats` times.

    An epoch has as many prompts as rows. Draws depend on `seed` and on the errors noted so far alone: every
    rank draws the same, and so does a run that goes on.
    """

    def __init__(
        self, labels: Sequence[str], *, prompts: int, group: int, repeats: int, strength: float, seed: int
    ) -> None:
        names = sorted(set(labels))
        self._rows = {name: [index for index, label in enumerate(labels) if label == name] for name in names}
        self._prompts, self._group, self._repeats = prompts, group, repeats
        self._strength, self._seed, self._epoch = strength, seed, 0
        self._batches = len(labels) // prompts
        self._drawn: list[dict[str, int]] = []
        self._errors: list[dict[str, float]] = []

    def __len__(self) -> int:
        """Indices of one pass over the rows, as TRL's own sampler counts them."""
        return self._batches * self._prompts * self._group * self._repeats

    def set_epoch(self, epoch: int) -> None:
        """Pass `epoch`, from 0, is the next; turns and errors go on over its start. The loader says so."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        first = self._epoch * self._batches
        places = dict.fromkeys(self._rows, 0)
        orders: dict[tuple[str, int], list[int]] = {}
        for batch in range(first + self._batches):
            if batch == len(self._drawn):
                self._drawn.append(self._shares(batch))
            if batch < first:
                places = {label: place + self._drawn[batch].get(label, 0) for label, place in places.items()}
                continue
            chosen = []
            for label, count in self._drawn[batch].items():
                for _ in range(count):
                    chosen.append(self._row(label, places[label], orders))
                    places[label] += 1
            generator = torch.Generator().manual_seed(_seed(self._seed, "batch", batch))
            mixed = [chosen[place] for place in torch.randperm(len(chosen), generator=generator).tolist()]
            for _ in range(self._repeats):
                for index in mixed:
                    yield from [index] * self._group

    def _row(self, label: str, place: int, orders: dict[tuple[str, int], list[int]]) -> int:
        """The row of `label` that is `place`-th in turn; each pass over its rows is in another order."""
        rows = self._rows[label]
        turn = place // len(rows)
        if (label, turn) not in orders:
            orders.pop((label, turn - 1), None)
            generator = torch.Generator().manual_seed(_seed(self._seed, label, turn))
            orders[label, turn] = torch.randperm(len(rows), generator=generator).tolist()
        return rows[orders[label, turn][place % len(rows)]]

    def shares(self, errors: dict[str, float]) -> dict[str, float]:
        """Label -> its share of the draw, given the share of wrong samples per label met, in [0, 1]."""
        mean = sum(errors.values()) / len(errors) if errors else 0.0
        total = sum(map(len, self._rows.values()))
        weights = {}
        for label, rows in self._rows.items():
            relative = errors.get(label, mean) / mean if mean else 1.0
            weights[label] = len(rows) / total * (1 - self._strength + self._strength * relative)
        whole = sum(weights.values())
        return {label: weight / whole for label, weight in weights.items()}

    def _shares(self, batch: int) -> dict[str, int]:
        """Label -> prompts of this batch, by systematic sampling: one random offset, equal steps."""
        known = self._errors[batch - _DELAY] if batch >= _DELAY and self._errors else {}
        shares = self.shares(known)
        offset = float(
            torch.rand((), generator=torch.Generator().manual_seed(_seed(self._seed, "offset", batch)))
        )
        counts, edge, taken = {}, 0.0, 0
        for label, share in shares.items():
            edge += share * self._prompts
            upto = min(self._prompts, int(edge + offset))
            counts[label], taken = upto - taken, upto
        counts[next(reversed(counts))] += self._prompts - taken
        return counts

    def note(self, labels: Sequence[str], right: Sequence[bool]) -> None:
        """The samples of the next batch in turn: their labels, and which of them were right."""
        errors = dict(self._errors[-1]) if self._errors else {}
        for label in set(labels):
            mine = [not ok for name, ok in zip(labels, right, strict=True) if name == label]
            now = sum(mine) / len(mine)
            errors[label] = _MEMORY * errors[label] + (1 - _MEMORY) * now if label in errors else now
        self._errors.append(errors)

    @property
    def errors(self) -> dict[str, float]:
        """Label -> running share of wrong samples, as far as labels were met."""
        return dict(self._errors[-1]) if self._errors else {}

    def save(self, folder: Path) -> None:
        """Write what a resumed run needs to draw as this one would have."""
        state: Json = {"drawn": self._drawn, "errors": self._errors}
        files.write_json(folder / NAME, state)

    def load(self, folder: Path) -> None:
        """Go on as the run that wrote `folder`.

        Its batches are drawn again first, which is how a trainer skips them.
        """
        state = files.read_json(folder / NAME)
        self._drawn, self._errors = state["drawn"], state["errors"]


def _seed(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7])
