"""The bridge between TRL and vLLM: one real trainer with its engine, then all that can go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.train.grpo_flags import BASE, flags
from tests.train.sampling import (
    perturb_after_sync,
    prompts_and_images,
    sampling_difference,
    score_with_gradients,
)
from unifer.errors import InputError
from unifer.models.families import Family, placeholder_ids

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Any:
    """A GRPO trainer over the committed base, which sees, with its engine; no step taken."""
    from unifer.train import grpo, stage

    argv = flags(corpus, BASE, tmp_path_factory.mktemp("grpo") / "out")
    return stage.make_trainer(grpo.GrpoStage(), *stage.begin(grpo.GrpoStage(), grpo.types(), argv))


@pytest.fixture
def batch(trainer: Any) -> Iterator[list[Any]]:
    """Two prompts, four completions each; afterwards the sampler holds the trainer's weights again."""
    yield [trainer.train_dataset[index] for index in (0, 1) for _ in range(4)]
    trainer._last_loaded_step = -1


def test_stock_trl_answers_a_prompt_that_is_expanded_twice_and_ours_does_not(
    trainer: Any, batch: list[Any]
) -> None:
    """huggingface/trl#6294: no error, other tokens, advantages of answers to a prompt that nobody scores."""
    from trl.generation.vllm_generation import VLLMGeneration

    ids, images = prompts_and_images(trainer, batch)
    trainer.vllm_generation.sync_weights()
    stock, *_ = VLLMGeneration.generate(trainer.vllm_generation, ids, images, 4)
    pad = trainer.processing_class.image_token_id
    assert [list(prompt).count(pad) for prompt in stock] == [31] * 8, (
        "16 image tokens became 31; if not, TRL is mended: drop collapse()"
    )
    ours, completions, logprobs, _ = trainer.vllm_generation.generate(ids, images, 4)
    assert [list(prompt) for prompt in ours] == ids
    assert all(len(tokens) == len(scores) > 0 for tokens, scores in zip(completions, logprobs, strict=True))


def test_another_prompt_in_the_sampler_stops_the_run(
    trainer: Any, batch: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Family, "collapse", lambda self, ids, _: list(ids))
    with pytest.raises(
        InputError,
        match=r"prompt 0: vLLM answered other tokens .*16 image tokens of \d+ for the trainer, 31 of",
    ):
        trainer.vllm_generation.generate(*prompts_and_images(trainer, batch), 4)


def test_sampler_and_trainer_agree_in_float32(trainer: Any, batch: list[Any]) -> None:
    assert sampling_difference(trainer, batch) < 1e-4


