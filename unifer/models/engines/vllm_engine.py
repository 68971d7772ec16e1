"""vLLM fed continuously, so that no batch waits for its slowest request.

The next images are prepared in the background while the engine steps. Knows no files and no questions. vLLM
itself is imported when an engine is made, after its environment is set.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from unifer.dialogue.images import PATCH, ImageRule
from unifer.errors import InputError
from unifer.models.devices import visible_gpus
from unifer.models.engines.base import GenerationSettings, Reply, Request
from unifer.models.engines.feeding import Feeder, join
from unifer.models.engines.vllm_weights import exchange_weights
from unifer.models.families import described
from unifer.models.image_limits import image_tokens
from unifer.models.loading import decode_reply, load_processor, render_prompt
from unifer.records import Json

_TEXT_TOKENS = 2048
_MOST_IMAGE_TOKENS = 16384
_CPU_ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
_GPU_TALK = ("vllm.triton_utils.importing", "torch.utils.cpp_extension")
"""Loggers that, without a GPU, warn of what only a GPU has: Triton's backends, CUDA's runtime."""


class VllmEngine:
    """A checkpoint inside vLLM, for images of `image_side` x `image_side` pixels (None: of any size)."""

    shows_images = True

    def __init__(
        self,
        path: Path,
        settings: GenerationSettings,
        *,
        dtype: str,
        image_side: int | None,
        gpu_memory_utilization: float | None = None,
        tensor_parallel_size: int = 1,
    ) -> None:
        self.processor: Any = load_processor(path)
        room = _image_tokens(path, self.processor, image_side) + _TEXT_TOKENS
        context = room + settings.max_new_tokens
        options: dict[str, Any] = {"tensor_parallel_size": tensor_parallel_size}
        if gpu_memory_utilization is not None:
            options["gpu_memory_utilization"] = gpu_memory_utilization
        self.llm = make_llm(
            path, dtype=dtype, context=context, seed=settings.seed, image_side=image_side, **options
        )
        self._settings = settings
        limit = self.llm.llm_engine.vllm_config.scheduler_config.max_num_seqs
        # Twice what runs at once: the scheduler never waits for us, and memory stays bounded.
        self._in_flight_limit = 2 * limit
        # One thread for the engine's life: what torch keeps for one that computed stays when it is gone.
        self._preparing = ThreadPoolExecutor(1, thread_name_prefix="prepare-images")

    def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
        engine = self.llm.llm_engine
        in_flight: dict[str, Request] = {}
        try:
            with Feeder(self._preparing, requests, self._prepare, ahead=self._in_flight_limit // 4) as feeder:
                waited = 0
                while not feeder.ended or in_flight:
                    joining = join(feeder.ready, len(in_flight), waited)
                    waited = 0 if joining else waited + bool(feeder.ready)
                    while (
                        joining
                        and len(in_flight) < self._in_flight_limit
                        and (item := feeder.next(wait=not in_flight))
                    ):
                        request, prepared = item
                        reply = self._submit(request, prepared, in_flight)
                        if reply is not None:
                            yield reply
                    for output in engine.step() if in_flight else ():
                        if output.finished:
                            yield self._reply(in_flight.pop(output.request_id), output)
        finally:
            if in_flight:
                engine.abort_request(list(in_flight))

    def exchange(self, checkpoint: Path) -> bool:
        return exchange_weights(self.llm, checkpoint)

    def close(self) -> None:
        """End vLLM and its processes now.

        Left to the interpreter's exit, it finds its process group gone and says so. It collects garbage
        itself, twice, which is nearly all the time that this takes.
        """
        self._preparing.shutdown()
        self.llm.llm_engine.engine_core.shutdown()
        del self.llm

    def _prepare(self, request: Request) -> Any:
        """Tokens and pixel values of one request, as vLLM's scheduler takes them."""
        prompt = {
            "prompt": render_prompt(self.processor, request.prompt, request.start),
            "multi_modal_data": {"image": request.image},
        }
        return render_for_engine(self.llm, prompt)

    def _submit(self, request: Request, prepared: Any, in_flight: dict[str, Request]) -> Reply | None:
        if isinstance(prepared, Exception):
            return Reply.failed(request.key, prepared)
        request_id = request.key
        try:
            params = sampling_params(self._settings.at(request.temperature), request.key)
            self.llm.llm_engine.add_request(request_id, prepared, params)
        except (
            ValueError
        ) as error:  # vLLM's word for a request that it will not take, one too long for instance
            return Reply.failed(request.key, error)
        in_flight[request_id] = request
        return None

    def _reply(self, request: Request, output: Any) -> Reply:
        completion = output.outputs[0]
        ids = list(completion.token_ids)
        # With detokenize=False vLLM leaves the end token among the ids; it is a control token and drops out
        # of the text.
        text = request.start + decode_reply(self.processor.tokenizer, ids)
        return Reply(request.key, text, completion.finish_reason, len(output.prompt_token_ids), len(ids))


