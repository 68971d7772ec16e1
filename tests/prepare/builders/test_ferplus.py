"""FERPlus votes: ties, unknown, all-zero rows and broken cells, by both rules.

And faces that are pixels in a table.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer.ballots import decide
from unifer.errors import InputError
from unifer.prepare.builders.image_root import lay_out

HAPPY = (0, 10, 0, 0, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("votes", "published", "majority"),
    [
        ((0, 10, 0, 0, 0, 0, 0, 0, 0, 0), "happiness", "happiness"),
        ((0, 0, 5, 0, 0, 0, 5, 0, 0, 0), "surprise", "tie"),
        ((1, 3, 1, 0, 2, 0, 0, 0, 3, 0), "happiness", "tie"),
        ((0, 0, 1, 1, 0, 0, 2, 0, 6, 0), "fear", "unknown"),
        ((1, 0, 0, 0, 0, 0, 0, 0, 0, 9), "neutral", "not a face"),
        ((0, 0, 0, 0, 0, 0, 0, 0, 10, 0), "no votes for an emotion", "unknown"),
        ((0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "no votes", "no votes"),
    ],
)
def test_votes_have_one_defined_outcome_by_each_rule(
    votes: tuple[int, ...], published: str, majority: str
) -> None:
    for rule, expected in (("published", published), ("majority", majority)):
        label, reason = decide(list(votes), rule)
        assert (label or reason) == expected, rule


def test_the_test_split_takes_the_published_rule_and_training_drops_ties(tmp_path: Path) -> None:
    tie = {"fer0000001.png": (5, 5, 0, 0, 0, 0, 0, 0, 0, 0), "fer0000002.png": HAPPY}
    test = mini.built("ferplus", mini.ferplus(tmp_path / "a", tie), "test")
    train = mini.built("ferplus", mini.ferplus(tmp_path / "b", tie, "Training", "FER2013Train"), "train")
    chosen = mini.built("ferplus", tmp_path / "a", "test", vote_rule="majority")
    assert [face.label for face in test.faces] == ["neutral", "happy"]
    assert [face.label for face in train.faces] == [face.label for face in chosen.faces] == ["happy"]
    assert mini.drops(train) == {"tie": 1}


def test_the_order_of_columns_decides_no_tie(tmp_path: Path) -> None:
    header = (*mini.FERPLUS_COLUMNS[:2], *reversed(mini.FERPLUS_COLUMNS[2:]))
    ballot = (5, 5, 0, 0, 0, 0, 0, 0, 0, 0)
    mini.write(
        tmp_path, "fer2013new.csv", *mini.csv_lines(header, [("PrivateTest", "fer1.png", *reversed(ballot))])
    )
    mini.touch(tmp_path, ["FER2013Test/fer1.png"])
    assert [face.label for face in mini.built("ferplus", tmp_path, "test").faces] == ["neutral"]


def test_a_row_without_image_name_is_no_face(tmp_path: Path) -> None:
    made = mini.built("ferplus", mini.ferplus(tmp_path, {"": (0,) * 9 + (10,), "fer1.png": HAPPY}), "test")
    assert mini.drops(made) == {"no image name: not a face": 1}
    assert made.report.dropped["no image name: not a face"].examples == ["fer2013new.csv:2"]


@pytest.mark.parametrize("cell", ["-1", "2.5", "ten", ""])
def test_votes_that_are_no_counts_are_refused_with_their_row(tmp_path: Path, cell: str) -> None:
    mini.write(
        tmp_path,
        "fer2013new.csv",
        *mini.csv_lines(mini.FERPLUS_COLUMNS, [("PrivateTest", "fer1.png", *HAPPY[:9], cell)]),
    )
    with pytest.raises(InputError, match=r"fer2013new.csv:2: .* is no number of votes"):
        mini.built("ferplus", tmp_path, "test", images=False)


def test_a_usage_of_no_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="'PrivatTest' is no Usage; allowed are Training, PublicTest, PrivateTest"
    ):
        mini.built("ferplus", mini.ferplus(tmp_path, {"fer1.png": HAPPY}, usage="PrivatTest"), "test")


def pixel_tree(root: Path, usages: tuple[str, str] = ("Training", "PrivateTest")) -> Path:
    """fer2013.csv beside the votes, row for row, and no image files."""
    ballots = [("Training", "fer0.png", *HAPPY), ("PrivateTest", "fer1.png", *HAPPY)]
    mini.write(root, "fer2013new.csv", *mini.csv_lines(mini.FERPLUS_COLUMNS, ballots))
    rows = [(0, " ".join([str(50 + index)] * 2304), usage) for index, usage in enumerate(usages)]
    mini.write(root, "fer2013.csv", *mini.csv_lines(("emotion", "pixels", "Usage"), rows))
    return root


def test_faces_that_are_pixels_become_png_files_of_their_own_row(tmp_path: Path) -> None:
    from PIL import Image

    made = mini.built("ferplus", pixel_tree(tmp_path / "official"), "test")
    laid = [
        lay_out(
            made.faces, made.source.tree.root, tmp_path / "images", made.source.pixels, lambda count: None
        )
        for _ in range(2)
    ]
    with Image.open(tmp_path / "images/FERPlus/test/happy/fer1.png") as image:
        assert (image.size, image.getpixel((7, 9))) == ((48, 48), 51)
    assert [each.new for each in laid] == [1, 0]


def test_tables_that_do_not_belong_together_write_nothing(tmp_path: Path) -> None:
    made = mini.built("ferplus", pixel_tree(tmp_path / "official", ("Training", "PublicTest")), "test")
    with pytest.raises(
        InputError, match=r"fer2013.csv:3: is of PublicTest, the label table says PrivateTest"
    ):
        lay_out(
            made.faces, made.source.tree.root, tmp_path / "images", made.source.pixels, lambda count: None
        )
    assert not list((tmp_path / "images").rglob("*.png"))
