"""A log of inspect_ai into a predictions file with its manifest, and a predictions file into a log.

Knows both files; prints nothing. A file that is already there is moved aside, once everything is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unifer import files, runs
from unifer.datasets import DatasetSpec
from unifer.dialogue.damage import kinds
from unifer.dialogue.damage.kinds import Damage
from unifer.dialogue.images import PATCH, ImageRule
from unifer.errors import InputError
from unifer.evaluate.harness.logs import ENGINE, read_log
from unifer.evaluate.loading import PredictionFile, open_run
from unifer.records import Json, Prediction

COMMAND = "convert-log"


@dataclass(frozen=True)
class ConversionSummary:
    """What a conversion wrote: rows, how many of them failed, how many questions were asked, and notes."""

    out: Path
    rows: int
    failed: int
    total: int
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        return self.total - self.rows


def to_predictions(log: Path, out: Path) -> ConversionSummary:
    """Write the rows of a log to `out` (.jsonl) and the manifest beside it.

    Raises InputError for a log that cannot be used.
    """
    content = read_log(log)
    summary = _summary(out, content.predictions, content.total)
    files.move_aside(out, runs.manifest_path(out))
    files.write_rows(out, (prediction.to_json() for prediction in content.predictions))
    counts = {
        "asked": summary.total,
        "answered": summary.rows - summary.failed,
        "failed": summary.failed,
        "missing": summary.missing,
    }
    source = runs.describe_file(log) | {"status": content.status}
    manifest = runs.manifest(
        COMMAND, content.identity, asked=content.total, log=source, rows=counts, finished=runs.now()
    )
    files.write_json(runs.manifest_path(out), manifest)
    return summary


def to_log(
    run: PredictionFile, spec: DatasetSpec, out: Path, *, images: bool = False, image_root: Path | None = None
) -> ConversionSummary:
    """Write the predictions of a run as a log.

    With `images` it holds the pictures that the model was shown, by the image rule of the manifest. Raises
    InputError for rows of another dataset, and where pictures are wanted and nothing says how they were made.
    """
    from unifer.evaluate.harness.tasks import picture_uri
    from unifer.evaluate.harness.writing import write_log

    loaded = open_run(spec, run)
    predictions, manifest, total = loaded.predictions, loaded.manifest, len(loaded.predictions)
    identity: Json = {"questions": {}, "model": {"name": run.name}, "engine": ENGINE}
    if manifest is not None:
        identity, total = manifest.identity, max(manifest.total or 0, total)
    picture = None
    if images:
        source = loaded.source.path or spec.questions
        picture = partial(
            picture_uri,
            beside=source.parent,
            image_root=image_root,
            rule=_rule(run.path, identity),
            damage=_damage(run.path, identity),
        )
    files.move_aside(out)
    write_log(out, spec, predictions, identity, total=total, picture=picture)
    return _summary(out, predictions, total, loaded.notes)


def _summary(
    out: Path, predictions: Sequence[Prediction], total: int, notes: Sequence[str] = ()
) -> ConversionSummary:
    failed = sum(prediction.failed for prediction in predictions)
    return ConversionSummary(out, len(predictions), failed, total, tuple(notes))


def _damage(path: Path, identity: Json) -> Damage | None:
    stated = identity.get(kinds.KEY)
    if stated is None or stated in [damage.to_json() for damage in kinds.GRID]:
        return None if stated is None else Damage.from_json(stated)
    raise InputError(
        f"{path}: its pictures were damaged in another way than here ({runs.short(stated)}); "
        "leave --images away"
    )


def _rule(path: Path, identity: Json) -> ImageRule:
    rule = identity.get("image_rule")
    try:
        return ImageRule(rule["size"], rule.get("unit", PATCH))  # type: ignore[index,union-attr]
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{path}: no manifest says at which size its pictures were shown; leave --images away"
        ) from None