def _image_tokens(path: Path, processor: Any, side: int | None) -> int:
    """Tokens to keep free for an image; what a processor rounds up or down, the text's share covers."""
    family = described(path)
    if side is None:
        return _MOST_IMAGE_TOKENS
    if family is None or family.limits == "area":
        return int(side // PATCH) ** 2
    return image_tokens(processor, ImageRule(side, family.unit), family)


def prepare_environment() -> None:
    """Set what vLLM reads from the environment, where the user has not.

    Call before vLLM is imported, by whomever.
    """
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    if not visible_gpus():
        for name, value in _CPU_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        for name in _GPU_TALK:
            logging.getLogger(name).setLevel(logging.ERROR)
    # vLLM's own use of what torch deprecates is nothing a user could act on.
    warnings.filterwarnings("ignore", category=FutureWarning, module="vllm")


def one_image(side: int | None) -> Json:
    """vLLM's `limit_mm_per_prompt` for one image of `side` x `side` pixels (None: any).

    Told no size, vLLM measures its memory with the largest image that the processor lets through, 16,384
    tokens: 2 to 3 GB of a GPU.
    """
    return {"image": 1 if side is None else {"count": 1, "width": side, "height": side}, "video": 0}


def make_llm(
    path: Path, *, dtype: str, context: int, seed: int, image_side: int | None = None, **options: Any
) -> Any:
    """A `vllm.LLM` for one image a prompt and at most `context` tokens.

    Raises InputError if vLLM is missing or refuses the model. On CPU: eager, in this process, 1 GiB of cache
    unless VLLM_CPU_KVCACHE_SPACE says otherwise. On GPU vLLM's defaults, CUDA graphs included. Its image and
    prefix caches are off: each image is asked about once, they would only grow.
    """
    prepare_environment()
    if not visible_gpus():
        # Where a prompt is cut in two, vLLM winds its request's generator back by an offset, which generators
        # on CPU do not have.
        options |= {"enforce_eager": True, "enable_chunked_prefill": False}
    try:
        from vllm import LLM
    except ImportError as error:
        raise InputError(
            f"vLLM cannot be imported ({error}); install it as README says, or give --engine transformers"
        ) from None
    from transformers import AutoConfig

    text = AutoConfig.from_pretrained(str(path)).get_text_config()
    make: Any = LLM
    try:
        return make(
            str(path),
            dtype=dtype,
            seed=seed,
            max_model_len=min(context, getattr(text, "max_position_embeddings", context)),
            limit_mm_per_prompt=one_image(image_side),
            mm_processor_cache_gb=0,
            enable_prefix_caching=False,
            disable_log_stats=True,
            use_tqdm_on_load=False,
            **options,
        )
    except ValueError as error:
        raise InputError(f"{path}: vLLM refuses it: {' '.join(str(error).split())[:500]}") from None


def sampling_params(settings: GenerationSettings, key: str) -> Any:
    """vLLM's form of `settings`, nothing left to defaults of the checkpoint."""
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        max_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        repetition_penalty=settings.repetition_penalty,
        seed=None if settings.greedy else settings.seed_of(key),
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def render_for_engine(llm: Any, prompt: dict[str, Any]) -> Any:
    """A text-and-image prompt as `LLMEngine.add_request` takes it.

    Tokenized, pixels computed, placeholder expanded.
    """
    from vllm.renderers.inputs.preprocess import parse_model_prompt

    parsed = parse_model_prompt(llm.model_config, prompt)
    (rendered,) = llm.renderer.render_cmpl([parsed], llm.renderer.default_cmpl_tok_params)
    return rendered
