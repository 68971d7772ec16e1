"""A run, opened once: its rows, its manifest, the question file that they answer, and what is missing.

A run is `results/<run>.jsonl` with `<run>.manifest.json` beside it, a file of the published format
(`results/<set>_<run>_results.json`), or a log of inspect_ai. `open_run` reads all of it; scoring, merging,
comparison, leaderboard and report work on the `LoadedRun`.

Knows files, manifests and keys; not what a reply is worth (`scoring`). Rows that state another truth than
their question file are refused: a score over them would be of neither. Rows more, rows fewer and other
prompts become notes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from unifer import files, runs
from unifer.datasets import DatasetSpec
from unifer.dialogue.damage.kinds import damage_of
from unifer.errors import InputError
from unifer.evaluate.parts import QuestionPart
from unifer.evaluate.sources import QuestionSource, find_source
from unifer.records import Json, Prediction, Question

PUBLISHED_RESULTS = "_results.json"
"""Ending of a file in the published format."""


@dataclass(frozen=True)
class PredictionFile:
    """One prediction file and the name of its run."""

    name: str
    path: Path


@dataclass(frozen=True)
class RunManifest:
    """What the manifest beside a prediction file states.

    `identity`: what made every row. `total`: how many questions there were to ask (None: unknown).

    `whole`: the questions of all parts of a split, where the run is one of them. `profile`: the inference
    profile, if stated.
    """

    identity: Json
    total: int | None
    whole: int | None = None
    profile: str | None = None

    @property
    def part(self) -> QuestionPart | None:
        """The part of its question file that the run answers; None: the whole file."""
        return QuestionPart.in_identity(self.identity)

    @property
    def damage(self) -> str | None:
        """What was done to the pictures, such as `defocus:3`; None: nothing."""
        return damage_of(self.identity)

    def share_of(self, questions: Sequence[Question]) -> Sequence[Question]:
        """Those of its question file that the run asks: every start of a run asks the first of its share."""
        share = questions if self.part is None else self.part.questions(questions)
        return share[: self.total]


@dataclass(frozen=True)
class Missing:
    """Questions of the run without a row: those that could be looked up, and how many could not."""

    questions: tuple[Question, ...] = ()
    unplaced: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadedRun:
    """One run on one dataset with everything that its files say; `notes` name what is odd about them."""

    spec: DatasetSpec
    file: PredictionFile
    predictions: tuple[Prediction, ...]
    manifest: RunManifest | None
    source: QuestionSource
    missing: Missing
    notes: tuple[str, ...]

    @property
    def questions(self) -> list[Question]:
        """Every question of the run that is known, those without a row last."""
        return [*(prediction.question for prediction in self.predictions), *self.missing.questions]


def open_run(spec: DatasetSpec, run: PredictionFile) -> LoadedRun:
    """Read one run of a dataset; keys of its rows are unique.

    Raises InputError for rows of another dataset, for rows that contradict the question file that they
    answer, and for more rows than the manifest says were asked.
    """
    path = run.path
    if is_log(path):
        _refuse_other_dataset(path, spec)
    rows = read_rows(path, lambda prediction: _check_labels(prediction, spec))
    if not rows:
        raise InputError(f"{path}: holds no predictions; a row has a question's fields and model_response")
    offered = {label for row in rows for label in row.question.candidate_labels}
    never = [label for label in spec.labels if label not in offered]
    notes = [f"no question offers {', '.join(never)}: are these rows of {spec.title}?"] if never else []
    others = {row.question.dataset for row in rows} - {None, spec.name}
    manifest = read_manifest(path)
    if manifest is not None and manifest.damage is not None:
        notes.append(f"the pictures were damaged: {manifest.damage}; no score of {spec.title} as it is")
    notes += [
        f"rows say that their dataset is {name!r}, not {spec.name!r}" for name in sorted(filter(None, others))
    ]
    total = None if manifest is None else manifest.total
    source = find_source(path, spec, manifest.identity if manifest else {}, rows, total)
    missing = _find_missing(path, spec, manifest, source, rows)
    return LoadedRun(spec, run, tuple(rows), manifest, source, missing, (*notes, *source.notes))


# --- the manifest -------------------------------------------------------------------------------------------


def is_log(path: Path) -> bool:
    """A log of inspect_ai: `.eval`, or JSON that begins as its logs do.

    Raises InputError where inspect_ai is not installed.
    """
    if path.suffix != ".eval" and not (path.suffix == ".json" and path.is_file() and _begins_as_log(path)):
        return False
    if find_spec("inspect_ai") is None:
        raise InputError(
            f"{path}: reading a log of inspect_ai needs inspect_ai: pip install -r requirements.txt"
        )
    return True


def _begins_as_log(path: Path) -> bool:
    """An object with a field `eval`; published results are an array, and predictions have no such field."""
    with path.open("rb") as stream:
        head = stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"{") and b'"eval"' in head


def run_name(path: Path, spec: DatasetSpec) -> str:
    """`UniFER-7B.jsonl` -> `UniFER-7B`; `rafdb_unifer_7b_results.json` -> `unifer_7b`; a log: its model."""
    if is_log(path):
        manifest = read_manifest(path)
        model = (manifest.identity if manifest else {}).get("model", {})
        name = str(model.get("name", path.stem)).rsplit("/", 1)[-1]
        damage = None if manifest is None else manifest.damage
        return name if damage is None else f"{name}.damage-{damage.replace(':', '-')}"
    if path.name.endswith(PUBLISHED_RESULTS):
        return path.name.removesuffix(PUBLISHED_RESULTS).removeprefix(f"{spec.name}_")
    return path.stem


def read_manifest(path: Path) -> RunManifest | None:
    """The manifest beside `path`, or what a log says itself; None where there is none.

    Raises InputError for another file of the manifest's name, and for a log that cannot be used.
    """
    if is_log(path):
        from unifer.evaluate.harness.logs import read_log_manifest

        return read_log_manifest(path)
    beside = path.with_suffix(runs.MANIFEST)
    if path.suffix != ".jsonl" or not beside.exists():
        return None
    content = files.read_json(beside, "remove it")
    try:
        identity, context = dict(content["identity"]), content["context"]
        total, whole, profile = context["asked"], context.get("whole"), context.get("profile")
        dict(identity["questions"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError(
            f"{beside}: is not the manifest of an inference run (identity.questions or context.asked is "
            "missing); remove it"
        ) from None
    for name, count in (("asked", total), ("whole", whole)):
        if count is not None and (type(count) is not int or count < 0):
            raise InputError(f"{beside}: context.{name} is {count!r}; a number of questions is expected")
    try:
        QuestionPart.in_identity(identity)
    except ValueError as error:
        raise InputError(f"{beside}: {error}; ask that part again") from None
    return RunManifest(identity, total, whole, None if profile is None else str(profile))


# --- the rows -----------------------------------------------------------------------------------------------


def read_rows(path: Path, check: Callable[[Prediction], None] = lambda prediction: None) -> list[Prediction]:
    """The rows of a predictions file or a log of inspect_ai, keys unique.

    Raises InputError also where `check` raises ValueError.
    """
    if is_log(path):
        from unifer.evaluate.harness.logs import read_log

        return list(read_log(path, check).predictions)

    def parse(row: Any) -> Prediction:
        prediction = Prediction.from_json(row)
        check(prediction)
        return prediction

    return list(files.read_records(path, parse, key=lambda prediction: prediction.question.key))


def _refuse_other_dataset(path: Path, spec: DatasetSpec) -> None:
    from unifer.evaluate.harness.logs import read_log_dataset

    if (name := read_log_dataset(path)) != spec.name:
        raise InputError(
            f"{path}: is a log of the dataset {name!r}, not of {spec.name!r} ({spec.folder}); give the "
            f"folder of {name!r}"
        )


def _check_labels(prediction: Prediction, spec: DatasetSpec) -> None:
    for label in prediction.question.candidate_labels:
        if label not in spec.labels:
            raise ValueError(
                f"'candidate_labels' holds {label!r}, so this row is of another dataset; {spec.vocabulary}"
            )


def _find_missing(
    path: Path,
    spec: DatasetSpec,
    manifest: RunManifest | None,
    source: QuestionSource,
    rows: Sequence[Prediction],
) -> Missing:
    """Compare the rows with the number that the manifest states; without a manifest none is known missing."""
    if manifest is None or manifest.total is None:
        expected = sum(spec.expected.values())
        short = path.name.endswith(PUBLISHED_RESULTS) and not spec.questions.is_file()
        if short and 0 < len(rows) < expected:
            return Missing(notes=(f"{len(rows):,} rows of the {expected:,} that {spec.title} has",))
        return Missing()
    lacking = manifest.total - len(rows)
    if lacking < 0:
        stated_by = "its header" if is_log(path) else runs.manifest_path(path).name
        raise InputError(
            f"{path}: holds {len(rows):,} rows, but {stated_by} says that {manifest.total:,} questions "
            "were asked; give the run its own file, or remove the manifest of another run"
        )
    if not lacking:
        return Missing()
    warning = (
        f"incomplete run: {lacking:,} of {manifest.total:,} questions have no reply yet and count as wrong; "
        "run the inference again"
    )
    done = {row.question.key for row in rows}
    questions = manifest.share_of(source.questions) if source.unchanged else ()
    lost = tuple(question for question in questions if question.key not in done)
    if len(lost) == lacking:
        return Missing(lost, notes=(warning,))
    covered = "their question file is not at hand, so UAR, macro-F1 and AU F1 cover answered questions only"
    return Missing(unplaced=lacking, notes=(warning, covered))
