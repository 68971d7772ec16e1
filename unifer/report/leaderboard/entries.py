"""Runs on disk -> entries of the leaderboard: one per model, with a cell for each dataset that it answered.

A model is one run name over several datasets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from unifer.datasets import DatasetSpec
from unifer.dialogue.wordings import Wording, together
from unifer.errors import InputError
from unifer.evaluate.loading import LoadedRun, PredictionFile, open_run
from unifer.evaluate.run_files import Selected
from unifer.places import FERBENCH, MORE
from unifer.report.leaderboard.cells import CELLS, BoardCell


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
"""The four sets of FERBench, which are pooled; the sets in `eval_more`.

Any other dataset is a family of its own.
"""


def family_of(spec: DatasetSpec) -> str:
    """The heading under which a dataset stands."""
    if spec.folder.name in FERBENCH:
        return POOLED_FAMILY
    return UNITS_FAMILY if spec.folder.absolute().parent.name == MORE else spec.title


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
        loaded = open_run(spec, run)
        group, source = Group(family_of(spec), questions_name(loaded)), loaded.source.path
        model = run.name if source is None else run.name.removesuffix(f".{source.stem}")
        other = files.setdefault((model, group, spec.name), run)
        if other is not run:
            raise InputError(
                f"{run.path}: {model!r} has a second run on {spec.title}, {other.path}; leave one "
                "out, or rename its file"
            )
        entry = entries.setdefault((model, group), Entry(model, group))
        entry.cells[spec.name] = CELLS[protocol](loaded, resamples)
        identity = {} if loaded.manifest is None else loaded.manifest.identity
        fingerprint = (identity.get("model") or {}).get("fingerprint")
        if fingerprint is not None:
            entry.checkpoints[spec.name] = str(fingerprint)
        advance()
    return list(entries.values()), specs


def _refuse_other_folder(known: DatasetSpec, spec: DatasetSpec) -> None:
    if known.folder.resolve() != spec.folder.resolve() and (known.labels, known.action_units) != (
        spec.labels,
        spec.action_units,
    ):
        raise InputError(
            f"{spec.folder}: is called {spec.name!r} like {known.folder}, but asks for something "
            "else; rename one of them"
        )


def questions_name(loaded: LoadedRun) -> str | None:
    """None for the dataset's own questions; else the file's name, or a digest of the rows without a file."""
    path, own = loaded.source.path, loaded.spec.questions
    if path is not None:
        return None if own.is_file() and path.samefile(own) else path.name
    keys = "\0".join(sorted(row.question.key for row in loaded.predictions))
    return f"no file at hand ({hashlib.sha256(keys.encode('utf-8', 'surrogatepass')).hexdigest()[:8]})"
