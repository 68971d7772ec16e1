"""`unifer data convert` as people meet it: formats told apart, other tools' own files, images that stay found, errors with file and row."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from unifer import files
from unifer.cli import main
from unifer.dialogue import images, prompts
from unifer.prepare.formats import conversion
from unifer.records import CoTRow, RewardRow

REPLY = prompts.reply("The lip corners rise (AU12).", "happiness")
COT = {"image_path": "images/a.jpg", "question": "Which?", "response": REPLY, "candidate_labels": ["happiness", "sadness"]}
REWARD = {"image_path": "/RAF-DB/a.jpg", "problem": "Which?", "solution": "<answer>happy</answer>", "candidate_labels": ["happy", "sad"]}
FACIAL = {
    "id": "1",
    "dataset": "RAF-DB",
    "image": "a.jpg",
    "question": "<image>\nWhich emotion?",
    "AUs": ["AU12"],
    "labels": ["happiness"],
    "description": "The lip corners rise (AU12).",
    "meta_info": {"source": "x"},
}
SHAREGPT = {
    "conversations": [{"from": "human", "value": "<image>\nWhich?"}, {"from": "gpt", "value": REPLY}],
    "images": ["a.jpg"],
    "tools": "",
}
SWIFT: dict[str, Any] = {
    "messages": [{"role": "user", "content": "<image>Which?"}, {"role": "assistant", "content": REPLY}],
    "images": ["a.jpg"],
}
QUESTION = {"image_path": "/a.jpg", "true_label": "happy", "prompt": "Which?", "candidate_labels": ["happy", "sad"]}
EXAMPLES: dict[str, Any] = {
    "cot": COT,
    "rlvr": REWARD,
    "questions": QUESTION,
    "facial-r1": FACIAL,
    "sharegpt": SHAREGPT,
    "swift": SWIFT,
}


def put(path: Path, *rows: Any) -> Path:
    files.write_rows(path, rows)
    return path


def rows(path: Path) -> list[Any]:
    return [row for _, row in files.read_rows(path)]


def convert(source: Path, to: str, out: Path, *more: str) -> int:
    return main(["data", "convert", str(source), "--to", to, "--out", str(out), *more])


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_format_is_told_by_its_first_row(name: str, tmp_path: Path) -> None:
    assert conversion.detect(put(tmp_path / "in.jsonl", EXAMPLES[name])).name == name


def test_a_description_and_a_label_make_a_cot_row(tmp_path: Path) -> None:
    assert convert(put(tmp_path / "in.jsonl", FACIAL), "cot", tmp_path / "out.json") == 0
    (row,) = files.read_records(tmp_path / "out.json", CoTRow.from_json)
    assert (row.question, row.response, row.action_units, row.dataset) == ("Which emotion?", REPLY, (12,), "RAF-DB")
    assert row.provenance is not None
    assert row.provenance["source"] == "x"


def test_a_description_that_is_a_whole_reply_is_not_wrapped_once_more(tmp_path: Path) -> None:
    """`<think><think>..</think><answer>..</answer></think>` is what SFT then learned, and no check found it."""
    tagged = "<think>\nThe lip corners rise (AU12).\n</think>\n<answer>happiness</answer>"
    source = put(tmp_path / "in.jsonl", FACIAL | {"description": tagged}, FACIAL | {"id": "2"})
    assert convert(source, "cot", tmp_path / "out.json") == 0
    whole, bare = files.read_records(tmp_path / "out.json", CoTRow.from_json)
    assert (whole.response, bare.response) == (tagged, REPLY)
    assert main(["data", "check", str(tmp_path / "out.json"), "--no-images"]) == 0


@pytest.mark.parametrize("provenance", [None, {"source": "x"}])
def test_the_votes_of_a_question_survive_formats_that_have_no_field_for_them(provenance: Any, tmp_path: Path) -> None:
    row = QUESTION | {"votes": {"happiness": 3, "neutral": 1}} | ({"provenance": provenance} if provenance else {})
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
    """Emotion-only sets write `"AUs": []`: read as none active, every AU named would have cost the AU reward."""
    assert convert(put(tmp_path / "in.jsonl", FACIAL | change), "rlvr", tmp_path / "out.json") == 0
    (row,) = files.read_records(tmp_path / "out.json", RewardRow.from_json)
    assert (row.solution, row.action_units) == (solution, units)


def test_aus_without_a_label_are_the_answer_of_a_described_row(tmp_path: Path) -> None:
    assert convert(put(tmp_path / "in.jsonl", FACIAL | {"labels": []}), "cot", tmp_path / "out.json") == 0
    assert rows(tmp_path / "out.json")[0]["response"].endswith("<answer>AU12</answer>")
    assert convert(tmp_path / "out.json", "rlvr", tmp_path / "rlvr.json") == 0
    assert rows(tmp_path / "rlvr.json")[0]["solution"] is None


@pytest.mark.parametrize("row", [FACIAL | {"labels": ["happiness", "surprise"], "is_valid": True}, SHAREGPT, SWIFT])
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


def test_a_label_edited_under_a_kept_reply_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_a_file_written_elsewhere_still_finds_its_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_an_embedded_picture_replaces_no_other(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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

    mixed = [row | {"provenance": {f"only-{number}": number}} for number, row in enumerate(rows(corpus / "cot.json")[:2])]
    source = put(corpus / "mixed.json", *mixed)
    assert convert(source, "datasets", tmp_path / "set", "--embed") == 0
    loaded = datasets.load_dataset("parquet", data_files=str(tmp_path / "set" / "data" / "*.parquet"), cache_dir=str(tmp_path))["train"]
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
        put(tmp_path / "out.jsonl", *({key: row[key] for key in row if key != "meta_info"} for row in rows(tmp_path / "out.jsonl")))
    loaded = datasets.load_dataset("json", data_files=str(tmp_path / "out.jsonl"), cache_dir=str(tmp_path))["train"]
    assert len(loaded) == len(odd)


def test_the_manifest_says_what_was_made_from_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(put(tmp_path / "in.json", COT, COT), "facial-r1", tmp_path / "out.jsonl") == 0
    manifest = files.read_json(tmp_path / "out.manifest.json")
    assert manifest["identity"]["inputs"][0]["name"] == "in.json"
    assert (manifest["identity"]["from"], manifest["identity"]["to"], manifest["context"]["rows"]) == ("cot", "facial-r1", 2)
    assert manifest["context"]["kept"]["candidate_labels"] == 2
    shown = capsys.readouterr().out
    assert "2 rows, cot -> facial-r1" in shown
    assert "candidate_labels (2)" in shown


def half_broken(path: Path) -> Path:
    path.write_text(json.dumps(COT) + "\n" + json.dumps(COT)[:30] + "\n")
    return path


BAD: list[tuple[Any, str, str, tuple[str, ...], str]] = [
    ([COT], "shargpt", "out.json", (), "did you mean 'sharegpt'.*cot, rlvr, questions"),
    ([COT], "rlvr", "out.json", ("--from", "cott"), "no format is called 'cott'; did you mean 'cot'"),
    ([{"text": "x"}], "cot", "out.json", (), "in.json:1: this row is of no known format: it has 'text'; say which with --from"),
    ([COT | SWIFT], "rlvr", "out.json", (), "in.json:1: this row fits cot and swift"),
    ([5], "cot", "out.json", (), "in.json:1: this row is of no known format: it has 5"),
    ([], "cot", "out.json", (), "holds no rows"),
    ([COT], "facial-r1", "out.json", (), "a facial-r1 file ends in .jsonl"),
    ([COT], "rlvr", "out.txt", (), "a rlvr file ends in .json or .jsonl"),
    ([COT], "datasets", "out.parquet", (), "is a folder of shards"),
    ([COT], "rlvr", "in.json", (), "is also what is read"),
    ([COT], "rlvr", "there.json", (), "is there already; give --out another name, or --force"),
    ([COT], "datasets", "there.json.d", ("--force",), "holds more than Parquet shards"),
    ([COT], "rlvr", "there.json.d/x.json", ("--embed",), "--embed puts pictures into Parquet"),
    ([COT], "datasets", "out", ("--embed",), "in.json:1: image 'images/a.jpg' cannot be embedded: No such file"),
    ([COT, REWARD], "rlvr", "out.json", (), "in.json:2: missing 'question', 'response'"),
    ([REWARD], "cot", "out.json", (), "in.json:1: has no reply.*unifer data cot"),
    ([QUESTION], "cot", "out.json", (), "in.json:1: has no reply"),
    ([REWARD], "sharegpt", "out.json", (), "in.json:1: has no reply, and LLaMA-Factory.*--to swift"),
    ([REWARD | {"candidate_labels": None}], "questions", "out.json", (), "in.json:1: has no candidate_labels"),
    ([COT | {"response": "no tags"}], "rlvr", "out.json", (), "in.json:1: its reply answers with no label"),
    ([COT | {"question": "<image>Which?"}], "swift", "out.json", (), "in.json:1: its text holds '<image>'"),
    ([FACIAL | {"labels": "happy"}], "cot", "out.json", (), "in.json:1: 'labels' must be a list"),
    ([FACIAL | {"labels": [], "AUs": None}], "cot", "out.json", (), "in.json:1: has neither 'labels' nor 'AUs'"),
    ([FACIAL | {"AUs": ["AU99"]}], "cot", "out.json", (), "in.json:1: 'AUs' holds 'AU99'"),
    ([FACIAL | {"image": ""}], "cot", "out.json", (), "in.json:1: 'image' must be a non-empty string"),
    ([SWIFT | {"images": ["a", "b"]}], "cot", "out.json", (), "in.json:1: 'images' must hold the path of one image"),
    ([SWIFT | {"messages": [{"role": "system", "content": "x"}, *SWIFT["messages"]]}], "cot", "out.json", (), "without a system turn"),
    ([SWIFT | {"messages": [{"role": "user", "content": "Which?"}]}], "rlvr", "out.json", (), "must hold '<image>' once"),
    ([SWIFT | {"unifer": "{"}], "cot", "out.json", (), "in.json:1: 'unifer' must be the JSON text"),
    ([COT | {"provenance": {"unifer": 5}}], "rlvr", "out.json", (), "rename that key"),
    ([COT | {"provenance": {"unifer": {"kept": {"x": 1}}}}], "rlvr", "out.json", (), "'unifer' was changed"),
]


@pytest.mark.parametrize(("given", "to", "out", "more", "message"), BAD, ids=[each[4][:40] for each in BAD])
def test_bad_input_is_named_and_nothing_is_written(
    given: list[Any], to: str, out: str, more: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "in.json", *given)
    put(tmp_path / "there.json", "old")
    put(tmp_path / "there.json.d" / "own.txt", "old")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert convert(tmp_path / "in.json", to, tmp_path / out, *more) == 2
    shown = capsys.readouterr().err
    assert re.search(message, shown), shown
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_torn_line_is_named_before_anything_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(half_broken(tmp_path / "in.jsonl"), "rlvr", tmp_path / "out.json") == 2
    assert "in.jsonl:2: not valid JSON" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("name", ["nowhere.json", "empty-folder", "torn.parquet"])
def test_a_wrong_path_is_said(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty-folder").mkdir()
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 no more")
    assert convert(tmp_path / name, "cot", tmp_path / "out.json") == 2
    assert name in capsys.readouterr().err


def test_force_replaces_what_is_there(tmp_path: Path) -> None:
    source = put(tmp_path / "in.json", COT)
    for to, out in (("rlvr", tmp_path / "out.json"), ("datasets", tmp_path / "set")):
        assert convert(source, to, out) == 0
        assert convert(source, to, out) == 2
        assert convert(source, to, out, "--force") == 0
