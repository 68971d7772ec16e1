"""Files that are broken in the ways files break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.json_files import json_rows, json_values, rows_of, same_folder
from unifer import files
from unifer.errors import InputError


def refusal(path: Path, content: bytes | str) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    with pytest.raises(InputError) as caught:
        rows_of(path)
    return str(caught.value)


@same_folder
@given(rows=st.lists(json_rows, max_size=6))
@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str, rows: list[Any]) -> None:
    path = tmp_path / name
    files.write_rows(path, rows)
    if rows or path.suffix == ".json":
        assert rows_of(path) == rows
    else:
        assert path.read_bytes() == b""


@same_folder
@given(
    rows=st.lists(json_values, min_size=1, max_size=6),
    indent=st.none() | st.integers(0, 3),
    mark=st.booleans(),
)
def test_arrays_are_read_however_they_are_laid_out(
    tmp_path: Path, rows: list[Any], indent: int | None, mark: bool
) -> None:
    path = tmp_path / "rows.json"
    path.write_text(
        "\n " + json.dumps(rows, indent=indent) + " \n", encoding="utf-8-sig" if mark else "utf-8"
    )
    assert rows_of(path) == rows


@same_folder
@given(rows=st.lists(json_values, min_size=1, max_size=4), data=st.data())
def test_an_array_cut_anywhere_is_never_taken_for_a_whole_one(
    tmp_path: Path, rows: list[Any], data: st.DataObject
) -> None:
    whole = json.dumps(rows)
    cut = data.draw(st.integers(1, len(whole) - 1))
    assert "rows.json" in refusal(tmp_path / "rows.json", whole[:cut])


def test_row_numbers_are_positions_in_an_array_and_lines_in_jsonl(tmp_path: Path) -> None:
    array, lines = tmp_path / "a.json", tmp_path / "a.jsonl"
    array.write_text('[{"a": 1},\n\n\n {"a": 2}]', encoding="utf-8")
    lines.write_text('{"a": 1}\n\n\n{"a": 2}\r\n', encoding="utf-8")
    assert [number for number, _ in files.read_rows(array)] == [1, 2]
    assert [number for number, _ in files.read_rows(lines)] == [1, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        ('[{"a": 1}, {"a": 2', "x.json:2: not valid JSON"),
        ('[{"a": 1}, ', "truncated"),
        ('[{"a": 1}', "truncated"),
        ("[", "truncated"),
        ('[{"a": 1},]', "x.json:1: a comma before the closing ']'"),
        ('[{"a": 1}] [2]', "x.json:1: text after the closing ']'"),
        ('[{"a": 1} {"a": 2}]', "x.json:1: ',' or ']' expected after this row"),
        ("[{'a': 1}]", "x.json:1: not valid JSON"),
        ('{"a": 1}\n{"a": \n', "x.json:2: not valid JSON"),
        ('{\n  "a": 1\n}\n', "x.json:1: not valid JSON"),
        ("image_path,label\na.png,sad\n", "x.json:1: not valid JSON"),
        (b'[{"a": "caf\xe9"}]', "byte 11 (0xe9) is not UTF-8"),
        ('[{"a": 1}]'.encode("utf-16"), "is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is not UTF-8"),
        ('[{"a": NaN}]', "NaN"),
        ('{"a": Infinity}\n', "Infinity"),
        ('[{"label": "sad", "label": "happy"}]', "x.json:1: 'label' stands twice in one object"),
        ('{"label": "sad", "label": "happy"}\n', "x.json:1: 'label' stands twice in one object"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000 + "\n", "x.json:1"),
    ],
)
def test_a_broken_file_is_refused_with_place_and_cause(
    tmp_path: Path, content: bytes | str, message: str
) -> None:
    error = refusal(tmp_path / "x.json", content)
    assert message in error
    assert error.startswith(str(tmp_path / "x.json"))
    assert len(error) < 600


def test_the_rows_before_the_broken_one_are_given_out_first(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"a": 1}, {"a": 2}, oops]', encoding="utf-8")
    rows = files.read_rows(path)
    assert [next(rows), next(rows)] == [(1, {"a": 1}), (2, {"a": 2})]
    with pytest.raises(InputError, match=r"x\.json:3"):
        next(rows)


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        rows_of(tmp_path / "nowhere.json")
    with pytest.raises(InputError, match="is a folder"):
        rows_of(tmp_path)
    (tmp_path / "file").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"file/x\.json: cannot be read: Not a directory"):
        rows_of(tmp_path / "file" / "x.json")


def test_what_the_record_refuses_gets_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("1\n2\n3\n", encoding="utf-8")

    def below_three(row: int) -> int:
        if row >= 3:
            raise ValueError("too large")
        return row

    with pytest.raises(InputError, match=r"x\.jsonl:3: too large"):
        list(files.read_records(path, below_three))


def test_a_key_may_stand_once_and_none_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"id": null}\n{"id": null}\n{"id": "a"}\n{"id": "a"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.jsonl:4: 'a' stands already in row 3"):
        list(files.read_records(path, lambda row: row, key=lambda row: row["id"]))


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    files.write_json(path, {"war": 0.5})
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(path, {"war": float("nan")})
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "\ud800")
    assert json.loads(path.read_text(encoding="utf-8")) == {"war": 0.5}
    assert [member.name for member in tmp_path.iterdir()] == ["metrics.json"]


def test_a_written_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    files.write_json(tmp_path / "ours.json", {})
    (tmp_path / "plain.json").write_text("{}", encoding="utf-8")
    assert (tmp_path / "ours.json").stat().st_mode == (tmp_path / "plain.json").stat().st_mode


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert files.sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_moves_aside_moves_under_one_number_and_replaces_nothing(tmp_path: Path) -> None:
    rows, manifest, folder = tmp_path / "m.jsonl", tmp_path / "m.manifest.json", tmp_path / "run"
    rows.touch()
    manifest.touch()
    (tmp_path / "m.manifest.json.1").touch()
    assert files.move_aside(rows, manifest, tmp_path / "m.shard-0.jsonl") == tmp_path / "m.jsonl.2"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "m.jsonl.2",
        "m.manifest.json.1",
        "m.manifest.json.2",
    ]
    (folder / "checkpoint-1").mkdir(parents=True)
    assert files.move_aside(folder) == tmp_path / "run.1"
    assert (tmp_path / "run.1" / "checkpoint-1").is_dir()
    assert files.move_aside(folder) is None


def test_text_that_is_no_yaml_is_refused_by_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("rows: [a", encoding="utf-8")
    with pytest.raises(InputError, match=r"settings\.yaml: not valid YAML"):
        files.read_yaml(path)


def test_the_remedy_ends_the_message_about_a_broken_json_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    for text in ("", "{", "[" * 100_000):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"config\.json.*; copy it again$"):
            files.read_json(path, "copy it again")
