"""A log of inspect_ai into a predictions file with its manifest, and a predictions file into a log. Knows
both files; prints nothing.

A file that is already there is moved aside, once everything is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unifer import files, runs
from unifer.datasets import DatasetSpec
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.evaluate.harness.logs import ENGINE, read_log
from unifer.evaluate.loading import PredictionFile, open_run
from unifer.records import Json, Prediction

COMMAND = "convert-log"


@dataclass(frozen=True)
class Converted:
    """What was written: rows, how many of them failed, how many questions were asked, and what is odd."""

    out: Path
    rows: int
    failed: int
    asked: int
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        return self.asked - self.rows


def to_predictions(log: Path, out: Path) -> Converted:
    """Write the rows of a log to `out` (.jsonl) and the manifest beside it. Raises InputError for a log that
    cannot be used.
    """
    found = read_log(log)
    made = _converted(out, found.predictions, found.asked)
    files.move_aside(out, runs.manifest_path(out))
    files.write_rows(out, (prediction.to_json() for prediction in found.predictions))
    counts = {
        "asked": made.asked,
        "answered": made.rows - made.failed,
        "failed": made.failed,
        "missing": made.missing,
    }
    source = runs.describe_file(log) | {"status": found.status}
    manifest = runs.manifest(
        COMMAND, found.identity, asked=found.asked, log=source, rows=counts, finished=runs.now()
    )
    files.write_json(runs.manifest_path(out), manifest)
    return made


def to_log(
    run: PredictionFile, spec: DatasetSpec, out: Path, *, images: bool = False, image_root: Path | None = None
) -> Converted:
    """Write the predictions of a run as a log; with `images`, the pictures that the model was shown, by the
    image rule of its manifest.

    Raises InputError for rows of another dataset, and where pictures are wanted and nothing says how they
    were made.
    """
    from unifer.evaluate.harness.tasks import picture_uri
    from unifer.evaluate.harness.writing import write_log

    loaded = open_run(spec, run)
    predictions, stated = loaded.predictions, loaded.manifest
    identity: Json = (
        {"questions": {}, "model": {"name": run.name}, "engine": ENGINE}
        if stated is None
        else stated.identity
    )
    asked = (
        len(predictions) if stated is None or stated.total is None else max(stated.total, len(predictions))
    )
    picture = None
    if images:
        source = loaded.source.path or spec.questions
        picture = partial(
            picture_uri, beside=source.parent, image_root=image_root, rule=_rule(run.path, identity)
        )
    files.move_aside(out)
    write_log(out, spec, predictions, identity, asked=asked, picture=picture)
    made = _converted(out, predictions, asked)
    return Converted(made.out, made.rows, made.failed, made.asked, loaded.notes)


def _converted(out: Path, predictions: Sequence[Prediction], asked: int) -> Converted:
    return Converted(out, len(predictions), sum(prediction.failed for prediction in predictions), asked)


def _rule(path: Path, identity: Json) -> ImageRule:
    rule = identity.get("image_rule")
    try:
        return ImageRule(rule["size"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{path}: no manifest says at which size its pictures were shown; leave --images away"
        ) from None
