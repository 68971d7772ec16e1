"""Synthesised test rows as one HTML file: picture, question, gold, reply and faults of each, keys to judge
them, verdicts to save.

Fetches nothing. What its reader decides leaves it as a file that `prepare/synthesis/review` reads; the page
names the rows' file by its fingerprint, in the verdicts and in what the browser remembers between two visits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path

from unifer import files, runs
from unifer.action_units import ACTION_UNITS
from unifer.dialogue.answers import grade
from unifer.prepare.synthesis.review import ReviewRow
from unifer.records import Json
from unifer.report.page.building import image_file, packed, shown_as
from unifer.report.page.document import document, embedded
from unifer.report.page.marking import MarkedReply, Marks, mark_all
from unifer.report.page.samples import LONGEST
from unifer.report.page.thumbnails import SIZES, PageImage, pack

_SIZES = ((224, 80), *SIZES)
"""AUs are small: faces as large as the model sees them, where all of them fit."""
_BUDGET = 60_000_000
_SHARED = ("dom", "tools", "marks", "list")

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


def write_page(
    rows: Sequence[ReviewRow], source: Path, out: Path, image_root: Path | None, progress: Progress
) -> int:
    """Write the page about `rows`, those of the file `source`, to `out`; how many of their images it
    shows.
    """
    found = [image_file(each.row.image_path, image_root, [source.parent]) for each in rows]
    wanted = dict.fromkeys(
        PageImage(path, each.row.image_path)
        for path, each in zip(found, rows, strict=True)
        if isinstance(path, Path)
    )
    with progress(len(wanted)) as advance:
        thumbnails = pack(list(wanted), _BUDGET, advance, sizes=_SIZES)
    shown = [shown_as(each, thumbnails) for each in found]
    about = {
        "file": runs.describe_file(source),
        "units": {str(number): unit.name for number, unit in ACTION_UNITS.items()},
    }
    files.write_text(
        out,
        _assembled(
            f"Review of {source.name}", about, packed(_rows_json(rows)), packed(shown), thumbnails.text
        ),
    )
    return sum(isinstance(each, list) for each in shown)


def _rows_json(rows: Sequence[ReviewRow]) -> list[Json]:
    said = []
    for each in rows:
        verdict = grade(each.row.response, each.row.candidate_labels or ())
        said.append(MarkedReply(each.row.response, verdict.action_units, in_answer=each.label is None))
    marks = mark_all(said, LONGEST)
    return [_row_json(each, one, mark) for each, one, mark in zip(rows, said, marks, strict=True)]


def _row_json(shown: ReviewRow, said: MarkedReply, marks: Marks) -> Json:
    row = shown.row
    return {
        "id": shown.key,
        "image": row.image_path,
        "dataset": row.dataset,
        "question": row.question,
        "label": shown.label,
        "units": None if row.action_units is None else list(row.action_units),
        "faults": list(shown.faults),
        "text": said.reply[:LONGEST],
        "length": len(said.reply) if len(said.reply) > LONGEST else 0,
        "answer": marks.answer,
        "marks": marks.units,
        "claimed": sorted(said.units),
    }


def _assembled(title: str, about: Json, rows: str, shown: str, images: str) -> str:
    """The whole page."""
    here, report = resources.files("unifer.report.review"), resources.files("unifer.report.page")
    style = report.joinpath("style.css").read_text(encoding="utf-8") + here.joinpath("review.css").read_text(
        encoding="utf-8"
    )
    scripts = [report.joinpath(f"{name}.js") for name in _SHARED] + [here.joinpath("review.js")]
    script = "\n".join(each.read_text(encoding="utf-8") for each in scripts)
    template = here.joinpath("review.html").read_text(encoding="utf-8")
    values = {"about": embedded(about), "rows": rows, "shown": shown, "images": images}
    return document(template, values, title=title, style=style, script=script)
