"""The real vLLM server of the committed checkpoint behind a task: pictures arrive as inference shows them, replies come back whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from inspect_ai import eval as run_tasks
from inspect_ai.model import get_model

from unifer.cli import main
from unifer.datasets import load_dataset
from unifer.evaluate.harness import registry
from unifer.evaluate.harness.conversion import to_predictions
from unifer.evaluate.predictions import Run
from unifer.evaluate.scoring import score_strict
from unifer.models.server import ServerOptions, serving
from unifer.places import TINY_BASE
from unifer.records import Prediction

ROOT = Path(__file__).parents[3]
ASKED = 12


@pytest.mark.slow
def test_a_server_behind_a_task_replies_what_the_offline_engine_does_and_is_scored_alike(tmp_path: Path) -> None:
    spec = load_dataset(ROOT / "eval_rafdb")
    with serving(ServerOptions(str(ROOT / TINY_BASE), max_model_len=1024), "tiny", tmp_path / "server.log") as server:
        model = get_model("openai-api/unifer/tiny", base_url=server.url, api_key="none", memoize=False)
        (log,) = run_tasks(
            registry.rafdb(sample=True), model=model, limit=ASKED, max_tokens=160, log_dir=str(tmp_path / "logs"), display="none"
        )
    assert log.status == "success"
    assert log.results is not None
    rows = to_predictions(Path(log.location), tmp_path / "served.jsonl")
    assert (rows.rows, rows.failed, rows.missing) == (ASKED, 0, 0)
    scored = score_strict(spec, Run("tiny", rows.out), 0)
    assert scored.action_units is not None
    assert log.results.scores[0].metrics["AU_F1"].value == scored.action_units.face_f1 > 0
    offline = tmp_path / "offline.jsonl"
    arguments = ["--model", str(ROOT / TINY_BASE), "--engine", "vllm", "--sample", "--limit", str(ASKED), "--max-new-tokens", "160"]
    assert main(["infer", "--dataset-dir", str(spec.folder), "--out", str(offline), *arguments]) == 0
    served, direct = (answers(path) for path in (rows.out, offline))
    assert len({row.reply for row in served.values()}) > 1, "the replies depend on the face"
    for key, row in served.items():
        assert " ".join(row.reply.split()) == " ".join(direct[key].reply.split()), key
        assert (row.finish_reason, row.prompt_tokens) == (direct[key].finish_reason, direct[key].prompt_tokens)


def answers(path: Path) -> dict[str, Prediction]:
    rows = [Prediction.from_json(json.loads(line)) for line in path.read_text().splitlines()]
    return {row.question.key: row for row in rows}
