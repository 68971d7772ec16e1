"""docs/cost.md holds what the model prints, and its recipes are those of the committed configs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import cost_tables, published_runs
from unifer import files

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "train_unifer" / "configs"


@pytest.mark.parametrize("table", cost_tables.TABLES, ids=lambda table: str(table.__name__))
def test_the_page_holds_each_table_as_it_is_printed(table: Callable[[], str]) -> None:
    page = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    assert table() in page, "run python benchmarks/cost_tables.py and put its tables into docs/cost.md"


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_the_recipes_are_the_committed_configs(stage: str) -> None:
    config = files.read_yaml(CONFIGS / f"{stage}_7b.yaml")
    plan, work = cost_tables.recipe(stage, "7B", 8)
    assert plan.gpus * plan.batch * plan.accumulation == config["global_batch"]
    assert plan.batch == config["per_device_train_batch_size"]
    assert work.save_steps == config["save_steps"]
    assert plan.deepspeed == published_runs.zero(int(Path(config["deepspeed"]).stem[-1]))
    if stage == "grpo":
        assert plan.vllm is not None
        assert plan.vllm.utilization == config["vllm_gpu_memory_utilization"]
        assert plan.completion_tokens == config["max_completion_length"]
        assert work.group == config["num_generations"]
        assert work.reference is bool(config["beta"])
