"""Several replies about one face: shares, entropy, agreement of AU claims, and "not sure".

Definitions, for n votes of which n_y name label y:
- share of y: s_y = n_y / n. Replies that name no label are `unanswered`, a share of their own.
- entropy: -sum s log2 s over labels and `unanswered`.
- confidence: s_w^(1/T) / sum s^(1/T) for the winner w, where T is the calibration's temperature (Guo et al.,
  2017, on shares in place of logits); T above 1 makes it humbler. With T = 1 it is the winner's share.
- AU agreement: the mean F1 of the AU sets of two votes over all pairs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from unifer import files, reading
from unifer.action_units import f1
from unifer.dialogue.answers import Verdict
from unifer.errors import InputError
from unifer.recognition.readings import VoteShares

FORMAT = 1
THRESHOLD = 0.5
"""Below this confidence a label is "not sure", unless a setting or a calibration says otherwise."""


@dataclass(frozen=True)
class Calibration:
    """What held-out questions said about the vote shares of one model."""

    temperature: float
    threshold: float
    fitted_on: str = ""
    """The questions it was fitted on, for readers."""
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"'format' is {self.format}; this version reads {FORMAT}")
        if not 0 < self.temperature < math.inf:
            raise ValueError(
                f"'temperature' is {self.temperature}; a number above 0 is allowed, 1 changes nothing"
            )
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"'threshold' is {self.threshold}; a confidence from 0 to 1 is allowed")


def read_calibration(path: Path) -> Calibration:
    """The calibration in a JSON file. Raises InputError naming the file, the key, and what is allowed."""
    raw = files.read_json(path, "a calibration is a JSON object; docs/use.md shows one")
    try:
        if not isinstance(raw, dict) or "format" not in raw:
            raise ValueError('a calibration is a JSON object with "format": 1, "temperature" and "threshold"')
        made: Calibration = reading.typed(Calibration, raw, "")
    except ValueError as error:
        raise InputError(f"{path}: {error}; docs/use.md shows a calibration") from None
    return made


def shares(
    verdicts: Sequence[Verdict],
    labels: Sequence[str],
    calibration: Calibration | None,
    threshold: float | None,
) -> VoteShares:
    """What `verdicts` say together.

    `threshold` outweighs the calibration's; without either it is `THRESHOLD`.
    """
    total = len(verdicts)
    counts = Counter(verdict.label for verdict in verdicts)
    by_label = {label: counts[label] / total for label in labels}
    unanswered = counts[None] / total
    temperature = calibration.temperature if calibration else 1.0
    claims = [verdict.action_units for verdict in verdicts]
    units = Counter(number for claim in claims for number in claim)
    pairs = [f1(one, other) for one, other in combinations(claims, 2)]
    return VoteShares(
        labels=tuple(verdict.label for verdict in verdicts),
        shares=by_label,
        unanswered=unanswered,
        entropy=_entropy([*by_label.values(), unanswered]),
        confidence=_confidence([*by_label.values(), unanswered], max(by_label.values()), temperature),
        au_shares={f"AU{number}": units[number] / total for number in sorted(units)},
        au_agreement=sum(pairs) / len(pairs) if pairs else 1.0,
        temperature=temperature,
        threshold=threshold if threshold is not None else calibration.threshold if calibration else THRESHOLD,
    )


def winner(tally: VoteShares) -> str | None:
    """The label with the largest share, of two equal ones the earlier; None: no vote has a label."""
    label = max(tally.shares, key=lambda each: tally.shares[each])
    return label if tally.shares[label] else None


def ties(tally: VoteShares) -> tuple[str, ...]:
    """The labels that share the largest share."""
    most = max(tally.shares.values())
    return tuple(label for label, share in tally.shares.items() if share == most and share)


def _entropy(parts: Sequence[float]) -> float:
    return sum(-part * math.log2(part) for part in parts if part)


def _confidence(parts: Sequence[float], best: float, temperature: float) -> float:
    # Shares are divided by the largest first: a small temperature makes the powers vanish otherwise.
    top = max(parts)
    powers = [(part / top) ** (1 / temperature) if part else 0.0 for part in parts]
    return (best / top) ** (1 / temperature) / sum(powers) if best else 0.0
