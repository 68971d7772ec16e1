"""Several checkpoints, one after the other: the next one goes into the engine that runs, where it fits.

No torch here. Starting vLLM takes many times longer than giving it other weights. Knows files and specs;
loading is each engine's own business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from unifer import files
from unifer.models.engines.base import Engine, EngineSpec

_TEXT_FILES = (
    "tokenizer_config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
)
_BOOKKEEPING = ("_name_or_path", "dtype", "torch_dtype", "transformers_version", "use_cache", "pad_token_id")
"""What a config says about how a checkpoint was saved or trained, not about what it computes."""

_LAST_CALL = ("padding", "truncation")
"""What tokenizer.json keeps of the last call before it was saved; every call of ours sets it anew."""


class EngineSlot:
    """Room for one engine. A `with` block around it closes the engine that is in it at the end."""

    def __init__(self, open_engine: Callable[[EngineSpec], Engine] = EngineSpec.open) -> None:
        self._open = open_engine
        self._spec: EngineSpec | None = None
        self._engine: Engine | None = None

    def engine_for(self, spec: EngineSpec) -> Engine:
        """The engine of `spec`: the one that runs, given other weights if need be, or a new one in its place.

        Raises InputError where the checkpoint cannot be loaded.
        """
        if self._engine is not None and self._spec is not None:
            if spec == self._spec or (exchangeable(self._spec, spec) and self._engine.exchange(spec.path)):
                self._spec = spec
                return self._engine
            self.close()
        self._engine = self._open(spec)
        self._spec = spec
        return self._engine

    def close(self) -> None:
        engine, self._engine, self._spec = self._engine, None, None
        if engine is not None:
            engine.close()

    def __enter__(self) -> EngineSlot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def exchangeable(running: EngineSpec, following: EngineSpec) -> bool:
    """Whether both want the same engine and differ in nothing but the weights of their checkpoints."""
    if running.precision != following.precision:
        return False
    if running.name == "scripted" or replace(following, path=running.path, dtype=running.dtype) != running:
        return False
    return _all_but_weights(running.path) == _all_but_weights(following.path)


def _all_but_weights(checkpoint: Path) -> dict[str, Any]:
    """What decides how a checkpoint of these files is asked and what its weights mean."""
    config = files.read_json(checkpoint / "config.json")
    contents: dict[str, Any] = {
        "end tokens": _end_tokens(checkpoint, config),
        "config": _architecture(config),
    }
    for name in _TEXT_FILES:
        if (checkpoint / name).is_file():
            contents[name] = (checkpoint / name).read_bytes()
    if (checkpoint / "tokenizer.json").is_file():
        tokenizer = files.read_json(checkpoint / "tokenizer.json")
        contents["tokenizer.json"] = {
            name: value for name, value in tokenizer.items() if name not in _LAST_CALL
        }
    return contents


def _architecture(config: dict[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in config.items() if name not in (*_BOOKKEEPING, "eos_token_id")}
    return {
        name: _architecture(value) if isinstance(value, dict) else value for name, value in values.items()
    }


def _end_tokens(checkpoint: Path, config: dict[str, Any]) -> set[int]:
    """The tokens that end a reply besides the tokenizer's own.

    Trainers list the same one once more with each stage.
    """
    generation = checkpoint / "generation_config.json"
    places = (
        [files.read_json(generation)] if generation.is_file() else [config, config.get("text_config") or {}]
    )
    named: Any = next(
        (place["eos_token_id"] for place in places if place.get("eos_token_id") is not None), []
    )
    return set(named) if isinstance(named, list) else {named}
