"""A dataset is data: `dataset.yaml` in an eval folder -> DatasetSpec. Knows no dataset by name.

A fifth dataset is a copied folder with its YAML edited.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from unifer import files
from unifer.action_units import FACS_NUMBERS
from unifer.emotions import canonical
from unifer.errors import InputError
from unifer.places import former, renamed
from unifer.records import Question
from unifer.releases import TERMS, release_of

AnswerTag = Literal["one_line", "any_lines"]
_ANSWER_TAGS: tuple[AnswerTag, ...] = ("one_line", "any_lines")
ALL = "all"
"""Scores over every AU, whatever was published."""
_REQUIRED = ("name", "title", "questions")
_COUNTS = ("expected", "training")
_OPTIONAL = ("sample", "labels", "action_units", "au_sets", "human", *_COUNTS, "published")
_GONE = {
    "aliases": "reward, filter and metric accept the same spellings, those of emotions.SPELLINGS; remove it "
    "(the published rule's own table is published.aliases)"
}
"""Keys that there were."""


class _Sendable:
    """Can travel to another process: its read-only mappings, which pickle refuses, go as plain ones."""

    def __getstate__(self) -> dict[str, Any]:
        plain = {
            name: dict(value) for name, value in vars(self).items() if isinstance(value, MappingProxyType)
        }
        return vars(self) | plain

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, MappingProxyType(value) if isinstance(value, dict) else value)


@dataclass(frozen=True)
class PublishedRule(_Sendable):
    """What the published scripts of one dataset do differently from the others' (protocol `unifer`).

    `aliases` is their ordered fallback table; `answer_tag` their regular expression of the answer: `one_line`
    ignores case and stops at a line end, `any_lines` does neither.
    """

    aliases: MappingProxyType[str, tuple[str, ...]]
    answer_tag: AnswerTag


@dataclass(frozen=True)
class HumanAgreement:
    """How often people agree on the dataset's labels, in [0, 1], and who was compared with whom."""

    accuracy: float
    about: str


