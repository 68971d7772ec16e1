"""The page as one file: scores, replies, images and scripts put together, nothing to be fetched.

Knows the order of its scripts. Two rules keep replies data: they go into the file compressed and in base64,
so none can end an element; and the page's content security policy (`document`) admits no other script.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from unifer import files
from unifer.emotions import in_order
from unifer.errors import InputError
from unifer.evaluate.scoring import DatasetScores
from unifer.report.page.browser import SampleRow, gather, samples_json
from unifer.report.page.charts import radars_of, write_figures
from unifer.report.page.document import document, embedded, packed
from unifer.report.page.pairs import baseline_of, held_against
from unifer.report.page.summary import summary, training_json
from unifer.report.page.thumbnails import PageImage, Thumbnails, image_file, pack
from unifer.report.trust import sections as trust

NAME = "index.html"
BUDGET = 15_000_000
"""Bytes of the whole page: images take what the replies leave."""
_LEAST = 500_000
"""Bytes that images get however long the replies are."""
_PAGE = 300_000
"""Bytes kept for what is neither reply nor image."""
_SCRIPTS = (
    "dom",
    "tools",
    "marks",
    "scores",
    "confusion",
    "bars",
    "reasoning",
    "plots",
    "radar",
    "changes",
    "trust",
    "provenance",
    "samples",
    "list",
    "detail",
    "browser",
    "main",
)

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""Told how many images there are, gives what hears of those done."""


@dataclass(frozen=True)
class ReportSettings:
    """How a page is made.

    `image_root` is as for inference; `training` are checkpoint folders whose curves are wanted too;
    `baseline` is the run that all others are compared with.
    """

    title: str = "How well do they read faces?"
    images: bool = True
    image_root: Path | None = None
    training: tuple[Path, ...] = ()
    resamples: int = 1000
    budget: int = BUDGET
    baseline: str | None = None


@dataclass(frozen=True)
class ReportSummary:
    """The page on disk: its bytes, number of questions, warnings, and what it says of its images.

    `figures` are the PNG files beside it, `no_radar` is why no radar chart is among them; `svgs` counts the
    figures of trust sheets in the folder `trust`.
    """

    path: Path
    bytes: int
    questions: int
    warnings: tuple[str, ...]
    images: str
    figures: tuple[Path, ...]
    no_radar: str
    svgs: int = 0


def write_report(
    results: Sequence[DatasetScores], out: Path, settings: ReportSettings, progress: Progress
) -> ReportSummary:
    """Write `out/index.html` about `results`, its charts as PNG files beside it, and figures of trust sheets.

    Raises InputError: nothing given, one model twice on a dataset, datasets that disagree, a baseline that is
    none of the runs, a trust sheet that cannot be read.
    """
    _check(results)
    sheets = trust.run_sheets(results)
    models = list(dict.fromkeys(result.run.name for result in results))
    questions = gather(results, models, list(dict.fromkeys(result.spec.name for result in results)))
    baseline = baseline_of(models, settings.baseline)
    pairs = held_against(results, models, baseline, settings.resamples)
    radars = radars_of(results, models)
    about = summary(results, questions, models, settings.resamples)
    about |= {"baseline": baseline, "gains": [pair.to_json() for pair in pairs]}
    about["radars"] = {scope: radar.to_json() for scope, radar in radars.items()}
    about["training"] = training_json(results, settings.training)
    about["trust"] = trust.sections_json(sheets, results)
    about["emotions"] = in_order(label for result in results for label in result.spec.labels)
    samples = packed(samples_json(questions))
    drawn = sum(len(figure.svg) for each in sheets for figure in each.figures)
    thumbnails, places, about["images"] = _images(
        results, questions, settings, settings.budget - len(samples) - drawn, progress
    )
    values = {
        "summary": embedded(about),
        "samples": samples,
        "shown": packed(places),
        "images": thumbnails.text,
    }
    path = out / NAME
    files.write_text(path, document("page", values, title=settings.title, scripts=_SCRIPTS, style="trust"))
    titles = {result.spec.name: result.spec.title for result in results}
    return ReportSummary(
        path,
        path.stat().st_size,
        len(questions),
        tuple(about["warnings"]),
        about["images"],
        figures=write_figures(out, radars, pairs, titles),
        svgs=len(trust.write_figures(out, sheets)),
        no_radar=next((radar.refusal for radar in radars.values()), ""),
    )


def _check(results: Sequence[DatasetScores]) -> None:
    if not results:
        raise InputError("no run to report on; give prediction files, dataset folders, or names of runs")
    seen: dict[tuple[str, str], DatasetScores] = {}
    for result in results:
        before = seen.setdefault((result.run.name, result.spec.name), result)
        if before is not result:
            raise InputError(
                f"{result.run.path}: is a second run {result.run.name!r} on {result.spec.name}, "
                f"beside {before.run.path}; rename one of the files, or leave one out"
            )
        first = next(each for each in results if each.spec.name == result.spec.name)
        if first.spec.labels != result.spec.labels:
            raise InputError(
                f"{result.spec.folder}: dataset {result.spec.name!r} has the labels "
                f"{', '.join(result.spec.labels)}, but in {first.spec.folder} it has "
                f"{', '.join(first.spec.labels)}; they are two datasets: give one another name"
            )


def _images(
    results: Sequence[DatasetScores],
    questions: Sequence[SampleRow],
    settings: ReportSettings,
    left: int,
    progress: Progress,
) -> tuple[Thumbnails, list[object], str]:
    """The packed thumbnails, the place of each question's image in them or why none, and a sentence."""
    if not settings.images:
        return (
            Thumbnails(),
            ["left out of this page (--images none)"] * len(questions),
            "Images were left out of this page (--images none).",
        )
    specs = list({result.spec.name: result.spec for result in results}.values())
    folders = [
        tuple(dict.fromkeys((spec.questions.parent, *([spec.sample.parent] if spec.sample else ()))))
        for spec in specs
    ]
    paths = [
        image_file(each.question.image_path, settings.image_root, folders[each.dataset]) for each in questions
    ]
    order = sorted(range(len(questions)), key=lambda at: questions[at].telling)
    wanted = dict.fromkeys(
        PageImage(path, questions[at].question.image_path)
        for at in order
        if isinstance(path := paths[at], Path)
    )
    with progress(len(wanted)) as advance:
        thumbnails = pack(list(wanted), max(_LEAST, left - _PAGE), advance)
    places = [thumbnails.place_of(path) for path in paths]
    return thumbnails, places, _about_images(thumbnails, places)


def _about_images(thumbnails: Thumbnails, places: Sequence[object]) -> str:
    number = sum(isinstance(place, list) for place in places)
    parts = ["No image is shown"]
    if number:
        parts = [
            f"{number:,} of {len(places):,} questions show their image, at most {thumbnails.side} pixels "
            "wide or high"
        ]
    if thumbnails.left_out:
        parts.append(
            f"{thumbnails.left_out:,} did not fit (questions on which models disagree went first, "
            "then wrong answers)"
        )
    if thumbnails.faults:
        missing = next(iter(thumbnails.faults.values()))
        parts.append(f"{len(thumbnails.faults):,} cannot be shown, the first because {missing}")
    return "; ".join(parts) + "."
