"""`unifer grpo` that writes to the file UNIFER_TRACE what only its process knows.

Peak memory, tensors, changes of a LoRA base.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from unifer.train import grpo, stage
from unifer.train.doctor import memory
from unifer.train.doctor.plans import PlannedRun


class Trace(TrainerCallback):  # type: ignore[misc]
    """Keeps the base weights at the start and compares them at the end."""

    def __init__(self, trainer: Any, doctor: float | None) -> None:
        self._model, self._doctor = trainer.model, doctor
        self._base: dict[str, torch.Tensor] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._base = {
            name: weight.detach().cpu().clone()
            for name, weight in self._model.named_parameters()
            if "base_layer" in name
        }

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        now = dict(self._model.named_parameters())
        changes = [
            float((now[name].detach().cpu().float() - weight.float()).abs().max())
            for name, weight in self._base.items()
        ]
        peak = torch.cuda.max_memory_reserved() if torch.cuda.is_available() else 0
        seen = {
            "base_change": max(changes, default=None),
            "tensors": len(now),
            "peak_gb": round(peak / memory.GB, 3),
            "doctor_gb": self._doctor,
        }
        Path(os.environ["UNIFER_TRACE"]).write_text(json.dumps(seen))


class TracedGrpo(grpo.GrpoStage):
    """GRPO with `Trace`."""

    def trainer(self, this: stage.TrainingRun, dataset: Any) -> Any:
        run = PlannedRun.of("grpo", this.fer, this.config, this.model, gpus=1)
        card = (
            torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else 80 * memory.GB
        )
        total = (
            None
            if run.shape is None
            else round(memory.estimate(run.shape, run.plan, card).total / memory.GB, 3)
        )
        trainer = super().trainer(this, dataset)
        trainer.add_callback(Trace(trainer, total))
        return trainer


if __name__ == "__main__":
    stage.speak()
    stage.run(TracedGrpo(), grpo.types(), sys.argv[1:])