@dataclass(frozen=True)
class DatasetSpec(_Sendable):
    """One benchmark set: what it asks for, where its question files lie, how many rows of a label to expect."""

    name: str
    title: str
    folder: Path
    questions: Path
    labels: tuple[str, ...]
    """In the order of the prompt; empty where the set asks for AUs alone."""
    published: PublishedRule
    sample: Path | None = None
    """Committed questions over drawn faces, for a first try; None where the set has none."""
    action_units: tuple[int, ...] = ()
    """The AUs that scores of this set are computed over, as published; empty: every AU."""
    au_set: str | None = None
    """The name of `action_units` among `au_sets`; None where they have none."""
    au_sets: MappingProxyType[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Name -> AUs over which somebody published scores of this set."""
    human: HumanAgreement | None = None
    expected: MappingProxyType[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Label -> rows in the whole published question file; empty where nothing is published."""
    training: MappingProxyType[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Label -> images in the dataset's own training split; empty where that is not stated."""

    @property
    def vocabulary(self) -> str:
        """What its questions may offer, in words."""
        if not self.labels:
            return f"{self.title} asks for AUs alone"
        return f"labels of {self.title} are {', '.join(self.labels)}"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def with_au_set(self, name: str | None) -> DatasetSpec:
        """The same set scored over another of `au_sets`, or over `all` AUs; None changes nothing.

        Raises InputError: no such AU set.
        """
        if name is None:
            return self
        if name == ALL:
            return replace(self, action_units=(), au_set=None)
        if name not in self.au_sets:
            has = ", ".join((ALL, *self.au_sets))
            raise InputError(
                f"--au-set {name}: {self.title} has no such AU set; allowed are {has} ('au_sets' in "
                f"{self.folder}/dataset.yaml)"
            )
        return replace(self, action_units=self.au_sets[name], au_set=name)

    @property
    def samples(self) -> Path:
        """`sample`. Raises InputError where the set has none."""
        if self.sample is None:
            raise InputError(
                f"{self.folder}: has no sample questions ('sample' in dataset.yaml); put "
                f"{self.questions.name} into {self.questions.parent}"
            )
        return self.sample


def load_dataset(folder: Path) -> DatasetSpec:
    """Read `folder/dataset.yaml`. Raises InputError naming the key, its value and what is allowed."""
    if not (folder / "dataset.yaml").is_file():
        folder = renamed(folder)
    path = folder / "dataset.yaml"
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; a dataset folder holds dataset.yaml, such as eval_rafdb")
    raw = files.read_yaml(path)
    try:
        return _spec(folder, raw)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _spec(folder: Path, raw: Any) -> DatasetSpec:
    if not isinstance(raw, dict):
        raise ValueError(f"a mapping with {', '.join(_REQUIRED)} is expected, not {raw!r}")
    for key in _REQUIRED:
        if key not in raw:
            raise ValueError(f"missing {key!r}; needed are {', '.join(_REQUIRED)}")
    for key in (*_REQUIRED, "sample"):
        if key in raw and not (isinstance(raw[key], str) and raw[key].strip()):
            raise ValueError(f"{key!r} must be a non-empty string, not {raw[key]!r}")
    for key in raw:
        if key not in (*_REQUIRED, *_OPTIONAL):
            raise ValueError(f"unknown key {key!r}; {_GONE.get(str(key)) or _nearest(str(key))}")
    labels, sets = _labels(raw), _au_sets(raw)
    chosen = raw.get("action_units", ALL)
    named = isinstance(chosen, str) and chosen in sets
    return DatasetSpec(
        name=raw["name"],
        title=raw["title"],
        folder=folder,
        questions=folder / raw["questions"],
        sample=folder / raw["sample"] if "sample" in raw else None,
        labels=tuple(labels),
        action_units=sets[chosen] if named else _units(chosen, "action_units", sets),
        au_set=chosen if named else None,
        au_sets=MappingProxyType(sets),
        human=_human(raw.get("human")),
        expected=_counts(raw, "expected", labels),
        training=_counts(raw, "training", labels),
        published=_published(raw.get("published") or {}, labels),
    )


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key, (*_REQUIRED, *_OPTIONAL), n=1)
    return f"did you mean {near[0]!r}?" if near else f"optional are {', '.join(_OPTIONAL)}"


def _labels(raw: dict[str, Any]) -> list[str]:
    if "labels" not in raw and "action_units" in raw:
        return []
    if "labels" not in raw:
        raise ValueError(
            "missing 'labels'; a set that asks for AUs alone has 'action_units' instead (a list, or all)"
        )
    labels = raw["labels"]
    named = isinstance(labels, list) and all(isinstance(label, str) and label for label in labels)
    if not named or not labels:
        raise ValueError(
            f"'labels' must be a list of names in the order the prompt gives them, not {labels!r}"
        )
    if len({canonical(label) for label in labels}) != len(labels):
        raise ValueError(f"'labels' names one emotion twice: {labels!r}")
    return list(labels)


def _au_sets(raw: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    sets = raw.get("au_sets") or {}
    if not isinstance(sets, dict) or not all(isinstance(name, str) and name != ALL for name in sets):
        raise ValueError(
            f"'au_sets' must map names (other than {ALL}) to lists of FACS numbers, not {sets!r}"
        )
    if ALL in sets.values():
        raise ValueError(
            f"'au_sets' holds {ALL}, which is an AU set of every dataset already; name lists of FACS numbers"
        )
    return {name: _units(units, f"au_sets.{name}") for name, units in sets.items()}


def _units(units: Any, key: str, names: Collection[str] = ()) -> tuple[int, ...]:
    if units == ALL:
        return ()
    numbers = isinstance(units, list) and all(type(unit) is int and unit in FACS_NUMBERS for unit in units)
    if not numbers or not units:
        allowed = ", ".join((ALL, *names))
        raise ValueError(
            f"{key!r} must be {allowed}, or a list of FACS numbers such as [1, 2, 4], not {units!r}"
        )
    return tuple(sorted(set(units)))


def _human(raw: Any) -> HumanAgreement | None:
    if raw is None:
        return None
    accuracy = raw.get("accuracy") if isinstance(raw, dict) and set(raw) == {"accuracy", "about"} else None
    if not isinstance(accuracy, float) or not 0 <= accuracy <= 1 or not isinstance(raw["about"], str):
        raise ValueError(
            f"'human' must hold accuracy (0 to 1) and about (who was compared with whom), not {raw!r}"
        )
    return HumanAgreement(accuracy, raw["about"])


def _counts(raw: dict[str, Any], key: str, labels: list[str]) -> MappingProxyType[str, int]:
    table = raw.get(key) or {}
    counts = table.values() if isinstance(table, dict) and set(table) <= set(labels) else [None]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError(f"{key!r} must map labels to counts, not {table!r}")
    return MappingProxyType(dict(table))


def _aliases(raw: Any, key: str, labels: list[str]) -> MappingProxyType[str, tuple[str, ...]]:
    table = raw or {}
    if not isinstance(table, dict) or not all(isinstance(words, list) for words in table.values()):
        raise ValueError(f"'{key}' must map a label to a list of spellings, not {table!r}")
    for label in table:
        if label not in labels:
            raise ValueError(
                f"'{key}' speaks of {label!r}, which is not one of the labels {', '.join(labels)}"
            )
    spelled = {str(label): tuple(str(word).lower() for word in words) for label, words in table.items()}
    return MappingProxyType(spelled)


def _published(raw: Any, labels: list[str]) -> PublishedRule:
    if not isinstance(raw, dict) or not set(raw) <= {"aliases", "answer_tag"}:
        raise ValueError(f"'published' may hold aliases and answer_tag, not {raw!r}")
    tag = raw.get("answer_tag", "one_line")
    if tag not in _ANSWER_TAGS:
        raise ValueError(f"'published.answer_tag' is {tag!r}; allowed are {', '.join(_ANSWER_TAGS)}")
    return PublishedRule(_aliases(raw.get("aliases"), "published.aliases", labels), tag)


def find_questions(spec: DatasetSpec, given: Path | None, flag: str = "--questions ") -> Path:
    """The question file `given` by `flag`, as typed or in the dataset's folder; None: the dataset's own.

    Raises InputError: none there.
    """
    if given is not None:
        for path in (given, spec.folder / given):
            if path.is_file():
                return path
        raise InputError(f"{flag}{given}: no such file, neither here nor in {spec.folder}")
    if not spec.questions.is_file():
        before = former(spec.folder) / spec.questions.relative_to(spec.folder)
        if before.is_file():
            return before
        data = spec.questions.parent.name
        if spec.sample is None:
            raise InputError(
                f"{spec.questions}: the questions of {spec.title} are not there. Make them with "
                "`unifer data build --rows questions`"
            )
        release = release_of(spec.questions.name)
        where = f", in the hub dataset {release.hub} ({TERMS}): {release.commands}, or" if release else ":"
        raise InputError(
            f"{spec.questions}: the questions of {spec.title} are not there. They come with the "
            f"published FERBench{where} put {spec.questions.name} into {spec.folder.name}/{data}/. To try now: "
            f"{flag}{data}/{spec.sample.name}"
        )
    return spec.questions


def read_questions(path: Path, spec: DatasetSpec | None = None) -> list[Question]:
    """The questions of a file, keys unique; with `spec`, labels outside its vocabulary are refused."""

    def parse(row: Any) -> Question:
        question = Question.from_json(row)
        if spec is not None:
            strangers = [label for label in question.candidate_labels if label not in spec.labels]
            if strangers:
                remedy = (
                    "ask in the folder of their own dataset, or build them with these labels "
                    "(`unifer data build`)"
                )
                raise ValueError(f"'candidate_labels' holds {strangers[0]!r}; {spec.vocabulary}; {remedy}")
        return question

    questions = list(files.read_records(path, parse, key=lambda question: question.key))
    if not questions:
        raise InputError(
            f"{path}: holds no questions; a row has image_path, true_label, prompt and candidate_labels"
        )
    return questions
