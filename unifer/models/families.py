"""What training must know of a model family beside its classes: one frozen description per architecture.

Everything that depends on the architecture reads it: which tokens stand for an image, where the vision tower
lives, how the processor states its limits, what a prompt looks like before vLLM expands it, and which names
vLLM gives to weights. A checkpoint whose family is not described is refused by `family_of`, before weights
load. No torch: config.json and processor objects alone. docs/families.md says how to add one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from unifer import files
from unifer.errors import InputError

PAGE = "docs/families.md"
Part = Literal["vision tower", "projector", "language model"]


@dataclass(frozen=True)
class Family:
    """One architecture. Names of modules are those of transformers below `model.`."""

    name: str
    model_type: str
    """What config.json calls it."""
    architecture: str
    """Its class in transformers, and in vLLM's registry."""
    hub: str
    """Pattern of the hub ids that are of it."""
    unit: int
    """Side in pixels of the square that becomes one token; sizes of the image rule are multiples of it."""
    limits: Literal["area", "tiles"]
    """How the processor states what it takes: pixels of an image, or square tiles of one size."""
    image_token: str
    others: tuple[str, ...]
    """Further tokens that stand for pictures or enclose them; with `image_token` what is never sampled."""
    enclosed: tuple[str, str] | None
    """Tokens that processor and vLLM both put around the run of an image, where the template does not."""
    tower: str
    projectors: tuple[str, ...]
    """What turns the tower's patches into token embeddings; it may lie inside the tower's module."""
    per_image: tuple[str, ...] = ("pooler_output",)
    """Outputs of the tower, or of `get_image_features` where tiles go in, that hold rows of every image."""
    positions: Literal["grid", "line"] = "grid"
    """Whether an image's tokens have places in a grid (M-RoPE), or follow one another like text."""

    @property
    def roots(self) -> tuple[str, ...]:
        """The modules below `model.` that see pixels: tower and projectors, each once."""
        inside = f"{self.tower}."
        return (self.tower, *(name for name in self.projectors if not name.startswith(inside)))

    @property
    def vision_modules(self) -> str:
        """Pattern of the full names of all modules that see pixels, as peft's `exclude_modules` takes it."""
        names = "|".join(self.roots)
        return rf".*\b{names}\b.*" if len(self.roots) == 1 else rf".*\b({names})\b.*"

    @property
    def placeholders(self) -> tuple[str, ...]:
        return (self.image_token, *self.others)

    def part(self, name: str) -> Part:
        """Where the weight `name` lives, whatever wrappers it is in."""
        dotted = f".{name}"
        if any(f".{module}." in dotted for module in self.projectors):
            return "projector"
        return "vision tower" if f".{self.tower}." in dotted else "language model"

    def sees_pixels(self, name: str) -> bool:
        """Whether the weight `name` is of tower or projector."""
        return self.part(name) != "language model"

    def vllm_name(self, name: str) -> str:
        """What vLLM calls the weight that transformers calls `name`, where it does not fuse it."""
        if name.startswith("lm_head."):
            return f"language_model.{name}"
        below = name.removeprefix("model.")
        inner = below.removeprefix("language_model.")
        return f"language_model.model.{inner}" if inner != below else below

    def collapse(self, ids: Sequence[int], tokenizer: Any) -> list[int]:
        """A prompt with one placeholder per image, as vLLM takes it.

        `[7, P, P, P, 8]` -> `[7, P, 8]`; what encloses the run and vLLM adds itself goes too.
        """
        short = collapse(ids, token_id(tokenizer, self.image_token))
        if self.enclosed is None:
            return short
        first, placeholder, last = (
            token_id(tokenizer, text) for text in (self.enclosed[0], self.image_token, self.enclosed[1])
        )
        bare: list[int] = []
        for token in short:
            if token == last and bare[-2:] == [first, placeholder]:
                bare[-2:] = [placeholder]
            else:
                bare.append(token)
        return bare