def test_an_image_seen_before_is_seen_with_the_new_weights(
    trainer: Any, batch: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """vLLM keeps image features by hash, and TRL's sync leaves them: epoch two would see with old eyes."""
    import torch

    assert sampling_difference(trainer, batch) < 1e-4
    weight = trainer.model.model.visual.merger.mlp[2].weight
    before = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.mul_(0.5)
        trainer._last_loaded_step = -1
        engine = trainer.vllm_generation.llm.llm_engine
        with monkeypatch.context() as stock:
            stock.setattr(engine, "reset_encoder_cache", lambda: None)
            stale = sampling_difference(trainer, batch)
        trainer._last_loaded_step = -1
        fresh = sampling_difference(trainer, batch)
    finally:
        with torch.no_grad():
            weight.copy_(before)
    assert stale > 1e-3, "vLLM drops image features by itself now: reset_encoder_cache() is no longer needed"
    assert fresh < 1e-4


def test_placeholders_are_out_of_both_distributions(trainer: Any) -> None:
    """A ban in the sampler alone would leave the trainer with other probabilities for every token."""
    import torch

    head, hidden = (
        trainer.model.get_output_embeddings(),
        torch.randn(5, trainer.model.config.text_config.hidden_size),
    )
    banned = placeholder_ids(trainer.family, trainer.processing_class.tokenizer)
    assert len(banned) == 4
    chances = torch.softmax(head(hidden), dim=-1)
    assert chances[:, banned].max() < 1e-30
    kept = [token for token in range(chances.shape[1]) if token not in banned]
    without = torch.softmax((hidden @ head.weight.T)[:, kept], dim=-1)
    assert torch.allclose(chances[:, kept], without, atol=1e-6)
    assert trainer.vllm_generation.generation_kwargs["logit_bias"].keys() == set(banned)
    assert "lm_head.bias" not in trainer.model.state_dict()


def test_an_empty_completion_is_one_end_token_without_a_score(trainer: Any) -> None:
    """TRL reads the last token of every completion: an empty one raised IndexError."""
    end = trainer.processing_class.tokenizer.eos_token_id
    completions, logprobs = trainer.vllm_generation._with_ends([[5, end], []], [[[-0.1], [-0.2]], []])
    assert completions == [[5, end], [end]]
    assert logprobs == [[[-0.1], [-0.2]], [[None]]]


def test_weights_that_did_not_arrive_stop_the_run(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    model = trainer.vllm_generation.llm.llm_engine.model_executor.driver_worker.model_runner.model
    weight = trainer.model.model.language_model.layers[-1].self_attn.o_proj.weight
    before = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.add_(0.01)
        monkeypatch.setattr(type(model), "load_weights", lambda *_: None)
        with pytest.raises(
            InputError, match=r"vLLM kept its old weights: 3\.self_attn\.o_proj\.weight .* by up to 0\.01"
        ):
            trainer.vllm_generation.sync_weights()
    finally:
        with torch.no_grad():
            weight.copy_(before)


def test_a_server_drops_the_image_features_of_old_weights_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from trl.generation.vllm_generation import VLLMGeneration

    from unifer.train.rollouts import Sampler

    posted: list[str] = []
    answer = SimpleNamespace(raise_for_status=lambda: None)

    def post(url: str, timeout: float) -> SimpleNamespace:
        posted.append(url)
        return answer

    session = SimpleNamespace(post=post)
    monkeypatch.setattr(VLLMGeneration, "sync_weights", lambda _: None)
    for main in (True, False):
        sampler = object.__new__(Sampler)
        sampler.mode, sampler.sync_seconds = "server", 0.0
        sampler.accelerator = SimpleNamespace(is_main_process=main)
        sampler.vllm_client = SimpleNamespace(session=session, base_url="http://node:8000")
        sampler.sync_weights()
    assert posted == ["http://node:8000/reset_encoder_cache"], "once, by the rank that talks to the server"


def test_the_probe_names_perturbed_weights(trainer: Any, batch: list[Any]) -> None:
    trainer._probed = False
    trainer._last_loaded_step = -1
    perturb_after_sync(trainer)
    try:
        with pytest.raises(
            InputError,
            match=r"(?s)sampler and trainer disagree.*pixels are equal.*weights differ: "
            r"\S*3\.mlp\.down_proj\.weight by up to",
        ):
            trainer._generate_and_score_completions(batch)
    finally:
        del trainer.vllm_generation.sync_weights
        trainer._probed = True


def test_the_probe_names_other_pixels(
    trainer: Any, batch: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A processor that resizes with another filter gives the same tokens and other features."""
    trainer._probed = False
    monkeypatch.setattr(trainer.processing_class.image_processor, "resample", 0)
    with pytest.raises(
        InputError,
        match=r"(?s)sampler and trainer disagree.*Tokens are equal.*pixels differ by up to.*"
        r"weights are equal",
    ):
        trainer._generate_and_score_completions(batch)


def test_the_probe_names_other_pixels_that_the_limit_of_bfloat16_hides(
    trainer: Any, batch: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """5e-2 a token refuses no sound run in bfloat16, and passed one whose sampler saw another image."""
    trainer._probed = False
    monkeypatch.setattr(trainer, "probe_limit", 100.0)
    monkeypatch.setattr(trainer.processing_class.image_processor, "resample", 0)
    with pytest.raises(
        InputError, match=r"do not see the same image: pixels differ by up to \d+ of 255 levels.*--image_size"
    ):
        trainer._generate_and_score_completions(batch)


def test_the_probe_explains_though_the_engine_sleeps(
    trainer: Any, batch: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asleep, vLLM's weights are unmapped: the explanation read them and the process died without a word."""
    trainer._probed = False
    monkeypatch.setattr(trainer, "probe_limit", -1.0)
    real = trainer._generate_and_score_completions
    monkeypatch.setattr(
        trainer.vllm_generation, "weights", lambda: pytest.fail("the engine's memory is unmapped")
    )
    monkeypatch.setattr(trainer.vllm_generation, "_check_arrival", lambda: None)
    from unifer.train import probe

    reasons = probe._reasons

    def asleep(*args: Any) -> list[str]:
        monkeypatch.setattr(trainer.vllm_generation, "enable_sleep_mode", True)
        return reasons(*args)

    monkeypatch.setattr(probe, "_reasons", asleep)
    with pytest.raises(InputError, match=r"pixels are equal; weights are not compared, vLLM's are asleep"):
        real(batch)


def test_images_of_a_group_pass_the_vision_tower_once_and_change_nothing(
    trainer: Any, batch: list[Any]
) -> None:
    import torch

    from unifer.train.shared_prompts import distinct

    processor = trainer.processing_class.image_processor
    made = processor(images=[row["image"] for row in batch], return_tensors="pt")
    pixels, grids = made["pixel_values"], made["image_grid_thw"]
    assert distinct(pixels, grids) == ([0, 4], [0, 0, 0, 0, 1, 1, 1, 1])
    tower = trainer.model.model.visual
    grads = []
    for forward in (tower.forward, lambda *args, **kwargs: type(tower).forward(tower, *args, **kwargs)):
        trainer.model.zero_grad()
        features = forward(pixels, grid_thw=grids).pooler_output
        (features * torch.linspace(-1, 1, features.numel()).view_as(features)).sum().backward()
        grads.append((features.detach(), tower.patch_embed.proj.weight.grad.clone()))
    trainer.model.zero_grad()
    (shared, gradient), (plain, expected) = grads
    assert torch.allclose(shared, plain, atol=1e-6)
    assert torch.allclose(gradient, expected, rtol=1e-3, atol=1e-4)


def test_a_prompt_that_is_read_once_gives_the_same_probabilities_and_gradients(
    trainer: Any, batch: list[Any]
) -> None:
    """Also where prompts differ in length, and where a completion is shorter than the longest."""
    import torch

    batch = [
        *batch[:4],
        *(
            {**row, "prompt": [{**row["prompt"][0], "content": "Which? " + row["problem"]}]}
            for row in batch[4:]
        ),
    ]
    trainer._probed = True
    output = trainer._generate_and_score_completions(batch)
    output["completion_mask"][2, 9:] = 0
    assert not output["prompt_mask"].all(), "prompts of one length would not show a wrong position"
    sharing, results = trainer._sharing, []
    assert sharing
    try:
        for used in (True, False):
            trainer._sharing = sharing if used else []
            trainer.model.zero_grad()
            results.append(score_with_gradients(trainer, output))
    finally:
        trainer._sharing = sharing
        trainer.model.zero_grad()
    (shared, gradients), (plain, expected) = results
    assert torch.allclose(shared, plain, atol=1e-5)
    assert gradients.keys() == expected.keys()
    for name, gradient in expected.items():
        assert torch.allclose(
            gradients[name], gradient, rtol=1e-3, atol=1e-3 * float(gradient.abs().max()) + 1e-6
        ), name
