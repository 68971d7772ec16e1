"""Engines: ways to get replies from a model, one protocol. This file chooses and makes one; heavy ones are
imported only then.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.models.devices import auto_dtype, visible_gpus
from unifer.models.engines.base import Engine, GenerationSettings, Reply, Request
from unifer.records import Json

__all__ = ["ENGINES", "Engine", "EngineSpec", "GenerationSettings", "Reply", "Request", "default_engine"]

EngineName = Literal["transformers", "vllm", "server", "scripted"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


def default_engine() -> EngineName:
    """vLLM where it is installed, else transformers."""
    return "vllm" if importlib.util.find_spec("vllm") else "transformers"


@dataclass(frozen=True)
class EngineSpec:
    """Everything needed to make an engine, in plain values: it travels to worker processes as JSON.

    `path` is the checkpoint folder; for the scripted engine the replies file.
    """

    name: EngineName
    path: Path
    settings: GenerationSettings = field(default_factory=GenerationSettings)
    image_rule: ImageRule = field(default_factory=ImageRule)
    dtype: str = "auto"
    attn: str = "sdpa"
    batch_size: int | None = None
    gpu_memory_utilization: float | None = None
    tensor_parallel_size: int = 1
    seconds: float = 0.0
    """Time that each scripted reply takes."""
    urls: tuple[str, ...] = ()
    """Addresses of the servers of `server`, replicas of the one model; `batch_size` is what each holds at the
    same time.
    """

    @property
    def precision(self) -> str | None:
        """`dtype` with `auto` made definite; None for the scripted engine, and for servers, which do not
        tell.
        """
        if self.name in ("scripted", "server"):
            return None
        return auto_dtype(self.path) if self.dtype == "auto" else self.dtype

    @property
    def has_processes(self) -> bool:
        """Whether vLLM runs it in processes of its own, as it does on GPUs: they would outlive one that is
        killed.
        """
        return self.name == "vllm" and (
            bool(visible_gpus()) or os.environ.get("VLLM_ENABLE_V1_MULTIPROCESSING") == "1"
        )

    def identity(self) -> Json:
        """What of this a run must keep: engine, precision, sampling, image rule. Batch size, memory and
        addresses are free to change.
        """
        return {
            "engine": self.name,
            "dtype": self.precision,
            "generation": self.settings.to_json(),
            "image_rule": self.image_rule.to_json(),
        }

    def to_json(self) -> Json:
        return asdict(self) | {"path": str(self.path)}

    @classmethod
    def from_json(cls, row: Json) -> EngineSpec:
        made: dict[str, Any] = dict(row)
        made["path"] = Path(made["path"])
        made["settings"] = GenerationSettings(**made["settings"])
        made["image_rule"] = ImageRule(**made["image_rule"])
        made["urls"] = tuple(made["urls"])
        return cls(**made)

    def open(self) -> Engine:
        """Load it. Raises InputError where the checkpoint or the installation does not allow it."""
        if self.name == "scripted":
            from unifer.models.engines.scripted import ScriptedEngine, replies_from

            return ScriptedEngine(replies_from(self.path), self.seconds)
        # Read once, when torch is imported: without it vLLM's CPU kernels report how they bind memory.
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        if self.name == "server":
            from unifer.models.engines.server_engine import AT_ONCE, ServerEngine

            return ServerEngine(self.path, self.settings, self.urls, at_once=self.batch_size or AT_ONCE)
        if self.name == "vllm":
            from unifer.models.engines.vllm_engine import VllmEngine

            return VllmEngine(
                self.path,
                self.settings,
                dtype=self.precision or "float32",
                image_side=self.image_rule.size,
                gpu_memory_utilization=self.gpu_memory_utilization,
                tensor_parallel_size=self.tensor_parallel_size,
            )
        if self.name == "transformers":
            from unifer.models.engines.transformers_engine import DEFAULT_BATCH, TransformersEngine

            return TransformersEngine(
                self.path,
                self.settings,
                dtype=self.precision or "float32",
                attn=self.attn,
                batch_size=self.batch_size or DEFAULT_BATCH,
            )
        raise InputError(f"engine {self.name!r} is not one of {', '.join(ENGINES)}")
