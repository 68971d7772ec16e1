"""Every described family on the real stack: TRL and vLLM hold the same tokens, pixels and probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.train.family_models import OTHERS, untrained
from tests.train.grpo_flags import flags
from tests.train.sampling import (
    perturb_after_sync,
    prompts_and_images,
    sampling_difference,
    score_with_gradients,
)
from unifer.errors import InputError
from unifer.models.families import Family

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=OTHERS, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Family:
    chosen: Family = request.param
    return chosen


@pytest.fixture(scope="module")
def small(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory, family)


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory, corpus: Path, small: Path) -> Iterator[Any]:
    """A GRPO trainer with its engine; no step taken."""
    from unifer.train import grpo, stage

    argv = flags(corpus, small, tmp_path_factory.mktemp("grpo") / "out")
    made = stage.make_trainer(grpo.GrpoStage(), *stage.begin(grpo.GrpoStage(), grpo.types(), argv))
    yield made
    stage.close_sampler(made)


@pytest.fixture
def batch(trainer: Any) -> Iterator[list[Any]]:
    """Two prompts, four completions each; afterwards the sampler holds the trainer's weights again."""
    yield [trainer.train_dataset[index] for index in (0, 1) for _ in range(4)]
    trainer._last_loaded_step = -1


def test_sampler_and_trainer_hold_the_same_prompt_and_probabilities(
    trainer: Any, batch: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the image moves them: a sampler that saw none would agree with a trainer that saw none."""
    ids, _ = prompts_and_images(trainer, batch)
    placeholder = trainer.processing_class.tokenizer.convert_tokens_to_ids(trainer.family.image_token)
    assert all(prompt.count(placeholder) >= 16 for prompt in ids)
    assert sampling_difference(trainer, batch) < 1e-4
    monkeypatch.setattr(trainer.processing_class.image_processor, "image_mean", [0.0, 0.3, 0.9])
    assert sampling_difference(trainer, batch) > 1e-3


def test_the_probe_names_perturbed_weights(trainer: Any, batch: list[Any]) -> None:
    trainer._probed, trainer._last_loaded_step = False, -1
    perturb_after_sync(trainer)
    try:
        with pytest.raises(
            InputError,
            match=r"(?s)sampler and trainer disagree.*weights differ: \S*3\.mlp\.down_proj\.weight",
        ):
            trainer._generate_and_score_completions(batch)
    finally:
        del trainer.vllm_generation.sync_weights
        trainer._probed = True


def test_the_probe_names_a_wrong_resize(
    trainer: Any, batch: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer._probed = False
    monkeypatch.setattr(trainer, "probe_limit", 100.0)
    monkeypatch.setattr(trainer.processing_class.image_processor, "resample", 0)
    with pytest.raises(InputError, match=r"do not see the same image: pixels differ by up to \d+ of 255"):
        trainer._generate_and_score_completions(batch)
    trainer._probed = True


def test_what_a_group_shares_gives_the_same_probabilities_and_gradients(
    trainer: Any, batch: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images and prompts read once against each completion alone; prompts differ in length."""
    import torch

    other = [
        {**row, "prompt": [{**row["prompt"][0], "content": "Which? " + row["problem"]}]} for row in batch[4:]
    ]
    output = trainer._generate_and_score_completions([*batch[:4], *other])
    output["completion_mask"][2, 9:] = 0
    assert not output["prompt_mask"].all(), "prompts of one length would not show a wrong position"
    results, seen = [], []
    tower = getattr(trainer.model.model, trainer.family.tower)
    hook = tower.patch_embed if hasattr(tower, "patch_embed") else tower.embeddings
    hook.register_forward_hook(lambda module, inputs, outputs: seen.append(len(inputs[0])))
    for shares in (True, False):
        with monkeypatch.context() as alone:
            if not shares:
                alone.setattr(trainer, "_sharing", [])
                _see_each_image(alone, trainer)
            trainer.model.zero_grad()
            results.append(score_with_gradients(trainer, output))
    trainer.model.zero_grad()
    assert seen[1] == 4 * seen[0], "two images, not eight"
    (logps, gradients), (expected_logps, expected) = results
    assert torch.allclose(logps, expected_logps, atol=1e-4)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        gap = (gradient - expected[name]).abs().max()
        assert gap <= 1e-3 * expected[name].abs().max() + 1e-6, name


def _see_each_image(patched: pytest.MonkeyPatch, trainer: Any) -> None:
    """Take the sharing of images out of the model."""
    backbone = trainer.model.model
    tower = getattr(backbone, trainer.family.tower)
    owner, name = (backbone, "get_image_features") if trainer.family.limits == "tiles" else (tower, "forward")
    patched.setattr(owner, name, getattr(type(owner), name).__get__(owner))
