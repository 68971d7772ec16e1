"""What tests of `unifer ablate` share: a table, and commands that train and answer at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.cli.synthesizing import after, make_checkpoint, make_held_out
from unifer import cli, files
from unifer.cli import stages
from unifer.cli.ablation_study import Study

TRAINED = ["sft", "grpo", "answer", "answer", "grpo", "answer", "grpo", "answer", "answer"]
"""The reference, SFT only, weak, from base, base: one SFT for all."""


class Commands:
    """Stands where `subprocess` stood. A trained model answers as many of the 40 questions rightly as its
    config has steps.
    """

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.configs: list[Any] = []
        self.environment: list[Any] = []
        self.stopping = -1

    def run(self, argv: Sequence[str], env: Any, **_: Any) -> SimpleNamespace:
        trains = argv[0] == "bash"
        self.ran.append(("sft" if "sft" in argv[1] else "grpo") if trains else "answer")
        self.environment.append(env)
        if len(self.ran) - 1 == self.stopping:
            raise KeyboardInterrupt
        if trains:
            self._train(yaml.safe_load(Path(after(argv, "--config")).read_text()))
        else:
            self._answer(argv)
        return SimpleNamespace(returncode=0)

    def _train(self, config: Any) -> None:
        self.configs.append(config)
        folder = Path(config["output_dir"])
        make_checkpoint(folder)
        make_checkpoint(folder / "checkpoint-2")
        files.write_json(folder / "right.json", config["max_steps"])

    def _answer(self, argv: Sequence[str]) -> None:
        told = Path(after(argv, "--model")) / "right.json"
        right = json.loads(told.read_text()) if told.exists() else 0
        asked = json.loads((Path(after(argv, "--dataset-dir")) / "data/qa.json").read_text())
        said = [
            f"<think>AU12.</think>\n<answer>{row.get('true_label')}</answer>" if at < right else "AU4."
            for at, row in enumerate(asked)
        ]
        files.write_rows(
            Path(after(argv, "--out")),
            [row | {"model_response": text} for row, text in zip(asked, said, strict=True)],
        )


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_held_out(tmp_path)
    make_checkpoint(tmp_path / "Base")
    for name, steps in (("sft", 15), ("grpo", 30)):
        (tmp_path / f"{name}_rows.json").write_text("[]")
        config = {"rows": f"./{name}_rows.json", "max_steps": steps, "model_name_or_path": "./Base"}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
    variants: Any = {"SFT only": {"stages": ["sft"]}, "full": {}, "weak": {"grpo": {"max_steps": 20}}}
    variants |= {"from base": {"stages": ["grpo"]}, "base": {"stages": []}}
    whole = {"out": "./run", "reference": "full", "heldout": ["./held"], "processes": 1, "variants": variants}
    stages_of = {name: {"config": f"./{name}.yaml"} for name in ("sft", "grpo")}
    (tmp_path / "table.yaml").write_text(
        yaml.safe_dump(whole | stages_of | {"evaluation": {"max_new_tokens": 99}}, sort_keys=False)
    )
    return tmp_path / "table.yaml"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    double = Commands()
    monkeypatch.setattr(stages, "subprocess", double)
    monkeypatch.setattr(
        Study, "check_settings", lambda self, config: None
    )  # imports TRL; test_ablate_real.py has it
    return double


def ablate(table: Path, *flags: str) -> int:
    return cli.main(["ablate", str(table), *flags])


def found(table: Path) -> Any:
    return json.loads((table.parent / "run/ablations.json").read_text())
