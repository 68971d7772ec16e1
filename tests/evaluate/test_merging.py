"""Joining prediction files: an answer wins over a failure, and nothing else is decided in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.parts import IDENTITY, TRUTHS, part, replies, row
from tests.evaluate.scored import FAILED, NOUNS, question, replied, run_of
from unifer.errors import InputError
from unifer.evaluate.merging import merge
from unifer.evaluate.sources import MIXED
from unifer.records import Json


# --- what is joined
# -----------------------------------------------------------------------------------------------------------
def test_an_answer_wins_over_a_failure_in_either_order(tmp_path: Path) -> None:
    first = part(tmp_path / "a.jsonl", [row(0, FAILED), row(1)])
    second = part(tmp_path / "b.jsonl", [row(0), row(1, FAILED), row(2, FAILED)])
    for paths in ((first, second), (second, first)):
        merged = merge(paths)
        assert sorted(replies(merged.predictions)) == ["failed", "happy", "sad"]
        assert merged.counts == {"asked": 6, "answered": 2, "failed": 1, "missing": 3}


def test_parts_of_one_run_keep_its_identity_so_that_inference_goes_on_with_the_merged_file(
    tmp_path: Path,
) -> None:
    merged = merge(
        [part(tmp_path / "a.jsonl", [row(0), row(1)]), part(tmp_path / "b.jsonl", [row(1), row(2)])]
    )
    assert merged.manifest["identity"] == IDENTITY
    assert merged.manifest["context"]["asked"] == 6


def test_the_manifest_lists_the_parts_with_their_digests(tmp_path: Path) -> None:
    from unifer import files

    paths = [part(tmp_path / "a.jsonl", [row(0)]), part(tmp_path / "b.jsonl", [row(1), row(2, FAILED)])]
    listed = merge(paths).manifest["context"]["parts"]
    assert [(each["name"], each["sha256"], each["rows"], each["failed"]) for each in listed] == [
        ("a.jsonl", files.sha256(paths[0]), 1, 0),
        ("b.jsonl", files.sha256(paths[1]), 2, 1),
    ]
    assert str(tmp_path) not in json.dumps(listed), "no path of a machine is recorded"


def test_parts_of_different_question_files_are_merged_under_the_whole_file(tmp_path: Path) -> None:
    """Machines that each took a part of the questions: nothing is missing, and nothing but a question of the
    whole file gets in.
    """
    whole = tmp_path / "toy_qa.json"
    whole.write_text(json.dumps([question(index, truth) for index, truth in enumerate(TRUTHS)]))
    first = part(
        tmp_path / "a.jsonl",
        [row(3), row(4), row(5)],
        3,
        questions={"name": "second_half.json", "sha256": "b" * 64},
    )
    second = part(
        tmp_path / "b.jsonl", [row(0), row(1)], 3, questions={"name": "first_half.json", "sha256": "c" * 64}
    )
    with pytest.raises(
        InputError,
        match=r"b\.jsonl: questions: .*second_half.*first_half.*(?s:.)*--allow questions; --questions FILE",
    ):
        merge([first, second])
    merged = merge([first, second], questions=whole)
    assert [each.question.key[-8:-4] for each in merged.predictions] == [
        "0000",
        "0001",
        "0003",
        "0004",
        "0005",
    ]
    assert merged.counts["missing"] == 1
    assert merged.manifest["identity"]["questions"]["name"] == "toy_qa.json"
    assert MIXED not in merged.manifest["identity"]
    stranger = part(tmp_path / "c.jsonl", [question(9, "sad") | replied("sad")], 1)
    with pytest.raises(InputError, match=r"toy_qa\.json: has no question '/faces/0009\.png'"):
        merge([first, stranger], questions=whole, allow=["questions"])


def test_allowed_question_files_count_the_missing_of_each(tmp_path: Path) -> None:
    first = part(
        tmp_path / "a.jsonl", [row(0), row(1)], 3, questions={"name": "one.json", "sha256": "b" * 64}
    )
    again = part(
        tmp_path / "b.jsonl", [row(1), row(2, FAILED)], 3, questions={"name": "one.json", "sha256": "b" * 64}
    )
    other = part(tmp_path / "c.jsonl", [row(4)], 2, questions={"name": "two.json", "sha256": "c" * 64})
    merged = merge([first, again, other], allow=["questions"])
    assert merged.counts == {"asked": 5, "answered": 3, "failed": 1, "missing": 1}
    assert merged.manifest["identity"]["questions"]["name"] == "one.json + two.json"


@given(st.permutations(range(4)), st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_the_order_of_parts_decides_nothing(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], fails: list[int]
) -> None:
    """Each question stands in several parts, failed in some of them: whoever comes first, the same answers
    remain.
    """
    folder = tmp_path_factory.mktemp("parts")
    rows = [
        [row(index, FAILED if fails[index] == machine else None) for index in range(4)]
        for machine in range(4)
    ]
    paths = [part(folder / f"{machine}.jsonl", rows[machine]) for machine in range(4)]
    merged = merge([paths[machine] for machine in order])
    assert replies(merged.predictions) == list(TRUTHS[:4])


# --- what is refused, and what --allow records
# ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"model": {"name": "N", "fingerprint": "f" * 64}}, "model.name"),
        ({"prompt": "fer-2"}, "prompt"),
        ({"generation": {"temperature": 0.7, "seed": 0}}, "generation.temperature"),
        ({"image_rule": {"version": "fer-image-1", "size": 336}}, "image_rule.size"),
        ({"questions": {"name": "toy_qa.json", "sha256": "d" * 64}}, "questions"),
        ({"engine": "transformers"}, "engine"),
    ],
)
def test_a_part_of_another_run_is_refused_by_name_or_accepted_and_recorded(
    tmp_path: Path, changed: Json, key: str
) -> None:
    first, second = part(tmp_path / "a.jsonl", [row(0)]), part(tmp_path / "b.jsonl", [row(1)], **changed)
    with pytest.raises(InputError) as refusal:
        merge([first, second])
    assert f"b.jsonl: {key}: " in str(refusal.value)
    assert f"--allow {key.split('.')[0]}" in str(refusal.value)
    for allowed in (key, key.split(".")[0]):
        merged = merge([first, second], allow=[allowed])
        assert set(merged.manifest["identity"][MIXED]) == set(merged.manifest["context"]["allowed"]) == {key}
        assert any(key in note for note in merged.notes)


def test_allowing_one_difference_does_not_allow_another(tmp_path: Path) -> None:
    """`--allow model` once accepted whatever else differed; a prefix of a name is not the name."""
    first = part(tmp_path / "a.jsonl", [row(0)])
    second = part(tmp_path / "b.jsonl", [row(1)], prompt="fer-2", dtype="bfloat16")
    with pytest.raises(InputError, match="prompt: "):
        merge([first, second], allow=["dtype", "pro"])


def test_what_was_accepted_once_is_not_forgotten_by_the_next_merge(tmp_path: Path) -> None:
    paths = [part(tmp_path / "a.jsonl", [row(0)]), part(tmp_path / "b.jsonl", [row(1)], dtype="bfloat16")]
    merge(paths, allow=["dtype"]).write(tmp_path / "ab.jsonl")
    again = merge([tmp_path / "ab.jsonl", part(tmp_path / "c.jsonl", [row(2)])])
    assert again.manifest["identity"][MIXED] == {"dtype": ["float32", "bfloat16"]}
    assert again.counts["answered"] == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("true_label", "sad"),
        ("candidate_labels", ["sad", "angry", "happy"]),
        ("prompt", "Who?"),
        ("AUs", ["AU4"]),
        ("image_path", "/x.png"),
    ],
)
def test_one_key_with_two_questions_is_refused_whatever_is_allowed(
    tmp_path: Path, field: str, value: Any
) -> None:
    """The same images under relabelled truths: the merged score would be of neither question file."""
    first = part(tmp_path / "a.jsonl", [row(0) | {"id": "q0", "AUs": ["AU6"]}])
    second = part(tmp_path / "b.jsonl", [row(0) | {"id": "q0", "AUs": ["AU6"]} | {field: value}])
    with pytest.raises(InputError, match=rf"b\.jsonl: 'q0' is another question there: its {field}"):
        merge([first, second], allow=["questions", "answers", "prompt"])


def test_two_different_answers_are_refused_unless_the_first_is_meant(tmp_path: Path) -> None:
    first = part(tmp_path / "a.jsonl", [row(0), row(1)])
    second = part(tmp_path / "b.jsonl", [row(0, replied("sad")), row(1)])
    with pytest.raises(
        InputError, match=r"'/faces/0000\.png' has two different answers \(a\.jsonl, b\.jsonl\)"
    ):
        merge([first, second])
    merged = merge([first, second], allow=["answers"])
    assert replies(merged.predictions) == ["happy", "sad"]
    assert "1 questions with two answers" in merged.manifest["context"]["allowed"]["answers"][0]
    assert MIXED in merged.manifest["identity"], "inference must not go on with it as if it were one run"


def test_rows_of_another_dataset_are_refused(tmp_path: Path) -> None:
    first = part(tmp_path / "a.jsonl", [row(0)])
    nouns = part(
        tmp_path / "b.jsonl", run_of(NOUNS, [("anger", replied("anger"))]), questions={"name": "other.json"}
    )
    with pytest.raises(
        InputError,
        match=r"b\.jsonl: is of another dataset: its questions offer anger, contempt, happiness, sadness",
    ):
        merge([first, nouns], allow=["questions"])
    named = part(tmp_path / "c.jsonl", [row(1) | {"dataset": "ferplus"}])
    other = part(tmp_path / "d.jsonl", [row(2) | {"dataset": "sfew"}])
    with pytest.raises(InputError, match=r"'ferplus' \(c\.jsonl\), 'sfew' \(d\.jsonl\)"):
        merge([named, other])


def test_a_part_without_a_manifest_is_no_part_of_a_run_that_has_one(tmp_path: Path) -> None:
    first, second = part(tmp_path / "a.jsonl", [row(0)]), part(tmp_path / "b.jsonl", [row(1)], None)
    for paths in ((first, second), (second, first)):
        with pytest.raises(InputError, match="manifest: "):
            merge(paths)
    merged = merge([first, second], allow=["manifest"])
    assert merged.counts == {"asked": None, "answered": 2, "failed": 0, "missing": None}
    assert any("how many questions were asked" in note for note in merged.notes)


@pytest.mark.parametrize(
    ("rows", "count", "message"),
    [
        ([row(0), row(0)], 6, "stands already in row 1"),
        ([row(0), row(1)], 1, "2 rows, but its manifest says that 1"),
        ([], 6, "is empty"),
    ],
)
def test_a_part_that_is_odd_by_itself_is_refused(
    tmp_path: Path, rows: list[dict[str, Any]], count: int, message: str
) -> None:
    good = part(tmp_path / "a.jsonl", [row(2)])
    with pytest.raises(InputError, match=message):
        merge([good, part(tmp_path / "b.jsonl", rows, count)])
