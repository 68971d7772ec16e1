"""The page of answered faces opens and shows text of a model as data, whatever that text is."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from PIL import Image

from unifer.report.figures import AnsweredFace, gallery_png

FACE = Image.new("RGB", (24, 24), (200, 150, 120))
HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "$\\frac$ costs $5 and $x_{",
    "one\n\ntwo\r\nthree",
    "AU12 lip corner puller. " * 430,
    "",
)
ANSWERS = ("happy", "sad", None)


@pytest.mark.parametrize("reasoning", HOSTILE, ids=("escape", "dollar", "lines", "10_kB", "empty"))
def test_no_reply_breaks_or_stretches_the_page(reasoning: str, tmp_path: Path) -> None:
    answered = [AnsweredFace(FACE, "happy", answer, "AU12." if answer else reasoning) for answer in ANSWERS]
    answered[0] = AnsweredFace(FACE, reasoning[:30], reasoning[:30], "AU12.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gallery_png(tmp_path / "gallery.png", answered, "$\x1b[2J\n$", columns=3)
    with Image.open(tmp_path / "gallery.png") as page:
        page.load()
        assert (page.format, page.size) == ("PNG", (1395, 690))
    assert [path.name for path in tmp_path.iterdir()] == ["gallery.png"]


def test_right_wrong_and_unanswered_faces_look_different(tmp_path: Path) -> None:
    pages = []
    for name, answer in zip(("right", "wrong", "none"), ANSWERS, strict=True):
        gallery_png(
            tmp_path / f"{name}.png", [AnsweredFace(FACE, "happy", answer, "AU12.")], "page", columns=1
        )
        pages.append((tmp_path / f"{name}.png").read_bytes())
    assert len(set(pages)) == 3


def test_a_last_row_that_is_not_full_is_drawn(tmp_path: Path) -> None:
    gallery_png(
        tmp_path / "gallery.png", [AnsweredFace(FACE, "happy", "happy", "AU12.")] * 3, "page", columns=2
    )
    with Image.open(tmp_path / "gallery.png") as page:
        assert page.size == (930, 1320)
