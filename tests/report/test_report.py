"""Tables fit a terminal and figures open; text from files is shown as data in both."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.evaluate.scored import ADJECTIVES, FOUR, dataset, replied, run_of, write
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.overall import overall
from unifer.evaluate.published import pool_published, score_published
from unifer.evaluate.scoring import DatasetScores, score_strict
from unifer.report.figures import Bar, bars_png, confusion_png
from unifer.report.layout import WIDTH, percent, plain
from unifer.report.scores import dataset_text, overall_text, published_text


def scored(root: Path, name: str, rows: int = 4) -> DatasetScores:
    spec = dataset(root, name)
    many = [row | {"image_path": f"/{index}"} for index, row in enumerate(FOUR * rows)]
    return score_strict(
        spec,
        PredictionFile("UniFER-Tiny.sample_qa", write(spec.results / "m.jsonl", many, asked=4 * rows + 3)),
    )


def test_every_line_fits_eighty_columns(tmp_path: Path) -> None:
    parts = [scored(tmp_path, name, 3000) for name in ("affectnet", "sfew_2.0")]
    published = [score_published(part.spec, part.run) for part in parts]
    texts = [
        dataset_text(parts[0]),
        overall_text(overall(parts)),
        published_text("x", published, pool_published(published)),
    ]
    for text in texts:
        assert max(len(line) for line in text.splitlines()) <= WIDTH, text


def test_a_table_says_what_is_wrong_with_the_run(tmp_path: Path) -> None:
    text = dataset_text(scored(tmp_path, "toy"))
    assert "3 missing" in text
    assert "! incomplete run: 3 of 19" in text
    assert text.splitlines()[0] == "Set toy · UniFER-Tiny.sample_qa · protocol strict · 19 questions"


def test_a_table_names_the_usual_mistake(tmp_path: Path) -> None:
    spec = dataset(tmp_path, "toy")
    rows = run_of(ADJECTIVES, [("happy", replied("sad"))] * 3 + [("happy", replied("happy"))])
    rows = [row | {"image_path": f"/{index}"} for index, row in enumerate(rows)]
    text = dataset_text(score_strict(spec, PredictionFile("m", write(spec.results / "m.jsonl", rows))))
    assert "sad 75.0" in next(line for line in text.splitlines() if line.startswith("happy"))


@pytest.mark.parametrize(
    "hostile", ["\x1b[31mred", "a\rb", "a\nb", "\u202eabc", "a\u0300" * 3, "\x9b2J", "\ud800"]
)
def test_text_from_files_cannot_move_the_cursor(hostile: str) -> None:
    shown = plain(hostile)
    assert shown.isprintable()
    assert "\\" in shown


def test_wide_and_long_text_is_cut_to_its_cells() -> None:
    assert plain("笑顔" * 30, 10) == "笑顔笑顔…"
    assert plain("happy", 5) == "happy"
    assert plain("happiness", 5) == "happ…"


def test_what_does_not_exist_is_a_dash() -> None:
    assert (percent(None), percent(0.6884), percent(0)) == ("–", "68.8", "0.0")


def test_figures_open_have_sense_and_repeat_to_the_byte(tmp_path: Path) -> None:
    counts = [[3, 0, 1, 0, 0], [0, 5, 0, 1, 0]]
    for name in ("one.png", "two.png"):
        confusion_png(
            tmp_path / name,
            counts,
            ["happy", "sad"],
            ["happy", "sad", "off_list", "failed", "missing"],
            "toy",
        )
    with Image.open(tmp_path / "one.png") as image:
        assert image.size[0] > 300
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "two.png"}


def test_labels_are_drawn_as_they_are(tmp_path: Path) -> None:
    """`$\\frac$` is a parse error as mathematics; an unknown glyph is a warning."""
    labels = ["$\\frac$", "\x1b[31m", "笑顔"]
    confusion_png(tmp_path / "c.png", [[1, 0, 0], [0, 0, 0], [0, 2, 1]], labels, labels, "$x_{")
    bars = [
        Bar("$\\frac$", (0.5, 0.4), ((0.4, 0.6), (0.3, 0.5)), chance=0.125),
        Bar("笑顔", (1, None), (None, None)),
    ]
    bars_png(tmp_path / "b.png", bars, ("$", "AU"), "$", [("$x_{", 1), ("\x1b[31m", 1)])
    for name in ("c.png", "b.png"):
        with Image.open(tmp_path / name) as image:
            image.verify()
