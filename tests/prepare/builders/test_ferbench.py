"""The published benchmark out of official trees.

Rebuilt from its names and labels, every row comes back, and every path resolves.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ferbench import needs_ferbench, question_file
from tests.prepare.builders import mini
from unifer.ballots import EMOTION_COLUMNS
from unifer.dialogue import images
from unifer.emotions import canonical
from unifer.prepare.builders import affectnet, raf, rows
from unifer.prepare.builders.image_root import lay_out
from unifer.questions import read_questions
from unifer.records import Question


def official_rafdb(root: Path, published: list[Question]) -> None:
    codes = {label: code for code, label in raf.CODES.items()}
    names = [question.image_path.rpartition("/")[2] for question in published]
    lines = [
        f"{name.replace('_aligned', '')} {codes[str(q.true_label)]}"
        for name, q in zip(names, published, strict=True)
    ]
    mini.write(root, "basic/EmoLabel/list_patition_label.txt", *lines)
    mini.touch(root, [f"basic/Image/aligned/{name}" for name in names])


def official_ferplus(root: Path, published: list[Question]) -> None:
    ballots = {}
    for question in published:
        votes = [0] * 10
        votes[EMOTION_COLUMNS.index(canonical(str(question.true_label)))] = 10
        ballots[question.image_path.rpartition("/")[2]] = votes
    mini.ferplus(root, ballots)


def official_affectnet(root: Path, published: list[Question]) -> None:
    codes = {label: code for code, label in affectnet.CODES.items()}
    mini.affectnet(
        root, {"/".join(q.image_path.split("/")[-2:]): codes[str(q.true_label)] for q in published}
    )


def official_sfew(root: Path, published: list[Question]) -> None:
    mini.touch(root, [q.image_path.removeprefix("/SFEW-2.0/") for q in published])


TREES = {
    "rafdb": official_rafdb,
    "ferplus": official_ferplus,
    "affectnet": official_affectnet,
    "sfew": official_sfew,
}


@needs_ferbench
@pytest.mark.parametrize(("name", "make"), TREES.items(), ids=TREES)
def test_every_published_row_comes_back_from_the_official_tree(
    name: str, make: Callable[[Path, list[Question]], None], tmp_path: Path
) -> None:
    spec = mini.spec(name)
    assert spec is not None
    published = read_questions(question_file(spec), spec)
    make(tmp_path / "official", published)

    made = mini.built(name, tmp_path / "official", "test")
    built = [Question.from_json(row) for row in rows.questions(made.faces, made.facts)]

    def essence(questions: list[Question]) -> set[tuple[str, str, tuple[str, ...]]]:
        return {
            (question.image_path, str(question.true_label), question.candidate_labels)
            for question in questions
        }

    assert essence(built) == essence(published)
    assert len(built) == len(published) == sum(spec.expected.values())
    assert {question.key for question in built} == {question.key for question in published}
    assert made.report.differences() == []

    root = tmp_path / "images"
    lay_out(made.faces, made.source.tree.root, root, None, lambda count: None)
    assert all(images.resolve(question.image_path, root, root).is_file() for question in published)


@needs_ferbench
def test_the_four_sets_are_the_whole_benchmark() -> None:
    counts = [sum(spec.expected.values()) for spec in map(mini.spec, TREES) if spec]
    assert sum(counts) == 11_072
