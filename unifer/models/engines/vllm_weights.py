"""Other weights for a vLLM engine that runs, and a look whether they arrived.

Knows vLLM's inner names; which checkpoint fits which engine is `succession`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from unifer.errors import InputError

_LOOKED_AT = 12
"""Tensors of a checkpoint that are compared, spread over its whole length."""


def running_model(llm: Any) -> Any:
    """The model inside `llm`, or None where it lives in other processes (GPU) and cannot be looked at."""
    executor = getattr(llm.llm_engine, "model_executor", None)
    runner = getattr(getattr(executor, "driver_worker", None), "model_runner", None)
    return getattr(runner, "model", None)


def exchange_weights(llm: Any, checkpoint: Path) -> bool:
    """Give `llm` the weights in `checkpoint`, of the same architecture; nothing made by the old ones is kept.

    False where that cannot be done, or not looked at: start another engine then. Raises InputError if the
    weights did not arrive.
    """
    model = running_model(llm)
    if model is None or not any(checkpoint.glob("*.safetensors")) or _quantized(checkpoint):
        return False
    llm.collective_rpc("reload_weights", kwargs={"weights_path": str(checkpoint)})
    _repack_tied(model)
    llm.reset_prefix_cache()
    llm.llm_engine.reset_mm_cache()
    llm.llm_engine.reset_encoder_cache()
    return check_arrival(model, checkpoint)


def _quantized(checkpoint: Path) -> bool:
    return "quantization_config" in json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))


def _repack_tied(model: Any) -> None:
    """Pack anew for the CPU what vLLM packed from a weight that it also keeps as it is.

    `reload_weights` loads a tied embedding, but leaves the head that shares it with the packed copy of the
    old one, and so with the old model's logits.
    """
    for module in model.modules():
        if hasattr(module, "cpu_linear") and module.weight.numel():
            module.quant_method.process_weights_after_loading(module)


def check_arrival(model: Any, checkpoint: Path) -> bool:
    """Compare tensors of `checkpoint` with what `model` computes with.

    Raises InputError: they differ. False: none to compare.
    """
    parameters = _comparable(model)
    pairs = [(path, name) for path, name in _stored(checkpoint) if _key(name) in parameters]
    if not pairs:
        return False
    for path, name in pairs[:: max(1, len(pairs) // _LOOKED_AT)] + pairs[-1:]:
        with safe_open(path, "pt") as stored:
            sent = stored.get_tensor(name)
        running = parameters[_key(name)]
        if isinstance(running, torch.nn.Module):
            running, sent = _first_column(running), sent[:, 0]
        _compare(running, sent, name, checkpoint)
    for name, module in model.named_modules():
        if hasattr(module, "cpu_linear") and module.weight.numel():
            _compare(_first_column(module), module.weight[:, 0], name, checkpoint)
    return True


def _compare(running: torch.Tensor, sent: torch.Tensor, name: str, checkpoint: Path) -> None:
    # vLLM pads embeddings to a round number of rows.
    if not torch.equal(running[: sent.shape[0]].cpu(), sent.to(running.dtype).cpu()):
        raise InputError(
            f"{checkpoint}: vLLM kept other weights than these, {name} differs right after they were "
            "loaded into the running engine; ask this model in a command of its own"
        )


def _comparable(model: Any) -> dict[str, Any]:
    """What `model` computes with: its parameters, and linear layers that were packed for the CPU.

    Parameters stand as they were stored, packed layers as modules.
    """
    parameters: dict[str, Any] = {
        _key(name): value.detach() for name, value in model.named_parameters() if value.numel()
    }
    for name, module in model.named_modules():
        if hasattr(module, "cpu_linear") and not module.weight.numel():
            parameters[_key(f"{name}.weight")] = module
    return parameters


def _first_column(module: Any) -> torch.Tensor:
    """The first column of a linear layer's weight, by what the layer makes of a unit vector.

    The packed copy is out of sight.
    """
    width = getattr(module, "input_size_per_partition", None) or module.embedding_dim
    unit = torch.eye(1, width, dtype=module.weight.dtype, device=module.weight.device)
    with torch.inference_mode():
        outputs: torch.Tensor = module.quant_method.apply(module, unit)
    return outputs[0]


def _stored(checkpoint: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(checkpoint.glob("*.safetensors")):
        with safe_open(path, "pt") as stored:
            for name in sorted(stored.keys()):
                yield path, name


def _key(name: str) -> str:
    """What a tensor is called by a checkpoint and by vLLM alike, whose names begin differently."""
    part = "vision" if re.search(r"vis(ion|ual)", name) else "text"
    layer = re.search(r"(?:layers|blocks)\..*", name)
    return f"{part} {layer.group() if layer else '.'.join(name.split('.')[-2:])}"
