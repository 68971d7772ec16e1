"""In whose words a question asks: published prompts by fingerprint, templates of ours, and neither."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import ferbench
from unifer.cli import main
from unifer.dialogue import prompts, wordings
from unifer.dialogue.wordings import wording, wording_of, words_of
from unifer.records import Question

LABELS = ("happy", "sad", "angry")


def question(prompt: str, labels: tuple[str, ...] = LABELS, name: str = "a.jpg") -> Question:
    return Question(name, labels[0], prompt, labels)


@pytest.mark.parametrize(
    ("prompt", "changed"),
    [
        ("One of: happy, sad, angry. Answer.", "One of: fear, joy. Answer."),
        ("One of 'happy', 'sad', or 'angry'?", "One of 'fear', or 'joy'?"),
        ("- happy\n- sad\n- angry\n", "- fear\n- joy\n"),
        ("happy/sad/angry", "fear/joy"),
        ("An unhappy, sad, angry man: happy, sad, angry?", "An unhappy, sad, angry man: fear, joy?"),
    ],
)
def test_a_label_list_is_found_by_its_labels_whatever_stands_between_them(prompt: str, changed: str) -> None:
    """A list looked for as `a, b, c` alone would be missed in quotes, and found in the middle of a word."""
    words = words_of(prompt, LABELS)
    assert words.over(LABELS) == prompt
    assert words.over(("fear", "joy")) == changed


@pytest.mark.parametrize(
    ("prompt", "labels", "problem"),
    [
        (
            "Which expression is it?",
            LABELS,
            "does not hold the list of its candidate_labels, happy, sad, angry",
        ),
        ("sad, happy, angry", LABELS, "does not hold the list"),
        ("happy, sad, angry; happy, sad, angry", LABELS, "holds 2 times the list"),
        ("Which AUs?", (), "asks for no label"),
    ],
)
def test_a_prompt_without_its_one_list_is_refused(prompt: str, labels: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        words_of(prompt, labels)


def test_a_prompt_of_ours_is_known_over_any_labels_and_one_word_more_is_not() -> None:
    for name, template in prompts.TEMPLATES.items():
        labels = LABELS if template.needs_labels else ()
        asked = prompts.question(name, labels)
        assert wording(asked, labels).text == f"own prompt {template.version}"
        assert wording(asked + " ", labels).kind == "other"


def test_questions_in_several_words_are_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    published = "P: happy, sad, angry."
    monkeypatch.setattr(wordings, "PUBLISHED", {wordings.fingerprint(published): "toy"})
    wording.cache_clear()
    own = question(prompts.question("expression", LABELS))
    assert wording_of([question(published)] * 3).text == "published prompt of toy"
    mixed = wording_of([question(published), own])
    assert (mixed.kind, mixed.short) == ("several", "several prompts")
    assert mixed.text == "several prompts: published prompt of toy, own prompt fer-1"
    wording.cache_clear()


def test_the_published_words_over_other_labels_are_no_published_prompt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A set of our own that asks as FERBench does must not pass for FERBench."""
    monkeypatch.setattr(wordings, "PUBLISHED_WORDS", wordings.fingerprint("P: {labels}."))
    wording.cache_clear()
    found = wording("P: fear, joy.", ("fear", "joy"))
    assert found.kind == "other"
    assert "the published words over other labels" in found.text
    wording.cache_clear()


@ferbench.needs_ferbench
@pytest.mark.parametrize("name", sorted(wordings.PUBLISHED.values()))
def test_the_published_files_ask_as_their_fingerprints_say(name: str) -> None:
    rows = json.loads((ferbench.PUBLISHED / f"{name}_qa.json").read_text(encoding="utf-8"))
    assert wording_of([Question.from_json(row) for row in rows]).dataset == name
    words = words_of(rows[0]["prompt"], rows[0]["candidate_labels"])
    assert wordings.fingerprint(f"{words.before}{{labels}}{words.after}") == wordings.PUBLISHED_WORDS


def test_the_command_says_in_whose_words_files_ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = tmp_path / "own.json", tmp_path / "other.jsonl"
    own.write_text(json.dumps([question(prompts.question("expression", LABELS)).to_json()]))
    other.write_text(json.dumps(question("Which?").to_json() | {"model_response": "x"}) + "\n")
    assert main(["data", "prompts", str(own), str(other)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "own prompt fer-1" in shown[0]
    assert "another prompt" in shown[1]
    assert all("1 question" in line for line in shown)
    assert main(["data", "prompts"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{mark}  published prompt of {name}" in listed for mark, name in wordings.PUBLISHED.items())


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["nowhere.json"], "nowhere.json: no such file"),
        (["expression", "joint"], "name one template, or question files"),
        (["jiont"], "did you mean 'joint'"),
    ],
)
def test_what_is_neither_a_template_nor_a_file_is_refused(
    names: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "prompts", *names]) == 2
    assert problem in capsys.readouterr().err
