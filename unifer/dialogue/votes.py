"""Several replies to one question: the winner, shares, entropy, agreement of AU claims, and "not sure".

Shared by readings of photos and by benchmark rows with votes. Knows labels and verdicts; asks nobody.

Definitions, for n votes of which n_y name label y:
- winner: the label with most votes; of several with as many, the one that was voted for first. Votes are
  drawn alike, so that is a draw among them that favours no label, and a seed makes it again.
- share of y: s_y = n_y / n. Replies that name no label are `unanswered`, a share of their own.
- entropy: -sum s log2 s over labels and `unanswered`.
- confidence: p_w^(1/T) / sum p^(1/T) for the winner w, over all candidates and "none of them", each with
  p = n_y + S. T is the calibration's temperature (Guo et al., 2017, on shares in place of logits): above 1 it
  makes the confidence humbler. S is its smoothing, votes that every choice has beforehand: without them, n
  votes of n are a confidence of 1 at every temperature. With T = 1 and S = 0 it is the winner's share.
- AU agreement: the mean F1 of the AU sets of two votes over all pairs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

from unifer import files, reading
from unifer.action_units import f1
from unifer.dialogue.answers import Verdict
from unifer.errors import InputError
from unifer.records import Json

FORMAT = 1
TEMPERATURE = 0.7
"""At which votes are sampled, unless told otherwise."""
THRESHOLD = 0.5
"""Below this confidence a label is "not sure", unless a setting or a calibration says otherwise."""


@dataclass(frozen=True, slots=True)
class VoteShares:
    """What several sampled replies to one question say together."""

    labels: tuple[str | None, ...]
    """The label of each vote; None where a reply names none of the list."""
    shares: dict[str, float]
    """Candidate -> its share of all votes, in the order asked; they add up to 1 less `unanswered`."""
    unanswered: float
    entropy: float
    """In bits, over the labels and `unanswered`: 0 where all votes agree."""
    confidence: float
    """The share of the winner, after the calibration."""
    au_shares: dict[str, float]
    """`AU12` -> the share of votes that claim it, for every AU that one of them claims."""
    au_agreement: float
    """Mean F1 of the AU claims of two votes, over all pairs of them."""
    temperature: float = 1.0
    """Of the vote shares, from a calibration; 1 changes nothing."""
    threshold: float = 0.0
    smoothing: float = 0.0
    """Votes that every choice has beforehand, from a calibration; 0 changes nothing."""


@dataclass(frozen=True)
class Calibration:
    """What held-out questions said about the vote shares of one model."""

    temperature: float
    threshold: float
    fitted_on: str = ""
    """The questions it was fitted on, for readers."""
    smoothing: float = 0.0
    """Votes that every choice has beforehand."""
    votes: int | None = None
    """How many votes each of the questions had; None: any number."""
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"'format' is {self.format}; this version reads {FORMAT}")
        if not 0 < self.temperature < math.inf:
            raise ValueError(
                f"'temperature' is {self.temperature}; a number above 0 is allowed, 1 changes nothing"
            )
        if not 0 <= self.smoothing < math.inf:
            raise ValueError(
                f"'smoothing' is {self.smoothing}; a number of votes from 0 is allowed, 0 changes nothing"
            )
        if self.votes is not None and self.votes < 2:
            raise ValueError(f"'votes' is {self.votes}; 2 or more are allowed, or null for any number")
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"'threshold' is {self.threshold}; a confidence from 0 to 1 is allowed")

    def to_json(self) -> Json:
        """As `read_calibration` reads it."""
        return asdict(self)


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
    votes = tuple(verdict.label for verdict in verdicts)
    counts = Counter(votes)
    claims = [verdict.action_units for verdict in verdicts]
    units = Counter(number for claim in claims for number in claim)
    pairs = [f1(one, other) for one, other in combinations(claims, 2)]
    return VoteShares(
        labels=votes,
        shares={label: counts[label] / total for label in labels},
        unanswered=counts[None] / total,
        entropy=sum(-count / total * math.log2(count / total) for count in counts.values()),
        confidence=confidence(votes, len(labels), calibration),
        au_shares={f"AU{number}": units[number] / total for number in sorted(units)},
        au_agreement=sum(pairs) / len(pairs) if pairs else 1.0,
        temperature=calibration.temperature if calibration else 1.0,
        threshold=threshold if threshold is not None else calibration.threshold if calibration else THRESHOLD,
        smoothing=calibration.smoothing if calibration else 0.0,
    )


def ties(votes: Sequence[str | None]) -> tuple[str, ...]:
    """The labels with most votes, in the order of their first; none where no vote has a label."""
    counts = Counter(label for label in votes if label is not None)
    most = max(counts.values(), default=0)
    return tuple(label for label, count in counts.items() if count == most)


def winner(votes: Sequence[str | None]) -> str | None:
    """The label with most votes, of several the one that was voted for first; None: no vote has a label."""
    return next(iter(ties(votes)), None)


def standing(votes: Sequence[str | None]) -> int:
    """Which of the replies stands for all of them: the first vote for the winner; 0 where nobody wins."""
    return votes.index(winner(votes))


def confidence(votes: Sequence[str | None], candidates: int, calibration: Calibration | None = None) -> float:
    """The winner's share of the votes for so many `candidates`, calibrated; 0 where nobody wins.

    Equal counts give equal numbers, in whatever order the votes came: it is rounded to 12 places.
    """
    temperature, smoothing = (calibration.temperature, calibration.smoothing) if calibration else (1.0, 0.0)
    counts, best = Counter(votes), winner(votes)
    if best is None:
        return 0.0
    # Divided by the winner's first: a small temperature makes the powers vanish otherwise.
    ratios = [(count + smoothing) / (counts[best] + smoothing) for count in counts.values()]
    if smoothing:
        ratios += [smoothing / (counts[best] + smoothing)] * (candidates + 1 - len(counts))
    return round(1 / math.fsum(math.exp(min(math.log(each) / temperature, 700)) for each in ratios), 12)
