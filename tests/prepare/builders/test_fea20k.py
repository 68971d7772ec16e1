"""FEA-20K as released.

A row file per source and stage, 17,737 rows to train on and 1,688 to test, images the user's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer import cli
from unifer.datasets import load_dataset, read_questions
from unifer.errors import InputError
from unifer.prepare.builders import fea20k
from unifer.records import Json, RewardRow

TRAIN = {
    "FABA": 5826,
    "RAF-AU": 3479,
    "DISFA": 2432,
    "BP4D": 2000,
    "FER2013": 1000,
    "AffectNet": 1000,
    "RAF-DB": 1000,
    "ExpW": 1000,
}
TEST = {"RAF-AU": 853, "DISFA": 524, "FABA": 311}


def row(source: str, number: int) -> Json:
    """As released.

    Ids counted in each file, images named below their source's folder, labels as nouns, reasoning in tags.
    """
    labels = fea20k.LABELS[source]
    label = [labels[number % len(labels)]] if labels else []
    coded = source in ("FABA", "RAF-AU", "DISFA", "BP4D")
    reasoning = f"<think>The lip corners rise (AU12).</think><answer>{label[0] if label else 'AU12'}</answer>"
    return {
        "id": number,
        "dataset": source,
        "image": f"{number:05d}.jpg",
        "question": "Analyze the face.",
        "AUs": ["AU6", "AU12"] if coded else [],
        "labels": label,
        "description": reasoning,
        "meta_info": {},
    }


def released(root: Path, split: str, counts: Mapping[str, int]) -> Path:
    stage = "-stage1" if split == "Train" else ""
    for source, count in counts.items():
        mini.write(
            root,
            f"{source}-{split}{stage}.jsonl",
            *(json.dumps(row(source, number)) for number in range(count)),
        )
    return root


def build(root: Path, *flags: object) -> int:
    return cli.main(["data", "build", "fea20k", "--root", str(root), *map(str, flags)])


def test_all_19_425_rows_of_the_release_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = released(tmp_path / "fea", "Train", TRAIN)
    released(root, "Test", TEST)
    mini.write(root, "FABA-Train-stage2.jsonl", json.dumps(row("FABA", 1)))
    train, test = tmp_path / "train.jsonl", tmp_path / "qa.json"
    assert build(root, "--split", "train", "--out", train) == 0
    shown = capsys.readouterr().out
    assert "17,737 rows, as its authors state" in shown
    assert "left out, being of other stages: FABA-Train-stage2.jsonl" in shown
    assert build(root, "--split", "test", "--rows", "questions", "--out", test) == 0
    assert "1,688 rows, as its authors state" in capsys.readouterr().out
    rows = [RewardRow.from_json(json.loads(line)) for line in train.read_text().splitlines()]
    assert (len(rows), len({each.image_path for each in rows})) == (17_737, 17_737), (
        "00001.jpg of two sources are two pictures"
    )
    assert len(read_questions(test, load_dataset(mini.ROOT / "eval_more/fea20k"))) == 1_688


def test_every_source_has_its_own_list_of_labels(tmp_path: Path) -> None:
    """RAF-AU was asked with neutral and contempt, which none of its rows can be.

    Another question than the published one.
    """
    made = mini.built("fea20k", released(tmp_path, "Train", dict.fromkeys(TRAIN, 8)))
    lists = {str((face.extra or {})["origin"]): face.labels for face in made.faces}
    assert lists["RAF-AU"] == ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
    assert lists["AffectNet"] is not None
    assert "contempt" in lists["AffectNet"]
    assert (lists["DISFA"], len(lists["FABA"] or ())) == (None, 7)


@pytest.mark.parametrize(
    ("split", "changed", "problem"),
    [
        (
            "test",
            {"FABA": 310},
            "holds 1,687 rows of the test split of FEA-20K (DISFA-Test.jsonl 524, FABA-Test.jsonl "
            "310, RAF-AU-Test.jsonl 853), its ",
        ),
        (
            "test",
            {"DISFA": 0},
            "its authors state 1,688; no file is called after DISFA. Fetch the release again "
            "(`unifer data fetch fea20k",
        ),
        ("train", {"BP4D": 2001}, "holds 17,738 rows of the train split of FEA-20K"),
        ("train", {"RAF-DB": 0, "ExpW": 0}, "authors state 17,737; no file is called after RAF-DB, ExpW"),
    ],
)
def test_a_release_that_lacks_a_file_or_is_of_another_version_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], split: str, changed: dict[str, int], problem: str
) -> None:
    """A download without one of its files was built, with status 1, into a training set that its manifest
    calls FEA-20K.
    """
    counts = {
        name: count for name, count in ((TRAIN if split == "train" else TEST) | changed).items() if count
    }
    root, out = released(tmp_path / "fea", split.capitalize(), counts), tmp_path / "x.jsonl"
    assert build(root, "--split", split, "--out", out) == 2
    assert problem in capsys.readouterr().err
    assert not out.exists()
    assert build(root, "--split", split, "--out", out, "--allow-missing") == 1
    assert "DIFFERS FROM THE STATED COUNT" in capsys.readouterr().out


def test_a_file_that_came_in_part_is_refused_with_its_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = released(tmp_path / "fea", "Test", TEST)
    whole = (root / "FABA-Test.jsonl").read_text()
    (root / "FABA-Test.jsonl").write_text(whole[: len(whole) // 2])
    assert build(root, "--split", "test", "--out", tmp_path / "x.jsonl") == 2
    assert "the file is truncated, it came or was written only in part" in capsys.readouterr().err


def test_images_are_linked_from_the_folders_of_their_sources(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = released(tmp_path / "fea", "Test", TEST)
    images = tmp_path / "images"
    assert build(root, "--split", "test", "--image-root", images, "--out", tmp_path / "x.jsonl") == 2
    assert "1,688 of 1,688 images are missing" in capsys.readouterr().err
    mini.touch(root, [f"{source}/{number:05d}.jpg" for source in ("DISFA", "FABA") for number in range(2)])
    assert (
        build(
            root, "--split", "test", "--image-root", images, "--out", tmp_path / "x.jsonl", "--allow-missing"
        )
        == 0
    )
    names = [json.loads(line)["image_path"] for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert len(names) == 4
    for name in names:
        assert name.startswith(("/FEA-20K/DISFA/", "/FEA-20K/FABA/"))
        assert (images / name.lstrip("/")).is_file()


def test_only_later_stages_are_no_training_set(tmp_path: Path) -> None:
    mini.write(tmp_path, "train/DISFA_stage3.jsonl", json.dumps(row("DISFA", 1)))
    with pytest.raises(InputError, match=r"stage1.jsonl.*there are train/DISFA_stage3.jsonl"):
        mini.built("fea20k", tmp_path)
