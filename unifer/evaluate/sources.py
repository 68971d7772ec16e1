"""The question file that the rows of a run answer: which file at hand it is, and whether both agree.

Knows question files and keys; no verdicts. Rows that state another truth than the question file are refused;
rows more, rows fewer and other prompts become notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from unifer import files, runs
from unifer.datasets import DatasetSpec, read_questions
from unifer.errors import InputError
from unifer.records import Json, Prediction, Question

MIXED = "mixed"
"""Key of the identity of merged predictions: what their parts differ in, `dotted key -> the values`."""


@dataclass(frozen=True)
class QuestionSource:
    """The question file that rows were compared with; None where no file at hand holds them.

    `unchanged`: it is, byte for byte, the file that the manifest names. `notes` say what is odd.
    """

    path: Path | None
    questions: tuple[Question, ...]
    unchanged: bool
    notes: tuple[str, ...]


def find_source(
    path: Path, spec: DatasetSpec, identity: Json, rows: Sequence[Prediction], total: int | None
) -> QuestionSource:
    """Find the question file of the rows of `path` and compare them with it.

    `identity` and `total`, the number of questions of the run, come from its manifest ({} and None without
    one). Raises InputError for rows whose truth, labels or AUs are not the file's, and for rows that the file
    named by the manifest lacks.
    """
    notes = [
        f"merged from parts that differ in {key}: {' / '.join(map(runs.short, values))}"
        for key, values in (identity.get(MIXED) or {}).items()
    ]
    keys = {row.question.key for row in rows}
    source, unchanged = _named_file(path, spec, identity.get("questions") or {})
    if source is None:
        source = _best_match(spec, keys)
    elif not unchanged:
        notes.append(
            f"{source.name} has changed since this run was asked (its sha256 is not the one that the "
            "manifest states)"
        )
    if source is None:
        return QuestionSource(None, (), False, tuple(notes))
    known = _by_key(source)
    notes += _strangers(path, source, known, rows, unchanged)
    notes += _differing(path, source, known, rows)
    answered = len(keys & known.keys()) if total is None else total
    if answered < len(known):
        notes.append(f"partial run: {answered:,} of the {len(known):,} questions of {source.name} were asked")
    return QuestionSource(source, tuple(known.values()), unchanged, tuple(notes))


def _by_key(path: Path) -> Mapping[str, Question]:
    """The questions of a file by key; read once for as long as the file stays as it is."""
    state = path.stat()
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, changed: int, size: int) -> Mapping[str, Question]:
    return {question.key: question for question in read_questions(path)}


def _named_file(path: Path, spec: DatasetSpec, named: Json) -> tuple[Path | None, bool]:
    """The file that the manifest names, wherever such files lie, and whether it is unchanged.

    Of several, an unchanged one goes first.
    """
    name = Path(str(named.get("name") or "")).name
    folders = (spec.questions.parent, *([spec.sample.parent] if spec.sample else ()), path.parent)
    there = [folder / name for folder in dict.fromkeys(folders) if name and (folder / name).is_file()]
    same = next((each for each in there if named.get("sha256") in (None, files.sha256(each))), None)
    return (same, True) if same is not None else (next(iter(there), None), False)


def _best_match(spec: DatasetSpec, keys: set[str]) -> Path | None:
    """The dataset's own question file or its sample, whichever holds more of the rows; None: neither does."""
    here = [
        each for each in dict.fromkeys((spec.questions, spec.sample)) if each is not None and each.is_file()
    ]
    shared = {each: len(keys & _by_key(each).keys()) for each in here}
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
            f"{path}: {lone[0]!r}, the first of {len(lone):,} such rows, is no question of {source.name}, "
            "which the manifest says was asked; these rows come from another run: remove them, or give that "
            "run its own file"
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
            values = f"{_value(name, row)} here and {_value(name, question)} in {source}"
            raise InputError(
                f"{path}: {name!r} of {row.key!r} is {values}, the first of {len(other):,} such rows; this "
                "run answered another question file: put that one back, or ask the model again"
            )
    reworded = sum(row.prompt != question.prompt for row, question in pairs)
    moved = sum(row.image_path != question.image_path for row, question in pairs)
    notes = [f"{reworded:,} rows were asked with another prompt than {source.name} has"] if reworded else []
    return notes + ([f"{moved:,} rows name another image than {source.name} does"] if moved else [])


def _contradict(name: str, row: Question, question: Question) -> bool:
    """Whether the two state different truths; a side that states none contradicts nothing."""
    here, there = _value(name, row), _value(name, question)
    return here != there and None not in (here, there)


def _value(name: str, question: Question) -> object:
    if name == "true_label":
        return question.true_label
    if name == "AUs":
        return None if question.action_units is None else [f"AU{number}" for number in question.action_units]
    return sorted(question.candidate_labels) or None
