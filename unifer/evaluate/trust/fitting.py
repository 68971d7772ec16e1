"""A calibration of vote shares: temperature, smoothing and threshold, fitted on half of the questions.

Knows answers; reads and writes no file.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unifer.dialogue.votes import THRESHOLD, Calibration
from unifer.errors import InputError
from unifer.evaluate.trust.confidences import SureLevels
from unifer.evaluate.trust.voted_answers import HOW, VotedAnswer, sure_answers

FEWEST = 20
"""Answers that either half needs."""
COLDEST, HOTTEST = 0.1, 10.0
"""Temperatures are looked for between these."""
SMOOTHINGS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Votes beforehand that are tried."""
_GRID = 61
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class SureTarget:
    """What the threshold is chosen for: a share of right answers among the sure ones, or of sure answers."""

    accuracy: float | None = None
    coverage: float | None = None


@dataclass(frozen=True)
class Halves:
    """Ballots on which a calibration is fitted, and those on which it is judged; no subject is in both."""

    fit: tuple[VotedAnswer, ...]
    judge: tuple[VotedAnswer, ...]


def halves(answers: Sequence[VotedAnswer], *, by_subject: bool, seed: int) -> Halves:
    """Two halves of `answers` by chance: of the subjects where `by_subject`, else of the questions.

    Raises InputError where either would have fewer than `FEWEST`.
    """
    names = [str(answer.question.subject) if by_subject else answer.question.key for answer in answers]
    # Sorted, so that the halves do not depend on the order in which replies came.
    units = sorted(set(names))
    drawn = np.random.default_rng(seed).permutation(len(units))[: len(units) // 2]
    chosen = {units[at] for at in drawn}
    fit, judge = (
        tuple(answer for answer, name in zip(answers, names, strict=True) if (name in chosen) is first)
        for first in (True, False)
    )
    if min(len(fit), len(judge)) < FEWEST:
        whose = f" of {len(units)} subjects" if by_subject else ""
        raise InputError(
            f"{len(answers):,} answered questions{whose} make halves of {len(fit)} and {len(judge)}; "
            f"each needs {FEWEST} to fit or to judge anything: {HOW} on more questions"
        )
    return Halves(fit, judge)


def fit_calibration(answers: Sequence[VotedAnswer]) -> Calibration:
    """The temperature and smoothing at which the Brier score of the winners is least; threshold 0.5.

    The Brier score is proper (Gneiting and Raftery, 2007) and, unlike the likelihood of Guo et al. (2017),
    finite where all votes are wrong. Of equally good ones the least change: no smoothing, temperature 1.
    """
    groups = Counter((_shape(answer), answer.correct) for answer in answers)
    example = {_shape(answer): answer for answer in answers}

    def loss(heat: float, smoothing: float) -> float:
        calibration = Calibration(math.exp(heat), THRESHOLD, smoothing=smoothing)
        sure = {shape: answer.confidence(calibration) for shape, answer in example.items()}
        return math.fsum(number * (sure[shape] - right) ** 2 for (shape, right), number in groups.items())

    best = (loss(0.0, 0.0), 0.0, 0.0)
    for smoothing in SMOOTHINGS:
        heat = _least(lambda heat, votes=smoothing: loss(heat, votes))  # type: ignore[misc]
        if (least := loss(heat, smoothing)) < best[0] - 1e-9:
            best = (least, heat, smoothing)
    return Calibration(round(math.exp(best[1]), 4), THRESHOLD, smoothing=best[2])


def _least(loss: Callable[[float], float]) -> float:
    """The logarithm of the best temperature: a grid, for the loss may have several valleys, then halving."""
    grid = np.linspace(math.log(COLDEST), math.log(HOTTEST), _GRID)
    losses = [loss(float(heat)) for heat in grid]
    least = min(losses)
    at = min((at for at in range(_GRID) if losses[at] <= least + 1e-12), key=lambda at: abs(grid[at]))
    low, high = float(grid[max(0, at - 1)]), float(grid[min(_GRID - 1, at + 1)])
    for _ in range(24):
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if loss(left) <= loss(right) else (left, high)
    return (low + high) / 2


def _shape(answer: VotedAnswer) -> tuple[int, ...]:
    """What the confidence depends on: the candidates, the votes of the winner, then of each other choice."""
    counts = Counter(answer.votes)
    return len(answer.question.candidate_labels), counts.pop(answer.winner), *sorted(counts.values())


def chosen_threshold(answers: Sequence[VotedAnswer], calibration: Calibration, target: SureTarget) -> float:
    """The confidence from which answers count as sure.

    For a coverage: the largest that leaves at least that share of the answers. For an accuracy: the smallest
    from which on at least that share of them is right. Raises InputError where no confidence does.
    """
    levels = SureLevels.of(sure_answers(answers, calibration))
    size, right = np.cumsum(levels.size), np.cumsum(levels.size - levels.wrong)
    if target.accuracy is None:
        wanted = 1.0 if target.coverage is None else target.coverage
        return float(levels.confidence[np.argmax(size >= wanted * size[-1] - 1e-9)])
    reached = np.flatnonzero(right / size >= target.accuracy - 1e-12)
    if not len(reached):
        best = int(np.argmax(right / size))
        raise InputError(
            f"--accuracy {target.accuracy:g}: no confidence is that good on the fitted half; the best, "
            f"{levels.confidence[best]:.3f}, has {right[best] / size[best]:.3f} of {int(size[best])} right. "
            "Ask for less, or for a share of sure answers with --coverage"
        )
    return float(levels.confidence[reached[-1]])


def fit_notes(calibration: Calibration) -> list[str]:
    """What a reader must know beside a calibration whose fit reached an end of what was tried."""
    if COLDEST * 1.01 < calibration.temperature < HOTTEST / 1.01:
        return []
    return [
        f"the temperature {calibration.temperature:g} is at the end of what was tried ({COLDEST:g} to "
        f"{HOTTEST:g}): the shares say little of what is right"
    ]
