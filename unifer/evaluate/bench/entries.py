"""`eval_more/models.yaml` -> ModelEntry: which models there are and how each is served, strictly read.

Knows no model by name. The head of that file documents every key. A mistake names the file, the entry, the
key, what is allowed and the nearest spelling.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from unifer import files
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.fields import mapping, number, one_of, text, texts, truth, whole
from unifer.models.api.budget import PICTURE_TOKENS, Prices
from unifer.models.api.client import PromptStyle, without_secrets
from unifer.models.server import ServerOptions
from unifer.records import Json

KEY_VARIABLE = "UNIFER_BENCH_API_KEY"
"""Environment variable with the key of servers given by `url`, unless the entry names another.

Keys are never in the file.
"""

_SERVED = ("provider", "url", "vllm")
_GENERATION = ("max_tokens", "temperature", "top_p", "reasoning_effort", "reasoning_tokens", "extra_body")
_SHARED = ("generation", "prompt_style", "image_size", "max_connections", "timeout")
_ENTRY = ("name", "title", "ferbench", "parameters", *_SERVED, "served", "key", "prices", *_SHARED)
_PRICES = ("in", "out", "picture_tokens")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class ReplySettings:
    """How a model replies. None leaves a setting to the provider; `more` is for inspect's GenerateConfig."""

    max_tokens: int = 1024
    temperature: float | None = 0.0
    top_p: float = 1.0
    more: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> Json:
        """The keys that an engine's `ReplySettings` writes too, so that runs of either can be compared."""
        return {
            "max_new_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            **self.more,
        }


@dataclass(frozen=True)
class ModelEntry:
    """One model: exactly one of `provider`, `url` and `server` says how it is reached."""

    name: str
    title: str
    parameters: float | None = None
    """Billions."""
    provider: str | None = None
    url: str | None = None
    served: str = ""
    """The name at `url`."""
    key: str = KEY_VARIABLE
    server: ServerOptions | None = None
    generation: ReplySettings = field(default_factory=ReplySettings)
    prompt_style: PromptStyle = "image_first"
    image_size: int = 224
    max_connections: int = 32
    timeout: float = 180.0
    prices: Prices | None = None
    ferbench: bool = False
    """The UniFER paper is known to have asked it."""

    @property
    def hosted(self) -> bool:
        """It runs somewhere already; False for a server that we start on this machine."""
        return self.server is None

    @property
    def image_rule(self) -> ImageRule:
        return ImageRule(self.image_size or None)

    @property
    def how(self) -> str:
        """How it is reached, in a few words."""
        return self.provider or self.url or f"vLLM here, {self.server.model if self.server else ''}"


def read_models(path: Path, only: Sequence[str] | None = None) -> tuple[ModelEntry, ...]:
    """The entries of `path`, in its order; those named in `only`, in that order, where given.

    Raises InputError: a mistake in the file, a name in `only` that it does not have.
    """
    raw = files.read_yaml(path)
    try:
        top = mapping(raw, ("defaults", "models"), "the file")
        defaults = mapping(top.get("defaults") or {}, _SHARED, "defaults")
        rows = top.get("models")
        if not isinstance(rows, list) or not rows:
            raise ValueError(
                "'models' must be a list of entries, each with a name and one of " + ", ".join(_SERVED)
            )
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    entries: dict[str, ModelEntry] = {}
    for position, row in enumerate(rows, 1):
        called = f"entry {position}"
        if isinstance(row, dict) and row.get("name"):
            called += f" ({row['name']})"
        try:
            entry = _entry(row, defaults)
            if any(entry.name.casefold() == name.casefold() for name in entries):
                raise ValueError(
                    f"'name' {entry.name!r} stands twice; each model needs a name of its own, for its "
                    "results file"
                )
        except (ValueError, InputError) as error:
            raise InputError(f"{path}: {called}: {error}") from None
        entries[entry.name] = entry
    if only is None:
        return tuple(entries.values())
    return tuple(_named(name, entries, path) for name in dict.fromkeys(only))


