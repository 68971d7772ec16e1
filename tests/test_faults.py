"""A download gone wrong is said to be one, with the command that mends it: `Expecting value (column 1)` sent
people into their JSON.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from unifer import cli, files
from unifer.errors import InputError

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
PAGE = "\n<!doctype html>\n<html><head><title>Sign in</title></head></html>\n"
ROW = '{"image_path": "a.jpg", "question": "?", "response": "x"}'
OWN = "fetch it again, or write it anew"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (
            "UniFER_CoT_230K.json",
            POINTER,
            ": is a pointer of Git LFS, not the file that it stands for; fetch it again: `unifer "
            "data fetch cot",
        ),
        (
            "rafdb_qa.json",
            PAGE,
            ": is a web page, not JSON; fetch it again: `unifer data fetch ferbench --overwrite`",
        ),
        (
            "UniFER_RLVR_360K.json",
            f"[{ROW},\n{ROW[:30]}",
            ":2: not valid JSON, .* the file is truncated, .*`unifer data fetch rlvr --overwrite`",
        ),
        (
            "mine.json",
            f"[{ROW}",
            rf":1: ',' or '\]' expected after this row; the file is truncated, .*; {OWN}",
        ),
        ("mine.jsonl", f"{ROW}\n{ROW[:30]}", f":2: not valid JSON, .* the file is truncated, .*; {OWN}"),
        ("mine.jsonl", POINTER, f": is a pointer of Git LFS.*; {OWN}"),
    ],
)
def test_what_came_instead_of_the_file_is_named_with_the_remedy(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f"{name}{problem}"):
        list(files.read_rows(tmp_path / name))


@pytest.mark.parametrize(
    "text", ['{"a": 1}\n{"a": 2 3}\n{"a": 4}\n', '{"a": 1}\n{"a": 2\n', '[{"a": 1}, {"a": 2 3}]']
)
def test_a_fault_in_a_whole_file_is_no_truncation(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(InputError) as caught:
        list(files.read_rows(tmp_path / "x.jsonl"))
    assert "truncated" not in str(caught.value)


def test_the_checks_say_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rafdb_qa.json").write_text(POINTER)
    assert cli.main(["data", "check", str(tmp_path / "rafdb_qa.json"), "--no-images"]) == 1
    assert "is a pointer of Git LFS" in " ".join(capsys.readouterr().out.split())
