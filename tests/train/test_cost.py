"""Cost by hand on small shapes, and what must hold on any card.

More GPUs never cost more hours, shorter replies sample faster.
"""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from unifer.errors import InputError
from unifer.train.doctor import cost, shapes
from unifer.train.doctor.cards import CARDS, RATIOS, REASONS, Card, Ratios, card
from unifer.train.doctor.cost import Work, communication, gather_seconds, predict
from unifer.train.doctor.memory import GB
from unifer.train.doctor.plans import DeepSpeed, Lora, MemoryPlan, Vllm
from unifer.train.doctor.price import fits, moves
from unifer.train.doctor.shapes import KNOWN, ModelShape, shape_of

SMALL = ModelShape(2, 1, 1, 1, 3, 5, False, 1, 4, 6, patch=1, temporal_patch=1, merge=2, channels=3)
"""Width 2, one layer: queries, keys, values and output of 4 weights each, an MLP of 18: 34 a token."""
H100 = CARDS["h100"]
GRPO = Work(
    100, 120, 300, 600, True, 8, "vllm", scorings=1, reference=True, checkpoint_bytes=1e11, save_steps=300
)


def known(size: str) -> ModelShape:
    shape = shape_of(KNOWN[f"Qwen/Qwen2.5-VL-{size}-Instruct"])
    assert shape is not None
    return shape


SEVEN = known("7B")


def a_plan(gpus: int = 8, replies: int = 224) -> MemoryPlan:
    each = replies // gpus
    return MemoryPlan(
        gpus, 7, each // 7, 120, 1024, deepspeed=DeepSpeed(3), reference=True, vllm=Vllm(0.3, True, 1, each)
    )


def test_a_forward_pass_by_hand() -> None:
    """Two rows of 10 tokens: 34 weights x 2 and attention 4 x 2 x 10 per token, 3 tokens through a head.

    The head of each row is 5 x 2.
    """
    made = shapes.forward_pass(SMALL, 2, 10, 3, 0, 0)
    assert made == shapes.Pass(layers=2 * 10 * (68 + 80), head=2 * 2 * 5 * 2 * 3, vision=0)


def test_an_image_by_hand() -> None:
    """4 patches: embedding 3 x 4, block 3 x 24 + 48 + 16, merger 16 x 16 + 16 x 2 for the one token.

    The tower's width is 4.
    """
    blocks, merger = 3 * 24 + 4 * 12 + 16, 16 * 16 + 16 * 2
    assert shapes.image_flops(SMALL, 4) == 4 * (2 * (blocks + 12) + 4 * 4 * 4) + 2 * merger


@pytest.mark.parametrize(
    ("plan", "passes"),
    [
        (MemoryPlan(), (4, 3, 4)),
        (MemoryPlan(checkpointing=False), (3, 3, 3)),
        (MemoryPlan(lora=Lora(8)), (3, 2, 3)),
        (MemoryPlan(freeze_vision=True), (4, 3, 1)),
    ],
)
def test_training_is_so_many_forward_passes(plan: MemoryPlan, passes: tuple[int, int, int]) -> None:
    """Recomputation is one, the gradient of weights one, that of inputs one; the head is computed once."""
    assert cost.training_pass(SMALL, plan, shapes.Pass(1, 1, 1)) == shapes.Pass(*passes)


def test_gathering_is_bound_by_the_link_or_by_the_network() -> None:
    slow = replace(H100, network=1e9)
    assert gather_seconds(8e9, 8, H100) == pytest.approx(7e9 / 450e9 / RATIOS.links)
    assert gather_seconds(8e9, 16, slow) == pytest.approx(4e9 / 8e9 / RATIOS.links)
    assert gather_seconds(8e9, 1, H100) == 0


def test_zero_3_gathers_for_each_pass_and_zero_2_once() -> None:
    weights = gather_seconds(2 * SEVEN.parameters, 8, H100)
    assert communication(SEVEN, MemoryPlan(gpus=8, deepspeed=DeepSpeed(3)), H100, 6, 2) == pytest.approx(
        8 * weights
    )
    assert communication(SEVEN, MemoryPlan(gpus=8, deepspeed=DeepSpeed(2)), H100, 6, 2) == pytest.approx(
        3 * weights
    )
    assert communication(SEVEN, MemoryPlan(gpus=8), H100, 6, 2) == pytest.approx(2 * weights)


def test_decoding_reads_the_weights_for_each_token_and_each_replys_cache() -> None:
    """28 replies per GPU: 600 tokens in a row, 300 each over a cache that grows from 184 to 484 tokens."""
    bandwidth = 3.35e12 * 0.7
    weights = 600 * (2 * SEVEN.language_parameters / bandwidth + 0.003)
    cache = 28 * 300 * (184 + 150) * (2 * 2 * 28 * 512) / bandwidth
    assert predict(SEVEN, a_plan(), GRPO, H100).of("decode") == pytest.approx(weights + cache)


