"""What `unifer synthesize` refuses, and what it says: another config, leaks, flags, a folder in use, keys
that nobody knows.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from tests.cli.synthesizing import Commands, change, out, read, read_rows, synthesize
from unifer import cli, files


def test_another_config_is_refused_with_what_differs(
    config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    synthesize(config)
    commands.ran.clear()
    files.write_rows(config.parent / "pool/cot.json", read(config.parent / "pool/cot.json")[:-1])
    assert synthesize(config, "--samples", "3", "--sft.max_steps", "9") == 2
    said = capsys.readouterr().err
    for key in (
        "settings.generation.samples: 2 -> 3",
        "settings.sft.settings.max_steps: 3 -> 9",
        "cot.sha256",
        "--fresh",
    ):
        assert key in said
    assert commands.ran == []
    assert synthesize(config, "--samples", "2", "--sft.max_steps", "9", "--fresh") == 0
    assert (out(config).parent / "synthesis.1/round_1/scores.json").exists()


@pytest.mark.parametrize("how", ["bytes", "id", "file"])
def test_a_held_out_face_is_never_trained_on(
    how: str, config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = read(config.parent / "held/data/qa.json")
    face = read_rows(config.parent)[7]
    if how == "bytes":
        (config.parent / "held/data/faces/3.png").write_bytes(
            (config.parent / "pool" / face.image_path).read_bytes()
        )
    elif how == "id":
        questions[3]["id"] = face.id
    else:
        (config.parent / "held/data/faces/3.png").unlink()
        (config.parent / "held/data/faces/3.png").symlink_to(config.parent / "pool" / face.image_path)
    files.write_rows(config.parent / "held/data/qa.json", questions)
    assert synthesize(config) == 2
    said = capsys.readouterr().err
    assert face.image_path in said
    assert f"the same {how}" in said
    assert commands.ran == []


def test_a_round_without_anything_to_learn_says_why(
    config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synthesize(config, "--filter.min_words", "300") == 2
    said = capsys.readouterr().err
    assert "no reply can be learnt from" in said
    assert "too_short 48" in said
    assert commands.ran == ["generate"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--sampels", "4"], "unknown flag --sampels; did you mean 'samples'?"),
        (["--config2", "x"], "unknown flag --config2"),
        (
            ["--max_new_tokens", "4"],
            "--max_new_tokens could be --generation.max_new_tokens or --evaluation.max_new_tokens",
        ),
        (["--samples", "four"], "'generation.samples' must be a whole number, not 'four'"),
        (["--samples", "0"], "generation: samples 0 must be at least 1"),
        (["--temperature", "0"], "greedy replies to one face are all alike"),
        (["--guidance", "sometimes"], "allowed are none, failed, always"),
        (["--template", "jont"], "did you mean 'joint'?"),
        (["--min_rate", "0.9", "--max_rate", "0.5"], "min_rate < max_rate"),
        (["--cot", "nowhere.json"], "cot: nowhere.json: no such file"),
        (["--model", "nowhere"], "model: nowhere: no such folder"),
        (["--image_root", "nowhere"], "image_root: nowhere: no such folder"),
        (["--rounds"], "--rounds needs a value"),
        (["3"], "'3' belongs to no flag"),
    ],
)
def test_what_a_flag_cannot_be(
    flags: list[str], message: str, config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    assert synthesize(config, *flags) == 2
    assert message in capsys.readouterr().err
    assert commands.ran == []


def test_an_unknown_key_is_refused_with_the_nearest(
    config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    change(config, selection={"easy_shar": 0.1})
    assert synthesize(config) == 2
    assert (
        "unknown key 'selection.easy_shar'; did you mean 'selection.easy_share'?" in capsys.readouterr().err
    )


def test_two_runs_do_not_write_one_folder(
    config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    out(config).parent.mkdir()
    with (out(config).parent / ".synthesis.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert synthesize(config) == 2
    assert "another process is writing it" in capsys.readouterr().err
    assert commands.ran == []


def test_what_is_said_fits_a_terminal(
    config: Path, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    synthesize(config, "--guidance", "always")
    text = capsys.readouterr().out
    own = [line for line in text.splitlines() if str(config.parent) not in line]
    assert max(map(len, own)) <= 80
    assert "replies, blind: 24 of 48 passed (50.0 %)" in text
    assert "replies, shown the label: 48 of 48 passed" in text
    assert "after over before: +50.0 points [" in text


def test_every_key_has_its_default_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["synthesize", "--keys"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert {"rounds: 1", "generation.guidance: none", "cot: needed", "selection.easy_share: 0.2"} <= set(
        listed
    )


def test_shipped_configs_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.conftest import ROOT
    from unifer.prepare.synthesis.settings import Synthesis
    from unifer.reading import read as read_settings

    for name in ("synthesis_tiny.yaml", "synthesis_7b.yaml"):
        found = read_settings(Synthesis, ROOT / "train_unifer/configs" / name)
        assert found.sft.config.is_file()
        assert found.grpo.config.is_file()
