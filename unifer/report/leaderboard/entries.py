"""Runs on disk -> entries of the leaderboard: one per model, with a cell for each dataset that it answered.

A model is one run name over several datasets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from unifer.datasets import DatasetSpec
from unifer.dialogue.wordings import Wording, together
from unifer.errors import InputError
from unifer.evaluate.asked import QuestionSource, find_source, read_stated
from unifer.evaluate.facial_r1 import PROTOCOL as FACIAL_R1
from unifer.evaluate.folds import folds_of
from unifer.evaluate.predictions import PredictionFile, read_predictions
from unifer.evaluate.scoring import score_strict
from unifer.evaluate.selection import Selected
from unifer.places import BENCHMARK, FERBENCH
from unifer.records import Prediction
from unifer.report.leaderboard.cells import BoardCell, facial_r1_cell, published_cell, strict_cell


@dataclass(frozen=True)
class Group:
    """Runs that may stand in one table: a family of datasets, and one kind of question file."""

    family: str
    questions: str | None = None
    """Name of the question file; None for each dataset's own."""

    @property
    def title(self) -> str:
        """A heading."""
        return self.family if self.questions is None else f"{self.family}: questions of {self.questions}"


POOLED_FAMILY, UNITS_FAMILY = "FERBench", "Other emotions, Action Units and reasoning"
"""The four sets of FERBench, which have a pooled score; the sets in the folder `benchmark`. Any other dataset
is a family of its own.
"""


def family_of(spec: DatasetSpec) -> str:
    """The heading under which a dataset stands."""
    if spec.folder.name in FERBENCH:
        return POOLED_FAMILY
    return UNITS_FAMILY if spec.folder.absolute().parent.name == BENCHMARK else spec.title


@dataclass
class Entry:
    """One model in one group: its cells by the name of the dataset."""

    model: str
    group: Group
    cells: dict[str, BoardCell] = field(default_factory=dict)
    checkpoints: dict[str, str] = field(default_factory=dict)
    """Dataset -> fingerprint of the model that answered it, where the manifest tells."""

    @property
    def one_model(self) -> bool:
        """False where the same name stands for different checkpoints."""
        return len(set(self.checkpoints.values())) < 2

    @property
    def wording(self) -> Wording | None:
        """In whose words it was asked, over all its datasets."""
        wordings = [cell.wording for cell in self.cells.values() if cell.wording is not None]
        return together(wordings) if wordings else None


def collect(
    selected: Sequence[Selected], *, protocol: str, resamples: int, advance: Callable[[], None] = lambda: None
) -> tuple[list[Entry], dict[str, DatasetSpec]]:
    """Score the runs by `protocol`: entries in the order of their first run, and the datasets by name.

    `advance` is called after each run. Raises InputError for a run that cannot be scored, and for two runs of
    one name on one dataset and question file.
    """
    entries: dict[tuple[str, Group], Entry] = {}
    specs: dict[str, DatasetSpec] = {}
    files: dict[tuple[str, Group, str], PredictionFile] = {}
    for each in selected:
        spec, run = each.spec, each.run
        _refuse_other_folder(specs.setdefault(spec.name, spec), spec)
        cell, source, rows = _scored(each, protocol, resamples)
        group = Group(family_of(spec), _questions_name(spec, source, rows))
        model = run.name if source.path is None else run.name.removesuffix(f".{source.path.stem}")
        other = files.setdefault((model, group, spec.name), run)
        if other is not run:
            raise InputError(
                f"{run.path}: {model!r} has a second run on {spec.title}, {other.path}; leave one "
                "out, or rename its file"
            )
        entry = entries.setdefault((model, group), Entry(model, group))
        entry.cells[spec.name] = cell
        stated = read_stated(run.path)
        fingerprint = None if stated is None else (stated.identity.get("model") or {}).get("fingerprint")
        if fingerprint is not None:
            entry.checkpoints[spec.name] = str(fingerprint)
        advance()
    return list(entries.values()), specs


def _scored(
    selected: Selected, protocol: str, resamples: int
) -> tuple[BoardCell, QuestionSource, list[Prediction]]:
    """The cell of one run, with its question file and its rows."""
    spec, run = selected.spec, selected.run
    if protocol == "strict":
        result = score_strict(spec, run, resamples)
        rows = [row.prediction for row in result.graded]
        source = find_source(run.path, spec, rows)
        cell = strict_cell(result, source, rows)
    else:
        rows, _ = read_predictions(run.path, spec)
        source = find_source(run.path, spec, rows)
        rule = facial_r1_cell if protocol == FACIAL_R1 else published_cell
        cell = rule(spec, run, source, rows, resamples)
    stated = read_stated(run.path)
    return (
        replace(
            cell,
            au_set=spec.au_set,
            profile=None if stated is None else stated.profile,
            folds=folds_of(row.question for row in rows),
        ),
        source,
        rows,
    )


def _refuse_other_folder(known: DatasetSpec, spec: DatasetSpec) -> None:
    if known.folder.resolve() != spec.folder.resolve() and (known.labels, known.action_units) != (
        spec.labels,
        spec.action_units,
    ):
        raise InputError(
            f"{spec.folder}: is called {spec.name!r} like {known.folder}, but asks for something "
            "else; rename one of them"
        )


def _questions_name(spec: DatasetSpec, source: QuestionSource, rows: Sequence[Prediction]) -> str | None:
    """None for the dataset's own questions; else the file's name, or a digest of the rows without a file."""
    if source.path is not None:
        same = spec.questions.is_file() and source.path.samefile(spec.questions)
        return None if same else source.path.name
    keys = "\0".join(sorted(row.question.key for row in rows))
    return f"no file at hand ({hashlib.sha256(keys.encode('utf-8', 'surrogatepass')).hexdigest()[:8]})"
