"""Does a model know when it does not know: calibration of vote shares, abstention, and what a fit changes.

Several runs of one model (its datasets) get one calibration, fitted on one half of their answers together,
and each its own sheet, judged on its other half. Refusals, questions without a vote for any label, are no
wrong answers here: they stand apart, and everything else is over questions that have an answer.

`details` of a sheet: `votes` and `sampling_temperature`; `counts` (asked, answered, refused, failed,
missing); `plug_in_ece`, with the bias of chance; `calibration` (the file of --out); `halves`
(fit, judge, units, seed); `bins` of all answers and `bins_before`, `bins_after` of the judged half, a row
per number of votes for the winner: votes, n, confidence (mean), accuracy, low, high; `risk_coverage` and
`risk_coverage_before`, `risk_coverage_after`, rows of confidence, coverage, risk, the surest first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from unifer.dialogue.votes import Calibration
from unifer.errors import InputError
from unifer.evaluate.scoring import seed_of
from unifer.evaluate.statistics.bootstrap import cluster_notes
from unifer.evaluate.trust.confidence_intervals import drawn_units, error_interval, level_interval
from unifer.evaluate.trust.confidences import (
    SureAnswers,
    SureLevels,
    accuracy_at,
    calibration_error,
    plug_in_error,
    risk_area,
)
from unifer.evaluate.trust.fitting import (
    Halves,
    SureTarget,
    chosen_threshold,
    fit_calibration,
    fit_notes,
    halves,
)
from unifer.evaluate.trust.sheets import Sheet, TrustRate, share
from unifer.evaluate.trust.voted_answers import VotedAnswer, VotedRun, sure_answers
from unifer.proportions import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unifer.records import Json

    Statistic = Callable[[SureLevels], NDArray[np.float64]]


@dataclass(frozen=True)
class CalibrationResult:
    """One calibration and what it does to each of the runs, in their order."""

    calibration: Calibration
    runs: tuple[VotedRun, ...]
    sheets: tuple[Sheet, ...]


def calibrate(
    runs: Sequence[VotedRun], target: SureTarget, *, seed: int = 0, resamples: int = 1000
) -> CalibrationResult:
    """Fit on one half of `runs` together, judge each run on its other half.

    Raises InputError: runs of different models, numbers of votes or sampling temperatures, too few answers,
    an accuracy that no threshold reaches.
    """
    _refuse_mixed(runs)
    parts = [_halves(run, seed) for run in runs]
    to_fit = [answer for part in parts for answer in part.fit]
    fit = fit_calibration(to_fit)
    threshold = chosen_threshold(to_fit, fit, target)
    names = ", ".join(dict.fromkeys(run.loaded.spec.name for run in runs))
    about = f"{runs[0].model}, {names}: half of the answers ({len(to_fit):,})"
    calibration = replace(fit, threshold=threshold, fitted_on=about, votes=runs[0].votes)
    sheets = tuple(
        _sheet(run, part, calibration, seed, resamples) for run, part in zip(runs, parts, strict=True)
    )
    return CalibrationResult(calibration, tuple(runs), sheets)


def _refuse_mixed(runs: Sequence[VotedRun]) -> None:
    """Raises InputError where one calibration cannot be that of all runs."""
    first = runs[0]
    for other in runs[1:]:
        for what, one, two in (
            ("the model", first.model, other.model),
            ("the number of votes", first.votes, other.votes),
            ("the temperature of the votes", first.temperature, other.temperature),
        ):
            if one != two:
                raise InputError(
                    f"{other.loaded.file.path}: {what} is {two}, in {first.loaded.file.path} it is {one}; "
                    "runs that share a calibration share these: calibrate them one by one"
                )


def _halves(run: VotedRun, seed: int) -> Halves:
    try:
        return halves(run.answers, by_subject=run.by_subject, seed=seed)
    except InputError as error:
        raise InputError(f"{run.loaded.file.path}: {error}") from None


def _sheet(run: VotedRun, part: Halves, calibration: Calibration, seed: int, resamples: int) -> Sheet:
    everything, before = sure_answers(run.answers), sure_answers(part.judge)
    after = sure_answers(part.judge, calibration)
    rated = partial(_rates, seed=seed_of(run.loaded.spec.name), resamples=resamples)
    rates = [
        *rated(everything, f"questions with an answer by {run.votes} votes", coverage=True),
        _refusals(run, resamples),
        *rated(before, "answers of the judged half", "_before"),
        *rated(after, "answers of the judged half", "_after"),
        _gain(before, after, resamples),
        *_sure(after, calibration.threshold, resamples),
    ]
    details: Json = {
        "votes": run.votes,
        "sampling_temperature": run.temperature,
        "counts": run.counts,
        "plug_in_ece": plug_in_error(everything),
        "calibration": calibration.to_json(),
        "halves": {
            "fit": len(part.fit),
            "judge": len(part.judge),
            "units": "subjects" if run.by_subject else "questions",
            "seed": seed,
        },
    }
    for ending, answers in (("", everything), ("_before", before), ("_after", after)):
        details |= {f"bins{ending}": _bins(answers), f"risk_coverage{ending}": _curve(answers)}
    questions = [answer.question for answer in run.answers]
    notes = [*run.loaded.notes, *run.loaded.missing.notes, *cluster_notes(questions)]
    notes += fit_notes(calibration)
    return Sheet("calibration", run.model, run.loaded.spec.name, tuple(rates), tuple(notes), details)


def _rates(
    answers: SureAnswers, of: str, ending: str = "", *, seed: int, resamples: int, coverage: bool = False
) -> list[TrustRate]:
    """ECE, Brier score and AURC of some answers; with `coverage` accuracies of the surest as well."""

    def rate(name: str, value: float, bounds: tuple[float, float] | None, better: str) -> TrustRate:
        low, high = bounds or (None, None)
        return TrustRate(name + ending, value, low, high, answers.number, of, better)  # type: ignore[arg-type]

    def of_levels(statistic: Statistic) -> tuple[float, tuple[float, float] | None]:
        value = float(statistic(SureLevels.of(answers)))
        return value, (level_interval(answers, statistic, resamples, seed) if resamples else None)

    squares = list((answers.confidence - answers.correct) ** 2)
    bounds = error_interval(answers, resamples, seed) if resamples else None
    rates = [
        rate("ece", calibration_error(answers), bounds, "lower"),
        share(
            f"brier{ending}",
            squares,
            of,
            units=answers.units,
            better="lower",
            seed=seed,
            resamples=resamples,
        ),
        rate("aurc", *of_levels(risk_area), "lower"),
    ]
    for share_asked in (1.0, 0.9, 0.8) if coverage else ():
        name = "accuracy" if share_asked == 1 else f"accuracy_at_{round(100 * share_asked)}"
        rates.append(rate(name, *of_levels(partial(accuracy_at, coverage=share_asked)), "higher"))
    return rates


def _gain(before: SureAnswers, after: SureAnswers, resamples: int) -> TrustRate:
    """By how much the calibration lowers the Brier score, paired by answer."""
    squares = [(each.confidence - each.correct) ** 2 for each in (before, after)]
    of = "answers of the judged half"
    gains = list(squares[0] - squares[1])
    return share("brier_gain", gains, of, units=before.units, resamples=resamples)


def _refusals(run: VotedRun, resamples: int) -> TrustRate:
    rows: list[VotedAnswer] = [*run.answers, *run.refusals]
    subjects = [answer.question.subject for answer in rows] if run.by_subject else None
    refused = [answer.winner is None for answer in rows]
    of = "questions that got replies"
    return share("refusals", refused, of, units=subjects, better="lower", resamples=resamples)


def _sure(answers: SureAnswers, threshold: float, resamples: int) -> list[TrustRate]:
    """How many answers of the judged half reach the threshold, and how many of those are right."""
    sure = answers.confidence >= threshold
    units = None if answers.units is None else list(answers.units)
    among = None if units is None else [unit for unit, each in zip(units, sure, strict=True) if each]
    reached = share("sure", list(sure), "answers of the judged half", units=units, resamples=resamples)
    right = share(
        "accuracy_sure",
        list(answers.correct[sure]),
        "sure answers of the judged half",
        units=among,
        resamples=resamples,
    )
    return [reached, right]


def _bins(answers: SureAnswers) -> list[Json]:
    """The reliability diagram: a row per number of votes for the winner."""
    rows: list[Json] = []
    for votes in answers.bins:
        member = answers.votes == votes
        correct, number = answers.correct[member], int(member.sum())
        low, high = _bin_bounds(answers, member)
        rows.append(
            {
                "votes": int(votes),
                "n": number,
                "confidence": float(answers.confidence[member].mean()),
                "accuracy": float(correct.mean()),
                "low": low,
                "high": high,
            }
        )
    return rows


def _bin_bounds(answers: SureAnswers, member: NDArray[np.bool_]) -> tuple[float | None, float | None]:
    """The interval of a bin's accuracy: Wilson's, or over its subjects."""
    correct = answers.correct[member]
    if drawn_units(answers) is None:
        return wilson(int(correct.sum()), len(correct))
    units = [unit for unit, each in zip(answers.units or (), member, strict=True) if each]
    rate = share("bin", list(correct), "answers", units=units)
    return rate.low, rate.high


def _curve(answers: SureAnswers) -> list[Json]:
    """Risk against coverage, a point per confidence, the surest first."""
    levels = SureLevels.of(answers)
    size, wrong = np.cumsum(levels.size), np.cumsum(levels.wrong)
    return [
        {"confidence": float(sure), "coverage": float(each / size[-1]), "risk": float(errors / each)}
        for sure, each, errors in zip(levels.confidence, size, wrong, strict=True)
    ]
