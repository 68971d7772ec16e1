"""Flags that were called otherwise before: the old name works for one version, and says the new one."""

from __future__ import annotations

import argparse

import pytest

from unifer.cli import main
from unifer.cli.data import build, check, convert, cot, fetch, rlvr

REQUIRED = {
    "fetch": ["cot"],
    "build": ["ferplus"],
    "rlvr": ["rows.json", "--out", "out.json"],
    "convert": ["in.json", "--to", "cot", "--out", "out.json"],
    "check": ["rows.json"],
    "cot": ["rows.json", "--teacher", "a/b", "--out", "out.json"],
}


@pytest.mark.parametrize(
    ("command", "former", "current", "value"),
    [
        ("fetch", "--force", "--overwrite", ()),
        ("build", "--force", "--overwrite", ()),
        ("rlvr", "--force", "--overwrite", ()),
        ("convert", "--force", "--overwrite", ()),
        ("build", "--votes", "--vote-rule", ("majority",)),
        ("cot", "--image-side", "--image-size", ("512",)),
        ("cot", "--min-length", "--min-words", ("7",)),
        ("cot", "--max-length", "--max-words", ("700",)),
        ("check", "--votes", "--vote-file", ("votes.csv",)),
    ],
)
def test_both_names_mean_the_same_and_the_former_one_says_so(
    command: str, former: str, current: str, value: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for module in (fetch, build, rlvr, convert, cot, check):
        module.register(commands)
    plain = parser.parse_args([command, *REQUIRED[command]])
    now = parser.parse_args([command, *REQUIRED[command], current, *value])
    assert capsys.readouterr().err == ""
    before = parser.parse_args([command, *REQUIRED[command], former, *value])
    assert now == before != plain
    assert f"{former} is now called {current}" in capsys.readouterr().err


def test_a_former_name_takes_the_same_values_and_is_not_in_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for flag in ("--votes", "--vote-rule"):
        with pytest.raises(SystemExit):
            main(["data", "build", "ferplus", flag, "most"])
        assert "invalid choice: 'most'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["data", "build", "--help"])
    shown = capsys.readouterr().out
    assert "--vote-rule" in shown
    assert "--votes" not in shown
    assert "--force" not in shown
