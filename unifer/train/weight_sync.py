"""The policy's weights as vLLM takes them: gathered, merged and loaded a decoder layer at a time.

vLLM walks its whole model on every call of `load_weights`: tensor by tensor, 729 times for a 7B. A layer per
call is ten times fewer, and no more than a layer is gathered (ZeRO-3) or copied (LoRA) at a time. A LoRA
policy is merged into copies. TRL merges into the base and takes it out again, and in bfloat16 (W + d) - d is
not W: over thousands of syncs base, KL reference and final merge would become another model's.

Knows parameters and their names; no engine, no prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any, Protocol

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

Layer = list[tuple[str, torch.Tensor]]
"""(vLLM's name, weight) of what is loaded by one call."""

_IN_A_LAYER = re.compile(r".*?\.(?:layers|blocks|layer)\.\d+(?=\.)")
_KEPT_WHOLE = ["modules_to_save.default."]


class Gathers(Protocol):
    """TRL's view of how the parameters are spread; a no-op outside ZeRO-3."""

    def gather_params(self, params: Sequence[Any]) -> AbstractContextManager[Any]: ...


def by_layer(model: Any, spread: Gathers, rename: Any) -> Iterator[Layer]:
    """The weights of `model`, those of a layer together and each other one alone.

    `rename` is TRL's translation to vLLM's names. A collective operation under ZeRO-3: every rank must
    iterate. The weights of a layer are gone when the next one is asked for. Raises ValueError for an adapter
    that is more than a sum (DoRA).
    """
    adapted = _adapted(model)
    adapters_only = (model.prefix, "original_module") if isinstance(model, PeftModel) else ()
    wanted = [
        (name, param, adapted.get(name, _PLAIN))
        for name, param in model.named_parameters()
        if not any(part in name for part in adapters_only)
    ]
    for _, group in groupby(wanted, key=lambda item: _layer_of(item[0])):
        layer = list(group)
        parts = [part for _, _, adapters in layer for part in adapters.parameters()]
        with spread.gather_params([*(param for _, param, _ in layer), *parts]):
            yield [
                (_spell(name, model, rename), adapters.added_to(param.data))
                for name, param, adapters in layer
            ]


class _Adapters:
    """The adapters of one LoRA layer; without a layer, none."""

    def __init__(self, layer: Any = None, prefix: str = "") -> None:
        self._layer, self._prefix = layer, prefix

    def parameters(self) -> list[Any]:
        return (
            []
            if self._layer is None
            else [part for key, part in self._layer.named_parameters() if self._prefix in key]
        )

    def added_to(self, weight: torch.Tensor) -> torch.Tensor:
        """A copy in the dtype of `weight`, summed in float32; without a layer `weight` itself."""
        if self._layer is None:
            return weight
        active = [adapter for adapter in self._layer.active_adapters if adapter in self._layer.lora_A]
        if any(getattr(self._layer, "use_dora", {}).get(adapter) for adapter in active):
            raise ValueError(
                "DoRA scales the base weight, which a sum of adapters is not; train with --use_dora false"
            )
        whole = weight.float()
        for adapter in active:
            whole = whole + self._layer.get_delta_weight(adapter).float()
        return whole.to(weight.dtype)


_PLAIN = _Adapters()


def _adapted(model: Any) -> dict[str, _Adapters]:
    """Name of a base weight -> its adapters."""
    if not isinstance(model, PeftModel):
        return {}
    layers = ((name, module) for name, module in model.named_modules() if isinstance(module, LoraLayer))
    return {f"{name}.base_layer.weight": _Adapters(module, model.prefix) for name, module in layers}


def _spell(name: str, model: Any, rename: Any) -> str:
    if not isinstance(model, PeftModel):
        return str(rename(name))
    return str(
        rename(name.removeprefix("base_model.model.").replace(".base_layer", ""), extra_prefixes=_KEPT_WHOLE)
    )


def _layer_of(name: str) -> str:
    layer = _IN_A_LAYER.match(name)
    return layer[0] if layer else name
