"""The trust sheets beside runs as the page's sections, one per kind that any run has: JSON and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.trust.sheets import KINDS, Kind, Sheet, sheets_of
from unifer.records import Json
from unifer.report.trust.figures import TrustFigure, figures_of, write_svgs
from unifer.report.trust.wording import KIND_TEXTS, rate_name


class RunSheet(NamedTuple):
    """One sheet, the run that it lies beside, and its figures."""

    result: DatasetScores
    sheet: Sheet
    figures: tuple[TrustFigure, ...]


def run_sheets(results: Sequence[DatasetScores]) -> list[RunSheet]:
    """Every sheet beside the runs, with its figures. Raises InputError for a sheet that cannot be read."""
    return [
        RunSheet(result, sheet, tuple(figures_of(_named(sheet, result))))
        for result in results
        for sheet in sheets_of(result.run.path)
    ]


def _named(sheet: Sheet, result: DatasetScores) -> Sheet:
    """The sheet under the run's own names, so that no two runs' figures share a file."""
    return Sheet(
        sheet.kind, result.run.name, result.spec.name, sheet.rates, sheet.notes, sheet.details, sheet.format
    )


def sections_json(found: Sequence[RunSheet], results: Sequence[DatasetScores]) -> list[Json]:
    """A section per kind that any run has; runs without its sheet are listed with what would make it."""
    present = [kind for kind in KINDS if any(each.sheet.kind == kind for each in found)]
    return [_section(kind, [each for each in found if each.sheet.kind == kind], results) for kind in present]


def _section(kind: Kind, found: Sequence[RunSheet], results: Sequence[DatasetScores]) -> Json:
    measured = {id(each.result) for each in found}
    lacking = [result for result in results if id(result) not in measured]
    return {
        "kind": kind,
        **KIND_TEXTS[kind]._asdict(),
        "sheets": [_sheet(each) for each in found],
        "lacking": [{"run": result.run.name, "dataset": result.spec.name} for result in lacking],
    }


def _sheet(each: RunSheet) -> Json:
    return {
        "run": each.result.run.name,
        "dataset": each.result.spec.name,
        "rates": [asdict(rate) | {"name": rate_name(rate.name)} for rate in each.sheet.rates],
        "notes": list(each.sheet.notes),
        "figures": [figure._asdict() for figure in each.figures],
    }


def write_figures(out: Path, found: Sequence[RunSheet]) -> list[Path]:
    """Write the SVG files of all sheets into the folder `trust` below `out`."""
    return write_svgs(out, [figure for each in found for figure in each.figures])
