"""`unifer data convert` on bad input: each error with file and row, and nothing written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.prepare.formats.examples import COT, FACIAL, QUESTION, REWARD, SWIFT, convert, put


def half_broken(path: Path) -> Path:
    path.write_text(json.dumps(COT) + "\n" + json.dumps(COT)[:30] + "\n")
    return path


BAD: list[tuple[Any, str, str, tuple[str, ...], str]] = [
    ([COT], "shargpt", "out.json", (), "did you mean 'sharegpt'.*cot, rlvr, questions"),
    ([COT], "rlvr", "out.json", ("--from", "cott"), "no format is called 'cott'; did you mean 'cot'"),
    (
        [{"text": "x"}],
        "cot",
        "out.json",
        (),
        "in.json:1: this row is of no known format: it has 'text'; say which with --from",
    ),
    ([COT | SWIFT], "rlvr", "out.json", (), "in.json:1: this row fits cot and swift"),
    ([5], "cot", "out.json", (), "in.json:1: this row is of no known format: it has 5"),
    ([], "cot", "out.json", (), "holds no rows"),
    ([COT], "facial-r1", "out.json", (), "a facial-r1 file ends in .jsonl"),
    ([COT], "rlvr", "out.txt", (), "a rlvr file ends in .json or .jsonl"),
    ([COT], "datasets", "out.parquet", (), "is a folder of shards"),
    ([COT], "rlvr", "in.json", (), "is also what is read"),
    ([COT], "rlvr", "there.json", (), "is there already; give --out another name, or --overwrite"),
    ([COT], "datasets", "there.json.d", ("--overwrite",), "holds more than Parquet shards"),
    ([COT], "rlvr", "there.json.d/x.json", ("--embed",), "--embed puts pictures into Parquet"),
    (
        [COT],
        "datasets",
        "out",
        ("--embed",),
        "in.json:1: image 'images/a.jpg' cannot be embedded: No such file",
    ),
    ([COT, REWARD], "rlvr", "out.json", (), "in.json:2: missing 'question', 'response'"),
    ([REWARD], "cot", "out.json", (), "in.json:1: has no reply.*unifer data cot"),
    ([QUESTION], "cot", "out.json", (), "in.json:1: has no reply"),
    ([REWARD], "sharegpt", "out.json", (), "in.json:1: has no reply, and LLaMA-Factory.*--to swift"),
    (
        [REWARD | {"candidate_labels": None}],
        "questions",
        "out.json",
        (),
        "in.json:1: has no candidate_labels",
    ),
    ([COT | {"response": "no tags"}], "rlvr", "out.json", (), "in.json:1: its reply answers with no label"),
    ([COT | {"question": "<image>Which?"}], "swift", "out.json", (), "in.json:1: its text holds '<image>'"),
    ([FACIAL | {"labels": "happy"}], "cot", "out.json", (), "in.json:1: 'labels' must be a list"),
    (
        [FACIAL | {"labels": [], "AUs": None}],
        "cot",
        "out.json",
        (),
        "in.json:1: has neither 'labels' nor 'AUs'",
    ),
    ([FACIAL | {"AUs": ["AU99"]}], "cot", "out.json", (), "in.json:1: 'AUs' holds 'AU99'"),
    ([FACIAL | {"image": ""}], "cot", "out.json", (), "in.json:1: 'image' must be a non-empty string"),
    (
        [SWIFT | {"images": ["a", "b"]}],
        "cot",
        "out.json",
        (),
        "in.json:1: 'images' must hold the path of one image",
    ),
    (
        [SWIFT | {"messages": [{"role": "system", "content": "x"}, *SWIFT["messages"]]}],
        "cot",
        "out.json",
        (),
        "without a system turn",
    ),
    (
        [SWIFT | {"messages": [{"role": "user", "content": "Which?"}]}],
        "rlvr",
        "out.json",
        (),
        "must hold '<image>' once",
    ),
    ([SWIFT | {"unifer": "{"}], "cot", "out.json", (), "in.json:1: 'unifer' must be the JSON text"),
    ([COT | {"provenance": {"unifer": 5}}], "rlvr", "out.json", (), "rename that key"),
    ([COT | {"provenance": {"unifer": {"kept": {"x": 1}}}}], "rlvr", "out.json", (), "'unifer' was changed"),
]


@pytest.mark.parametrize(("given", "to", "out", "more", "message"), BAD, ids=[each[4][:40] for each in BAD])
def test_bad_input_is_named_and_nothing_is_written(
    given: list[Any],
    to: str,
    out: str,
    more: tuple[str, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(tmp_path / "in.json", *given)
    put(tmp_path / "there.json", "old")
    put(tmp_path / "there.json.d" / "own.txt", "old")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert convert(tmp_path / "in.json", to, tmp_path / out, *more) == 2
    shown = capsys.readouterr().err
    assert re.search(message, shown), shown
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_torn_line_is_named_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(half_broken(tmp_path / "in.jsonl"), "rlvr", tmp_path / "out.json") == 2
    assert "in.jsonl:2: not valid JSON" in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("name", ["nowhere.json", "empty-folder", "torn.parquet"])
def test_a_wrong_path_is_said(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty-folder").mkdir()
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 no more")
    assert convert(tmp_path / name, "cot", tmp_path / "out.json") == 2
    assert name in capsys.readouterr().err


def test_overwrite_replaces_what_is_there(tmp_path: Path) -> None:
    source = put(tmp_path / "in.json", COT)
    for to, out in (("rlvr", tmp_path / "out.json"), ("datasets", tmp_path / "set")):
        assert convert(source, to, out) == 0
        assert convert(source, to, out) == 2
        assert convert(source, to, out, "--overwrite") == 0
