"""`unifer data convert` as people meet it.

Formats told apart, other tools' own files, images that stay found, and its manifest.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.prepare.formats.examples import (
    COT,
    EXAMPLES,
    FACIAL,
    QUESTION,
    REPLY,
    REWARD,
    SHAREGPT,
    SWIFT,
    convert,
    put,
    rows,
)
from unifer import files
from unifer.cli import main
from unifer.dialogue import images
from unifer.prepare.formats import conversion
from unifer.records import CoTRow, RewardRow


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_format_is_told_by_its_first_row(name: str, tmp_path: Path) -> None:
    assert conversion.detect(put(tmp_path / "in.jsonl", EXAMPLES[name])).name == name


def test_a_description_and_a_label_make_a_cot_row(tmp_path: Path) -> None:
    assert convert(put(tmp_path / "in.jsonl", FACIAL), "cot", tmp_path / "out.json") == 0
    (row,) = files.read_records(tmp_path / "out.json", CoTRow.from_json)
    assert (row.question, row.response, row.action_units, row.dataset) == (
        "Which emotion?",
        REPLY,
        (12,),
        "RAF-DB",
    )
    assert row.provenance is not None
    assert row.provenance["source"] == "x"


def test_a_description_that_is_a_whole_reply_is_not_wrapped_once_more(tmp_path: Path) -> None:
    """`<think><think>..</think><answer>..</answer></think>` is what SFT then learned.

    No check found it.
    """
    tagged = "<think>\nThe lip corners rise (AU12).\n</think>\n<answer>happiness</answer>"
    source = put(tmp_path / "in.jsonl", FACIAL | {"description": tagged}, FACIAL | {"id": "2"})
    assert convert(source, "cot", tmp_path / "out.json") == 0
    whole, bare = files.read_records(tmp_path / "out.json", CoTRow.from_json)
    assert (whole.response, bare.response) == (tagged, REPLY)
    assert main(["data", "check", str(tmp_path / "out.json"), "--no-images"]) == 0


@pytest.mark.parametrize("provenance", [None, {"source": "x"}])
def test_the_votes_of_a_question_survive_formats_that_have_no_field_for_them(
    provenance: Any, tmp_path: Path
) -> None:
    row = (
        QUESTION
        | {"votes": {"happiness": 3, "neutral": 1}}
        | ({"provenance": provenance} if provenance else {})
    )
    for name in ("rlvr", "facial-r1", "swift"):
        assert convert(put(tmp_path / "in.jsonl", row), name, tmp_path / f"{name}.jsonl") == 0
        assert convert(tmp_path / f"{name}.jsonl", "questions", tmp_path / f"{name}.json") == 0
        assert rows(tmp_path / f"{name}.json") == [row]


@pytest.mark.parametrize(
    ("change", "solution", "units"),
    [
        ({"description": "", "AUs": []}, "happiness", None),
        ({"description": None}, "happiness", (12,)),
        ({"description": "", "labels": []}, None, (12,)),
        ({"description": "", "labels": [], "AUs": []}, None, ()),
    ],
)
def test_without_a_description_a_facial_r1_row_is_a_reward_row(
    change: dict[str, Any], solution: str | None, units: tuple[int, ...] | None, tmp_path: Path
) -> None:
    """Emotion-only sets write `"AUs": []`.

    Read as none active, every AU named would have cost the AU reward.
    """
    assert convert(put(tmp_path / "in.jsonl", FACIAL | change), "rlvr", tmp_path / "out.json") == 0
    (row,) = files.read_records(tmp_path / "out.json", RewardRow.from_json)
    assert (row.solution, row.action_units) == (solution, units)


def test_aus_without_a_label_are_the_answer_of_a_described_row(tmp_path: Path) -> None:
    assert convert(put(tmp_path / "in.jsonl", FACIAL | {"labels": []}), "cot", tmp_path / "out.json") == 0
    assert rows(tmp_path / "out.json")[0]["response"].endswith("<answer>AU12</answer>")
    assert convert(tmp_path / "out.json", "rlvr", tmp_path / "rlvr.json") == 0
    assert rows(tmp_path / "rlvr.json")[0]["solution"] is None


@pytest.mark.parametrize(
    "row", [FACIAL | {"labels": ["happiness", "surprise"], "is_valid": True}, SHAREGPT, SWIFT]
)
def test_what_only_a_foreign_row_has_comes_back_to_it(row: dict[str, Any], tmp_path: Path) -> None:
    source = put(tmp_path / "in.jsonl", row)
    name = conversion.detect(source).name
    assert convert(source, "cot", tmp_path / "cot.json") == 0
    assert convert(tmp_path / "cot.json", name, tmp_path / "back.jsonl") == 0
    read = conversion.FORMATS[name].decode
    assert read(rows(tmp_path / "back.jsonl")[0]) == read(row)
    back = {
        key: value
        for key, value in rows(tmp_path / "back.jsonl")[0].items()
        if key not in ("question", "conversations", "meta_info", "unifer")
    }
    assert back == {key: row[key] for key in back}


def test_an_edited_row_wins_over_what_was_kept(tmp_path: Path) -> None:
    assert convert(put(tmp_path / "in.json", REWARD), "questions", tmp_path / "qa.json") == 0
    row = rows(tmp_path / "qa.json")[0] | {"true_label": "sad"}
    assert convert(put(tmp_path / "edited.json", row), "rlvr", tmp_path / "out.json") == 0
    assert rows(tmp_path / "out.json")[0]["solution"] == "sad"


def test_a_label_edited_under_a_kept_reply_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(put(tmp_path / "in.json", COT), "rlvr", tmp_path / "rlvr.json") == 0
    row = rows(tmp_path / "rlvr.json")[0] | {"solution": "sadness"}
    assert convert(put(tmp_path / "edited.json", row), "cot", tmp_path / "out.json") == 2
    assert "edited.json:1: the label was 'happiness' when the reply was kept" in capsys.readouterr().err


def test_a_reward_row_for_swift_has_its_columns_and_no_reply(tmp_path: Path) -> None:
    assert convert(put(tmp_path / "in.json", REWARD), "swift", tmp_path / "out.jsonl") == 0
    (row,) = rows(tmp_path / "out.jsonl")
    assert [turn["role"] for turn in row["messages"]] == ["user"]
    assert (row["images"], row["solution"]) == (["RAF-DB/a.jpg"], "<answer>happy</answer>")


def test_the_image_root_stands_before_paths_for_tools_that_know_none(tmp_path: Path) -> None:
    source = put(tmp_path / "in.json", COT | {"image_path": "/RAF-DB/a.jpg"})
    assert convert(source, "sharegpt", tmp_path / "out.json", "--image-root", "/faces") == 0
    assert rows(tmp_path / "out.json")[0]["images"] == ["/faces/RAF-DB/a.jpg"]
    assert convert(tmp_path / "out.json", "cot", tmp_path / "back.json", "--image-root", "/faces") == 0
    assert rows(tmp_path / "back.json") == rows(source)


def test_a_file_written_elsewhere_still_finds_its_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "set").mkdir()
    source = put(tmp_path / "set" / "in.json", COT)
    assert convert(source, "sharegpt", tmp_path / "out.json") == 0
    assert rows(tmp_path / "out.json")[0]["images"] == ["set/images/a.jpg"]
    assert convert(source, "sharegpt", tmp_path / "other" / "out.json") == 2
    assert "in.json:1: image 'images/a.jpg' lies beside in.json, and no path from" in capsys.readouterr().err
    assert not (tmp_path / "other").exists() or not list((tmp_path / "other").iterdir())


def test_embedded_pictures_come_back_byte_by_byte(corpus: Path, tmp_path: Path) -> None:
    assert convert(corpus / "cot.json", "datasets", tmp_path / "set", "--embed") == 0
    assert convert(tmp_path / "set", "cot", tmp_path / "new" / "cot.json") == 0
    assert rows(tmp_path / "new" / "cot.json") == rows(corpus / "cot.json")
    for row in rows(corpus / "cot.json"):
        found = images.resolve(row["image_path"], None, tmp_path / "new")
        assert found.read_bytes() == (corpus / row["image_path"]).read_bytes()


def test_an_embedded_picture_replaces_no_other(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(corpus / "cot.json", "datasets", tmp_path / "set", "--embed") == 0
    taken = tmp_path / rows(corpus / "cot.json")[0]["image_path"]
    taken.parent.mkdir()
    taken.write_bytes(b"another")
    assert convert(tmp_path / "set", "cot", tmp_path / "cot.json") == 2
    assert "another picture is there already" in capsys.readouterr().err
    assert taken.read_bytes() == b"another"


def test_the_shards_open_in_datasets_with_pictures_and_unmerged_keys(corpus: Path, tmp_path: Path) -> None:
    """Arrow merges the keys of dictionaries: mixed sets all offered contempt."""
    import datasets

    mixed = [
        row | {"provenance": {f"only-{number}": number}}
        for number, row in enumerate(rows(corpus / "cot.json")[:2])
    ]
    source = put(corpus / "mixed.json", *mixed)
    assert convert(source, "datasets", tmp_path / "set", "--embed") == 0
    loaded = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "set" / "data" / "*.parquet"), cache_dir=str(tmp_path)
    )["train"]
    assert isinstance(loaded.features["image"], datasets.Image)
    assert loaded[0]["image"].size == (112, 112)
    assert [json.loads(text) for text in loaded["provenance"]] == [row["provenance"] for row in mixed]
    assert loaded["candidate_labels"][:] == [row["candidate_labels"] for row in mixed]


@pytest.mark.parametrize("to", ["sharegpt", "swift", "facial-r1"])
def test_rows_of_any_shape_stay_readable_for_arrow(to: str, tmp_path: Path) -> None:
    """LLaMA-Factory and ms-swift read JSON through Arrow, which refuses a column of two types."""
    import datasets

    odd = [{"a": 1}, {"a": "x", "b": [1]}, None, {"a": {"c": None}}]
    source = put(tmp_path / "in.json", *(COT | ({"provenance": each} if each else {}) for each in odd))
    assert convert(source, to, tmp_path / "out.jsonl") == 0
    if to == "facial-r1":  # its own code takes meta_info out before rows meet Arrow
        put(
            tmp_path / "out.jsonl",
            *({key: row[key] for key in row if key != "meta_info"} for row in rows(tmp_path / "out.jsonl")),
        )
    loaded = datasets.load_dataset("json", data_files=str(tmp_path / "out.jsonl"), cache_dir=str(tmp_path))[
        "train"
    ]
    assert len(loaded) == len(odd)


def test_the_manifest_says_what_was_made_from_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(put(tmp_path / "in.json", COT, COT), "facial-r1", tmp_path / "out.jsonl") == 0
    manifest = files.read_json(tmp_path / "out.manifest.json")
    assert manifest["identity"]["inputs"][0]["name"] == "in.json"
    assert (manifest["identity"]["from"], manifest["identity"]["to"], manifest["context"]["rows"]) == (
        "cot",
        "facial-r1",
        2,
    )
    assert manifest["context"]["kept"]["candidate_labels"] == 2
    shown = capsys.readouterr().out
    assert "2 rows, cot -> facial-r1" in shown
    assert "candidate_labels (2)" in shown
