"""`unifer grpo` with recorded replies, the same for a row on any number of ranks: runs can be compared."""

from __future__ import annotations

import sys
from typing import Any

from unifer.train import grpo, stage
from unifer.train.rollouts import Sampler

REPLIES = (
    "<think>Brows: inner brows raised (AU1). Together these suggest "
    "sadness.</think>\n<answer>sadness</answer>",
    "<think>Mouth: lip corners pulled up (AU12). Together these suggest "
    "happiness.</think>\n<answer>happiness</answer>",
    "<think>Brows: at rest.</think>\n<answer>neutral</answer>",
    "<answer>anger</answer>",
)


def recorded(self: Any, prompts: Any, images: Any, num_generations: int, profiler: Any = None) -> Any:
    """Reply `n` of a group is the n-th of `REPLIES`, in turn; every token has log-probability -0.5."""
    tokenizer = self.processing_class.tokenizer
    texts = [REPLIES[place % num_generations % len(REPLIES)] for place in range(len(prompts))]
    completions = [[*tokenizer(text)["input_ids"], tokenizer.eos_token_id] for text in texts]
    return prompts, completions, [[[-0.5]] * len(ids) for ids in completions], None


if __name__ == "__main__":
    Sampler.generate = recorded  # type: ignore[method-assign]
    stage.speak()
    grpo.run(sys.argv[1:])
