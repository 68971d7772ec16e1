"""The words of a question file that the user has, for questions of another set: the same prompt over the
set's own labels.
"""

from __future__ import annotations

from pathlib import Path

from unifer import files
from unifer.dialogue.wordings import Words, words_of
from unifer.errors import InputError
from unifer.records import Question

_REMEDY = "give a file whose questions all ask in the same words for a label of a list"


def read_words(path: Path) -> Words:
    """The one prompt in which every question of `path` asks, around its label list.

    Raises InputError `file:row` for a row that is no question, whose label list is not in its prompt, or that
    asks in other words.
    """
    found: dict[tuple[str, tuple[str, ...]], tuple[int, Words]] = {}
    for number, row in files.read_rows(path):
        try:
            question = Question.from_json(row)
            asked = (question.prompt, question.candidate_labels)
            if asked not in found:
                found[asked] = (number, words_of(*asked))
        except ValueError as error:
            raise InputError.at(path, number, f"{error}; {_REMEDY}") from None
        first, words = next(iter(found.values()))
        if found[asked][1] != words:
            raise InputError.at(path, number, f"asks in other words than row {first}; {_REMEDY}")
    if not found:
        raise InputError(f"{path}: holds no questions; {_REMEDY}")
    return next(iter(found.values()))[1]
