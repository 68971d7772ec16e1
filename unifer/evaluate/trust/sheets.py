"""A sheet: the rates of one trust measure of one run, each with interval and denominator, as one JSON file.

Knows nothing of how a rate came about. Sheets lie beside the predictions as `<run>.<kind>.json`; the report,
the trust card and the leaderboard read them and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from unifer import files, reading
from unifer.errors import InputError
from unifer.evaluate.metrics import LEVEL, RESAMPLES
from unifer.evaluate.statistics.bootstrap import Drawn, percentile_interval, resampled_sums
from unifer.records import Json

if TYPE_CHECKING:
    from collections.abc import Hashable

FORMAT = 1
Kind = Literal["faithfulness", "votes", "damage", "calibration", "fairness"]
STALE = "measured on other predictions than lie here now; measure again"
"""The first note of a sheet whose predictions have changed since."""
KINDS: tuple[Kind, ...] = ("faithfulness", "votes", "damage", "calibration", "fairness")
Better = Literal["higher", "lower", "neither"]
Unit = Literal["share", "number"]


@dataclass(frozen=True)
class TrustRate:
    """One figure: a share, a mean or an error, with its 95 % interval.

    `value` is None where nothing counts (`n` 0), the bounds where no interval can be given. `of` says in
    plain words what `n` counts: the denominator. A `share` is shown in percent, a `number` (a cross-entropy,
    a temperature) as it is.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    of: str
    better: Better = "higher"
    unit: Unit = "share"

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (self.value, self.low, self.high) if value is not None):
            raise ValueError(f"rate {self.name!r} holds a value that is no finite number")
        if (self.low is None) != (self.high is None):
            raise ValueError(f"rate {self.name!r} has one bound of an interval; give both or none")
        if self.value is not None and self.n < 1:
            raise ValueError(f"rate {self.name!r} is {self.value} of nothing; n counts {self.of}")


@dataclass(frozen=True)
class Sheet:
    """The rates of one kind for one run; the first rate is its headline.

    `details` holds what figures need beyond them (plain JSON, described where it is written), `notes` what a
    reader must know beside the figures.
    """

    kind: Kind
    model: str
    dataset: str
    rates: tuple[TrustRate, ...]
    notes: tuple[str, ...] = ()
    details: Json = field(default_factory=dict)
    format: int = FORMAT
    predictions: str = ""
    """SHA-256 of the predictions file that it was measured on; empty where nobody said."""

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"'format' is {self.format}; this version reads {FORMAT}")
        names = [rate.name for rate in self.rates]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the rate {twice[0]!r} stands twice")

    def rate(self, name: str) -> TrustRate | None:
        """The rate of that name; None where the sheet has none."""
        return next((rate for rate in self.rates if rate.name == name), None)

    def to_json(self) -> Json:
        return asdict(self)


def share(
    name: str,
    hits: Sequence[bool] | Sequence[float],
    of: str,
    *,
    units: Sequence[Hashable] | None = None,
    better: Better = "higher",
    unit: Unit = "share",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> TrustRate:
    """The mean of `hits` (n,), its interval a percentile bootstrap over rows, or over whole `units` (n,).

    A unit is what is alike: a subject, a family of drawn faces. A single unit gives no interval, nor do 0
    resamples.
    """
    if not len(hits):
        return TrustRate(name, None, None, None, 0, of, better, unit)
    values = np.asarray(hits, dtype=float)
    distinct = None if units is None else len(set(units))
    if distinct == 1 or not resamples:
        return TrustRate(name, float(values.mean()), None, None, len(values), of, better, unit)
    sums = resampled_sums(values[:, None], units, resamples, seed)
    low, high = percentile_interval(sums[:, 0] / sums[:, 1], LEVEL, Drawn(distinct).clusters)
    return TrustRate(name, float(values.mean()), low, high, len(values), of, better, unit)


def sheet_path(predictions: Path, kind: Kind) -> Path:
    """Where the sheet of a predictions file lies: `unifer.jsonl` -> `unifer.calibration.json`."""
    return predictions.with_name(f"{predictions.stem}.{kind}.json")


def write_sheet(path: Path, sheet: Sheet, predictions: Path | None = None) -> None:
    """Write `sheet` as JSON, in one move; with the file that it was measured on, so that age shows."""
    digest = sheet.predictions if predictions is None else files.sha256(predictions)
    files.write_json(path, replace(sheet, predictions=digest).to_json())


def read_sheet(path: Path) -> Sheet:
    """The sheet in a JSON file. Raises InputError naming the file, the key, and what is allowed."""
    raw = files.read_json(path, "a trust sheet is a JSON object that a `unifer` command wrote")
    written = raw.get("format", FORMAT) if isinstance(raw, Mapping) else FORMAT
    if written != FORMAT:
        raise InputError(
            f"{path}: is a trust sheet of format {written!r}; this version reads {FORMAT}: make it again "
            "with this version's command, or read it with the version that wrote it"
        )
    try:
        sheet: Sheet = reading.typed(Sheet, raw, "")
    except ValueError as error:
        raise InputError(f"{path}: {error}; docs/trust.md describes a sheet") from None
    return sheet


def sheets_of(predictions: Path) -> list[Sheet]:
    """The sheets beside a predictions file, in the order of `KINDS`; those of other replies say so."""
    paths = [path for kind in KINDS for path in (sheet_path(predictions, kind),) if path.is_file()]
    sheets = [read_sheet(path) for path in paths]
    digest = files.sha256(predictions) if any(sheet.predictions for sheet in sheets) else ""
    aged = [sheet.predictions not in ("", digest) for sheet in sheets]
    return [
        replace(sheet, notes=(STALE, *sheet.notes)) if old else sheet
        for sheet, old in zip(sheets, aged, strict=True)
    ]
