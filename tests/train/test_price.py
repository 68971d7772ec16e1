"""The doctor's cost section: what a run goes through by its settings, and that what is assumed is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unifer import files
from unifer.cli.doctor import _lines
from unifer.train.doctor import price
from unifer.train.doctor.cards import CARDS
from unifer.train.doctor.plans import DeepSpeed, MemoryPlan, PlannedRun, Vllm
from unifer.train.doctor.shapes import KNOWN, shape_of

SEVEN = shape_of(KNOWN["Qwen/Qwen2.5-VL-7B-Instruct"])
RUN = PlannedRun(
    MemoryPlan(8, 7, 4, 120, 1024, deepspeed=DeepSpeed(3), reference=True, vllm=Vllm(0.3, True, 1, 28)),
    SEVEN,
    None,
    3,
    "7B",
)


def settings(rows: Path, **changed: Any) -> tuple[Any, Any]:
    config: dict[str, Any] = {
        "num_train_epochs": 1,
        "max_steps": -1,
        "num_generations": 8,
        "max_completion_length": 1024,
        "num_iterations": 1,
        "steps_per_generation": None,
        "gradient_accumulation_steps": 4,
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_importance_sampling_correction": True,
        "beta": 0.04,
        "save_strategy": "steps",
        "save_steps": 300,
    }
    return SimpleNamespace(rows=str(rows), trained_completions=None), SimpleNamespace(**(config | changed))


def test_without_a_row_file_the_published_counts_are_used_and_said(tmp_path: Path) -> None:
    work, said = price.work_of("grpo", *settings(tmp_path / "none.json"), RUN)
    assert work.steps == 12_858  # 360,000 rows x 8 replies / 224
    assert said[0] == "360,000 rows, as published: none.json is not here"
    sft = replace(RUN, plan=replace(RUN.plan, batch=1, accumulation=2))
    assert price.work_of("sft", *settings(tmp_path / "none.json", num_train_epochs=2), sft)[0].steps == 28_750


def test_rows_that_are_here_are_counted_and_measured(tmp_path: Path) -> None:
    files.write_json(tmp_path / "rows.json", [{"question": "x" * 400, "response": "y" * 800}] * 64)
    work, said = price.work_of(
        "sft", *settings(tmp_path / "rows.json"), replace(RUN, plan=MemoryPlan(batch=4))
    )
    assert (work.steps, work.text_tokens, work.reply_tokens, said) == (16, 130, 200, [])


def test_settings_decide_what_a_reply_goes_through(tmp_path: Path) -> None:
    work, _ = price.work_of("grpo", *settings(tmp_path), RUN)
    assert (work.sampler, work.scorings, work.reference, work.padded, work.save_steps) == (
        "vllm",
        1,
        True,
        True,
        300,
    )
    changed = {
        "beta": 0.0,
        "vllm_importance_sampling_correction": False,
        "save_strategy": "no",
        "vllm_mode": "server",
    }
    work, said = price.work_of("grpo", *settings(tmp_path, **changed), RUN)
    assert (work.sampler, work.servers, work.scorings, work.reference, work.save_steps) == (
        "server",
        1,
        0,
        False,
        0,
    )
    assert any("does not train" in each for each in said)
    work, _ = price.work_of("grpo", *settings(tmp_path, num_iterations=2, use_vllm=False), RUN)
    assert (work.sampler, work.reuse, work.scorings, work.steps) == ("transformers", 2, 1, 25_715)


def test_a_lower_limit_makes_the_assumed_replies_shorter(tmp_path: Path) -> None:
    long, short = (
        price.work_of("grpo", *settings(tmp_path, max_completion_length=limit), RUN)[0]
        for limit in (512, 256)
    )
    assert (long.reply_tokens, long.longest_reply) == (256, 512)
    assert (short.reply_tokens, short.longest_reply) == (128, 256)


@pytest.mark.parametrize(
    ("name", "known"), [("model/UniFER-7B-SFT", True), ("model/UniFER-72B", True), ("other/LLaVA-7B", False)]
)
def test_a_checkpoint_that_is_not_here_has_the_shape_that_its_name_says(name: str, known: bool) -> None:
    run, said = price.named(replace(RUN, shape=None, model=name))
    assert (run.shape is not None) is known
    assert bool(said) is known


def test_the_section_names_parts_hours_bottleneck_and_assumptions_in_80_columns(tmp_path: Path) -> None:
    work, said = price.work_of("grpo", *settings(tmp_path / "none.json"), RUN)
    found = price.findings(RUN, work, CARDS["h100"], said)
    titles = [finding.title for finding in found]
    assert titles[-4:] == ["step", "run", "bottleneck", "predicted, not measured"]
    assert {"decode", "training", "weight sync", "reference model"} <= set(titles)
    assert "GPU-hours on 8 x H100" in found[-3].text
    assert " hours" in found[-2].remedy
    shown = "\n".join(_lines(each.level, each.title, each.text, each.remedy) for each in found)
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_offloading_is_said_not_to_be_counted(tmp_path: Path) -> None:
    offloaded = replace(RUN, plan=replace(RUN.plan, deepspeed=DeepSpeed(3, True, True)))
    assert (
        "offloading to CPU memory is not counted and takes long"
        in price.work_of("grpo", *settings(tmp_path), offloaded)[1]
    )


def test_an_unknown_architecture_is_not_priced(tmp_path: Path) -> None:
    work, said = price.work_of("grpo", *settings(tmp_path), RUN)
    (only,) = price.findings(replace(RUN, shape=None), work, CARDS["h100"], said)
    assert only.level == "warning"
