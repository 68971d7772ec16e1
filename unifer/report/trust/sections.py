"""The trust sheets beside runs as the page's sections, one per kind that any run has: JSON and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from unifer.evaluate.run_files import Selected
from unifer.evaluate.scoring import DatasetScores
from unifer.evaluate.trust.sheets import KINDS, Kind, Sheet, TrustRate
from unifer.records import Json
from unifer.report.trust.figures import TrustFigure, figures_of, write_svgs
from unifer.report.trust.gathering import model_name, sheets_near, without_votes
from unifer.report.trust.wording import KIND_TEXTS, is_share, rate_name


class RunSheet(NamedTuple):
    """One sheet, the run that it lies beside, and its figures."""

    result: DatasetScores
    sheet: Sheet
    figures: tuple[TrustFigure, ...]


def run_sheets(results: Sequence[DatasetScores]) -> list[RunSheet]:
    """Every sheet beside the runs, with its figures. Raises InputError for a sheet that cannot be read."""
    kept = without_votes([Selected(result.spec, result.run) for result in results])
    paths = {each.run.path for each in kept}
    return [
        RunSheet(result, sheet, tuple(figures_of(_named(sheet, result))))
        for result in results
        if result.run.path in paths
        for sheet in sheets_near(result.run.path)
    ]


def _named(sheet: Sheet, result: DatasetScores) -> Sheet:
    """The sheet under the run's own names, so that no two runs' figures share a file."""
    return replace(sheet, model=result.run.name, dataset=result.spec.name)


def sections_json(found: Sequence[RunSheet], results: Sequence[DatasetScores]) -> list[Json]:
    """A section per kind that any run has; runs without its sheet are listed with what would make it."""
    present = [kind for kind in KINDS if any(each.sheet.kind == kind for each in found)]
    return [_section(kind, [each for each in found if each.sheet.kind == kind], results) for kind in present]


def _section(kind: Kind, found: Sequence[RunSheet], results: Sequence[DatasetScores]) -> Json:
    return {
        "kind": kind,
        **KIND_TEXTS[kind]._asdict(),
        "sheets": [_sheet(each) for each in found],
        "lacking": _lacking(kind, found, results),
    }


def _lacking(kind: Kind, found: Sequence[RunSheet], results: Sequence[DatasetScores]) -> list[Json]:
    """Runs without the sheet on the datasets where others have it; models, where it is a set of its own."""
    if kind == "faithfulness":
        measured = {model_name(each.result.run.name) for each in found}
        models = dict.fromkeys(model_name(result.run.name) for result in results)
        return [{"run": name, "dataset": ""} for name in models if name not in measured]
    pairs = {(model_name(each.result.run.name), each.result.spec.name) for each in found}
    datasets = {dataset for _, dataset in pairs}
    rest = [(model_name(row.run.name), row.spec.name) for row in results if row.spec.name in datasets]
    return [{"run": name, "dataset": at} for name, at in dict.fromkeys(rest) if (name, at) not in pairs]


def _sheet(each: RunSheet) -> Json:
    return {
        "run": each.result.run.name,
        "dataset": each.result.spec.name,
        "rates": [_rate(rate) for rate in each.sheet.rates],
        "notes": list(each.sheet.notes),
        "figures": [figure._asdict() for figure in each.figures],
    }


def _rate(rate: TrustRate) -> Json:
    shown = {"name": rate_name(rate.name), "unit": "share" if is_share(rate) else "number"}
    return asdict(rate) | shown


def write_figures(out: Path, found: Sequence[RunSheet]) -> list[Path]:
    """Write the SVG files of all sheets into the folder `trust` below `out`."""
    return write_svgs(out, [figure for each in found for figure in each.figures])
