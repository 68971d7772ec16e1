"""FABA-Instruct and FEA-20K: AUs and labels out of texts, only where the text leaves no doubt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer.errors import InputError
from unifer.prepare.builders import rows
from unifer.records import Json, RewardRow


def test_faba_texts_give_the_aus_they_affirm(tmp_path: Path) -> None:
    made = mini.built(
        "faba",
        mini.faba(tmp_path, ["1. AU4 - Brow Lowerer: drawn together.\n2. AU12, but no AU6.", "A face."], []),
    )
    assert [face.action_units for face in made.faces] == [(4, 12)]
    assert mini.drops(made) == {"the text affirms no AU": 1}
    row = RewardRow.from_json(next(rows.rewards(made.faces, made.facts)))
    assert (row.solution, row.image_path) == (None, "/FABA-Instruct/train/images/au0.jpg")
    assert row.provenance is not None
    assert row.provenance["description"].startswith("1. AU4")


@pytest.mark.parametrize(
    ("text", "label", "reason"),
    [
        ("She looks happy. Her eyes are narrow.", "happiness", None),
        ("He looks happy or surprised.", None, "the text names several emotions"),
        ("A man by the sea.", None, "the text names no emotion"),
        ("There is no sign of anger.", None, "the text may deny the emotion it names"),
        ("This isn't fear.", None, "the text may deny the emotion it names"),
        ("An unhappy man.", None, "the text names no emotion"),
    ],
)
def test_a_faba_label_is_kept_only_where_the_text_leaves_no_doubt(
    tmp_path: Path, text: str, label: str | None, reason: str | None
) -> None:
    made = mini.built("faba", mini.faba(tmp_path, [], [text, "An angry face."]))
    assert [face.label for face in made.faces] == [*([label] if label else []), "anger"]
    assert mini.drops(made) == ({reason: 1} if reason else {})


def test_faba_test_means_its_eval_part_and_one_image_may_stand_in_both_variants(tmp_path: Path) -> None:
    root = mini.faba(tmp_path, ["AU4 is active."], ["An angry face."], "eval")
    for task in ("au", "emotion"):
        row = mini.faba_row("FABAInstruct/eval/images/au0.jpg", "AU4 in an angry face.")
        mini.write(root, f"FABAInstruct/eval/eval_{task}_anno.json", json.dumps([row]))
    made = mini.built("faba", root, "test")
    assert [face.id for face in made.faces] == ["faba/eval/au/1", "faba/eval/emotion/1"]
    assert len({face.image_path for face in made.faces}) == 1


@pytest.mark.parametrize(
    ("row", "problem"), [({"id": "x"}, "needs 'image'"), ({"image": "x.jpg"}, "holds no text from 'human'")]
)
def test_a_faulty_faba_row_is_refused_with_its_place(tmp_path: Path, row: Json, problem: str) -> None:
    mini.write(mini.faba(tmp_path, ["AU4."], []), "FABAInstruct/train/train_au_anno.json", json.dumps([row]))
    with pytest.raises(InputError, match=rf"train_au_anno.json:1: .*{problem}"):
        mini.built("faba", tmp_path)


def fea(**fields: object) -> Json:
    row = {
        "id": 1,
        "dataset": "RAF-DB",
        "image": "RAF-DB/x.jpg",
        "question": "q",
        "AUs": ["AU6", "AU12"],
        "labels": ["happy"],
        "description": "d",
    }
    return row | fields


def test_an_fea_row_with_aus_and_label_asks_for_both(tmp_path: Path) -> None:
    made = mini.built("fea20k", mini.fea20k(tmp_path, fea(meta_info={"split": 1})))
    row = RewardRow.from_json(next(rows.rewards(made.faces, made.facts)))
    assert (row.label, row.action_units, row.id) == ("happiness", (6, 12), "fea20k/train/1")
    assert row.provenance is not None
    assert (row.provenance["prompt"], row.provenance["origin"], row.provenance["description"]) == (
        "joint-1",
        "RAF-DB",
        "d",
    )
    assert row.provenance["meta_info"] == {"split": 1}


def test_an_empty_fea_list_means_none_only_where_aus_were_the_task(tmp_path: Path) -> None:
    made = mini.built(
        "fea20k", mini.fea20k(tmp_path, fea(AUs=[]), fea(id=2, AUs=[], labels=[]), fea(id=3, labels=[]))
    )
    assert [(face.label, face.action_units) for face in made.faces] == [
        ("happiness", None),
        (None, ()),
        (None, (6, 12)),
    ]


def test_the_first_of_several_fea_labels_is_the_gold(tmp_path: Path) -> None:
    """So the published code scores them; dropped, the 17,737 rows were fewer."""
    made = mini.built(
        "fea20k",
        mini.fea20k(tmp_path, fea(labels=["Sad", "happy"]), fea(id=2, labels=["odd"], AUs=[]), fea(id=3)),
    )
    assert [face.label for face in made.faces] == ["sadness", "happiness"]
    assert made.faces[0].extra is not None
    assert made.faces[0].extra["labels"] == ["Sad", "happy"]
    assert mini.drops(made) == {"label is none of the eight emotions": 1}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (fea(AUs="AU6"), "'AUs' must be a list"),
        (fea(AUs=["AU99"]), "is no AU"),
        (fea(image=None), "needs 'image'"),
        (fea(image="../x.jpg"), "no image path"),
    ],
)
def test_a_faulty_fea_row_is_refused_with_its_place(tmp_path: Path, row: Json, problem: str) -> None:
    with pytest.raises(InputError, match=rf"train.jsonl:1: .*{problem}"):
        mini.built("fea20k", mini.fea20k(tmp_path, row))
