"""Every weight of the 7B has a place in vLLM's model, by the name that a sync gives it."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def seven_billion() -> Any:
    """The published shape without its bytes."""
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    from unifer.train.doctor.shapes import KNOWN

    known = KNOWN["Qwen/Qwen2.5-VL-7B-Instruct"]
    config = Qwen2_5_VLConfig(
        text_config=known["text_config"], vision_config=known["vision_config"], tie_word_embeddings=False
    )
    with torch.device("meta"):
        return Qwen2_5_VLForConditionalGeneration(config)


def test_all_729_tensors_of_the_7b_are_sent_by_a_name_that_vllm_maps() -> None:
    """A tensor that vLLM does not know is passed over or refused in the first step on the cluster."""
    from vllm.model_executor.models.qwen2_5_vl import Qwen2_5_VLForConditionalGeneration as Theirs

    from unifer.train.rollouts import Sampler
    from unifer.train.weight_sync import by_layer

    sampler: Any = object.__new__(Sampler)
    spread = SimpleNamespace(gather_params=lambda _: nullcontext())
    layers = list(by_layer(seven_billion(), spread, sampler._fix_param_name_to_vllm))
    names = [name for layer in layers for name, _ in layer]
    assert len(names) == len(set(names)) == 729
    assert len(layers) == 28 + 32 + 9, (
        "one call per decoder layer and vision block, and the nine tensors outside them"
    )
    mapped = [Theirs.hf_to_vllm_mapper._map_name(name) for name in names]
    assert {str(name).partition(".")[0] for name in mapped} == {"language_model", "visual"}
    assert sum(str(name).startswith("language_model.model.layers.") for name in mapped) == 28 * 12
    assert {str(name) for name in mapped if "layers" not in str(name) and "visual" not in str(name)} == {
        "language_model.model.embed_tokens.weight",
        "language_model.model.norm.weight",
        "language_model.lm_head.weight",
    }
