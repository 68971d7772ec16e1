"""Batched `generate` of transformers: needs nothing but torch, and is slower than vLLM.

It runs wherever the model loads. Knows no files and no questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from unifer.models.engines.base import GenerationSettings, Reply, Request
from unifer.models.loading import decode_reply, load_model, load_processor, render_prompt

DEFAULT_BATCH = 32


class TransformersEngine:
    """A checkpoint behind `generate`, `batch_size` requests at a time, padded on the left."""

    shows_images = True

    def __init__(
        self,
        path: Path,
        settings: GenerationSettings,
        *,
        dtype: str,
        attn: str = "sdpa",
        batch_size: int = DEFAULT_BATCH,
    ) -> None:
        self._processor: Any = load_processor(path)
        self._model: Any = load_model(path, dtype, attn)
        self._batch_size = batch_size
        self._end_tokens = _end_tokens(self._model, self._processor.tokenizer)
        self._settings = settings
        self._generation = _generation_config(settings, self._end_tokens, self._processor.tokenizer)
        # `generate` fills whatever we leave open from the model's own generation_config: hidden penalties and
        # sampling.
        self._model.generation_config = self._generation
        torch.manual_seed(settings.seed)

    def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
        source = iter(requests)
        while batch := list(islice(source, self._batch_size)):
            for temperature in dict.fromkeys(request.temperature for request in batch):
                yield from self._answer([request for request in batch if request.temperature == temperature])

    def exchange(self, checkpoint: Path) -> bool:
        return False  # loading the next one takes no longer

    def close(self) -> None:
        self._model = None
        torch.cuda.empty_cache()

    def _answer(self, batch: list[Request]) -> Iterator[Reply]:
        try:
            replies = self._generate(batch)
        except (
            Exception
        ) as error:  # the boundary: one bad request, or too many for the memory, must not lose the others
            if len(batch) == 1:
                yield Reply.failed(batch[0].key, error)
                return
            if isinstance(error, torch.cuda.OutOfMemoryError):
                self._batch_size = max(1, len(batch) // 2)
            replies = []
        if not replies:
            torch.cuda.empty_cache()
            middle = len(batch) // 2
            yield from self._answer(batch[:middle])
            yield from self._answer(batch[middle:])
        yield from replies

    @torch.inference_mode()
    def _generate(self, batch: list[Request]) -> list[Reply]:
        texts = [render_prompt(self._processor, request.prompt, request.start) for request in batch]
        images = [[request.image] for request in batch]
        inputs = self._processor(text=texts, images=images, padding=True, return_tensors="pt").to(
            self._model.device
        )
        output = self._model.generate(**inputs, generation_config=self._generation_at(batch[0].temperature))
        width = inputs["input_ids"].shape[1]
        prompt_tokens = inputs["attention_mask"].sum(dim=1).tolist()
        return [
            self._reply(request, tokens, ids)
            for request, tokens, ids in zip(batch, prompt_tokens, output[:, width:].tolist(), strict=True)
        ]

    def _generation_at(self, temperature: float | None) -> Any:
        """How a batch is decoded, all of whose requests share a temperature."""
        if temperature is None or temperature == self._settings.temperature:
            return self._generation
        settings = self._settings.at(temperature)
        return _generation_config(settings, self._end_tokens, self._processor.tokenizer)

    def _reply(self, request: Request, prompt_tokens: int, ids: list[int]) -> Reply:
        end = next((at for at, token in enumerate(ids) if token in self._end_tokens), None)
        kept = ids if end is None else ids[:end]
        text = request.start + decode_reply(self._processor.tokenizer, kept)
        # The end token counts, as in vLLM; padding after it does not.
        return Reply(
            request.key,
            text,
            "length" if end is None else "stop",
            prompt_tokens,
            len(kept) + (end is not None),
        )


def _end_tokens(model: Any, tokenizer: Any) -> list[int]:
    named = model.generation_config.eos_token_id
    named = named if isinstance(named, list) else [named]
    return sorted({token for token in (*named, tokenizer.eos_token_id) if token is not None})


def _generation_config(settings: GenerationSettings, end_tokens: list[int], tokenizer: Any) -> Any:
    sampling = (
        {} if settings.greedy else {"temperature": settings.temperature, "top_p": settings.top_p, "top_k": 0}
    )
    make: Any = GenerationConfig
    return make(
        max_new_tokens=settings.max_new_tokens,
        do_sample=not settings.greedy,
        repetition_penalty=settings.repetition_penalty,
        eos_token_id=end_tokens,
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end_tokens[0],
        **sampling,
        **settings.more,
    )
