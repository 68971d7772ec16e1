"""Settings: YAML and flags merged once, and nothing that nobody reads."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from unifer.errors import InputError
from unifer.train import settings

pytest.importorskip("trl", reason="training needs the full environment")
pytestmark = pytest.mark.slow


def parse(*argv: str) -> tuple[object, ...]:
    from trl import ModelConfig, SFTConfig

    from unifer.train import settings

    return settings.parse((settings.FerArguments, SFTConfig, ModelConfig), argv)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "configs" / "run.yaml"
    path.parent.mkdir()
    path.write_text(
        "rows: ../data/cot.json\nmodel_name_or_path: some/model\noutput_dir: out\nlearning_rate: "
        "1.0e-3\nbf16: false\n"
    )
    return path


def test_flags_win_over_the_file(config: Path) -> None:
    fer, sft, model = parse("--config", str(config), "--learning_rate", "2e-4")
    assert (sft.learning_rate, model.model_name_or_path) == (2e-4, "some/model")  # type: ignore[attr-defined]
    assert fer.freeze_vision_tower is False  # type: ignore[attr-defined]


def test_paths_in_the_file_are_relative_to_it(config: Path, tmp_path: Path) -> None:
    fer, *_ = parse("--config", str(config))
    assert Path(fer.rows) == tmp_path / "data" / "cot.json"  # type: ignore[attr-defined]


def test_the_last_config_wins_so_that_a_launchers_own_is_a_default(config: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(
        "rows: x.json\nmodel_name_or_path: m\noutput_dir: o\nlearning_rate: 5.0e-5\nbf16: false\n"
    )
    _, sft, _ = parse("--config", str(config), "--config", str(other))
    assert sft.learning_rate == 5e-5  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--lerning_rate", "1"], "unknown flag --lerning_rate; did you mean 'learning_rate'"),
        (["--learning_rate", "fast"], "learning_rate"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: no such file"),
    ],
)
def test_a_flag_that_nobody_reads_is_an_error_with_the_nearest_one(
    config: Path, argv: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        parse("--config", str(config), *argv)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("packin: true\n", "unknown key 'packin'; did you mean 'packing'"),
        ("[1, 2]\n", "a mapping of settings"),
        ("a: [\n", "not valid YAML"),
        ("output_dir: o\nmodel_name_or_path: m\nbf16: false\n", "missing rows"),
    ],
)
def test_a_bad_config_names_the_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        parse("--config", str(path))


def test_the_7b_recipe_keeps_the_published_hyperparameters() -> None:
    import yaml

    recipe = yaml.safe_load(
        (Path(__file__).parents[2] / "train_unifer/configs/sft_7b.yaml").read_text(encoding="utf-8")
    )
    assert recipe["global_batch"] == 4 * 1 * 4
    assert (recipe["num_train_epochs"], recipe["lr_scheduler_type"], recipe["max_grad_norm"]) == (
        2,
        "cosine",
        5,
    )


def test_every_flag_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from unifer.cli import main

    with pytest.raises(SystemExit):
        main(["sft", "--flags"])
    shown = capsys.readouterr().out
    assert "--learning_rate" in shown
    assert "--freeze_vision_tower" in shown


def test_a_precision_that_only_the_checkpoint_knows_is_refused(config: Path) -> None:
    """GRPO looked the probe's limit up by `auto`, and ended with a KeyError."""
    from unifer.train.settings import refuse_dead_flags

    _, sft, model = parse("--config", str(config), "--dtype", "auto")
    with pytest.raises(
        InputError, match="--dtype auto: sampler and trainer must hold weights alike; say float32"
    ):
        refuse_dead_flags(sft, model)


@pytest.mark.parametrize(
    ("command", "peft", "before", "dropped", "after"),
    [("grpo", True, 0.05, 0.05, 0.0), ("grpo", True, 0.0, 0.0, 0.0), ("sft", True, 0.05, 0.0, 0.05)],
)
def test_an_adapter_under_grpo_has_no_dropout(
    command: str, peft: bool, before: float, dropped: float, after: float
) -> None:
    """TRL's default of 0.05 made the trainer score another policy than vLLM sampled."""
    model = SimpleNamespace(use_peft=peft, lora_dropout=before)
    assert settings.drop_adapter_dropout(command, model) == dropped
    assert model.lora_dropout == after
