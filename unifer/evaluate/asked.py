"""What a run was asked: what its manifest says, which question file at hand that is, and whether its rows
agree with it.

Knows manifests, question files and keys; no verdicts. Rows that say another truth than the question file are
refused: a score over them would be of neither. Rows more, rows fewer and other prompts come back as notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from unifer import files, runs
from unifer.datasets import DatasetSpec, read_questions
from unifer.errors import InputError
from unifer.evaluate.parts import QuestionPart
from unifer.records import Json, Prediction, Question

MIXED = "mixed"
"""Key of the identity of merged predictions: what their parts differ in, `dotted key -> the values found`."""


@dataclass(frozen=True)
class Stated:
    """What the manifest beside a prediction file says: what every row was made with, and how many questions
    were asked (None: unknown).

    `whole`: how many all parts of a split were asked, where the run is one of them. `profile`: the inference
    profile, if stated.
    """

    identity: Json
    asked: int | None
    whole: int | None = None
    profile: str | None = None

    @property
    def questions(self) -> Json:
        """`name`, `bytes` and `sha256` of the question file, as far as they are known."""
        return dict(self.identity.get("questions") or {})

    @property
    def part(self) -> QuestionPart | None:
        """The part of its question file that the run answers; None: the whole file."""
        return QuestionPart.in_identity(self.identity)

    def asked_of(self, questions: Sequence[Question]) -> Sequence[Question]:
        """Those of its question file that were asked: every start of a run asks the first N of its share."""
        share = questions if self.part is None else self.part.questions(questions)
        return share[: self.asked]


def is_log(path: Path) -> bool:
    """A log of inspect_ai: `.eval`, or JSON that begins as its logs do. Raises InputError where inspect_ai is
    not installed.
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


def read_stated(path: Path) -> Stated | None:
    """The manifest beside `path`, or what a log says itself; None for published results and where there is
    none.

    Raises InputError for another file of the manifest's name, and for a log that cannot be used.
    """
    if is_log(path):
        from unifer.evaluate.harness.logs import read_log_stated

        return read_log_stated(path)
    beside = runs.manifest_path(path)
    if path.suffix != ".jsonl" or not beside.exists():
        return None
    found = files.read_json(beside, "remove it")
    try:
        identity, asked = dict(found["identity"]), found["context"]["asked"]
        dict(identity["questions"])
        whole = found["context"].get("whole")
    except (KeyError, TypeError, ValueError, AttributeError):
        problem = (
            "is not the manifest of an inference run (identity.questions or context.asked is "
            "missing); remove it"
        )
        raise InputError(f"{beside}: {problem}") from None
    for name, count in (("asked", asked), ("whole", whole)):
        if count is not None and (type(count) is not int or count < 0):
            raise InputError(f"{beside}: context.{name} is {count!r}; a number of questions is expected")
    try:
        QuestionPart.in_identity(identity)
    except ValueError as error:
        raise InputError(f"{beside}: {error}; ask that part again") from None
    profile = found["context"].get("profile")
    return Stated(identity, asked, whole, None if profile is None else str(profile))


@dataclass(frozen=True)
class QuestionSource:
    """The question file that rows were compared with; None where no file at hand holds them.

    `unchanged`: it is, byte for byte, the file that the manifest names. `notes` say what is odd.
    """

    path: Path | None
    questions: tuple[Question, ...]
    unchanged: bool
    notes: tuple[str, ...]


def find_source(path: Path, spec: DatasetSpec, predictions: Sequence[Prediction]) -> QuestionSource:
    """Find the question file of the rows of `path` and compare them with it.

    Raises InputError for rows whose truth, labels or AUs are not the file's, and for rows that the file named
    by the manifest lacks.
    """
    stated = read_stated(path)
    named = {} if stated is None else stated.questions
    found, unchanged = _named_file(path, spec, named)
    keys = {prediction.question.key for prediction in predictions}
    mixed = {} if stated is None else stated.identity.get(MIXED) or {}
    notes = [
        f"merged from parts that differ in {key}: {' / '.join(map(runs.short, values))}"
        for key, values in mixed.items()
    ]
    if found is None:
        found = _best_match(spec, keys)
    elif not unchanged:
        notes.append(
            f"{found.name} has changed since this run was asked (its sha256 is not the one that the "
            "manifest states)"
        )
    if found is None:
        return QuestionSource(None, (), False, tuple(notes))
    known = questions_of(found)
    notes += _strangers(path, found, known, predictions, unchanged)
    notes += _differing(path, found, known, predictions)
    asked = len(keys & known.keys()) if stated is None or stated.asked is None else stated.asked
    if asked < len(known):
        notes.append(f"partial run: {asked:,} of the {len(known):,} questions of {found.name} were asked")
    return QuestionSource(found, tuple(known.values()), unchanged, tuple(notes))