def test_generation_by_transformers_waits_for_the_host() -> None:
    """28 layers x 1 ms are more than reading 15 GB at 2.3 TB/s."""
    work = replace(GRPO, sampler="transformers")
    cache = 28 * 600 * (184 + 300) * (2 * 2 * 28 * 512) / (3.35e12 * 0.7)
    assert predict(SEVEN, replace(a_plan(), vllm=None), work, H100).of("decode") == pytest.approx(
        600 * 0.028 + cache
    )


def test_a_cache_too_small_for_the_batch_samples_in_waves() -> None:
    many = replace(a_plan(), batch=448, accumulation=1)
    small, large = (
        predict(SEVEN, many, GRPO, each).of("decode") for each in (H100, replace(H100, memory=800 * GB))
    )
    assert small > 1.5 * large


def test_small_batches_are_bound_by_the_host_and_large_ones_by_flops() -> None:
    work = Work(1, 120, 300, 300)
    one, many = (predict(SEVEN, MemoryPlan(batch=batch), work, H100) for batch in (1, 32))
    bounds = [next(part.bound for part in made.parts if part.name == "training") for made in (one, many)]
    assert bounds == ["the host that launches kernels", "FLOPs"]
    assert one.of("training") == pytest.approx(3 * 28 * 0.001)


def test_a_checkpoint_is_shared_by_the_steps_between_two() -> None:
    assert predict(SEVEN, a_plan(), GRPO, H100).of("checkpoints") == pytest.approx(1e11 / 2e9 / 300)
    assert predict(SEVEN, a_plan(), replace(GRPO, save_steps=0), H100).of("checkpoints") == 0


def test_replies_used_for_several_steps_are_sampled_once() -> None:
    once, four = (predict(SEVEN, a_plan(), replace(GRPO, reuse=reuse), H100) for reuse in (1, 4))
    assert four.of("weight sync") == pytest.approx(once.of("weight sync") / 4)
    assert four.of("training") == once.of("training")


def test_parts_add_up_and_hours_follow() -> None:
    made = predict(SEVEN, a_plan(), GRPO, H100)
    assert made.step == pytest.approx(sum(part.seconds for part in made.parts))
    assert made.hours == pytest.approx(made.step * 100 / 3600)
    assert made.gpu_hours == pytest.approx(8 * made.hours)
    assert made.bottleneck.seconds == max(part.seconds for part in made.parts)
    assert min(part.seconds for part in made.parts) >= 0


@pytest.mark.parametrize("each", CARDS.values(), ids=CARDS)
def test_more_gpus_never_take_more_hours(each: Card) -> None:
    hours = [predict(SEVEN, a_plan(gpus), GRPO, each).hours for gpus in (2, 4, 8, 16, 32)]
    assert hours == sorted(hours, reverse=True)


@pytest.mark.parametrize("sampler", ["vllm", "transformers"])
def test_replies_half_as_long_are_sampled_faster(sampler: cost.Sampler) -> None:
    long = replace(GRPO, sampler=sampler)
    short = replace(long, reply_tokens=150, longest_reply=300)
    before, after = (predict(SEVEN, a_plan(), work, H100) for work in (long, short))
    assert after.of("decode") <= before.of("decode") / 2
    assert after.of("training") < before.of("training")


def test_what_moves_the_cost_is_cheaper_and_fits() -> None:
    now, offered = predict(SEVEN, a_plan(), GRPO, H100), moves(SEVEN, a_plan(), GRPO, H100)
    assert [move.cost.hours for move in offered] == sorted(move.cost.hours for move in offered)
    assert offered[-1].cost.hours < now.hours
    assert "--beta 0" in {move.setting for move in offered}
    assert "--deepspeed zero2.json" not in {
        move.setting for move in moves(SEVEN, a_plan(), GRPO, replace(H100, memory=50 * GB))
    }
    assert fits(SEVEN, a_plan(), H100)
    assert not fits(known("72B"), a_plan(), H100)


def test_seven_billion_have_the_729_tensors_that_the_weight_sync_counts() -> None:
    assert cost.tensors(SEVEN) == 729


def test_the_72b_has_the_parameters_of_its_language_model_and_tower() -> None:
    """72,706,203,648 is what Qwen2.5-72B stores."""
    assert known("72B").language_parameters == 72_706_203_648


def test_an_unknown_card_names_those_there_are() -> None:
    with pytest.raises(InputError, match=r"^--card b300: .*allowed are a100, a800, h100, h200, rtx4090$"):
        card("b300")
    assert card("H100") is H100


def test_every_assumption_says_why() -> None:
    assert {field.name for field in fields(Ratios)} == set(REASONS)
