"""Numbers and folders on the command line: what is wrong with one, in words of the person who typed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from unifer.cli import main


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["infer", "--limit", "abc"], "argument --limit: 'abc' is not a whole number from 1"),
        (["bench", "--limit", "0"], "argument --limit: '0' is not a whole number from 1"),
        (["judge", "--timeout", "1.5"], "argument --timeout: '1.5' is not a whole number from 1"),
        (
            ["compare", "--resamples", "99"],
            "argument --resamples: '99' is not a whole number from 100 to 100000",
        ),
        (["report", "--max-mb", "big"], "argument --max-mb: 'big' is not a number from 1 to 500"),
        (["report", "--max-mb", "nan"], "argument --max-mb: 'nan' is not a number from 1 to 500"),
    ],
)
def test_a_number_that_will_not_do_is_named_with_those_that_will(
    typed: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--limit abc` said "invalid _positive value"."""
    with pytest.raises(SystemExit):
        main(typed)
    assert said in capsys.readouterr().err


CURATE = ["data", "cot", "rows.json", "--teacher", "x", "--out", "o.json"]


@pytest.mark.parametrize("typed", [["bench"], ["data", "check", "rows.json"], CURATE])
def test_an_image_root_that_is_no_folder(
    typed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*typed, "--image-root", str(tmp_path / "gone")]) == 2
    assert (
        "gone: no such folder; give the folder that image paths such as /RAF-DB/1.jpg are below"
        in capsys.readouterr().err
    )