_QWEN = {
    "image_token": "<|image_pad|>",
    "others": ("<|video_pad|>", "<|vision_start|>", "<|vision_end|>"),
    "enclosed": None,
    "tower": "visual",
    "limits": "area",
}
FAMILIES: tuple[Family, ...] = (
    Family(
        name="qwen2.5-vl",
        model_type="qwen2_5_vl",
        architecture="Qwen2_5_VLForConditionalGeneration",
        hub=r"Qwen2\.5-VL",
        unit=28,
        projectors=("visual.merger",),
        **_QWEN,  # type: ignore[arg-type]
    ),
    Family(
        name="qwen2-vl",
        model_type="qwen2_vl",
        architecture="Qwen2VLForConditionalGeneration",
        hub=r"Qwen2-VL",
        unit=28,
        projectors=("visual.merger",),
        **_QWEN,  # type: ignore[arg-type]
    ),
    Family(
        name="qwen3-vl",
        model_type="qwen3_vl",
        architecture="Qwen3VLForConditionalGeneration",
        hub=r"Qwen3-VL-(?!.*-A\d+B)",
        unit=32,
        projectors=("visual.merger", "visual.deepstack_merger_list"),
        per_image=("pooler_output", "deepstack_features"),
        **_QWEN,  # type: ignore[arg-type]
    ),
    Family(
        name="internvl",
        model_type="internvl",
        architecture="InternVLForConditionalGeneration",
        hub=r"InternVL\d.*-hf",
        unit=28,
        limits="tiles",
        image_token="<IMG_CONTEXT>",
        others=("<video>", "<img>", "</img>"),
        enclosed=("<img>", "</img>"),
        tower="vision_tower",
        projectors=("multi_modal_projector",),
        positions="line",
    ),
)


def collapse(ids: Sequence[int], placeholder: int) -> list[int]:
    """Each run of `placeholder` as a single one: `[7, P, P, P, 8]` -> `[7, P, 8]`."""
    return [token for key, run in groupby(ids) for token in ([key] if key == placeholder else run)]


def family_named(name: str) -> Family:
    """The family that a flag calls `name`. Raises InputError."""
    for family in FAMILIES:
        if family.name == name:
            return family
    raise InputError(f"no model family is called {name!r}; described are {_listed()} ({PAGE})")


def family_of(checkpoint: Path) -> Family:
    """The family of the checkpoint in a folder, by its config.json.

    Raises InputError for one that is not described, and for an adapter in the folder that is of another one.
    """
    config = files.read_json(checkpoint / "config.json")
    kind = config.get("model_type") if isinstance(config, dict) else None
    for family in FAMILIES:
        if family.model_type == kind:
            _check_adapter(checkpoint, family)
            return family
    names = ", ".join(config.get("architectures") or [str(kind)]) if isinstance(config, dict) else str(kind)
    raise InputError(
        f"{checkpoint}: {names} (model_type {kind!r}) is of no family that training knows; known are "
        f"{_listed()}. {PAGE} says how to describe another one; `unifer infer` takes any"
    )


def described(checkpoint: Path | None) -> Family | None:
    """The family of a checkpoint, None where it is of none of them or nothing here tells it."""
    if checkpoint is None or not (checkpoint / "config.json").is_file():
        return None
    kind = files.read_json(checkpoint / "config.json").get("model_type")
    return next((family for family in FAMILIES if family.model_type == kind), None)


def unit_of(checkpoint: Path | None, default: int) -> int:
    """The size unit of a checkpoint's family; `default` where nothing here tells it."""
    family = described(checkpoint)
    return default if family is None else family.unit


def token_id(tokenizer: Any, text: str) -> int:
    """The id of a special token. Raises InputError for one that the tokenizer does not have."""
    number = tokenizer.convert_tokens_to_ids(text)
    if not isinstance(number, int) or number == tokenizer.unk_token_id:
        raise InputError(
            f"the checkpoint's tokenizer has no token {text!r}, which stands for images in its family; copy "
            "the tokenizer files of its base model into it"
        )
    return number


def placeholder_ids(family: Family, tokenizer: Any) -> list[int]:
    """Ids of all tokens that must never be sampled: they would want pixels that no image gave."""
    return sorted(token_id(tokenizer, text) for text in family.placeholders)


def _listed() -> str:
    return ", ".join(f"{family.name} ({family.architecture})" for family in FAMILIES)


def _check_adapter(checkpoint: Path, family: Family) -> None:
    """Raise InputError where the folder also holds a LoRA adapter that was made for another family.

    transformers puts an adapter that lies beside a model's weights on top of them, and what does not match by
    name it leaves out with a warning.
    """
    path = checkpoint / "adapter_config.json"
    if not path.is_file():
        return
    base = str(files.read_json(path).get("base_model_name_or_path") or "")
    own = Path(base) / "config.json"
    kind = files.read_json(own).get("model_type") if own.is_file() else None
    for other in FAMILIES:
        if other is not family and (other.model_type == kind or (not kind and re.search(other.hub, base))):
            raise InputError(
                f"{path}: this adapter was trained on {base}, of {other.name}, and lies beside a model of "
                f"{family.name}; give it its own base (merge it there), or take adapter_config.json away"
            )
