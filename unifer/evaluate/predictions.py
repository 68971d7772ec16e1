"""Prediction files of a dataset: which runs there are, their rows, and which questions were asked but have no row.

Knows files and manifests; not what a reply is worth (`scoring`). A run is `results/<run>.jsonl` with `<run>.manifest.json` beside it,
or a file of the published format, `results/<set>_<run>_results.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unifer import files, runs
from unifer.datasets import DatasetSpec, read_questions
from unifer.errors import InputError
from unifer.records import Json, Prediction, Question

GRADED = ".graded.jsonl"
"""Ending of exported rows with verdicts, which are no predictions."""
_PUBLISHED = "_results.json"


@dataclass(frozen=True)
class Run:
    """One prediction file and the name of its run."""

    name: str
    path: Path


def run_name(path: Path, spec: DatasetSpec) -> str:
    """`UniFER-7B.jsonl` -> `UniFER-7B`; `rafdb_unifer_7b_results.json` -> `unifer_7b`."""
    if path.name.endswith(_PUBLISHED):
        return path.name.removesuffix(_PUBLISHED).removeprefix(f"{spec.name}_")
    return path.stem


def find_runs(spec: DatasetSpec) -> list[Run]:
    """The runs in the dataset's results folder, newest first; their names are unique (our format goes before the published one)."""
    named: dict[str, Path] = {}
    for path in (*sorted(spec.results.glob("*.jsonl")), *sorted(spec.results.glob(f"*{_PUBLISHED}"))):
        # Inference leaves `<run>.shard-N.jsonl` beside a run that was killed: parts of it, not runs.
        unfinished = ".shard-" in path.name or path.name.startswith(".")
        if path.is_file() and not unfinished and not path.name.endswith(GRADED):
            named.setdefault(run_name(path, spec), path)
    age = {name: path.stat().st_mtime_ns for name, path in named.items()}
    return [Run(name, named[name]) for name in sorted(named, key=lambda name: (-age[name], name))]


def newest_run(spec: DatasetSpec) -> tuple[Run, int]:
    """The newest run and how many there are. Raises InputError saying how to make one."""
    found = find_runs(spec)
    if not found:
        raise InputError(
            f"{spec.results}: holds no predictions of {spec.title}; make some with `python infer_unifer.py` in {spec.folder / 'code'}, "
            "or give a file with --predictions"
        )
    return found[0], len(found)


def common_run(specs: Sequence[DatasetSpec], name: str | None = None) -> list[Run]:
    """The run `name` of every dataset, or the newest run that all of them have. Raises InputError naming a folder that lacks it."""
    named = [{run.name: run for run in find_runs(spec)} for spec in specs]
    for spec, found in zip(specs, named, strict=True):
        if not found or (name is not None and name not in found):
            has = f"there are {', '.join(found)}" if found else "it holds no predictions"
            raise InputError(
                f"{spec.results}: has no run{'' if name is None else f' {name!r}'} ({has}); "
                f"make it with `python infer_unifer.py` in {spec.folder / 'code'}, or leave {spec.folder.name} out with --datasets"
            )
    shared = [key for key in named[0] if all(key in found for found in named)] if name is None else [name]
    if not shared:
        listed = "; ".join(f"{spec.folder.name}: {', '.join(found)}" for spec, found in zip(specs, named, strict=True))
        raise InputError(f"no run has predictions in all {len(specs)} folders ({listed}); finish one, or choose folders with --datasets")
    newest = max(shared, key=lambda key: (max(found[key].path.stat().st_mtime_ns for found in named), key))
    return [found[newest] for found in named]