def questions_of(path: Path) -> Mapping[str, Question]:
    """The questions of a file by key; read once for as long as the file stays as it is."""
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, changed: int, size: int) -> Mapping[str, Question]:
    return {question.key: question for question in read_questions(path)}


def _named_file(path: Path, spec: DatasetSpec, named: Json) -> tuple[Path | None, bool]:
    """The file that the manifest names, looked for where such files lie, and whether it is unchanged; an
    unchanged one goes first.
    """
    name = Path(str(named.get("name") or "")).name
    folders = (spec.questions.parent, *([spec.sample.parent] if spec.sample else ()), path.parent)
    there = [folder / name for folder in dict.fromkeys(folders) if name and (folder / name).is_file()]
    same = next((each for each in there if named.get("sha256") in (None, files.sha256(each))), None)
    return (same, True) if same is not None else (next(iter(there), None), False)


def _best_match(spec: DatasetSpec, keys: set[str]) -> Path | None:
    """The dataset's own question file or its sample, whichever holds more of the rows; None where neither
    holds any.
    """
    here = [
        each for each in dict.fromkeys((spec.questions, spec.sample)) if each is not None and each.is_file()
    ]
    shared = {each: len(keys & questions_of(each).keys()) for each in here}
    best = max(here, key=lambda each: shared[each], default=None)
    return best if best is not None and shared[best] else None


def _strangers(
    path: Path, source: Path, known: Mapping[str, Question], rows: Sequence[Prediction], unchanged: bool
) -> list[str]:
    lone = [row.question.key for row in rows if row.question.key not in known]
    if not lone:
        return []
    if unchanged:
        raise InputError(
            f"{path}: {lone[0]!r}, the first of {len(lone):,} such rows, is no question of "
            f"{source.name}, which the manifest says was "
            "asked; these rows come from another run: remove them, or give that run its own file"
        )
    return [f"{len(lone):,} of {len(rows):,} rows answer no question of {source.name}, such as {lone[0]!r}"]


def _differing(
    path: Path, source: Path, known: Mapping[str, Question], rows: Sequence[Prediction]
) -> list[str]:
    pairs = [(row.question, known[row.question.key]) for row in rows if row.question.key in known]
    for name in ("true_label", "candidate_labels", "AUs"):
        other = [(row, question) for row, question in pairs if _contradict(name, row, question)]
        if other:
            row, question = other[0]
            said = f"{_value(name, row)} here and {_value(name, question)} in {source}"
            raise InputError(
                f"{path}: {name!r} of {row.key!r} is {said}, the first of {len(other):,} such rows; "
                "this run answered another question file: put that one back, or ask the model again"
            )
    reworded = sum(row.prompt != question.prompt for row, question in pairs)
    moved = sum(row.image_path != question.image_path for row, question in pairs)
    notes = [f"{reworded:,} rows were asked with another prompt than {source.name} has"] if reworded else []
    return notes + ([f"{moved:,} rows name another image than {source.name} does"] if moved else [])


def _contradict(name: str, row: Question, question: Question) -> bool:
    """Two answers to what the truth is; a side that does not say (published rows carry no AUs) contradicts
    nothing.
    """
    here, there = _value(name, row), _value(name, question)
    return here != there and None not in (here, there)


def _value(name: str, question: Question) -> object:
    if name == "true_label":
        return question.true_label
    if name == "AUs":
        return None if question.action_units is None else [f"AU{number}" for number in question.action_units]
    return sorted(question.candidate_labels) or None
