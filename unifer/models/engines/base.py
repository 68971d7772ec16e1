"""What an engine is, requests in and replies out in whatever order they finish; and which one is opened.

Knows nothing of questions, labels or files: a request is a prompt and a picture, `key` is the caller's own.
No torch here: heavy engines are imported only when one is opened.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.models.devices import auto_dtype, visible_gpus
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
    """Of this request alone, in place of the settings'.

    The transformers engine answers those of one temperature together.
    """
    start: str = ""
    """What the reply begins with: the model goes on from there, and the reply holds it."""


AGAIN = "\x1f"
"""In a key, before what tells several requests about one question apart in a stream."""


def question_of(key: str) -> str:
    """The question that a request's key is about; its sampling is seeded by that alone."""
    return key.partition(AGAIN)[0]


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
    """How replies are generated.

    A checkpoint's own generation_config sets nothing but its end tokens, in any engine, unless `more` does.
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
    """Further keys of transformers' GenerationConfig, such as `no_repeat_ngram_size`.

    The transformers engine alone obeys them.
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
        """A seed for one request, where the engine can take one.

        Its sampled reply then depends neither on order nor on the batch. Requests on one question share it.
        """
        return int.from_bytes(hashlib.sha256(f"{self.seed}:{question_of(key)}".encode()).digest()[:4], "big")

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
        """One reply a request, as each finishes, in any order.

        Requests are consumed as needed, so memory stays flat. A request that cannot be answered yields a
        reply with `error`; what `requests` itself raises passes through.
        """

    def exchange(self, checkpoint: Path) -> bool:
        """Go on with the weights of another checkpoint of the same architecture and processor.

        False where it cannot.
        """

    def close(self) -> None:
        """Give back what it holds; no request afterwards."""


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
    """Addresses of the servers of `server`, replicas of the one model.

    `batch_size` is what each holds at the same time.
    """

    @property
    def precision(self) -> str | None:
        """`dtype` with `auto` made definite.

        None for the scripted engine, and for servers, which do not tell.
        """
        if self.name in ("scripted", "server"):
            return None
        return auto_dtype(self.path) if self.dtype == "auto" else self.dtype

    @property
    def has_processes(self) -> bool:
        """Whether vLLM runs it in processes of its own, as it does on GPUs.

        They would outlive one that is killed.
        """
        return self.name == "vllm" and (
            bool(visible_gpus()) or os.environ.get("VLLM_ENABLE_V1_MULTIPROCESSING") == "1"
        )

    def identity(self) -> Json:
        """What of this a run must keep: engine, precision, sampling, image rule.

        Batch size, memory and addresses are free to change.
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
        values: dict[str, Any] = dict(row)
        values["path"] = Path(values["path"])
        values["settings"] = GenerationSettings(**values["settings"])
        values["image_rule"] = ImageRule(**values["image_rule"])
        values["urls"] = tuple(values["urls"])
        return cls(**values)

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
