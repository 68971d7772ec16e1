"""Memory by hand: parameter counts, what the pinned stack holds, and that each remedy takes as promised."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from unifer.train.doctor import memory
from unifer.train.doctor.memory import GB, estimate
from unifer.train.doctor.plans import DeepSpeed, Lora, MemoryPlan, Vllm
from unifer.train.doctor.shapes import KNOWN, ModelShape, shape_of, stored_parameters

TINY = Path(__file__).parents[2] / "train_unifer" / "checkpoints" / "UniFER-Tiny-Base"


def known(size: str) -> ModelShape:
    shape = shape_of(KNOWN[f"Qwen/Qwen2.5-VL-{size}-Instruct"])
    assert shape is not None
    return shape


SEVEN, THREE = known("7B"), known("3B")
BARE = MemoryPlan(deepspeed=None, accumulation=1)


@pytest.mark.parametrize(("shape", "published"), [(SEVEN, 8_292_166_656), (THREE, 3_754_622_976)])
def test_the_parameters_are_those_of_the_published_checkpoints(shape: ModelShape, published: int) -> None:
    assert shape.parameters == published


def test_the_count_equals_what_a_checkpoint_stores() -> None:
    """Forgetting a bias of the vision tower or counting a tied head twice shows here."""
    shape = shape_of(json.loads((TINY / "config.json").read_text(encoding="utf-8")))
    assert shape is not None
    assert shape.parameters == stored_parameters(TINY) == 4_589_888


def test_a_flat_config_of_the_hub_reads_as_the_nested_one() -> None:
    nested = KNOWN["Qwen/Qwen2.5-VL-7B-Instruct"]
    flat = {
        "model_type": "qwen2_5_vl",
        "tie_word_embeddings": False,
        **nested["text_config"],
        "vision_config": nested["vision_config"],
    }
    assert shape_of(flat) == SEVEN


def test_another_architecture_is_not_guessed(tmp_path: Path) -> None:
    assert shape_of({"model_type": "llava", "vision_config": {"hidden_size": 8}}) is None
    assert stored_parameters(tmp_path) is None


@pytest.mark.slow
def test_a_built_model_has_the_parameters_and_adapters_that_are_counted(tiny: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(tiny)
    shape = shape_of(json.loads((tiny / "config.json").read_text(encoding="utf-8")))
    assert shape is not None
    assert sum(weight.numel() for weight in model.parameters()) == shape.parameters
    visual = sum(weight.numel() for name, weight in model.named_parameters() if ".visual." in f".{name}")
    assert visual == shape.vision_parameters
    adapted = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear"))
    assert sum(
        weight.numel() for weight in adapted.parameters() if weight.requires_grad
    ) == shape.lora_parameters(8)


def test_lora_counts_by_hand() -> None:
    """q_proj alone, rank 2: 2 x (3584 + 3584) in each of 28 layers."""
    assert SEVEN.lora_parameters(2, ["q_proj"]) == 2 * 7168 * 28
    assert SEVEN.lora_parameters(64, vision=False) < SEVEN.lora_parameters(64)


def test_without_deepspeed_bf16_weights_gradients_and_moments_take_8_bytes_each() -> None:
    made = estimate(THREE, BARE, 80 * GB)
    assert made.of("weights") == 2 * THREE.parameters
    assert made.of("gradients") == 2 * THREE.parameters
    assert made.of("optimizer") == 4 * THREE.parameters


def test_deepspeed_holds_a_float32_master_copy_and_moments() -> None:
    made = estimate(SEVEN, replace(BARE, deepspeed=DeepSpeed(2, reduce_bucket=1000)), 80 * GB)
    assert made.of("optimizer") == 12 * SEVEN.parameters
    assert made.of("gradients") == 2 * SEVEN.parameters + 2 * 1000


def test_zero_shares_what_its_stage_says_over_the_gpus() -> None:
    n = SEVEN.parameters
    two = estimate(SEVEN, MemoryPlan(gpus=8, deepspeed=DeepSpeed(2, reduce_bucket=1)), 80 * GB)
    three = estimate(SEVEN, MemoryPlan(gpus=8, deepspeed=DeepSpeed(3, reduce_bucket=1)), 80 * GB)
    assert two.of("weights") == 2 * n
    assert three.of("weights") == 2 * n / 8 + 2 * 1_000_000_000
    assert two.of("optimizer") == three.of("optimizer") == 12 * n / 8
    assert two.of("gradients") == 2 * n / 8 + 2


def test_float32_training_takes_16_bytes_and_autocast_two_more() -> None:
    plain = estimate(THREE, replace(BARE, dtype_bytes=4, bf16=False), 80 * GB)
    assert plain.of("weights") + plain.of("gradients") + plain.of("optimizer") == 16 * THREE.parameters
    assert estimate(THREE, replace(BARE, dtype_bytes=4), 80 * GB).of("weights") == 6 * THREE.parameters


def test_adapters_are_float32_and_the_frozen_weights_stay() -> None:
    made, adapters = estimate(SEVEN, replace(BARE, lora=Lora(64)), 80 * GB), SEVEN.lora_parameters(64)
    assert made.of("weights") == 2 * SEVEN.parameters + 4 * adapters
    assert made.of("gradients") == 4 * adapters
    assert made.of("optimizer") == 8 * adapters


def test_a_frozen_tower_has_no_gradients() -> None:
    made = estimate(THREE, replace(BARE, freeze_vision=True), 80 * GB)
    assert made.of("gradients") == 2 * THREE.language_parameters


def test_checkpointing_stores_one_input_a_layer() -> None:
    """464 tokens in 28 layers of 3584 in bf16 are 93 MB; all that the layers hold is over 2 GB."""
    kept = replace(BARE, lora=Lora(8, ("q_proj",)))
    with_it = estimate(SEVEN, kept, 80 * GB).of("activations")
    without = estimate(SEVEN, replace(kept, checkpointing=False), 80 * GB).of("activations")
    assert 464 * 28 * 3584 * 2 < with_it < 0.5 * GB
    assert without > 1.5 * GB


def test_activations_that_wait_for_no_gradients_do_not_add_up() -> None:
    """Without accumulation no gradient is there when the activations peak.

    Counting both overstated a 3B run by a quarter.
    """
    wide = replace(BARE, checkpointing=False, batch=2)
    alone, waiting = (estimate(THREE, replace(wide, accumulation=steps), 80 * GB).total for steps in (1, 2))
    assert alone < waiting - 3 * GB


def test_what_saves_memory_never_costs_any() -> None:
    base = MemoryPlan(gpus=4, batch=4, checkpointing=False)
    stages = [
        estimate(SEVEN, replace(base, deepspeed=DeepSpeed(stage)), 80 * GB).total for stage in (0, 1, 2, 3)
    ]
    assert stages == sorted(stages, reverse=True)
    chain = [
        replace(base, deepspeed=DeepSpeed(3)),
        replace(base, deepspeed=DeepSpeed(3), gpus=8),
        replace(base, deepspeed=DeepSpeed(3), gpus=8, batch=1),
        replace(base, deepspeed=DeepSpeed(3), gpus=8, batch=1, checkpointing=True),
        replace(base, deepspeed=DeepSpeed(3, True, True), gpus=8, batch=1, checkpointing=True),
    ]
    totals = [estimate(SEVEN, plan, 80 * GB).total for plan in chain]
    assert totals == sorted(totals, reverse=True)


def test_vllm_takes_its_share_of_the_whole_gpu_and_says_what_is_left_for_cache() -> None:
    """0.5 of 80 GB, less 15.4 GB of weights and 1.5 GB of workspace; 57,344 bytes a token."""
    assert memory.kv_bytes(SEVEN) == 2 * 28 * 512 * 2
    made = estimate(SEVEN, replace(BARE, lora=Lora(8), vllm=Vllm(0.5)), 80 * GB)
    assert made.of("vLLM") == 40 * GB
    assert "23.1 GB KV cache" in next(term.note for term in made.terms if term.name == "vLLM")
    assert made.vllm_short == 0


def test_a_share_below_the_weights_is_short() -> None:
    made = estimate(SEVEN, replace(BARE, lora=Lora(8), vllm=Vllm(0.15)), 80 * GB)
    assert made.vllm_short > 4 * GB


def test_a_sleeping_vllm_counts_only_beyond_gradients_and_activations() -> None:
    plan = replace(BARE, vllm=Vllm(0.3, sleeps=True))
    made = estimate(THREE, plan, 80 * GB)
    assert made.of("vLLM") == pytest.approx(24 * GB - made.of("gradients") - made.of("activations"))


def test_a_reference_model_is_another_copy_unless_zero3_shares_it() -> None:
    assert (
        estimate(SEVEN, replace(BARE, reference=True), 80 * GB).of("reference model") == 2 * SEVEN.parameters
    )
    shared = estimate(SEVEN, MemoryPlan(gpus=8, deepspeed=DeepSpeed(3), reference=True), 80 * GB)
    assert shared.of("reference model") == 2 * SEVEN.parameters / 8


def test_offloading_moves_the_bytes_it_takes_from_the_gpu() -> None:
    plan = replace(BARE, deepspeed=DeepSpeed(3, offload_optimizer=True, offload_parameters=True))
    assert estimate(SEVEN, plan, 80 * GB).of("optimizer") == 0
    assert memory.host_bytes(SEVEN, plan) == (12 + 2 + 2) * SEVEN.parameters
    assert memory.host_bytes(SEVEN, BARE) == 0
