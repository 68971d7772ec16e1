"""`unifer data build --ask-like FILE`.

The questions of one file, word for word, over the labels of another set.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import ferbench
from tests.prepare.builders import mini
from unifer import cli
from unifer.dialogue.wordings import fingerprint

LABELS = ["angry", "happy", "sad"]


def asked(prompt: str, labels: list[str] = LABELS, **more: Any) -> dict[str, Any]:
    return {
        "image_path": f"{prompt[:8]}.jpg",
        "true_label": labels[0] if labels else None,
        "prompt": prompt,
        "candidate_labels": labels,
    } | more


def build(folder: Path, rows: list[dict[str, Any]], *flags: object, name: str = "rafdb") -> tuple[int, Path]:
    source, out = folder / "like.jsonl", folder / "out.json"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tree = mini.rafdb(folder / "raf") if name == "rafdb" else mini.disfa(folder / "disfa", {})
    argv = ["data", "build", name, "--root", tree, "--out", out, "--ask-like", source, *flags]
    return cli.main([*map(str, argv)]), out


def test_questions_are_asked_in_the_words_of_the_file_over_the_labels_of_the_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The question in the file name of a published benchmark must be the published one, or say that it is
    not.
    """
    status, out = build(tmp_path, [asked("Look: angry, happy, sad? Think.")] * 1, "--split", "test")
    assert status == 1
    rows = json.loads(out.read_text())
    assert {row["prompt"] for row in rows} == {
        "Look: surprise, fear, disgust, happiness, sadness, anger, neutral? Think."
    }
    assert {row["provenance"]["prompt"] for row in rows} == {fingerprint(rows[0]["prompt"])}
    manifest = json.loads(out.with_suffix(".manifest.json").read_text())
    assert manifest["identity"]["ask_like"]["name"] == "like.jsonl"
    assert manifest["context"]["wording"]["kind"] == "other"
    assert "asked in the words of: another prompt" in capsys.readouterr().out


def test_reward_rows_can_be_asked_so_too(tmp_path: Path) -> None:
    status, out = build(tmp_path, [asked("Look: angry, happy, sad?")], "--split", "train")
    assert status == 1
    assert (
        json.loads(out.read_text())[0]["problem"]
        == "Look: surprise, fear, disgust, happiness, sadness, anger, neutral?"
    )


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (
            [asked("A: angry, happy, sad?"), asked("B: angry, happy, sad?")],
            "like.jsonl:2: asks in other words than row 1",
        ),
        (
            [asked("A: angry, happy, sad?"), asked("A: angry/happy/sad?")],
            "like.jsonl:2: asks in other words than row 1",
        ),
        (
            [asked("Which one?")],
            "like.jsonl:1: its prompt does not hold the list of its candidate_labels, angry, happy, sad",
        ),
        ([asked("Which AUs?", [], AUs=[1])], "like.jsonl:1: it asks for no label of a list"),
        ([{"image_path": "a.jpg", "question": "x", "response": "y"}], "like.jsonl:1: missing"),
        ([], "like.jsonl: is empty"),
    ],
)
def test_a_file_that_asks_otherwise_is_refused_and_nothing_is_written(
    tmp_path: Path, rows: list[dict[str, Any]], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = build(tmp_path, rows, "--split", "test")
    assert status == 2
    assert problem in capsys.readouterr().err
    assert not out.exists()


def test_a_set_without_labels_cannot_be_asked_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = build(tmp_path, [asked("A: angry, happy, sad?")], name="disfa")
    assert status == 2
    assert "DISFA has none; leave --ask-like out" in capsys.readouterr().err
    assert not out.exists()


@ferbench.needs_ferbench
def test_rafdb_asked_like_any_published_file_asks_as_its_own_does(tmp_path: Path) -> None:
    """The four published files ask in the same words.

    Of SFEW's the RAF-DB question comes out, letter by letter.
    """
    like = ferbench.PUBLISHED / "sfew_2.0_qa.json"
    out = tmp_path / "rafdb_qa.json"
    argv = [
        "data",
        "build",
        "rafdb",
        "--root",
        mini.rafdb(tmp_path / "raf"),
        "--split",
        "test",
        "--out",
        out,
        "--ask-like",
        like,
    ]
    assert cli.main([*map(str, argv)]) == 1
    assert (
        json.loads(out.with_suffix(".manifest.json").read_text())["context"]["wording"]["text"]
        == "published prompt of rafdb"
    )
