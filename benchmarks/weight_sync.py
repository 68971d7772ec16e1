"""A weight sync of a model with the 7B's 729 tensors, a decoder layer per call against a tensor per call.

On CPU, in vLLM.

The model has the depth of Qwen2.5-VL-7B (28 layers, 32 vision blocks, an untied head) and UniFER-Tiny's
widths, so what is timed is what a call costs and not the copying. Both ways take turns; the ratio is of
medians. The bytes that arrive are compared.

    python benchmarks/weight_sync.py

Prints JSON. Target: at least 3 times faster per tensor, the same bytes, at most a layer (or one larger
tensor) held at a time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

LAYERS, BLOCKS, TENSORS = 28, 32, 729
TARGET = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    os.environ |= {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_LOGGING_LEVEL": "ERROR",
    }
    from unifer.models.engines.vllm_engine import make_llm
    from unifer.train.mends import keep_cpu_weights_loadable
    from unifer.train.weight_sync import by_layer

    keep_cpu_weights_loadable()  # as GRPO does, whose engine must take weights again
    with tempfile.TemporaryDirectory() as folder:
        policy = deep_model(Path(folder))
        llm = make_llm(Path(folder), dtype="float32", context=1024, seed=0)
        held = llm.llm_engine.model_executor.driver_worker.model_runner.model
        layers = list(by_layer(policy, SimpleNamespace(gather_params=lambda _: nullcontext()), vllm_name))
        singles = [[tensor] for layer in layers for tensor in layer]
        seconds: dict[str, list[float]] = {"layer": [], "tensor": []}
        arrived = {}
        for number in range(args.rounds):
            for way, parts in (("layer", layers), ("tensor", singles)):
                disturb(policy, number)
                seconds[way].append(load(held, parts))
                arrived[way, number] = digest(held)
        llm.llm_engine.engine_core.shutdown()
    per_tensor = {way: 1000 * statistics.median(values) / len(singles) for way, values in seconds.items()}
    print(
        json.dumps(
            {
                "tensors": len(singles),
                "calls": len(layers),
                "rounds": args.rounds,
                "ms per tensor": {way: round(value, 3) for way, value in per_tensor.items()},
                "times faster": round(per_tensor["tensor"] / per_tensor["layer"], 2),
                "target": TARGET,
                "same bytes": all(
                    arrived["layer", number] == arrived["tensor", number] for number in range(args.rounds)
                ),
                "most held at a time, MB": round(max(sum(map(size, layer)) for layer in layers) / 2**20, 2),
                "largest decoder layer, MB": round(
                    max(sum(map(size, layer)) for layer in layers if len(layer) > 1) / 2**20, 2
                ),
            },
            indent=2,
        )
    )


def deep_model(folder: Path) -> Any:
    """An untrained checkpoint in `folder`, and the same weights as the trainer holds them."""
    from transformers import AutoModelForImageTextToText, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    from unifer.models import tiny

    tiny.build(folder)
    config = Qwen2_5_VLConfig.from_pretrained(folder)
    config.text_config.num_hidden_layers, config.vision_config.depth = LAYERS, BLOCKS
    config.text_config.layer_types = None
    config.tie_word_embeddings = config.text_config.tie_word_embeddings = False
    made = Qwen2_5_VLConfig.from_dict(config.to_dict())
    Qwen2_5_VLForConditionalGeneration(made).save_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype="float32")
    count = sum(1 for _ in model.named_parameters())
    if count != TENSORS:
        raise SystemExit(f"the model has {count} tensors, {TENSORS} are those of the 7B")
    return model


def vllm_name(name: str) -> str:
    """vLLM maps the hub's names and the live ones alike."""
    return name


def disturb(model: Any, number: int) -> None:
    """Other weights for the next sync: what arrives must be seen to have changed."""
    import torch

    generator = torch.Generator().manual_seed(number)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(generator=generator)


def load(held: Any, parts: list[Any]) -> float:
    """Seconds in which vLLM takes the weights, a part per call."""
    started = time.perf_counter()
    for part in parts:
        held.load_weights(part)
    return time.perf_counter() - started


def digest(model: Any) -> str:
    made = hashlib.sha256()
    for name, weight in model.named_parameters():
        made.update(name.encode() + weight.detach().numpy().tobytes())
    return made.hexdigest()


def size(tensor: tuple[str, Any]) -> int:
    weight = tensor[1]
    return int(weight.numel() * weight.element_size())


if __name__ == "__main__":
    main()
