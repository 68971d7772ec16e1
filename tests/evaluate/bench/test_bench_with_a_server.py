"""The real vLLM server, started and stopped by the benchmark itself, with the committed UniFER-Tiny-Base
behind it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai", reason="comes with the full environment")

from tests.evaluate.bench.benched import models_file, rows_of
from tests.evaluate.served import ASKED, TOKENS, Answers, answers, assert_same
from tests.shared import BASE, ROOT
from unifer.datasets import load_dataset
from unifer.questions import read_questions


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken", [False, pytest.param(True, marks=pytest.mark.matrix)], ids=["alone", "beside a broken one"]
)
def test_a_server_is_started_asked_and_stopped_and_a_broken_one_loses_its_model_alone(
    broken: bool, offline: Answers, tmp_path: Path
) -> None:
    spec = load_dataset(ROOT / "eval_rafdb")
    folder = tmp_path / "eval_rafdb"
    folder.mkdir()
    (folder / "dataset.yaml").write_text((spec.folder / "dataset.yaml").read_text())
    (folder / "data").symlink_to(spec.folder / "data")
    served = {"model": str(BASE), "max_model_len": 2048}
    entries = [{"name": "Tiny", "vllm": served, "generation": {"max_tokens": TOKENS}}]
    if broken:
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken/config.json").write_text('{"model_type": "nothing"}')
        entries.insert(0, {"name": "Broken", "vllm": {"model": str(tmp_path / "broken")}})
    models = models_file(tmp_path / "m.yaml", *entries, timeout=300)
    command = [
        sys.executable,
        "-m",
        "unifer",
        "bench",
        "--models",
        models,
        "--datasets",
        folder,
        "--sample",
        "--limit",
        str(ASKED),
    ]
    flags = [*map(str, command), "--log-dir", str(tmp_path / "logs")]
    done = subprocess.run(flags, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == broken, done.stderr[-2000:]
    assert ("Broken (rafdb): the vLLM server of Broken ended with status 1" in done.stdout) is broken
    assert f"Tiny on rafdb, done: {ASKED} of {ASKED}" in done.stderr
    rows = rows_of(folder, "Tiny.sample_qa")
    assert {row["image_path"] for row in rows} == {
        question.image_path for question in read_questions(spec.samples)[:ASKED]
    }
    assert all(row["model_response"] and row["prompt_tokens"] > 16 for row in rows)
    assert_same(answers(folder / "results/Tiny.sample_qa.jsonl"), offline)
    manifest = json.loads((folder / "results/Tiny.sample_qa.manifest.json").read_text())
    assert manifest["identity"]["engine"] == "vllm-server"
    assert "fingerprint" in manifest["identity"]["model"]
    assert (tmp_path / "logs/Tiny.sample_qa_rafdb.eval").exists()
    assert not [line for line in _processes() if "Tiny-Base" in line and "--max-model-len 2048" in line], (
        "the one of all tests has 1024"
    )


def _processes() -> list[str]:
    """Command lines of what runs now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return [line for line in found if "api_server" in line]
