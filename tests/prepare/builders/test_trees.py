"""Paths out of tables, and what a tree of images holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer.prepare.builders.trees import Tree, below


@pytest.mark.parametrize(
    ("cell", "path"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        ("/a//./b.jpg", "a/b.jpg"),
        ("./b.jpg", "b.jpg"),
        ("a..b/.c.jpg", "a..b/.c.jpg"),
    ],
)
def test_a_path_is_one_below_the_dataset(cell: str, path: str) -> None:
    assert below(cell) == path


@pytest.mark.parametrize(
    "cell",
    ["", "/", ".", "..", "../a.jpg", "a/../../b.jpg", "a/../b.jpg", "C:\\a.jpg", "c:/a.jpg", "a\0.jpg"],
)
def test_a_path_that_leaves_the_dataset_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="is no image path below the dataset's folder"):
        below(cell)


def test_a_tree_finds_images_and_nothing_else(tmp_path: Path) -> None:
    mini.touch(tmp_path, ["a/1.jpg", "a/1.txt", "a/2.PNG", "a/.3.jpg", "b.csv"])
    tree = Tree(tmp_path)
    assert tree.find(("x/1.jpg", "a/1.jpeg")) == "a/1.jpg"
    assert tree.find(("a/2.jpg",)) == "a/2.PNG"
    assert tree.find(("a/3.jpg", "a", "a/1/x.jpg")) is None
    assert tree.images("a") == ["1.jpg", "2.PNG"]
    assert tree.images("b.csv") == []
