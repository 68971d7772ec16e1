"""Prediction files of a dataset: which runs there are, their rows, and which questions were asked but have no
row.

Knows files and manifests; not what a reply is worth (`scoring`). A run is `results/<run>.jsonl` with
`<run>.manifest.json` beside it, or a file of the published format, `results/<set>_<run>_results.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unifer import files, runs
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.evaluate.asked import find_source, is_log, read_stated
from unifer.evaluate.parts import is_part
from unifer.records import Prediction, Question

GRADED = ".graded.jsonl"
"""Ending of exported rows with verdicts, which are no predictions."""
JUDGED = ".judged.jsonl"
"""Ending of a judge's scores of a run, which are none either."""
_PUBLISHED = "_results.json"


@dataclass(frozen=True)
class PredictionFile:
    """One prediction file and the name of its run."""

    name: str
    path: Path


def run_name(path: Path, spec: DatasetSpec) -> str:
    """`UniFER-7B.jsonl` -> `UniFER-7B`; `rafdb_unifer_7b_results.json` -> `unifer_7b`; a log: the model that
    it names.
    """
    if is_log(path):
        stated = read_stated(path)
        return str((stated.identity if stated else {}).get("model", {}).get("name", path.stem)).rsplit(
            "/", 1
        )[-1]
    if path.name.endswith(_PUBLISHED):
        return path.name.removesuffix(_PUBLISHED).removeprefix(f"{spec.name}_")
    return path.stem


def find_runs(spec: DatasetSpec) -> list[PredictionFile]:
    """The runs in the dataset's results folder, newest first; their names are unique (our format goes before
    the published one).
    """
    named: dict[str, Path] = {}
    for path in (*sorted(spec.results.glob("*.jsonl")), *sorted(spec.results.glob(f"*{_PUBLISHED}"))):
        # Inference leaves `<run>.shard-N.jsonl` beside a run that was killed, and `<run>.part-K-of-N.jsonl`
        # until they are merged.
        unfinished = ".shard-" in path.name or is_part(path) or path.name.startswith(".")
        if path.is_file() and not unfinished and not path.name.endswith((GRADED, JUDGED)):
            named.setdefault(run_name(path, spec), path)
    age = {name: path.stat().st_mtime_ns for name, path in named.items()}
    return [PredictionFile(name, named[name]) for name in sorted(named, key=lambda name: (-age[name], name))]


def newest_run(spec: DatasetSpec) -> tuple[PredictionFile, int]:
    """The newest run and how many there are. Raises InputError saying how to make one."""
    found = find_runs(spec)
    if not found:
        raise InputError(
            f"{spec.results}: holds no predictions of {spec.title}; make some with `python "
            "infer_unifer.py` in "
            f"{spec.folder / 'code'}, "
            "or give a file with --predictions"
        )
    return found[0], len(found)


def common_run(specs: Sequence[DatasetSpec], name: str | None = None) -> list[PredictionFile]:
    """The run `name` of every dataset, or the newest run that all of them have. Raises InputError naming a
    folder that lacks it.
    """
    named = [{run.name: run for run in find_runs(spec)} for spec in specs]
    for spec, found in zip(specs, named, strict=True):
        if not found or (name is not None and name not in found):
            has = f"there are {', '.join(found)}" if found else "it holds no predictions"
            raise InputError(
                f"{spec.results}: has no run{'' if name is None else f' {name!r}'} ({has}); make it "
                "with `python infer_unifer.py` in "
                f"{spec.folder / 'code'}, or leave {spec.folder.name} out with --datasets"
            )
    shared = [key for key in named[0] if all(key in found for found in named)] if name is None else [name]
    if not shared:
        listed = "; ".join(
            f"{spec.folder.name}: {', '.join(found)}" for spec, found in zip(specs, named, strict=True)
        )
        raise InputError(
            "no run has predictions in all "
            f"{len(specs)} folders ({listed}); finish one, or choose folders with --datasets"
        )
    newest = max(shared, key=lambda key: (max(found[key].path.stat().st_mtime_ns for found in named), key))
    return [found[newest] for found in named]


