"""Whole runs of every described family: GRPO, SFT, LoRA, freezing, resuming, and what they leave on disk."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.train import grpo_flags, sft_flags
from tests.train.family_models import OTHERS, untrained
from tests.train.sft_flags import weights
from unifer.errors import OutOfTime
from unifer.models.checkpoints import check_checkpoint
from unifer.models.engines import EngineSpec, GenerationSettings, Reply, Request
from unifer.models.families import Family, family_of
from unifer.train.history import read_metrics

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=OTHERS, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Family:
    chosen: Family = request.param
    return chosen


@pytest.fixture(scope="module")
def small(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory, family)


def replies(name: str, path: Path) -> list[Reply]:
    spec = EngineSpec(name, path, GenerationSettings(max_new_tokens=24), dtype="float32", batch_size=4)  # type: ignore[arg-type]
    engine = spec.open()
    answers = sorted(engine.stream(requests()), key=lambda reply: reply.key)
    engine.close()
    return answers


def requests() -> Iterator[Request]:
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 255, (224, 224, 3), np.uint8)
        yield Request(f"q{number}", "What does this face show? " * (1 + number % 3), Image.fromarray(pixels))


def any_text(prompts: Any, completions: Any, **_: Any) -> list[float]:
    """Pays whatever an untrained model says, each reply another sum: all would earn 0 for emotions."""
    return [sum(map(ord, reply[0]["content"])) % 97 / 97 for reply in completions]


def test_ten_grpo_steps_agree_and_leave_a_model_that_both_engines_answer_alike(
    family: Family, small: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unifer.train import grpo

    monkeypatch.setattr(grpo, "trainer_rewards", lambda *_, **__: [any_text])
    out = grpo.run(
        grpo_flags.flags(
            corpus, small, tmp_path / "out", max_steps=10, rewards="accuracy", learning_rate="1e-4"
        )
    )
    gaps = [row["sampling/sampling_logp_difference/mean"] for row in read_metrics(out)]
    assert len(gaps) == 10
    assert max(gaps) < 1e-3, gaps
    check_checkpoint(out)
    assert family_of(out) is family
    before, after = weights(small), weights(out)
    assert before.keys() == after.keys(), "the tensor names of the hub"
    assert any(not before[name].equal(after[name]) for name in before)
    transformers, vllm = replies("transformers", out), replies("vllm", out)
    assert [reply.error for reply in transformers] == [None] * 8
    assert [(reply.text, reply.prompt_tokens) for reply in vllm] == [
        (reply.text, reply.prompt_tokens) for reply in transformers
    ]
    assert len({reply.text for reply in vllm}) > 1, "a model that sees nothing would answer all alike"


def test_freezing_freezes_exactly_what_it_says(
    family: Family, small: Path, corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`.visual.` froze nothing of an InternVL, in silence."""
    from unifer.train import sft

    steps = ("--max_steps", "2", "--freeze_vision_tower", "true")
    with caplog.at_level(logging.WARNING):
        out = sft.run(sft_flags.flags(corpus, small, tmp_path / "out", *steps))
    before, after = weights(small), weights(out)
    same = {name for name in before if before[name].equal(after[name])}
    seen = {name for name in before if family.sees_pixels(name)}
    assert same == seen, "all that sees pixels stays, all else is trained"
    counts = {"vision tower": 0, "projector": 0, "language model": 0}
    for name in before:
        counts[family.part(name)] += before[name].numel()
    tower, projector, language = (f"{count:,}" for count in counts.values())
    assert (
        f"frozen: vision tower ({tower} weights) and projector ({projector}); trained: language model "
        f"({language})"
    ) in caplog.text


