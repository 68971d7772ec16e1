"""The radar chart and the labels before and after: which of them a page has, and the same as PNG files beside
it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from unifer.evaluate.scoring import DatasetScores
from unifer.report.dumbbells import dumbbells_png
from unifer.report.page.pairs import ALL, Versus
from unifer.report.radar import Radar, over_datasets, over_labels, radar_png


def radars_of(results: Sequence[DatasetScores], models: Sequence[str]) -> dict[str, Radar]:
    """A chart of each scope: over the datasets, if there are several, and over the labels of each; the widest
    first.
    """
    by_dataset: dict[str, list[DatasetScores]] = {}
    for result in results:
        by_dataset.setdefault(result.spec.name, []).append(result)
    found = {ALL: over_datasets(results, models)} if len(by_dataset) > 1 else {}
    return found | {name: over_labels(each) for name, each in by_dataset.items() if each[0].spec.labels}


def write_figures(
    out: Path, radars: Mapping[str, Radar], pairs: Sequence[Versus], titles: Mapping[str, str]
) -> tuple[Path, ...]:
    """Write `radar.png`, and `labels.png` (`labels.2.png`, ...) for each pair of models, each of the widest
    scope it has.

    `titles` are those of datasets by name. What an earlier page left under these names goes: it would not
    belong to this one.
    """
    for path in (out / "radar.png", out / "labels.png", *out.glob("labels.[0-9]*.png")):
        path.unlink(missing_ok=True)
    found = []
    for radar in list(radars.values())[:1]:
        if not radar.refusal:
            found.append(out / "radar.png")
            radar_png(found[-1], radar)
    widest: dict[tuple[str, str], Versus] = {}
    for pair in pairs:
        if any(each.n for each in pair.labels):
            widest.setdefault((pair.before, pair.after), pair)
    for number, pair in enumerate(widest.values(), 1):
        found.append(out / ("labels.png" if number == 1 else f"labels.{number}.png"))
        about = f"{titles.get(pair.scope, 'all datasets')}, {sum(each.n for each in pair.labels):,} questions"
        dumbbells_png(found[-1], pair.labels, pair.before, pair.after, about)
    return tuple(found)
