"""`unifer tiny-base --untrained`: a random model of any family that training knows, made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unifer.cli import main


@pytest.mark.slow
def test_a_random_model_of_a_family_is_a_whole_checkpoint(tmp_path: Path, capsys: Any) -> None:
    from unifer.models.checkpoints import check_checkpoint
    from unifer.models.families import family_of

    out = tmp_path / "new"
    argv = ["tiny-base", "--family", "qwen3-vl", "--untrained", "--out", str(out)]
    assert main(argv) == 0
    assert f"untrained qwen3-vl: {out} (5,707,840 weights)" in capsys.readouterr().out
    assert family_of(check_checkpoint(out)).name == "qwen3-vl"
    assert main(argv) == 2
    assert "is not empty; name a new folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--family", "llava", "--untrained"], "no model family is called 'llava'; described are qwen2.5-vl"),
        (["--family", "internvl"], "trained as a qwen2.5-vl alone; --untrained makes the random model"),
    ],
)
def test_what_cannot_be_made_is_named(flags: list[str], message: str, tmp_path: Path, capsys: Any) -> None:
    assert main(["tiny-base", *flags, "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
