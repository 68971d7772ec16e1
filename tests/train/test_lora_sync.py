"""What vLLM is given of a LoRA policy, and that the base stays what it was."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch

pytest.importorskip("peft", reason="training needs the full environment")


def policy(dtype: torch.dtype) -> Any:
    """Two linear layers, one with an adapter that says something."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    layers = torch.nn.ModuleDict(
        {"first": torch.nn.Linear(32, 48, bias=False), "second": torch.nn.Linear(48, 16)}
    )
    model = get_peft_model(layers.to(dtype), LoraConfig(r=4, lora_alpha=16, target_modules=["first"]))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    return model


def sampler(model: Any) -> Any:
    from unifer.models.families import family_named
    from unifer.train.rollouts import Sampler

    made: Any = Sampler.__new__(Sampler)
    made.model, made._watched, made.family = model, None, family_named("qwen2.5-vl")
    made._dist = SimpleNamespace(is_fsdp=False, gather_params=lambda params: nullcontext())
    return made


def bits(model: Any) -> dict[str, torch.Tensor]:
    return {
        name: weight.detach().clone().view(torch.int16)
        for name, weight in model.named_parameters()
        if "base_layer" in name
    }


def test_two_hundred_syncs_in_bfloat16_leave_the_base_bit_for_bit() -> None:
    """Merging in place and taking it out again moved the base by half the adapter's norm, in silence."""
    model = policy(torch.bfloat16)
    before, synced = bits(model), sampler(model)
    for _ in range(200):
        for _name, _weight in synced._iter_named_params():
            pass
    after = bits(model)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_stock_trl_would_have_moved_it() -> None:
    """If this fails, TRL is mended: drop the copies of weight_sync."""
    from trl.generation.vllm_generation import VLLMGeneration

    model = policy(torch.bfloat16)
    before, synced = bits(model), sampler(model)
    for _ in range(20):
        for _name, _weight in VLLMGeneration._iter_named_params(synced):
            pass
    after = bits(model)
    assert not all(torch.equal(before[name], after[name]) for name in before)


def test_names_and_values_are_those_of_a_merged_model() -> None:
    from trl.generation.vllm_generation import VLLMGeneration

    model = policy(torch.float32)
    synced = sampler(model)
    ours = {name: weight.clone() for name, weight in synced._iter_named_params()}
    stock = {name: weight.clone() for name, weight in VLLMGeneration._iter_named_params(synced)}
    assert ours.keys() == stock.keys() == {"first.weight", "second.weight", "second.bias"}
    for name, weight in ours.items():
        assert torch.allclose(weight, stock[name], atol=1e-6), name
    assert not torch.equal(ours["first.weight"], model.base_model.model["first"].base_layer.weight)


def test_the_watched_tensor_is_the_one_that_is_sent() -> None:
    from peft import LoraConfig, get_peft_model

    layers = torch.nn.ModuleDict(
        {"self_attn": torch.nn.ModuleDict({"o_proj": torch.nn.Linear(80, 8, bias=False)})}
    )
    model = get_peft_model(
        torch.nn.ModuleDict({"layers": torch.nn.ModuleList([layers])}), LoraConfig(target_modules=["o_proj"])
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.ones_(weight)
    synced = sampler(model)
    sent = dict(synced._iter_named_params())
    assert synced._watched is not None
    name, first = synced._watched
    assert name == "layers.0.self_attn.o_proj.weight"
    assert torch.equal(first, sent["layers.0.self_attn.o_proj.weight"][0, :64])


def test_a_layer_is_loaded_by_one_call() -> None:
    """One call a tensor: vLLM looked through its whole model 729 times a sync, hours over a run of a 7B."""
    from unifer.train.weight_sync import by_layer

    def linear() -> torch.nn.Module:
        return torch.nn.Linear(4, 4, bias=False)

    layers = torch.nn.ModuleList([torch.nn.ModuleDict({"q": linear(), "k": linear()}) for _ in range(3)])
    blocks = torch.nn.ModuleList([torch.nn.ModuleDict({"up": linear()}) for _ in range(2)])
    model = torch.nn.ModuleDict(
        {"embed": linear(), "text": torch.nn.ModuleDict({"layers": layers}), "norm": linear()}
    )
    model["visual"] = torch.nn.ModuleDict({"blocks": blocks})
    gathered: list[int] = []

    def gather(params: list[Any]) -> Any:
        gathered.append(len(params))
        return nullcontext()

    made = [
        [name for name, _ in layer]
        for layer in by_layer(model, SimpleNamespace(gather_params=gather), lambda name: f"v.{name}")
    ]
    assert made == [
        ["v.embed.weight"],
        *([f"v.text.layers.{number}.q.weight", f"v.text.layers.{number}.k.weight"] for number in range(3)),
        ["v.norm.weight"],
        *([f"v.visual.blocks.{number}.up.weight"] for number in range(2)),
    ]
    assert gathered == [1, 2, 2, 2, 1, 1, 1], "under ZeRO-3 no more than a layer is gathered at a time"
