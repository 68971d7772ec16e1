"""The whole of curation with the real tiny model, in vLLM in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.prepare.curation.curated import lines_of
from unifer import files
from unifer.cli import main

pytestmark = pytest.mark.slow

COUNT = 12


def test_a_checkpoint_as_teacher_answers_every_row_and_a_second_run_asks_nothing(
    tiny: Path, corpus: Path, tmp_path: Path
) -> None:
    pytest.importorskip("vllm", reason="comes with the full environment")
    out = tmp_path / "cot.json"
    command = [
        "data",
        "cot",
        str(corpus / "rlvr.json"),
        "--teacher",
        str(tiny),
        "--out",
        str(out),
        "--limit",
        str(COUNT),
    ]
    # An untrained model writes bytes: every bound is as wide as it goes, and still nothing of it is
    # well-formed.
    command += ["--attempts", "2", "--max-tokens", "16", "--min-words", "0", "--min-au-f1", "0"]
    assert main(command) == 0
    report = json.loads((tmp_path / "cot.report.json").read_text())
    assert (report["rows"], report["kept"], report["exhausted"], report["failed"], report["open"]) == (
        COUNT,
        0,
        COUNT,
        0,
        0,
    )
    assert report["replies"] == report["requests"] == 2 * COUNT
    assert report["tokens_out"] > 0
    answered = [
        (line["id"], line["attempt"], line["temperature"])
        for line in lines_of(tmp_path / "cot.log.jsonl")
        if line["event"] == "reply"
    ]
    assert len(set(answered)) == 2 * COUNT
    assert {temperature for _, attempt, temperature in answered if attempt == 1} == {0.7}
    assert len(lines_of(tmp_path / "cot.rejected.jsonl")) == 2 * COUNT
    before = (tmp_path / "cot.log.jsonl").read_bytes()
    assert main(command) == 0
    assert (tmp_path / "cot.log.jsonl").read_bytes() == before
    assert list(files.read_rows(out)) == []
