"""The real vLLM server of the committed checkpoint behind a task: pictures arrive as inference shows them,
replies come back whole.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.served import ASKED, TOKENS, Answers, answers, assert_same
from tests.shared import BASE, ROOT
from unifer.datasets import load_dataset
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.scoring import score_strict


@pytest.mark.slow
def test_a_server_behind_a_task_replies_what_the_offline_engine_does_and_is_scored_alike(
    vllm_server: str, offline: Answers, tmp_path: Path
) -> None:
    from inspect_ai import eval as run_tasks
    from inspect_ai.model import get_model

    from unifer.evaluate.harness import registry
    from unifer.evaluate.harness.conversion import to_predictions

    spec = load_dataset(ROOT / "eval_rafdb")
    model = get_model(
        f"openai-api/unifer/{BASE}", base_url=f"{vllm_server}/v1", api_key="none", memoize=False
    )
    (log,) = run_tasks(
        registry.rafdb(sample=True),
        model=model,
        limit=ASKED,
        max_tokens=TOKENS,
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    assert log.status == "success"
    assert log.results is not None
    rows = to_predictions(Path(log.location), tmp_path / "served.jsonl")
    assert (rows.rows, rows.failed, rows.missing) == (ASKED, 0, 0)
    scored = score_strict(spec, PredictionFile("tiny", rows.out), 0)
    assert scored.action_units is not None
    assert log.results.scores[0].metrics["AU_F1"].value == scored.action_units.face_f1 > 0
    assert_same(answers(rows.out), offline)
