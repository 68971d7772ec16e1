"""RAF-DB, AffectNet, SFEW and FER2013 as their authors lay them out, whole, half there and with faults."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer.errors import InputError
from unifer.prepare.builders import rows
from unifer.prepare.builders.build import Built
from unifer.prepare.builders.image_root import lay_out
from unifer.records import RewardRow


def labels(made: Built) -> list[tuple[str, str | None]]:
    return [(face.image_path, face.label) for face in made.faces]


def test_rafdb_gives_each_split_its_own_lines(tmp_path: Path) -> None:
    root = mini.rafdb(tmp_path)
    train = [
        ("/RAF-DB/aligned/train_00001_aligned.jpg", "sadness"),
        ("/RAF-DB/aligned/train_00002_aligned.jpg", "happiness"),
    ]
    assert labels(mini.built("rafdb", root)) == train
    assert [label for _, label in labels(mini.built("rafdb", root, "test"))] == ["neutral", "surprise"]


def test_rafdb_is_found_under_the_corrected_spelling_and_inside_basic(tmp_path: Path) -> None:
    basic = mini.rafdb(tmp_path) / "basic"
    (basic / "EmoLabel/list_patition_label.txt").rename(basic / "EmoLabel/list_partition_label.txt")
    assert len(mini.built("rafdb", basic).faces) == 2


def test_a_training_row_says_where_it_came_from(tmp_path: Path) -> None:
    made = mini.built("rafdb", mini.rafdb(tmp_path))
    row = RewardRow.from_json(next(rows.rewards(made.faces, made.facts)))
    assert (row.label, row.dataset, row.action_units) == ("sadness", "rafdb", None)
    assert row.candidate_labels == ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
    source = "basic/Image/aligned/train_00001_aligned.jpg"
    assert row.provenance == {"builder": "rafdb", "source": source, "split": "train", "prompt": "fer-1"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("train_00009.jpg 8", "'8' is no expression code; allowed are 1 surprise"),
        ("train_00009.jpg happy", "'happy' is no expression code"),
        ("train_00009.jpg", "is not a line such as"),
        ("valid_00009.jpg 1", "is not a line such as"),
    ],
)
def test_a_faulty_rafdb_line_is_refused_with_its_number(tmp_path: Path, line: str, problem: str) -> None:
    path = mini.rafdb(tmp_path) / "basic/EmoLabel/list_patition_label.txt"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=rf"list_patition_label.txt:5: .*{problem}"):
        mini.built("rafdb", tmp_path)


def test_a_half_present_dataset_lists_what_is_missing(tmp_path: Path) -> None:
    shutil.rmtree(mini.rafdb(tmp_path) / "basic/Image")
    with pytest.raises(
        InputError,
        match=r"(?s)RAF-DB .* missing are\n  basic/Image/aligned: the aligned faces .*--root holds basic",
    ):
        mini.built("rafdb", tmp_path)


def test_a_root_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; RAF-DB"):
        mini.built("rafdb", tmp_path / "nowhere")


def test_a_split_that_the_set_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no split 'valid'; it has train, test"):
        mini.built("rafdb", mini.rafdb(tmp_path), "valid")


def test_affectnet_drops_what_is_no_emotion_and_keeps_the_face_box(tmp_path: Path) -> None:
    codes = {"1/a.jpg": 0, "1/b.jpg": 7, "2/c.jpg": 8, "2/d.jpg": 9, "2/e.jpg": 10}
    made = mini.built("affectnet", mini.affectnet(tmp_path, codes), "test")
    validation = "/AffectNet/Manually_Annotated/validation/1"
    assert labels(made) == [(f"{validation}/a.jpg", "neutral"), (f"{validation}/b.jpg", "contempt")]
    assert mini.drops(made) == {"no emotion: none": 1, "no emotion: uncertain": 1, "no emotion: no face": 1}
    assert made.faces[0].extra == {"face_box": [10, 20, 110, 120]}


def test_affectnet_training_rows_come_from_the_training_table(tmp_path: Path) -> None:
    made = mini.built("affectnet", mini.affectnet(tmp_path, {"7/a.jpg": 1}, "training"))
    assert labels(made) == [("/AffectNet/Manually_Annotated/training/7/a.jpg", "happiness")]


@pytest.mark.parametrize(
    ("path", "code", "problem"),
    [("1/a.jpg", 11, "'11' is no expression code"), ("../x.jpg", 1, "is no image path")],
)
def test_a_faulty_affectnet_row_is_refused_with_its_line(
    tmp_path: Path, path: str, code: int, problem: str
) -> None:
    with pytest.raises(InputError, match=rf"validation.csv:2: .*{problem}"):
        mini.built("affectnet", mini.affectnet(tmp_path, {path: code}), "test")


def test_an_affectnet_table_with_its_columns_changed_and_without_box_reads_alike(tmp_path: Path) -> None:
    mini.write(
        tmp_path, "validation.csv", "Expression;subdirectory_filepath", "3;1\\a.jpg", encoding="utf-8-sig"
    )
    mini.touch(tmp_path, ["Manually_Annotated/Manually_Annotated_Images/1/a.jpg"])
    made = mini.built("affectnet", tmp_path, "test")
    assert labels(made) == [("/AffectNet/Manually_Annotated/validation/1/a.jpg", "surprise")]
    assert made.faces[0].extra is None


def test_sfew_test_means_its_validation_part(tmp_path: Path) -> None:
    made = mini.built("sfew", mini.sfew(tmp_path), "test")
    assert made.faces[0].image_path == "/SFEW-2.0/Val/Val_Aligned_Faces/Angry/Film_000000000_00000000.png"
    assert sorted(str(face.label) for face in made.faces) == [
        "angry",
        "disgust",
        "fear",
        "happy",
        "neutral",
        "sad",
        "surprise",
    ]


def test_sfew_without_one_of_its_label_folders_is_not_whole(tmp_path: Path) -> None:
    shutil.rmtree(mini.sfew(tmp_path, "Train") / "Train/Train_Aligned_Faces/Disgust")
    with pytest.raises(InputError, match="Train_Aligned_Faces/Disgust: the disgust faces"):
        mini.built("sfew", tmp_path)


def test_a_folder_that_is_no_emotion_is_refused(tmp_path: Path) -> None:
    mini.touch(mini.sfew(tmp_path), ["Val/Val_Aligned_Faces/Bored/x.png"])
    with pytest.raises(InputError, match="'Bored' is no emotion"):
        mini.built("sfew", tmp_path, "test")


@pytest.mark.parametrize("name", ["fer2013.csv", "fer2013/fer2013.csv", "icml_face_data.csv"])
def test_fer2013_faces_are_drawn_from_their_own_pixels(tmp_path: Path, name: str) -> None:
    from PIL import Image

    made = mini.built("fer2013", mini.fer2013(tmp_path / "official", name), "test")
    assert labels(made) == [("/FER2013/test/00002.png", "neutral")]
    lay_out(made.faces, made.source.tree.root, tmp_path / "images", made.source.pixels, lambda count: None)
    with Image.open(tmp_path / "images/FER2013/test/00002.png") as image:
        assert image.getpixel((0, 0)) == 240


@pytest.mark.parametrize(
    ("pixels", "problem"), [("1 2 3", "holds 3 pixels; 2304 are expected"), ("256 " * 2304, "no gray levels")]
)
def test_pixels_that_are_no_face_are_refused_with_their_row(
    tmp_path: Path, pixels: str, problem: str
) -> None:
    mini.write(tmp_path, "fer2013.csv", "Usage,pixels,emotion", f"Training,{pixels},0")
    made = mini.built("fer2013", tmp_path)
    with pytest.raises(InputError, match=rf"fer2013.csv:2: .*{problem}"):
        lay_out(
            made.faces, made.source.tree.root, tmp_path / "images", made.source.pixels, lambda count: None
        )


def test_a_fer2013_row_of_no_known_usage_is_refused(tmp_path: Path) -> None:
    mini.write(tmp_path, "fer2013.csv", "emotion,pixels,Usage", "0,1 2,Trainig")
    with pytest.raises(InputError, match=r"fer2013.csv:2: 'Trainig' is no Usage"):
        mini.built("fer2013", tmp_path)
