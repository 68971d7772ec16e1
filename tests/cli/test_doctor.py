"""`unifer doctor` as people meet it: 80 columns, words beside the signs, an exit status that scripts can
trust.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unifer.cli import main
from unifer.cli.doctor import _lines
from unifer.errors import InputError

CONFIGS = Path(__file__).parents[2] / "train_unifer" / "configs"


def test_lines_fit_80_columns_and_say_the_level_in_words() -> None:
    shown = _lines(
        "problem", "verdict", "does not fit: " + "many words " * 30, "--deepspeed zero3.json: 31 GB; or " * 5
    )
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "problem" in shown.splitlines()[0]
    assert "-> --deepspeed zero3.json: 31 GB" in shown


def test_flags_without_a_config_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--learning_rate", "1"]) == 2
    assert "without --config" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--card", "b300", "--config", str(CONFIGS / "sft_7b.yaml")],
            "--card b300: its figures are not known here; allowed are a100, a800",
        ),
        (["--card", "h100"], "--card h100: without --config there is no run to predict"),
    ],
)
def test_a_card_that_says_nothing_is_refused_in_a_line(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *flags]) == 2
    shown = capsys.readouterr().err.strip()
    assert said in shown
    assert len(shown.splitlines()) == 1


def test_the_report_is_written_as_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    status = main(["doctor", "--json", str(report)])
    found = json.loads(report.read_text(encoding="utf-8"))
    assert [section["title"] for section in found["sections"]] == ["Installed", "Machine", "Data"]
    assert (status == 1) is (found["problems"] > 0)
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) <= 80


@pytest.mark.slow
def test_a_config_for_gpus_is_judged_on_a_machine_without_any(
    corpus: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Parsing the 7B recipe used to need a GPU: bf16 is refused on CPU before anything can be said about
    it.
    """
    pytest.importorskip("trl")
    argv = [
        "doctor",
        "--config",
        str(CONFIGS / "sft_7b.yaml"),
        "--rows",
        str(corpus / "cot.json"),
        "--output_dir",
        str(tmp_path / "o"),
    ]
    main([*argv, "--gpus", "8", "--gpu-memory", "80"])
    shown = capsys.readouterr().out
    assert "Memory on each of 8 GPUs" in shown
    assert "fits: " in shown
    assert "24 rows; 24 of 24 sampled images decoded" in shown
    assert main([*argv, "--gpus", "1", "--gpu-memory", "24"]) == 1
    assert "does not fit" in capsys.readouterr().out


@pytest.mark.slow
def test_a_card_adds_what_the_run_costs_and_its_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("trl")
    argv = [
        "doctor",
        "--config",
        str(CONFIGS / "grpo_7b.yaml"),
        "--output_dir",
        str(tmp_path / "o"),
        "--gpus",
        "64",
        "--card",
        "h200",
    ]
    main([*argv, "--global_batch", "256", "--per_device_train_batch_size", "4"])
    shown = capsys.readouterr().out
    assert " of 141 GB" in shown
    assert "Cost\n" in shown
    assert "64 x H200" in " ".join(shown.split())
    assert max(len(line) for line in shown.splitlines()) <= 80


@pytest.mark.slow
def test_the_stage_follows_from_the_keys(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    from unifer.train.doctor import examination

    assert examination.stage_of(CONFIGS / "sft_7b.yaml", []) == "sft"
    assert examination.stage_of(CONFIGS / "sft_7b.yaml", ["--num_generations=8"]) == "grpo"
    argv = ["--config", str(CONFIGS / "sft_7b.yaml"), "--rollouts"]
    assert examination.read_plan("grpo", [*argv, "none"])[1].use_vllm is False
    with pytest.raises(InputError, match="allowed are colocate, server, none"):
        examination.read_plan("grpo", [*argv, "somewhere"])
