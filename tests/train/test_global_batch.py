"""What a step takes stays the same on any number of processes, or the run is refused with what would do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from unifer.errors import InputError
from unifer.train import settings
from unifer.train.global_batch import derive

CONFIGS = Path(__file__).parents[2] / "train_unifer" / "configs"


def recipe(name: str) -> dict[str, object]:
    values: dict[str, object] = yaml.safe_load((CONFIGS / name).read_text(encoding="utf-8"))
    return values


@pytest.mark.parametrize(("processes", "steps"), [(1, 16), (2, 8), (4, 4), (8, 2), (16, 1)])
def test_sft_takes_the_published_16_rows_on_every_number_of_gpus_that_divides_it(
    processes: int, steps: int
) -> None:
    """With the accumulation of 4 GPUs in the recipe, 8 GPUs took 32 rows per step and nobody was told."""
    assert derive(recipe("sft_7b.yaml"), processes) == steps


@pytest.mark.parametrize(("processes", "steps"), [(1, 32), (8, 4), (16, 2), (32, 1)])
def test_grpo_takes_the_published_224_replies(processes: int, steps: int) -> None:
    assert derive(recipe("grpo_7b.yaml"), processes) == steps


def test_without_a_global_batch_nothing_is_derived() -> None:
    assert derive({"per_device_train_batch_size": 2, "gradient_accumulation_steps": 3}, 8) is None
    assert derive({"global_batch": "0", "gradient_accumulation_steps": 3}, 8) is None


def test_a_number_of_gpus_that_cannot_share_the_batch_is_told_what_would_do() -> None:
    with pytest.raises(InputError) as refused:
        derive({"global_batch": 16, "per_device_train_batch_size": 1}, 6)
    said = str(refused.value)
    assert "--global_batch 16 on 6 processes of 1" in said
    assert "1, 2, 4, 8 or 16 processes" in said
    assert "--global_batch 12 or 18" in said


def test_replies_are_refused_by_whole_groups() -> None:
    """12 processes of 7 replies: a step that is no multiple of 8 replies would cut a group in two."""
    with pytest.raises(InputError, match=r"--global_batch 168 or 336$"):
        derive(recipe("grpo_7b.yaml"), 12)
    with pytest.raises(InputError, match=r"--per_device_train_batch_size 1, 2, 4, 8 or 16; or"):
        derive(recipe("grpo_7b.yaml"), 7)


def test_an_accumulation_that_says_otherwise_is_refused() -> None:
    given = {"global_batch": 16, "per_device_train_batch_size": 1}
    assert derive({**given, "gradient_accumulation_steps": 4}, 4) == 4
    with pytest.raises(
        InputError, match=r"--gradient_accumulation_steps 4 .*: 8 x 1 need 2, which is derived"
    ):
        derive({**given, "gradient_accumulation_steps": 4}, 8)


@pytest.mark.parametrize("value", ["sixteen", "-16", 1.5j])
def test_a_batch_that_is_no_number_is_named(value: object) -> None:
    with pytest.raises(InputError, match=r"--global_batch .*: a whole number above 0"):
        derive({"global_batch": value}, 1)


def test_flags_win_and_trl_gets_the_derived_number(tmp_path: Path) -> None:
    """GRPO derives its generation batch from the accumulation while TRL builds its settings."""
    from trl import GRPOConfig, ModelConfig

    from unifer.train.grpo_settings import GrpoArguments

    config = tmp_path / "run.yaml"
    batch = "global_batch: 64\nper_device_train_batch_size: 8\n"
    config.write_text(
        f"rows: rows.json\nmodel_name_or_path: model\noutput_dir: {tmp_path}\nbf16: false\n{batch}"
    )
    types = (GrpoArguments, GRPOConfig, ModelConfig)
    fer, made, _ = settings.parse(
        types, ["--config", str(config), "--per-device-train-batch-size=4", "--global_batch", "32"]
    )
    assert (fer.global_batch, made.gradient_accumulation_steps, made.steps_per_generation) == (32, 8, 8)
    assert settings.parse(types, ["--config", str(config)], 2)[1].gradient_accumulation_steps == 4
