"""Question files: which one is meant, and its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unifer import files
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.places import former
from unifer.records import Question
from unifer.releases import TERMS, release_of


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
                f"`unifer data build {spec.name.partition('_')[0]} --rows questions`"
            )
        release = release_of(spec.questions.name)
        where = f", in the hub dataset {release.hub} ({TERMS}): {release.commands}, or" if release else ":"
        raise InputError(
            f"{spec.questions}: the questions of {spec.title} are not there. They come with the "
            f"published FERBench{where} put {spec.questions.name} into {spec.folder.name}/{data}/. To try "
            f"now: {flag}{data}/{spec.sample.name}"
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
