"""What all builders share.

Images looked for, repeated and contradictory rows, templates, the report, the image root.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer.errors import InputError
from unifer.prepare.builders import rows
from unifer.prepare.builders.build import Built
from unifer.prepare.builders.image_root import ImageRoot, lay_out
from unifer.records import Question


def table(root: Path, *lines: str, images: Sequence[str] = ("a.jpg", "b.jpg")) -> Path:
    mini.write(root, "x.csv", "image,label,AUs", *lines)
    mini.touch(root, images)
    return root


TWO = ("a.jpg,happy,AU12", "b.jpg,sad,")


def test_missing_images_are_counted_and_named_before_anything_is_built(tmp_path: Path) -> None:
    lines = [f"{index:03d}.jpg,{'happy' if index % 2 else 'sad'}," for index in range(8)]
    root = table(tmp_path, *lines, images=["000.jpg", "001.jpg"])
    with pytest.raises(
        InputError, match=r"(?s)6 of 8 images are missing:\n  002.jpg\n  .*and 1 more\n.*--allow-missing"
    ):
        mini.built("table", root)
    made = mini.built("table", root, allow_missing=True)
    assert (len(made.faces), made.report.read, mini.drops(made)) == (2, 8, {"image missing": 6})
    assert made.report.dropped["image missing"].examples == ["x.csv:4", "x.csv:5", "x.csv:6"]
    assert len(mini.built("table", root, images=False).faces) == 8


def test_a_row_that_is_repeated_counts_once(tmp_path: Path) -> None:
    made = mini.built("table", table(tmp_path, *TWO, TWO[0]))
    assert (len(made.faces), mini.drops(made)) == (2, {"listed twice": 1})


def test_rows_that_contradict_each_other_all_go(tmp_path: Path) -> None:
    made = mini.built("table", table(tmp_path, *TWO, "b.jpg,happy,"))
    assert ([face.label for face in made.faces], mini.drops(made)) == (
        ["happy"],
        {"listed with different labels": 2},
    )


def test_each_row_is_asked_for_what_is_known_of_it(tmp_path: Path) -> None:
    made = mini.built("table", table(tmp_path, *TWO, "c.jpg,,AU4", images=["a.jpg", "b.jpg", "c.jpg"]))
    versions = [row["provenance"]["prompt"] for row in rows.rewards(made.faces, made.facts)]
    assert versions == ["joint-1", "fer-1", "au-1"]


def test_a_template_drops_what_cannot_answer_it(tmp_path: Path) -> None:
    root = table(tmp_path, *TWO, "c.jpg,,AU4", images=["a.jpg", "b.jpg", "c.jpg"])
    units = mini.built("table", root, template="action-units")
    assert mini.drops(units) == {"no AUs for the template": 1}
    assert [row["solution"] for row in rows.rewards(units.faces, units.facts, "action-units")] == [None, None]
    assert mini.drops(mini.built("table", root, template="expression")) == {"no label for the template": 1}


def test_a_question_row_needs_no_id_and_has_the_labels_in_order(tmp_path: Path) -> None:
    made = mini.built("rafdb", mini.rafdb(tmp_path), "test")
    row = next(rows.questions(made.faces, made.facts))
    assert "id" not in row
    assert Question.from_json(row).key == "/RAF-DB/aligned/test_0001_aligned.jpg"


def test_counts_that_are_not_the_stated_ones_are_said(tmp_path: Path) -> None:
    made = mini.built("rafdb", mini.rafdb(tmp_path), "test")
    assert "disgust 0 (stated: 160)" in made.report.differences()


def test_an_image_of_another_suffix_or_case_is_found(tmp_path: Path) -> None:
    made = mini.built("table", table(tmp_path, "A.JPG,happy,", "b.jpg,sad,", images=["a.jpg", "b.png"]))
    assert [face.location for face in made.faces] == ["a.jpg", "b.png"]


def laid_out(made: Built, root: Path) -> ImageRoot:
    return lay_out(made.faces, made.source.tree.root, root, made.source.pixels, lambda count: None)


def test_an_image_root_is_links_that_survive_a_second_time_and_a_move(tmp_path: Path) -> None:
    made = mini.built("rafdb", mini.rafdb(tmp_path / "all/official"))
    assert laid_out(made, tmp_path / "all/images") == ImageRoot(2, 2)
    assert laid_out(made, tmp_path / "all/images") == ImageRoot(2, 0)
    link = tmp_path / "all/images/RAF-DB/aligned/train_00001_aligned.jpg"
    assert link.is_symlink()
    (tmp_path / "all").rename(tmp_path / "moved")
    assert (tmp_path / "moved/images/RAF-DB/aligned/train_00001_aligned.jpg").is_file()


def test_a_link_that_leads_elsewhere_is_led_to_the_dataset_again(tmp_path: Path) -> None:
    made = mini.built("rafdb", mini.rafdb(tmp_path / "official"))
    laid_out(made, tmp_path / "images")
    link = tmp_path / "images/RAF-DB/aligned/train_00001_aligned.jpg"
    link.unlink()
    link.symlink_to("gone.jpg")
    assert laid_out(made, tmp_path / "images").new == 1
    assert link.is_file()


def test_a_file_of_the_users_is_never_replaced_and_nothing_is_made(tmp_path: Path) -> None:
    made = mini.built("rafdb", mini.rafdb(tmp_path / "official"))
    own = tmp_path / "images/RAF-DB/aligned/train_00002_aligned.jpg"
    mini.write(own.parent, own.name, "mine")
    with pytest.raises(InputError, match=r"train_00002_aligned.jpg: is in the way of a link"):
        laid_out(made, tmp_path / "images")
    assert list(own.parent.iterdir()) == [own]
    assert own.read_text() == "mine\n"


def test_an_image_root_that_leads_into_the_dataset_is_refused(tmp_path: Path) -> None:
    official = mini.affectnet(tmp_path / "official", {"1/a.jpg": 1}, "training")
    (tmp_path / "images").mkdir()
    (tmp_path / "images/AffectNet").symlink_to(official)
    with pytest.raises(InputError, match="a link leads there into the dataset"):
        laid_out(mini.built("affectnet", official), tmp_path / "images")
    assert not (official / "Manually_Annotated").exists()


def test_a_dataset_that_is_its_own_image_root_needs_no_links(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    made = mini.built("table", table(root, *TWO))
    assert laid_out(made, tmp_path) == ImageRoot(2, 0)


def test_another_picture_in_the_way_of_pixels_is_kept(tmp_path: Path) -> None:
    made = mini.built("fer2013", mini.fer2013(tmp_path / "official"))
    own = mini.write(tmp_path / "images", "FER2013/train/00000.png", "mine")
    with pytest.raises(InputError, match="holds another picture than"):
        laid_out(made, tmp_path / "images")
    assert own.read_text() == "mine\n"