def read_predictions(path: Path, spec: DatasetSpec) -> tuple[list[Prediction], list[str]]:
    """Rows of one file, keys unique, and notes on what is odd. Raises InputError for rows that belong to another dataset."""

    def parse(row: Any) -> Prediction:
        prediction = Prediction.from_json(row)
        for label in prediction.question.candidate_labels:
            if label not in spec.labels:
                has = f"labels of {spec.title} are {', '.join(spec.labels)}" if spec.labels else f"{spec.title} asks for AUs alone"
                raise ValueError(f"'candidate_labels' holds {label!r}, so this row is of another dataset; {has}")
        return prediction

    predictions = list(files.read_records(path, parse, key=lambda prediction: prediction.question.key))
    if not predictions:
        raise InputError(f"{path}: holds no predictions; a row has a question's fields and model_response")
    offered = {label for prediction in predictions for label in prediction.question.candidate_labels}
    never = [label for label in spec.labels if label not in offered]
    notes = [f"no question offers {', '.join(never)}: are these rows of {spec.title}?"] if never else []
    named = {prediction.question.dataset for prediction in predictions} - {None, spec.name}
    notes += [f"rows say that their dataset is {name!r}, not {spec.name!r}" for name in sorted(filter(None, named))]
    return predictions, notes


@dataclass(frozen=True)
class Missing:
    """Questions that were asked and have no row: those that could be looked up, and how many could not."""

    questions: tuple[Question, ...] = ()
    unplaced: int = 0
    notes: tuple[str, ...] = ()


def find_missing(path: Path, spec: DatasetSpec, predictions: Sequence[Prediction]) -> Missing:
    """Compare the rows of `path` with the number asked that its manifest states. Without a manifest nothing is known to be missing.

    Raises InputError where the file holds more rows than were asked.
    """
    asked = _questions_asked(path)
    if asked is None:
        expected = sum(spec.expected.values())
        short = path.name.endswith(_PUBLISHED) and 0 < len(predictions) < expected
        return Missing(notes=(f"{len(predictions):,} rows of the {expected:,} that {spec.title} has",) if short else ())
    lacking = asked["rows"] - len(predictions)
    if lacking < 0:
        raise InputError(
            f"{path}: holds {len(predictions):,} rows, but {runs.manifest_path(path).name} says that {asked['rows']:,} questions were "
            "asked; give the run its own file, or remove the manifest of another run"
        )
    if not lacking:
        return Missing()
    warning = f"incomplete run: {lacking:,} of {asked['rows']:,} questions have no reply yet and count as wrong; run the inference again"
    done = {prediction.question.key for prediction in predictions}
    lost = tuple(question for question in _questions(asked, path, spec)[: asked["rows"]] if question.key not in done)
    if len(lost) == lacking:
        return Missing(lost, notes=(warning,))
    covered = "their question file is not at hand, so UAR, macro-F1 and AU F1 cover answered questions only"
    return Missing(unplaced=lacking, notes=(warning, covered))


def _questions_asked(path: Path) -> Json | None:
    """Name and digest of the question file, and `rows`, how many of its questions were asked; None without a manifest."""
    manifest = runs.manifest_path(path)
    if path.suffix != ".jsonl" or not manifest.exists():
        return None
    found = files.read_json(manifest, "remove it")
    try:
        questions, asked = dict(found["identity"]["questions"]), found["context"]["asked"]
    except (KeyError, TypeError, ValueError):
        problem = "is not the manifest of an inference run (identity.questions or context.asked is missing); remove it"
        raise InputError(f"{manifest}: {problem}") from None
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < 0:
        raise InputError(f"{manifest}: context.asked is {asked!r}; a number of questions is expected")
    return questions | {"rows": asked}


def _questions(asked: Json, path: Path, spec: DatasetSpec) -> list[Question]:
    """The questions of the file that the manifest names, looked for where such files lie; empty if it is not there unchanged."""
    name = Path(str(asked.get("name", ""))).name
    beside = [spec.questions.parent, *([spec.sample.parent] if spec.sample else []), path.parent]
    for folder in dict.fromkeys(beside):
        candidate = folder / name
        if name and candidate.is_file() and asked.get("sha256") in (None, files.sha256(candidate)):
            return read_questions(candidate, spec)
    return []
