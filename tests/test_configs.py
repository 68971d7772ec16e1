"""`base:` in training configs, and what the recipes that use it hold: read as training and its plans read
them, without torch.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from unifer.configs import files_of, read_config
from unifer.errors import InputError
from unifer.models.families import FAMILIES, Family
from unifer.train import rewards
from unifer.train.global_batch import derive

CONFIGS = ROOT / "train_unifer" / "configs"
RECIPES = (
    "facial_r1_sft",
    "facial_r1_grpo",
    "facial_r1_sft_tiny",
    "facial_r1_grpo_tiny",
    "sft_3b",
    "grpo_3b",
    "sft_qwen3vl_8b",
    "grpo_qwen3vl_8b",
    "sft_internvl3_8b",
    "grpo_internvl3_8b",
    "sft_72b",
    "grpo_72b",
)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_config_holds_what_differs_from_its_base(tmp_path: Path) -> None:
    """Paths stay relative to the file they stand in: a base in another folder kept its own rows."""
    write(tmp_path, "shared/base.yaml", "rows: ./cot.json\nlearning_rate: 1.0e-5\nbeta: 0.04\n")
    config = write(tmp_path, "mine/run.yaml", "base: ../shared/base.yaml\nbeta: 0.0\noutput_dir: ./out\n")
    assert read_config(config) == {
        **{"rows": str(tmp_path / "shared/cot.json"), "learning_rate": 1e-5, "beta": 0.0},
        "output_dir": str(tmp_path / "mine/out"),
    }
    assert files_of(config) == (config, tmp_path / "shared/base.yaml")
    assert files_of(tmp_path / "shared/base.yaml") == (tmp_path / "shared/base.yaml",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: ./none.yaml\n", "'base' names .*none.yaml, which is not there"),
        ("base: ./run.yaml\n", "'base' names the file itself"),
        ("base: ./other.yaml\n", "its base other.yaml names a base too, './run.yaml': they name each other"),
        (
            "base: ./chained.yaml\n",
            "its base chained.yaml names a base too, './plain.yaml': a base has none of its own",
        ),
        ("base: ./list.yaml\n", "list.yaml: a mapping of settings is expected"),
        ("base: [./plain.yaml]\n", r"'base' is \['./plain.yaml'\]; the path of another config is expected"),
        ("base: /plain.yaml\n", "it must be relative to this file"),
    ],
)
def test_a_base_that_cannot_be_read_is_refused(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "plain.yaml", "beta: 0.0\n")
    write(tmp_path, "other.yaml", "base: ./run.yaml\n")
    write(tmp_path, "chained.yaml", "base: ./plain.yaml\n")
    write(tmp_path, "list.yaml", "- beta\n")
    with pytest.raises(InputError, match=message):
        read_config(write(tmp_path, "run.yaml", text))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_nothing_that_its_base_says_already(name: str) -> None:
    """But for lines that a reason stands behind (`learning_rate` of facial_r1_sft.yaml), and what a change of
    the base must not change.
    """
    import yaml

    own = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    merged, base = read_config(CONFIGS / f"{name}.yaml"), read_config(files_of(CONFIGS / f"{name}.yaml")[1])
    assert "base" not in merged
    assert merged.keys() == base.keys() | (own.keys() - {"base"})
    assert merged["output_dir"] != base["output_dir"], (
        "a run of the recipe would go on with a run of its base"
    )


def recipe(name: str) -> dict[str, Any]:
    return read_config(CONFIGS / f"{name}.yaml")


def test_facial_r1_keeps_the_published_hyperparameters() -> None:
    grpo, sft = recipe("facial_r1_grpo"), recipe("facial_r1_sft")
    stated = {
        "learning_rate": 2e-5,
        "per_device_train_batch_size": 8,
        "num_train_epochs": 8,
        "max_completion_length": 256,
        "beta": 0.0,
    }
    assert {key: grpo[key] for key in stated} == stated
    assert derive(grpo, processes=8) == 4
    chosen = rewards.choose(grpo["rewards"], grpo["reward_weights"])
    assert dict(zip(chosen.names, chosen.weights, strict=True)) == {"au_f1": 1, "accuracy": 1, "format": 1}
    assert (sft["learning_rate"], sft["num_train_epochs"], derive(sft, processes=8)) == (2e-5, 2, 2)
    assert {Path(each["deepspeed"]).name for each in (grpo, sft)} == {"zero3.json"}
    assert grpo["model_name_or_path"] == sft["output_dir"], "stage 2 starts from what stage 1 leaves"


def test_the_tiny_twins_run_the_same_rewards_on_the_embedded_default() -> None:
    grpo, sft = recipe("facial_r1_grpo_tiny"), recipe("facial_r1_sft_tiny")
    assert [grpo[key] for key in ("rewards", "reward_weights", "beta")] == [
        recipe("facial_r1_grpo")[key] for key in ("rewards", "reward_weights", "beta")
    ]
    assert grpo["model_name_or_path"] == sft["output_dir"]
    assert Path(sft["model_name_or_path"]) == ROOT / "train_unifer" / "checkpoints" / "UniFER-Tiny-Base"


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_the_3b_differs_from_the_7b_in_checkpoints_alone(stage: str) -> None:
    small, large = recipe(f"{stage}_3b"), recipe(f"{stage}_7b")
    assert {key for key in large if small[key] != large[key]} == {"model_name_or_path", "output_dir"}
    assert recipe("grpo_3b")["model_name_or_path"] == recipe("sft_3b")["output_dir"]


@pytest.mark.parametrize("base", ["qwen3vl_8b", "internvl3_8b", "72b"])
def test_another_base_starts_its_grpo_from_its_sft_and_shows_both_the_same_pixels(base: str) -> None:
    sft, grpo = recipe(f"sft_{base}"), recipe(f"grpo_{base}")
    assert grpo["model_name_or_path"] == sft["output_dir"]
    assert grpo["image_size"] == sft["image_size"]
    published = family_of_hub(sft["model_name_or_path"])
    assert sft["image_size"] % published.unit == 0


def family_of_hub(hub_id: str) -> Family:
    (family,) = (each for each in FAMILIES if re.search(each.hub, hub_id))
    return family


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_doctor_and_training_parse_the_merged_values(name: str) -> None:
    """One reader: a plan of the doctor that saw the file alone would have planned another run."""
    pytest.importorskip("trl", reason="training needs the full environment")
    from unifer.train.doctor import examination

    config = CONFIGS / f"{name}.yaml"
    stage = examination.stage_of(config, [])
    assert stage == ("grpo" if "grpo" in name else "sft")
    fer, arguments, model = examination.read_plan(
        stage, ["--config", str(config)], processes=8 if "tiny" not in name else 1
    )
    values = read_config(config)
    assert (fer.rows, arguments.output_dir, model.model_name_or_path) == tuple(
        values[key] for key in ("rows", "output_dir", "model_name_or_path")
    )
    assert arguments.learning_rate == values["learning_rate"]
