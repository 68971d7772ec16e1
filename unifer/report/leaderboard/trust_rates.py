"""Trust sheets as boards: models ranked by a rate of their sheets, each dataset on its own.

Ties are those of every other score that has no pairs: models share a rank where their intervals overlap. A
run without the sheet, or without a value, stands below, unranked, with what would measure it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unifer.errors import InputError
from unifer.evaluate.loading import open_run
from unifer.evaluate.run_files import Selected
from unifer.evaluate.trust.sheets import KINDS, Better, Kind, Sheet, TrustRate, Unit
from unifer.report.leaderboard import ranks
from unifer.report.leaderboard.cells import Value
from unifer.report.leaderboard.entries import questions_name
from unifer.report.leaderboard.ranks import Place
from unifer.report.trust.gathering import model_name, sheets_near, without_votes
from unifer.report.trust.wording import KIND_TEXTS, is_share


@dataclass(frozen=True)
class RateLine:
    """One run with its rate and place; a run without a value has no place, one without the sheet no rate."""

    model: str
    rate: TrustRate | None
    place: Place | None


@dataclass(frozen=True)
class RateRanking:
    """One rate of one kind on one dataset, best first, those without it last."""

    kind: Kind
    rate: str
    dataset: str
    better: Better
    unit: Unit
    lines: tuple[RateLine, ...]

    @property
    def lacking(self) -> list[str]:
        """The runs without a value."""
        return [line.model for line in self.lines if line.place is None]


@dataclass(frozen=True)
class _RunSheets:
    """One run, the question file that it answered, and its sheets by kind."""

    model: str
    dataset: str
    sheets: Mapping[Kind, Sheet]


def rank_by_trust(selected: Sequence[Selected], wanted: str) -> list[RateRanking]:
    """The rankings that `wanted` means: a kind (all its rates), a rate, `kind:rate`, or "" (all headlines).

    Raises InputError where no run has a sheet, for a name that no sheet has (with the nearest), and for a
    sheet that cannot be read.
    """
    runs = [_sheets(each) for each in without_votes(selected)]
    present = {
        (kind, rate.name): rate.better != "neither"
        for run in runs
        for kind, sheet in run.sheets.items()
        for rate in sheet.rates
    }
    if not present:
        commands = "; ".join(f"{kind}: `{KIND_TEXTS[kind].command}`" for kind in KINDS)
        raise InputError(
            f"--trust: none of the {len(runs)} runs has a trust sheet beside its predictions; what measures "
            f"them: {commands}"
        )
    chosen = _chosen(wanted, present, _headlines(runs))
    rankings = []
    for kind, name in chosen:
        for dataset in dict.fromkeys(run.dataset for run in runs):
            here = [run for run in runs if run.dataset == dataset]
            if any(kind in run.sheets and run.sheets[kind].rate(name) for run in here):
                rankings.append(_ranking(kind, name, dataset, here))
    return rankings


def _sheets(each: Selected) -> _RunSheets:
    """The sheets beside a run. Runs over another question file stand apart, as on every board."""
    loaded = open_run(each.spec, each.run)
    other, source = questions_name(loaded), loaded.source.path
    title = each.spec.title if other is None else f"{each.spec.title}: questions of {other}"
    model = each.run.name if source is None else each.run.name.removesuffix(f".{source.stem}")
    sheets = {sheet.kind: sheet for sheet in sheets_near(each.run.path)}
    return _RunSheets(model_name(model), title, sheets)


def _headlines(runs: Sequence[_RunSheets]) -> list[tuple[Kind, str]]:
    """The first rate of each kind, in the order of kinds."""
    first = [
        (kind, run.sheets[kind].rates[0].name)
        for kind in KINDS
        for run in runs
        if kind in run.sheets and run.sheets[kind].rates
    ]
    return list(dict.fromkeys(first))


def _chosen(
    wanted: str, present: Mapping[tuple[Kind, str], bool], headlines: Sequence[tuple[Kind, str]]
) -> list[tuple[Kind, str]]:
    """The (kind, rate) pairs meant; `present` says of each whether it ranks: whether one way is better."""
    able = [pair for pair, ranks_models in present.items() if ranks_models]
    if not wanted:
        return [pair for pair in headlines if pair in able]
    if wanted in KINDS:
        pairs = [pair for pair in able if pair[0] == wanted]
        if not pairs:
            raise InputError(
                f"--trust {wanted}: no run has a sheet of it; `{KIND_TEXTS[wanted].command}` makes one"
            )
        return pairs
    kind, colon, name = wanted.partition(":") if wanted.partition(":")[0] in KINDS else ("", "", wanted)
    pairs = [pair for pair in present if (not colon or pair[0] == kind) and _folded(pair[1]) == _folded(name)]
    if any(pair in able for pair in pairs):
        return [pair for pair in pairs if pair in able]
    rates = ", ".join(dict.fromkeys(name for _, name in able))
    if pairs:
        raise InputError(
            f"--trust {wanted}: ranks nobody, neither more nor less of it is better; rates that rank: {rates}"
        )
    raise InputError(
        f"--trust {wanted}: no kind of sheet and no rate of these runs{_nearest(wanted, able)}; kinds: "
        f"{', '.join(KINDS)}; rates: {rates}; names of runs stand before --trust"
    )


def _nearest(wanted: str, able: Sequence[tuple[Kind, str]]) -> str:
    """`, did you mean 'seen' or 'says why'?`; empty where nothing is near."""
    spellings = {_folded(name): name for name in (*KINDS, *(name for _, name in able))}
    close = [
        spellings[each]
        for each in difflib.get_close_matches(_folded(wanted), list(spellings), n=3, cutoff=0.5)
    ]
    return f", did you mean {' or '.join(map(repr, close))}?" if close else ""


def _folded(name: str) -> str:
    """A rate is met however it is spelled: case, blanks, hyphens and underscores aside."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _ranking(kind: Kind, name: str, dataset: str, runs: Sequence[_RunSheets]) -> RateRanking:
    rates = {run.model: run.sheets[kind].rate(name) for run in runs if kind in run.sheets}
    valued = {model: rate for model, rate in rates.items() if rate is not None and rate.value is not None}
    first = next(rate for rate in rates.values() if rate is not None)
    # Places are best first by score: of what is better low, the negative is the score.
    values = {model: _value(rate, -1.0 if first.better == "lower" else 1.0) for model, rate in valued.items()}
    scores = {model: value.score for model, value in values.items()}
    placed = ranks.places(scores, ranks.overlap(values))
    lines = [
        RateLine(model, valued[model], placed[model])
        for model in sorted(values, key=lambda model: (-scores[model], model))
    ]
    lines += [RateLine(run.model, rates.get(run.model), None) for run in runs if run.model not in valued]
    unit: Unit = "share" if all(map(is_share, valued.values())) else "number"
    return RateRanking(kind, name, dataset, first.better, unit, tuple(lines))


def _value(rate: TrustRate, sign: float) -> Value:
    if rate.low is None or rate.high is None:
        return Value(sign * (rate.value or 0.0))
    low, high = sorted((sign * rate.low, sign * rate.high))
    return Value(sign * (rate.value or 0.0), (low, high))
