"""The user's own faces: a folder of label folders, and a table of images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer.errors import InputError
from unifer.prepare.builders.build import Built


def named(made: Built) -> list[tuple[str, str | None]]:
    return [(face.image_path, face.label) for face in made.faces]


def test_an_image_is_labelled_by_its_folder(tmp_path: Path) -> None:
    mini.touch(tmp_path / "mine", ["happy/1.jpg", "sad/2.PNG", "sad/notes.txt", ".cache/3.jpg"])
    made = mini.built("folder", tmp_path / "mine")
    assert named(made) == [("/mine/happy/1.jpg", "happy"), ("/mine/sad/2.PNG", "sad")]
    assert made.labels == ("happy", "sad")


def test_splits_of_a_folder_are_chosen_by_any_usual_name(tmp_path: Path) -> None:
    mini.touch(
        tmp_path / "mine",
        ["Training/happy/1.jpg", "Training/sad/2.jpg", "validation/sad/3.jpg", "validation/happy/4.jpg"],
    )
    assert named(mini.built("folder", tmp_path / "mine", "valid"))[1] == ("/mine/validation/sad/3.jpg", "sad")
    with pytest.raises(InputError, match=r"holds splits \(Training, validation\): choose one with --split"):
        mini.built("folder", tmp_path / "mine")
    with pytest.raises(InputError, match="no folder is called test or testing"):
        mini.built("folder", tmp_path / "mine", "test")


def test_a_folder_without_labelled_images_is_refused(tmp_path: Path) -> None:
    mini.touch(tmp_path, ["1.jpg"])
    with pytest.raises(InputError, match="no images in label folders"):
        mini.built("folder", tmp_path)


def test_labels_given_by_the_user_are_the_vocabulary_in_that_order(tmp_path: Path) -> None:
    mini.touch(tmp_path / "mine", ["Happy/1.jpg", "sadness/2.jpg"])
    made = mini.built("folder", tmp_path / "mine", labels=("sad", "happy", "neutral"))
    assert (made.labels, [face.label for face in made.faces]) == (
        ("sad", "happy", "neutral"),
        ["happy", "sad"],
    )
    with pytest.raises(InputError, match=r"label 'Happy' is not one of sad, neutral"):
        mini.built("folder", tmp_path / "mine", labels=("sad", "neutral"))


def test_a_table_is_found_with_its_usual_columns(tmp_path: Path) -> None:
    mini.write(
        tmp_path / "mine",
        "labels.csv",
        "Expression,File Name,Person,AUs",
        "happy,a/1.jpg,p1,AU6+12",
        "sad,a/2.jpg,,",
        ",a/3.jpg,,null",
    )
    mini.touch(tmp_path / "mine", ["a/1.jpg", "a/2.png", "a/3.jpg"])
    made = mini.built("table", tmp_path / "mine")
    assert named(made) == [("/mine/a/1.jpg", "happy"), ("/mine/a/2.png", "sad"), ("/mine/a/3.jpg", None)]
    assert [face.action_units for face in made.faces] == [(6, 12), None, ()]
    assert [face.extra for face in made.faces] == [{"subject": "p1"}, None, None]


def test_columns_of_any_name_can_be_chosen(tmp_path: Path) -> None:
    mini.write(tmp_path, "x.csv", "id,foto,stimmung,label", "1,a.jpg,froh,x", "2,b.jpg,traurig,x")
    made = mini.built("table", tmp_path, images=False, columns={"image": "Foto", "label": "stimmung"})
    assert [face.label for face in made.faces] == ["froh", "traurig"]
    with pytest.raises(InputError, match="no column is called 'bild'; found are 'id', 'foto'"):
        mini.built("table", tmp_path, images=False, columns={"image": "bild"})


def test_a_table_is_split_by_its_split_column(tmp_path: Path) -> None:
    mini.write(
        tmp_path,
        "x.tsv",
        "image\tlabel\tsplit",
        "a.jpg\thappy\tTraining",
        "b.jpg\tsad\ttrain",
        "c.jpg\tsad\ttest",
    )
    assert len(mini.built("table", tmp_path, "train", images=False).faces) == 2
    mini.write(tmp_path, "x.tsv", "image\tlabel", "a.jpg\thappy", "b.jpg\tsad")
    with pytest.raises(InputError, match="no column is called 'split'"):
        mini.built("table", tmp_path, "train", images=False)


def test_numbers_are_labels_only_by_the_users_list(tmp_path: Path) -> None:
    mini.write(tmp_path, "x.csv", "image,label", "a.jpg,0", "b.jpg,2")
    with pytest.raises(InputError, match=r"the labels are numbers \(0, 2\): name them with --labels"):
        mini.built("table", tmp_path, images=False)
    made = mini.built("table", tmp_path, images=False, labels=("neutral", "happy", "sad"))
    assert [face.label for face in made.faces] == ["neutral", "sad"]
    with pytest.raises(InputError, match=r"x.csv:3: label '2' is not one of neutral, happy"):
        mini.built("table", tmp_path, images=False, labels=("neutral", "happy"))


def test_spellings_of_one_emotion_are_one_label(tmp_path: Path) -> None:
    mini.write(
        tmp_path, "x.csv", "image,label", "a.jpg,happy", "b.jpg,Happiness", "c.jpg,happy", "d.jpg,bored"
    )
    made = mini.built("table", tmp_path, images=False)
    assert made.labels == ("happy", "bored")
    assert [face.label for face in made.faces] == ["happy", "happy", "happy", "bored"]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (("image,valence", "a.jpg,1"), "no column holds labels or AUs"),
        (("image,label", "../a.jpg,happy"), r"x.csv:2: '../a.jpg' is no image path below"),
        (("image,label", ",happy"), r"x.csv:2: '' is no image path below"),
        (("image,AUs", "a.jpg,AU99"), r"x.csv:2: .*is no AU"),
        (("image,label", "a.jpg,happy", "b.jpg,happy"), "nothing to choose from"),
        (("image,label", "a.jpg,"), "no row of table of images is left"),
    ],
)
def test_a_faulty_table_is_refused(tmp_path: Path, lines: tuple[str, ...], problem: str) -> None:
    mini.write(tmp_path, "x.csv", *lines)
    with pytest.raises(InputError, match=problem):
        mini.built("table", tmp_path, images=False)


def test_a_folder_of_no_table_or_several_asks_which(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no .csv or .tsv table"):
        mini.built("table", tmp_path)
    for name in ("a.csv", "b.tsv"):
        mini.write(tmp_path, name, "image,label", "a.jpg,happy", "b.jpg,sad")
    with pytest.raises(InputError, match=r"holds 2 tables \(a.csv, b.tsv\); name one with --table"):
        mini.built("table", tmp_path)
    assert len(mini.built("table", tmp_path, images=False, table=Path("b.tsv")).faces) == 2
