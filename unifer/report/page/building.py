"""The page as one file: template, style, scripts and data put together, nothing to be fetched.

Knows the template and the order of its scripts. Two rules keep replies data: they go into the file compressed
and in base64, so none can end an element; and the page's content security policy admits its own script and
style by their hashes, and no network at all.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from unifer import files
from unifer.dialogue.images import ImageError, resolve
from unifer.emotions import in_order
from unifer.errors import InputError
from unifer.evaluate.loading import read_manifest
from unifer.evaluate.scoring import DatasetScores
from unifer.places import project_root
from unifer.records import Json
from unifer.report.page.charts import radars_of, write_figures
from unifer.report.page.document import document, embedded
from unifer.report.page.pairs import baseline_of, held_against
from unifer.report.page.samples import SampleRow, gather, samples_json
from unifer.report.page.summary import summary
from unifer.report.page.thumbnails import PageImage, Thumbnails, pack
from unifer.report.page.training import curves_json, training_of

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
class Settings:
    """How a page is made. `image_root` is as for inference; `training` are checkpoint folders whose curves
    are wanted too; `baseline` is the run that all others are held against.
    """

    title: str = "How well do they read faces?"
    images: bool = True
    image_root: Path | None = None
    training: tuple[Path, ...] = ()
    resamples: int = 1000
    budget: int = BUDGET
    baseline: str | None = None


@dataclass(frozen=True)
class Written:
    """What was written: the page, its bytes, how many questions and warnings it shows, what it says of its
    images; PNG files beside it, and why no radar chart is among them.
    """

    path: Path
    bytes: int
    questions: int
    warnings: tuple[str, ...]
    images: str
    figures: tuple[Path, ...]
    no_radar: str


def write_report(
    results: Sequence[DatasetScores], out: Path, settings: Settings, progress: Progress
) -> Written:
    """Write `out/index.html` about `results`, and its two charts as PNG files beside it.

    Raises InputError: nothing given, one model twice on a dataset, datasets that disagree, a baseline that is
    none of the runs.
    """
    _check(results)
    models = list(dict.fromkeys(result.run.name for result in results))
    asked = gather(results, models, list(dict.fromkeys(result.spec.name for result in results)))
    baseline = baseline_of(models, settings.baseline)
    pairs = held_against(results, models, baseline, settings.resamples)
    radars = radars_of(results, models)
    about = summary(results, asked, models, settings.resamples)
    about |= {"baseline": baseline, "gains": [pair.to_json() for pair in pairs]}
    about["radars"] = {scope: radar.to_json() for scope, radar in radars.items()}
    about["training"] = _training(results, settings.training)
    about["emotions"] = in_order(label for result in results for label in result.spec.labels)
    samples = packed(samples_json(asked))
    thumbnails, shown, about["images"] = _images(
        results, asked, settings, settings.budget - len(samples), progress
    )
    page = _assembled(settings.title, about, samples, packed(shown), thumbnails.text)
    path = out / NAME
    files.write_text(path, page)
    drawn = write_figures(out, radars, pairs, {result.spec.name: result.spec.title for result in results})
    left_out = next((radar.refusal for radar in radars.values()), "")
    return Written(
        path, path.stat().st_size, len(asked), tuple(about["warnings"]), about["images"], drawn, left_out
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
                "beside "
                f"{before.run.path}; "
                "rename one of the files, or leave one out"
            )
        first = next(each for each in results if each.spec.name == result.spec.name)
        if first.spec.labels != result.spec.labels:
            raise InputError(
                f"{result.spec.folder}: dataset {result.spec.name!r} has the labels "
                f"{', '.join(result.spec.labels)}, but in {first.spec.folder} it has "
                f"{', '.join(first.spec.labels)}; they are two datasets: give one another name"
            )


def _training(results: Sequence[DatasetScores], wanted: Sequence[Path]) -> list[Json]:
    """Curves of the checkpoints behind `results` that lie where checkpoints lie, and of the folders that are
    wanted besides.
    """
    folders = {folder.resolve(): None for folder in wanted}
    for result in results:
        root, above = project_root(result.spec.folder), result.spec.folder.absolute().parent
        near = (above, root / "runs", root / "runs" / "quickstart", root / "model")
        found = training_of(_model(result), near)
        if found is not None:
            folders[found.resolve()] = None
    return [curves_json(folder, folder.name) for folder in folders]


def _model(result: DatasetScores) -> Json:
    stated = read_manifest(result.run.path)
    model = None if stated is None else stated.identity.get("model")
    return model if isinstance(model, dict) else {}


def _images(
    results: Sequence[DatasetScores],
    asked: Sequence[SampleRow],
    settings: Settings,
    left: int,
    progress: Progress,
) -> tuple[Thumbnails, list[object], str]:
    """The packed thumbnails, what to show of each question (its place in them, or why there is none), and a
    sentence about them.
    """
    if not settings.images:
        return (
            Thumbnails(),
            ["left out of this page (--images none)"] * len(asked),
            "Images were left out of this page (--images none).",
        )
    specs = list({result.spec.name: result.spec for result in results}.values())
    folders = [
        tuple(dict.fromkeys((spec.questions.parent, *([spec.sample.parent] if spec.sample else ()))))
        for spec in specs
    ]
    found = [image_file(one.question.image_path, settings.image_root, folders[one.dataset]) for one in asked]
    order = sorted(range(len(asked)), key=lambda at: asked[at].telling)
    wanted = dict.fromkeys(
        PageImage(path, asked[at].question.image_path) for at in order if isinstance(path := found[at], Path)
    )
    with progress(len(wanted)) as advance:
        thumbnails = pack(list(wanted), max(_LEAST, left - _PAGE), advance)
    shown = [shown_as(each, thumbnails) for each in found]
    return thumbnails, shown, _about_images(thumbnails, shown)


def image_file(name: str, root: Path | None, folders: Sequence[Path]) -> Path | str:
    """The image file that a row means, looked for beside each of the dataset's question files; or why its
    path is refused.
    """
    try:
        places = [resolve(name, root, folder) for folder in folders]
    except ImageError as error:
        return str(error)
    return next((place for place in places if place.is_file()), places[0])


def shown_as(found: Path | str, thumbnails: Thumbnails) -> object:
    """Where the copy of an image stands among the thumbnails, or why there is none; `found` is its file or
    what is wrong with its path.
    """
    if isinstance(found, str):
        return found
    place = thumbnails.places.get(found)
    return (
        list(place) if place is not None else thumbnails.faults.get(found, "left out to keep this page small")
    )


def _about_images(thumbnails: Thumbnails, shown: Sequence[object]) -> str:
    number = sum(isinstance(each, list) for each in shown)
    kept = (
        f"{number:,} of {len(shown):,} questions show their image, at most {thumbnails.side} pixels "
        "wide or high"
    )
    parts = [kept if number else "No image is shown"]
    if thumbnails.left_out:
        parts.append(
            f"{thumbnails.left_out:,} did not fit (questions on which models disagree went first, "
            "then wrong answers)"
        )
    if thumbnails.faults:
        missing = next(iter(thumbnails.faults.values()))
        parts.append(f"{len(thumbnails.faults):,} cannot be shown, the first because {missing}")
    return "; ".join(parts) + "."


def packed(value: object) -> str:
    """JSON, compressed, in base64. ASCII JSON: a lone surrogate, which UTF-8 cannot hold, stays an escape."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("ascii"), compresslevel=6, mtime=0)).decode("ascii")


def _assembled(title: str, about: Json, samples: str, shown: str, images: str) -> str:
    """The whole page."""
    here = resources.files("unifer.report.page")
    template, style = (here.joinpath(name).read_text(encoding="utf-8") for name in ("page.html", "style.css"))
    script = "\n".join(here.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
    values = {"summary": embedded(about), "samples": samples, "shown": shown, "images": images}
    return document(template, values, title=title, style=style, script=script)
