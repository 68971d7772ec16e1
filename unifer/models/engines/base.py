"""What an engine is: requests in, replies out, in whatever order they finish. No torch here.

Knows nothing of questions, labels or files: a request is a prompt and a picture, `key` is the caller's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from unifer.records import Json

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model: the user's text and one RGB picture."""

    key: str
    prompt: str
    image: Image
    temperature: float | None = None
    """Of this request alone, in place of the settings'. The transformers engine answers those of one temperature
    together.
    """


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for the request of the same key: text, or the `error` that prevented it."""

    key: str
    text: str = ""
    finish_reason: str | None = None
    """`stop`: the model ended its turn; `length`: it was cut at `max_new_tokens`."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None

    @classmethod
    def failed(cls, key: str, error: Exception) -> Reply:
        return cls(key, error=" ".join(str(error).split()) or type(error).__name__)


@dataclass(frozen=True)
class GenerationSettings:
    """How replies are generated: a checkpoint's own generation_config sets nothing but its end tokens, in any
    engine, unless `more` does.

    Greedy replies depend on the question alone. Of sampled ones that holds for vLLM, which takes a seed per
    request (`seed_of`); the transformers engine seeds once when it is loaded, so its sampled replies depend
    on order and batch size too.
    """

    max_new_tokens: int = 1024
    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0
    more: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Further keys of transformers' GenerationConfig, such as `no_repeat_ngram_size`; the transformers engine
    alone obeys them.
    """

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens {self.max_new_tokens} must be at least 1")
        if self.temperature < 0:
            raise ValueError(f"temperature {self.temperature} must be 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p {self.top_p} must be above 0 and at most 1")
        if self.repetition_penalty <= 0:
            raise ValueError(f"repetition_penalty {self.repetition_penalty} must be above 0; 1 is none")

    @property
    def greedy(self) -> bool:
        return self.temperature == 0

    def at(self, temperature: float | None) -> GenerationSettings:
        """These settings at another temperature; None changes nothing."""
        return self if temperature is None else replace(self, temperature=temperature)

    def seed_of(self, key: str) -> int:
        """A seed for one request, where the engine can take one: its sampled reply then depends neither on
        order nor on the batch.
        """
        return int.from_bytes(hashlib.sha256(f"{self.seed}:{key}".encode()).digest()[:4], "big")

    def to_json(self) -> Json:
        """Every setting by its name, those of `more` beside the others."""
        own = asdict(self)
        more: Json = own.pop("more")
        return own | more


class Engine(Protocol):
    """A loaded model."""

    shows_images: bool
    """False for an engine that looks at no pixels, so that nobody resizes images for it."""

    def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """One reply a request, as each finishes, in any order; requests are consumed as needed, so memory
        stays flat.

        A request that cannot be answered yields a reply with `error`; what `requests` itself raises passes
        through.
        """
        ...

    def exchange(self, checkpoint: Path) -> bool:
        """Go on with the weights of another checkpoint of the same architecture and processor; False where it
        cannot.
        """
        ...

    def close(self) -> None:
        """Give back what it holds; no request afterwards."""
        ...
