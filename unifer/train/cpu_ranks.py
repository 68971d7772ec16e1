"""Processes that have to find each other: ranks without a GPU under torchrun, which accelerate 1.15 does not
set up, and a free port.
"""

from __future__ import annotations

import importlib
import os
import socket
from typing import Any


def prepare() -> None:
    """Make accelerate see a torchrun launch without GPU as distributed over gloo; call before any
    TrainingArguments exist.

    On GPUs, and for a single process, it takes no effect.

    Accelerate answers "not distributed" there, every rank would then train alone on all the rows. Asking for
    it by `use_cpu=True` is no way out: accelerate ignores DeepSpeed under it.
    """
    import torch

    if torch.cuda.is_available():
        return
    os.environ.setdefault(
        "DS_ACCELERATOR", "cpu"
    )  # else DeepSpeed looks for an accelerator and says what it did not find
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return
    from accelerate import state
    from accelerate.utils import DistributedType

    if getattr(state.PartialState._prepare_backend, "answers_gloo", False):
        return
    stock = state.PartialState._prepare_backend

    def prepare_backend(self: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true":
            _without_compiled_collectives()
        backend, distributed = stock(self, *args, **kwargs)
        return (backend, distributed) if backend is not None else ("gloo", DistributedType.MULTI_CPU)

    prepare_backend.answers_gloo = True  # type: ignore[attr-defined]
    state.PartialState._prepare_backend = prepare_backend


def _without_compiled_collectives() -> None:
    """Keep DeepSpeed from compiling its shared-memory collectives at the first start: minutes of C++, where
    gloo does as well.
    """
    backend: Any = importlib.import_module(
        "deepspeed.comm.torch"
    )  # `from deepspeed.comm import torch` is torch itself
    backend.build_shm_op = lambda: None


def free_port() -> int:
    """A TCP port that nothing listens on, chosen by the system, so that two processes that ask are given
    two.
    """
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port