def read_predictions(path: Path, spec: DatasetSpec) -> tuple[list[Prediction], list[str]]:
    """Rows of one file, keys unique, and notes on what is odd.

    Raises InputError for rows of another dataset, and for rows that contradict the question file that they
    answer (`asked`).
    """

    if is_log(path):
        _check_dataset(path, spec)
    predictions = read_rows(path, lambda prediction: _check_labels(prediction, spec))
    if not predictions:
        raise InputError(f"{path}: holds no predictions; a row has a question's fields and model_response")
    offered = {label for prediction in predictions for label in prediction.question.candidate_labels}
    never = [label for label in spec.labels if label not in offered]
    notes = [f"no question offers {', '.join(never)}: are these rows of {spec.title}?"] if never else []
    named = {prediction.question.dataset for prediction in predictions} - {None, spec.name}
    notes += [
        f"rows say that their dataset is {name!r}, not {spec.name!r}" for name in sorted(filter(None, named))
    ]
    return predictions, [*notes, *find_source(path, spec, predictions).notes]


def read_rows(path: Path, check: Callable[[Prediction], None] = lambda prediction: None) -> list[Prediction]:
    """The rows of a predictions file or a log of inspect_ai, keys unique. Raises InputError also where
    `check` raises ValueError.
    """
    if is_log(path):
        from unifer.evaluate.harness.logs import read_log

        return list(read_log(path, check).predictions)

    def parse(row: Any) -> Prediction:
        prediction = Prediction.from_json(row)
        check(prediction)
        return prediction

    return list(files.read_records(path, parse, key=lambda prediction: prediction.question.key))


def _check_dataset(path: Path, spec: DatasetSpec) -> None:
    from unifer.evaluate.harness.logs import read_log_dataset

    if (name := read_log_dataset(path)) != spec.name:
        raise InputError(
            f"{path}: is a log of the dataset {name!r}, not of {spec.name!r} ({spec.folder}); give "
            "the folder of "
            f"{name!r}"
        )


def _check_labels(prediction: Prediction, spec: DatasetSpec) -> None:
    for label in prediction.question.candidate_labels:
        if label not in spec.labels:
            has = (
                f"labels of {spec.title} are {', '.join(spec.labels)}"
                if spec.labels
                else f"{spec.title} asks for AUs alone"
            )
            raise ValueError(f"'candidate_labels' holds {label!r}, so this row is of another dataset; {has}")


@dataclass(frozen=True)
class Missing:
    """Questions that were asked and have no row: those that could be looked up, and how many could not."""

    questions: tuple[Question, ...] = ()
    unplaced: int = 0
    notes: tuple[str, ...] = ()


NOTHING_MISSING = Missing()


def find_missing(path: Path, spec: DatasetSpec, predictions: Sequence[Prediction]) -> Missing:
    """Compare the rows of `path` with the number asked that its manifest states. Without a manifest nothing
    is known to be missing.

    Raises InputError where the file holds more rows than were asked.
    """
    stated = read_stated(path)
    if stated is None or stated.asked is None:
        expected = sum(spec.expected.values())
        short = (
            path.name.endswith(_PUBLISHED)
            and not spec.questions.is_file()
            and 0 < len(predictions) < expected
        )
        return Missing(
            notes=(f"{len(predictions):,} rows of the {expected:,} that {spec.title} has",) if short else ()
        )
    lacking = stated.asked - len(predictions)
    if lacking < 0:
        said = "its header" if is_log(path) else runs.manifest_path(path).name
        raise InputError(
            f"{path}: holds {len(predictions):,} rows, but {said} says that {stated.asked:,} questions were "
            "asked; give the run its own file, or remove the manifest of another run"
        )
    if not lacking:
        return Missing()
    warning = (
        "incomplete run: "
        f"{lacking:,} of {stated.asked:,} questions have no reply yet and count as wrong; run the "
        "inference again"
    )
    done = {prediction.question.key for prediction in predictions}
    source = find_source(path, spec, predictions)
    asked = stated.asked_of(source.questions) if source.unchanged else ()
    lost = tuple(question for question in asked if question.key not in done)
    if len(lost) == lacking:
        return Missing(lost, notes=(warning,))
    covered = "their question file is not at hand, so UAR, macro-F1 and AU F1 cover answered questions only"
    return Missing(unplaced=lacking, notes=(warning, covered))