def test_sft_learns_the_reply_alone_from_the_prompt_of_inference(
    small: Path, corpus: Path, tmp_path: Path
) -> None:
    from unifer.models.loading import render_prompt
    from unifer.train import sft, stage

    argv = sft_flags.flags(corpus, small, tmp_path / "out")
    trainer: Any = stage.make_trainer(sft.SftStage(), *stage.begin(sft.SftStage(), sft.types(), argv))
    row, processor = trainer.train_dataset[0], trainer.processing_class
    question, reply, image = row["prompt"][0]["content"], row["completion"][0]["content"], row["image"]
    batch = trainer.data_collator([row])
    labels, ids = batch["labels"][0], batch["input_ids"][0]
    learnt = processor.tokenizer.decode(labels[labels != -100])
    assert learnt.removesuffix("\n").removesuffix("<|im_end|>") == reply
    text = render_prompt(processor, question)
    shown = processor(text=[text], images=[image], return_tensors="pt")
    assert ids[labels == -100].tolist() == shown["input_ids"][0].tolist()
    assert batch["pixel_values"].equal(shown["pixel_values"])


def test_a_stopped_run_ends_with_the_weights_of_one_that_was_not(
    small: Path, corpus: Path, tmp_path: Path
) -> None:
    """The Trainer's own resume matches no name of a family that is saved under others, and says nothing."""
    from unifer.train import sft

    steps = ("--max_steps", "3", "--save_steps", "100")
    whole = sft.run(sft_flags.flags(corpus, small, tmp_path / "whole", *steps))
    stopped = sft_flags.flags(corpus, small, tmp_path / "stopped", *steps)
    with pytest.raises(OutOfTime):
        sft.run([*stopped, "--max_minutes", "0.0001"])
    expected, after = weights(whole), weights(sft.run(stopped))
    assert all(expected[name].equal(after[name]) for name in expected)


@pytest.mark.matrix
@pytest.mark.parametrize("vision", [True, False], ids=["with-tower", "without"])
def test_lora_is_merged_into_whole_weights(
    vision: bool, family: Family, small: Path, corpus: Path, tmp_path: Path
) -> None:
    from unifer.train import sft

    frozen = "false" if vision else "true"
    steps = ("--max_steps", "2", "--use_peft", "true", "--freeze_vision_tower", frozen)
    out = sft.run(sft_flags.flags(corpus, small, tmp_path / "out", *steps))
    check_checkpoint(out)
    before, after = weights(small), weights(out)
    assert before.keys() == after.keys()
    changed = {family.part(name) for name in before if not before[name].equal(after[name])}
    assert changed == ({"vision tower", "projector", "language model"} if vision else {"language model"})


@pytest.mark.matrix
def test_grpo_by_lora_samples_from_the_merged_weights(
    small: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unifer.train import grpo

    monkeypatch.setattr(grpo, "trainer_rewards", lambda *_, **__: [any_text])
    # dropout in the adapters, on while the trainer scores, is in no merged weight
    lora = {"use_peft": "true", "lora_dropout": 0.0, "rewards": "accuracy"}
    argv = grpo_flags.flags(corpus, small, tmp_path / "out", max_steps=3, **lora)
    gaps = [row["sampling/sampling_logp_difference/mean"] for row in read_metrics(grpo.run(argv))]
    assert max(gaps) < 1e-3, gaps


@pytest.mark.matrix
def test_two_ranks_under_zero3_learn_as_one(small: Path, corpus: Path, tmp_path: Path) -> None:
    from tests.train.test_sft_ranks import ROOT, launch
    from unifer.train import sft

    def argv(out: Path, batch: int, *more: str) -> list[str]:
        config = str(ROOT / "train_unifer/configs/sft_tiny.yaml")
        steps = ("--max_steps", "4", "--save_steps", "4", "--per_device_train_batch_size", str(batch))
        return [*sft_flags.flags(corpus, small, out, "--config", config), *steps, *more]

    zero3 = str(ROOT / "train_unifer/configs/deepspeed/zero3.json")
    launch(argv(tmp_path / "two", 4, "--deepspeed", zero3))
    one = sft.run(argv(tmp_path / "one", 8))
    assert losses(tmp_path / "two") == pytest.approx(losses(one), abs=1e-4)
    check_checkpoint(tmp_path / "two")
    assert weights(small).keys() <= weights(tmp_path / "two").keys()


def losses(out: Path) -> list[float]:
    state = json.loads((out / "checkpoint-4" / "trainer_state.json").read_text())
    return [entry["loss"] for entry in state["log_history"] if "loss" in entry]