def _named(name: str, entries: Mapping[str, ModelEntry], path: Path) -> ModelEntry:
    if name in entries:
        return entries[name]
    near = difflib.get_close_matches(name, entries, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputError(f"--models-only {name}: {path} has no such entry{hint}; it has {', '.join(entries)}")


def _entry(row: Any, defaults: Json) -> ModelEntry:
    """One entry, `defaults` filled in. Raises ValueError naming the key."""
    given = mapping(row, _ENTRY, "an entry")
    name = text(given, "name")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"'name' {name!r} names a file, so it may hold letters, digits, '.', '_' and '-' alone, such as "
            "Qwen2.5-VL-7B"
        )
    ways = [way for way in _SERVED if given.get(way) is not None]
    if len(ways) != 1:
        several = " and ".join(ways) or "none of them"
        raise ValueError(
            f"says {several}; how the model is served must be exactly one of {', '.join(_SERVED)}"
        )
    if ways != ["url"] and (extra := next((key for key in ("served", "key") if key in given), None)):
        raise ValueError(f"{extra!r} belongs to 'url'; this entry is served by {ways[0]!r}")
    key = text(given, "key", KEY_VARIABLE)
    return ModelEntry(
        name=name,
        title=text(given, "title", name),
        parameters=None if given.get("parameters") is None else number(given, "parameters", above=0),
        provider=_provider(given) if ways == ["provider"] else None,
        url=without_secrets(text(given, "url"), "url", key) if ways == ["url"] else None,
        served=text(given, "served", name),
        key=key,
        server=_server(given["vllm"]) if ways == ["vllm"] else None,
        prices=_prices(given.get("prices")),
        ferbench=truth(given, "ferbench", False),
        **_shared(defaults, given),
    )


def _shared(defaults: Json, given: Json) -> dict[str, Any]:
    """What entries and defaults may both set; `generation` of an entry replaces single keys."""
    values: Json = defaults | {key: value for key, value in given.items() if key in _SHARED}
    generation: Json = {}
    for each in (defaults, given):
        generation |= mapping(each.get("generation") or {}, _GENERATION, "'generation'")
    size = whole(values, "image_size", 224, at_least=0)
    ImageRule(size or None)  # refuses a size that no model takes
    return {
        "generation": _generation(generation),
        "prompt_style": one_of(values, "prompt_style", get_args(PromptStyle), "image_first"),
        "image_size": size,
        "max_connections": whole(values, "max_connections", 32, at_least=1),
        "timeout": number(values, "timeout", 180.0, above=0),
    }


def _generation(given: Json) -> ReplySettings:
    more: Json = {}
    if given.get("reasoning_effort") is not None:
        more["reasoning_effort"] = text(given, "reasoning_effort")
    if given.get("reasoning_tokens") is not None:
        more["reasoning_tokens"] = whole(given, "reasoning_tokens", 0, at_least=0)
    if given.get("extra_body") is not None:
        if not isinstance(given["extra_body"], dict):
            raise ValueError(f"'extra_body' must be a mapping, not {given['extra_body']!r}")
        more["extra_body"] = given["extra_body"]
    free = "temperature" in given and given["temperature"] is None
    top_p = number(given, "top_p", 1.0, above=0)
    if top_p > 1:
        raise ValueError(f"'top_p' {top_p} must be above 0 and at most 1")
    temperature = None if free else number(given, "temperature", 0.0, at_least=0)
    return ReplySettings(
        whole(given, "max_tokens", 1024, at_least=1), temperature, top_p, MappingProxyType(more)
    )


def _provider(given: Json) -> str:
    named = text(given, "provider")
    if not re.fullmatch(r"[a-z0-9_.-]+/[^\s]+", named):
        raise ValueError(
            f"'provider' {named!r} must be a name of inspect_ai's model interface, such as openai/gpt-4o"
        )
    return named


def _server(raw: Any) -> ServerOptions:
    keys = (
        "model",
        "tensor_parallel",
        "dtype",
        "max_model_len",
        "gpu_memory",
        "trust_remote_code",
        "start_seconds",
        "args",
    )
    given = mapping(raw, keys, "'vllm'")
    memory = None if given.get("gpu_memory") is None else number(given, "gpu_memory", above=0)
    if memory is not None and memory > 1:
        raise ValueError(f"'gpu_memory' {memory} is a share of each GPU's memory, above 0 and at most 1")
    return ServerOptions(
        model=text(given, "model"),
        tensor_parallel=whole(given, "tensor_parallel", 1, at_least=1),
        dtype=one_of(given, "dtype", ("auto", "bfloat16", "float16", "float32"), "auto"),
        max_model_len=whole(given, "max_model_len", 8192, at_least=1),
        gpu_memory=memory,
        trust_remote_code=truth(given, "trust_remote_code", False),
        start_seconds=number(given, "start_seconds", 3600.0, above=0),
        args=texts(given, "args"),
    )


def _prices(raw: Any) -> Prices | None:
    if raw is None:
        return None
    given = mapping(raw, _PRICES, "'prices'")
    if missing := next((key for key in ("in", "out") if key not in given), None):
        raise ValueError(
            f"'prices' lacks {missing!r}; it needs in and out, US dollars per million tokens, or write null"
        )
    return Prices(
        number(given, "in", at_least=0),
        number(given, "out", at_least=0),
        whole(given, "picture_tokens", PICTURE_TOKENS, at_least=0),
    )
