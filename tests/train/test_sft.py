"""Cold-start SFT on the real stack: what is trained on, what is saved, what survives a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.train.sft_flags import flags, weights
from unifer.errors import InputError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def trainer(corpus: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The trainer of a run, before its first step; no test takes one."""
    from unifer.train import sft, stage

    argv = flags(corpus, tiny, tmp_path_factory.mktemp("untrained") / "out")
    return stage.make_trainer(sft.SftStage(), *stage.begin(sft.SftStage(), sft.types(), argv))


def test_unmasked_labels_are_the_reply_and_nothing_else(trainer: Any) -> None:
    """The published collator trained on the prompt too."""
    batch = next(iter(trainer.get_train_dataloader()))
    replies = {
        row["completion"][0]["content"] for row in (trainer.train_dataset[index] for index in range(24))
    }
    for labels in batch["labels"]:
        learnt = trainer.processing_class.tokenizer.decode(labels[labels != -100])
        assert learnt.removesuffix("\n").removesuffix("<|im_end|>") in replies
        assert learnt.endswith("<|im_end|>\n")


def test_a_batch_holds_every_image_and_each_its_own(trainer: Any) -> None:
    """The published collator kept the last example's image alone."""
    batch = trainer.data_collator([trainer.train_dataset[index] for index in range(3)])
    patches = batch["pixel_values"].reshape(3, -1)
    for index in range(3):
        alone = trainer.data_collator([trainer.train_dataset[index]])
        assert alone["pixel_values"].reshape(-1).equal(patches[index])
    assert not patches[0].equal(patches[1])


def test_sft_shows_the_very_prompt_that_inference_shows(trainer: Any) -> None:
    """Published SFT rendered an empty system turn, inference Qwen's default one."""
    from unifer.models.loading import render_prompt

    row = trainer.train_dataset[0]
    batch = trainer.data_collator([trainer.train_dataset[0]])
    processor = trainer.processing_class
    question = row["prompt"][0]["content"]
    expected = processor(
        text=[render_prompt(processor, question)], images=[row["image"]], return_tensors="pt"
    )["input_ids"][0]
    shown = batch["input_ids"][0][batch["labels"][0] == -100]
    assert shown.tolist() == expected.tolist()


def test_the_attention_that_was_asked_for_is_the_one_loaded(corpus: Path, tiny: Path, tmp_path: Path) -> None:
    from unifer.train import sft, stage

    argv = flags(
        corpus, tiny, tmp_path / "out", "--attn_implementation", "eager", "--freeze_vision_tower", "true"
    )
    made = stage.make_trainer(sft.SftStage(), *stage.begin(sft.SftStage(), sft.types(), argv))
    assert made.model.config._attn_implementation == "eager"
    trained = {name for name, weight in made.model.named_parameters() if weight.requires_grad}
    assert trained
    assert not any("visual" in name for name in trained)


def test_lora_ends_in_a_merged_checkpoint_that_loads(corpus: Path, tiny: Path, tmp_path: Path) -> None:
    from unifer.models.checkpoints import check_checkpoint
    from unifer.train import sft

    out = sft.run(flags(corpus, tiny, tmp_path / "out", "--max_steps", "2", "--use_peft", "true",
                        "--lora_target_modules", "all-linear", "--freeze_vision_tower", "true"))  # fmt: skip
    check_checkpoint(out)
    before, after = weights(tiny), weights(out)
    assert before.keys() == after.keys()
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed
    assert not any("visual" in name for name in changed)


@pytest.mark.parametrize(
    ("flag", "value", "remedy"),
    [
        ("load_in_8bit", "true", "--use_peft"),
        ("save_only_model", "true", "resumed"),
        ("resume_from_checkpoint", "x", "by itself"),
    ],
)
def test_a_flag_that_would_change_nothing_is_refused(
    flag: str, value: str, remedy: str, corpus: Path, tiny: Path, tmp_path: Path
) -> None:
    from unifer.train import sft

    with pytest.raises(InputError, match=f"--{flag} has no effect here.*{remedy}"):
        sft.run([*flags(corpus, tiny, tmp_path / "out"), f"--{flag}", value])


def test_a_folder_that_holds_somebodys_model_is_not_taken_over(
    corpus: Path, tiny: Path, tmp_path: Path
) -> None:
    import shutil

    from unifer.train import sft

    with pytest.raises(InputError, match="is the checkpoint that the run starts from"):
        sft.run(flags(corpus, tiny, tiny))
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    with pytest.raises(InputError, match=r"holds a model and no manifest\.json"):
        sft.run(flags(corpus, tiny, other))


def test_an_image_that_breaks_in_a_data_worker_is_still_one_clear_line(
    corpus: Path, tiny: Path, tmp_path: Path
) -> None:
    import shutil

    from unifer.train import sft, stage

    folder = tmp_path / "rows"
    shutil.copytree(corpus, folder)
    argv = flags(folder, tiny, tmp_path / "out", "--max_steps", "1", "--dataloader_num_workers", "1")
    this, dataset = stage.begin(sft.SftStage(), sft.types(), argv)
    trainer = stage.make_trainer(sft.SftStage(), this, dataset)
    for image in (folder / "images").iterdir():
        image.write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"cot\.json: the row with image_path .* is not an image") as error:
        stage._train(trainer, this)
    assert "Traceback" not in str(error.value)


