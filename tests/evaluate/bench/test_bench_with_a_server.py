"""The real vLLM server, started and stopped by the benchmark itself, with the committed UniFER-Tiny-Base behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai", reason="comes with the full environment")
pytest.importorskip("vllm", reason="comes with the full environment")

from tests.evaluate.bench.benched import models_file, rows_of
from unifer.datasets import load_dataset, read_questions
from unifer.places import TINY_BASE

ROOT = Path(__file__).parents[3]
LIMIT = 12


@pytest.mark.slow
def test_a_server_is_started_asked_and_stopped_and_a_broken_one_loses_its_model_alone(tmp_path: Path) -> None:
    spec = load_dataset(ROOT / "eval_rafdb")
    folder = tmp_path / "eval_rafdb"
    folder.mkdir()
    (folder / "dataset.yaml").write_text((spec.folder / "dataset.yaml").read_text())
    (folder / "data").symlink_to(spec.folder / "data")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "nothing"}')
    served = {"model": str(ROOT / TINY_BASE), "max_model_len": 2048}
    entries = [{"name": "Broken", "vllm": {"model": str(broken)}}, {"name": "Tiny", "vllm": served, "generation": {"max_tokens": 96}}]
    models = models_file(tmp_path / "m.yaml", *entries, timeout=300)
    command = [sys.executable, "-m", "unifer", "bench", "--models", models, "--datasets", folder, "--sample", "--limit", str(LIMIT)]
    flags = [*map(str, command), "--log-dir", str(tmp_path / "logs")]
    done = subprocess.run(flags, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr[-2000:]
    assert "Broken (rafdb): the vLLM server of Broken ended with status 1" in done.stdout
    assert f"Tiny on rafdb, done: {LIMIT} of {LIMIT}" in done.stderr
    rows = rows_of(folder, "Tiny.sample_qa")
    assert {row["image_path"] for row in rows} == {question.image_path for question in read_questions(spec.samples)[:LIMIT]}
    assert all(row["model_response"] and row["prompt_tokens"] > 16 for row in rows)
    manifest = json.loads((folder / "results/Tiny.sample_qa.manifest.json").read_text())
    assert manifest["identity"]["engine"] == "vllm-server"
    assert "fingerprint" in manifest["identity"]["model"]
    assert (tmp_path / "logs/Tiny.sample_qa_rafdb.eval").exists()
    assert not [line for line in _processes() if "Tiny-Base" in line]


def _processes() -> list[str]:
    """Command lines of what runs now."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:
            continue
    return [line for line in found if "api_server" in line]
