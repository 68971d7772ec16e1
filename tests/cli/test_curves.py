"""`unifer curves` as its user meets it: what it writes, what it says, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unifer import cli
from unifer.train.history import MetricsLog


def grpo_run(folder: Path) -> Path:
    with MetricsLog(folder) as log:
        for step in range(1, 41):
            log.append(step, {"reward": step / 40, "kl": 0.01}, ["step 7: look here"] if step == 7 else ())
    return folder


def sft_run(folder: Path) -> Path:
    state = {"log_history": [{"step": step, "loss": 1 / step} for step in (10, 20)]}
    (folder / "checkpoint-20").mkdir(parents=True)
    (folder / "checkpoint-20" / "trainer_state.json").write_text(json.dumps(state), encoding="utf-8")
    return folder


def refusal(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    assert cli.main(["curves", *map(str, argv)]) == 2
    return capsys.readouterr().err


def test_several_runs_of_any_kind_get_a_figure_and_a_summary_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = grpo_run(tmp_path / "grpo"), sft_run(tmp_path / "sft")
    assert cli.main(["curves", *map(str, runs)]) == 0
    out = capsys.readouterr().out
    assert all((run / "curves.png").stat().st_size > 10_000 for run in runs)
    assert "grpo · 40 logged steps, 1 to 40" in out
    assert "! step 7: look here" in out
    assert "sft · 2 logged steps, 10 to 20" in out
    assert out.count("wrote ") == 2


def test_a_run_in_progress_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = grpo_run(tmp_path / "grpo")
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"step": 41, "rew')
    assert cli.main(["curves", str(run), "--out", str(tmp_path / "figures" / "now.png")]) == 0
    assert (tmp_path / "figures" / "now.png").exists()
    assert not (run / "curves.png").exists()


def test_what_cannot_be_drawn_is_refused_with_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = grpo_run(tmp_path / "grpo")
    assert "nowhere: no such folder; give the output_dir of a training run" in refusal(
        capsys, tmp_path / "nowhere"
    )
    assert "no step in its metrics.jsonl" in refusal(capsys, tmp_path)
    assert "leave it out, each gets RUN/curves.png" in refusal(capsys, run, run, "--out", "x.png")
    assert "name it *.png" in refusal(capsys, run, "--out", tmp_path / "x.svg")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "metrics.jsonl").write_text('{"step": 1, "epoch": 0.1}\n', encoding="utf-8")
    assert "none of its metrics has a panel: epoch, step" in refusal(capsys, tmp_path / "odd")
