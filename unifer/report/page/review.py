"""Synthesised test rows as one HTML file on which people judge them.

Each row has picture, question, gold, reply and faults. The page fetches nothing. What its reader decides
leaves it as a file that `prepare/synthesis/review` reads; the page names the rows' file by its fingerprint,
in the verdicts and in what the browser remembers between two visits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from unifer import files, runs
from unifer.action_units import ACTION_UNITS
from unifer.dialogue.answers import grade
from unifer.prepare.synthesis.review import ReviewRow
from unifer.records import Json
from unifer.report.page.browser import LONGEST, MarkedReply, Marks, mark_all
from unifer.report.page.document import document, embedded, packed
from unifer.report.page.thumbnails import SIZES, PageImage, image_file, pack

_SIZES = ((224, 80), *SIZES)
"""AUs are small: faces as large as the model sees them, where all of them fit."""
_BUDGET = 60_000_000
_SCRIPTS = ("dom", "tools", "marks", "list", "review")

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


def write_page(
    rows: Sequence[ReviewRow], source: Path, out: Path, image_root: Path | None, progress: Progress
) -> int:
    """Write the page about `rows`, those of the file `source`, to `out`; returns how many images it shows."""
    paths = [image_file(each.row.image_path, image_root, [source.parent]) for each in rows]
    wanted = dict.fromkeys(
        PageImage(path, each.row.image_path)
        for path, each in zip(paths, rows, strict=True)
        if isinstance(path, Path)
    )
    with progress(len(wanted)) as advance:
        thumbnails = pack(list(wanted), _BUDGET, advance, sizes=_SIZES)
    places = [thumbnails.place_of(path) for path in paths]
    about = {
        "file": runs.describe_file(source),
        "units": {str(number): unit.name for number, unit in ACTION_UNITS.items()},
    }
    values = {
        "about": embedded(about),
        "rows": packed(_rows_json(rows)),
        "shown": packed(places),
        "images": thumbnails.text,
    }
    title = f"Review of {source.name}"
    files.write_text(out, document("review", values, title=title, scripts=_SCRIPTS, style="review"))
    return sum(isinstance(place, list) for place in places)


def _rows_json(rows: Sequence[ReviewRow]) -> list[Json]:
    replies = []
    for each in rows:
        verdict = grade(each.row.response, each.row.candidate_labels or ())
        replies.append(MarkedReply(each.row.response, verdict.action_units, in_answer=each.label is None))
    marks = mark_all(replies, LONGEST)
    return [_row_json(each, reply, mark) for each, reply, mark in zip(rows, replies, marks, strict=True)]


def _row_json(review: ReviewRow, reply: MarkedReply, marks: Marks) -> Json:
    row = review.row
    return {
        "id": review.key,
        "image": row.image_path,
        "dataset": row.dataset,
        "question": row.question,
        "label": review.label,
        "units": None if row.action_units is None else list(row.action_units),
        "faults": list(review.faults),
        "text": reply.text[:LONGEST],
        "length": len(reply.text) if len(reply.text) > LONGEST else 0,
        "answer": marks.answer,
        "marks": marks.units,
        "claimed": sorted(reply.units),
    }