@pytest.mark.parametrize(("lora", "remedy"), [(False, "--use_peft true"), (True, "--deepspeed")])
def test_four_bit_weights_are_refused_where_nothing_could_train_them(lora: bool, remedy: str) -> None:
    from types import SimpleNamespace

    from unifer.train import settings

    model = SimpleNamespace(load_in_4bit=True, use_peft=lora)
    with pytest.raises(InputError, match=f"--load_in_4bit true: .*{remedy}"):
        settings.check_quantised("sft", SimpleNamespace(deepspeed="zero2.json"), model)


def test_lora_on_four_bit_weights_trains_goes_on_and_is_merged_into_whole_ones(
    corpus: Path, tiny: Path, tmp_path: Path
) -> None:
    """The recipe for one card of 24 GB; bitsandbytes, like flash-attn, is installed by who needs it."""
    pytest.importorskip("bitsandbytes")
    from unifer.errors import OutOfTime
    from unifer.models.checkpoints import check_checkpoint
    from unifer.train import sft

    argv = flags(
        corpus,
        tiny,
        tmp_path / "out",
        "--max_steps",
        "6",
        "--load_in_4bit",
        "true",
        "--use_peft",
        "true",
        "--logging_steps",
        "1",
    )
    with pytest.raises(OutOfTime):
        sft.run([*argv, "--max_minutes", "0.0001"])
    out = sft.run(argv)
    check_checkpoint(out)
    state = json.loads((out / "checkpoint-6" / "trainer_state.json").read_text())
    losses = [entry["loss"] for entry in state["log_history"] if "loss" in entry]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    before, after = weights(tiny), weights(out)
    assert {tensor.dtype for tensor in after.values()} == {tensor.dtype for tensor in before.values()}
    assert any(not before[name].equal(after[name]) for name in before)
    assert (
        json.loads((out / "manifest.json").read_text())["identity"]["quantised"]["bnb_4bit_quant_type"]
        == "nf4"
    )


@pytest.mark.parametrize("flag", [["--report_to", "wandb"], ["--attn_implementation", "flash_attention_2"]])
def test_a_package_that_is_not_there_is_named_before_anything_loads(
    flag: list[str], corpus: Path, tiny: Path, tmp_path: Path
) -> None:
    from unifer.train import sft

    with pytest.raises(InputError, match=f"{flag[0]} {flag[1]} needs the package"):
        sft.run([*flags(corpus, tiny, tmp_path / "out"), *flag])
    assert not (tmp_path / "out").exists()


def test_a_finished_run_is_not_trained_again_and_another_is_refused(
    corpus: Path, tiny: Path, tmp_path: Path
) -> None:
    from unifer.train import sft

    out = sft.run(flags(corpus, tiny, tmp_path / "out", "--max_steps", "1"))
    written = (out / "model.safetensors").stat().st_mtime_ns
    assert sft.run(flags(corpus, tiny, tmp_path / "out", "--max_steps", "1")) == out
    assert (out / "model.safetensors").stat().st_mtime_ns == written
    with pytest.raises(InputError, match=r"optimisation\.max_steps: 1 -> 2"):
        sft.run(flags(corpus, tiny, tmp_path / "out", "--max_steps", "2"))
    sft.run(flags(corpus, tiny, tmp_path / "out", "--max_steps", "2", "--fresh", "true"))
    assert (tmp_path / "out.1" / "model.safetensors").is_file()


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(
    corpus: Path, tiny: Path, tmp_path: Path
) -> None:
    from unifer.train import sft

    steps = ["--max_steps", "8", "--save_steps", "2"]
    whole, killed = sft.run(flags(corpus, tiny, tmp_path / "whole", *steps)), tmp_path / "killed"
    command = [sys.executable, "-m", "unifer", "sft", *flags(corpus, tiny, killed, *steps)]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    while not (killed / "checkpoint-4" / "trainer_state.json").exists():
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "model.safetensors").exists()
    sft.run(flags(corpus, tiny, killed, *steps))
    expected, found = weights(whole), weights(killed)
    assert all(expected[name].equal(found[name]) for name in expected)
    for checkpoint in killed.glob("checkpoint-*"):
        assert {"tokenizer.json", "processor_config.json", "optimizer.pt"} <= {
            path.name for path in checkpoint.iterdir()
        }


def test_a_run_at_its_time_limit_saves_and_goes_on(corpus: Path, tiny: Path, tmp_path: Path) -> None:
    """A job of a cluster ends at its time limit, and what was trained since the last checkpoint was lost."""
    from unifer.errors import OutOfTime
    from unifer.train import sft

    argv = flags(corpus, tiny, tmp_path / "out", "--max_steps", "3", "--save_steps", "100")
    with pytest.raises(OutOfTime, match=r"stopped in step 1 of 3.*the same command goes on") as stop:
        sft.run([*argv, "--max_minutes", "0.0001"])
    assert stop.value.status == 75
    assert "finished" not in json.loads((tmp_path / "out" / "manifest.json").read_text())["context"]
    sft.run(argv)
    state = json.loads((tmp_path / "out" / "checkpoint-3" / "trainer_state.json").read_text())
    assert [entry["step"] for entry in state["log_history"] if "loss" in entry] == [1, 2, 3]


def test_a_half_written_checkpoint_is_passed_over(tmp_path: Path) -> None:
    from unifer.models.checkpoints import last_whole

    for step, state in ((2, "{}"), (4, '{"global_step'), (10, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert last_whole(tmp_path) == tmp_path / "checkpoint-2"
