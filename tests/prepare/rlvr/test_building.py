"""Reward files from several builders.

Every reason for leaving a row out, and what the kept rows look like.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import ImageOps

from tests.prepare.checks.rows import Row, cot, face, question, reward, written
from unifer import files, runs
from unifer.dialogue import images
from unifer.errors import InputError
from unifer.prepare.checks import duplicates, pictures
from unifer.prepare.rlvr import building
from unifer.prepare.rlvr.shares import Shares
from unifer.records import RewardRow


def built(
    out: Path,
    *inputs: Path,
    tests: Sequence[Path] = (),
    shares: Shares | None = None,
    root: Path | None = None,
    look: bool = True,
) -> building.RewardFileResult:
    tables = building.read(inputs, tests, root, ())
    prints = pictures.fingerprints(tables.pictures) if look else None
    copies = duplicates.copies(prints) if prints else duplicates.Copies.none(len(tables.pictures))
    return building.write(tables, prints, copies, shares or Shares(), out)


def kept(out: Path) -> list[Row]:
    rows = [row for _, row in files.read_rows(out)]
    assert all(RewardRow.from_json(row) for row in rows)
    return rows


def dropped(out: Path) -> list[tuple[str, int, str]]:
    rows = [row for _, row in files.read_rows(building.dropped_path(out))]
    return [(Path(row["file"]).name, row["row"], row["reason"]) for row in rows]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight faces as PNG: 0.png ... 7.png."""
    for index in range(8):
        face(index).save(tmp_path / f"{index}.png")
    return tmp_path


def test_every_reason_drops_its_rows_and_is_counted(folder: Path) -> None:
    for index, name in enumerate(("leaked", "near", "conflict")):
        face(index).save(folder / f"{name}.jpg", quality=50)
    ImageOps.mirror(face(3)).save(folder / "turned.png")
    face(4).save(folder / "same.bmp")
    (folder / "torn.jpg").write_bytes(b"torn")
    test = written(folder / "qa.json", [question("0.png")])
    named = [
        "leaked.jpg",
        "1.png",
        "near.jpg",
        "2.png",
        "3.png",
        "turned.png",
        "4.png",
        "same.bmp",
        "torn.jpg",
    ]
    rows = [reward(name) for name in named]
    rows += [
        reward("conflict.jpg", label="sad"),
        reward("5.png", id="a"),
        reward("6.png", id="a"),
        cot("7.png", response="unsure"),
    ]
    source, out = written(folder / "source.json", rows), folder / "out.json"
    outcome = built(out, source, tests=[test])
    assert [row["image_path"] for row in kept(out)] == ["1.png", "3.png", "4.png", "5.png"]
    assert [(row, reason) for _, row, reason in dropped(out)] == [
        (1, "leak"),
        (3, "near_duplicate"),
        (4, "conflict"),
        (6, "mirror"),
        (8, "duplicate"),
        (9, "image"),
        (10, "conflict"),
        (12, "id"),
        (13, "no_label"),
    ]
    counted = ("image", "no_label", "id", "leak", "duplicate", "near_duplicate", "mirror")
    assert outcome.dropped == dict.fromkeys(counted, 1) | {"conflict": 2}
    assert outcome.written.total() + sum(outcome.dropped.values()) == outcome.read.total() == len(rows)
    causes = {row["row"]: row["because_of"] for _, row in files.read_rows(building.dropped_path(out))}
    assert causes[1] == f"{test}:1"
    assert causes[3] == f"{source}:2"


def test_rows_of_aus_stay_beside_a_labelled_row_and_alike_frames_stay(folder: Path) -> None:
    face(0).save(folder / "next_frame.jpg", quality=60)
    coded = {"label": None, "candidate_labels": None}
    rows = [
        reward("0.png"),
        reward("0.png", **coded, AUs=["AU6"]),
        reward("next_frame.jpg", **coded, AUs=["AU12"]),
    ]
    rows.append(reward("0.png", **coded, AUs=["AU6"]))
    out = folder / "out.json"
    built(out, written(folder / "source.json", rows))
    assert [row for _, row, _ in dropped(out)] == [4]


def test_a_cot_row_becomes_a_reward_row_of_its_label(folder: Path) -> None:
    rows = [cot("0.png", id="x", AUs=["AU6"]), cot("1.png", provenance={"label": "sad"})]
    built(folder / "out.json", written(folder / "cot.json", rows))
    first, second = kept(folder / "out.json")
    assert first == {
        "image_path": "0.png",
        "problem": rows[0]["question"],
        "solution": "happy",
        "AUs": ["AU6"],
        "id": "x",
    }
    assert second["solution"] == "sad"


def test_ids_that_two_files_share_get_their_files_name(folder: Path) -> None:
    one = written(folder / "one.json", [reward("0.png", id="a"), reward("1.png", id="b")])
    two = written(folder / "two.json", [reward("2.png", id="a"), reward("3.png", id="c")])
    built(folder / "out.json", one, two)
    assert [row["id"] for row in kept(folder / "out.json")] == ["a", "b", "two/a", "c"]
    three = written(folder / "deeper" / "two.json", [reward("4.png", id="a")])
    face(4).save(folder / "deeper" / "4.png")
    built(folder / "out.json", one, two, three)
    assert [row["id"] for row in kept(folder / "out.json")] == ["a", "b", "two/a", "c", "two/a/2"]


def test_relative_images_are_named_from_the_new_files_folder(folder: Path) -> None:
    for name in ("rafdb", "ferplus"):
        (folder / name / "images").mkdir(parents=True)
    face(0).save(folder / "rafdb/images/a.png")
    face(1).save(folder / "ferplus/images/a.png")
    one = written(folder / "rafdb/rlvr.json", [reward("images/a.png")])
    two = written(folder / "ferplus/rlvr.json", [reward("images/a.png")])
    out = folder / "all.json"
    built(out, one, two)
    assert [row["image_path"] for row in kept(out)] == ["rafdb/images/a.png", "ferplus/images/a.png"]
    assert all(images.resolve(row["image_path"], None, out.parent).is_file() for row in kept(out))
    with pytest.raises(InputError, match="at or above"):
        built(folder / "elsewhere" / "all.json", one)


def test_images_below_a_root_keep_their_names(folder: Path) -> None:
    source = written(folder / "deeper" / "rlvr.json", [reward("/0.png"), reward("1.png")])
    out = folder / "elsewhere" / "out.json"
    built(out, source, root=folder)
    assert [row["image_path"] for row in kept(out)] == ["/0.png", "1.png"]
    assert building.image_path("/a.jpg", folder / "x.json", folder / "deeper/y.json", None) == "/a.jpg"


def test_the_same_inputs_and_seed_give_the_same_bytes(folder: Path) -> None:
    rows = [
        reward(f"{index}.png", label=("happy", "sad")[index % 2], dataset="one", id=str(index))
        for index in range(8)
    ]
    source = written(folder / "source.json", rows)
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        built(folder / f"{name}.json", source, shares=Shares("classes", count=4, seed=seed))
    assert (
        (folder / "a.json").read_bytes()
        == (folder / "b.json").read_bytes()
        != (folder / "c.json").read_bytes()
    )


def test_weights_are_written_into_the_provenance_and_the_rest_stays(folder: Path) -> None:
    rows = [
        reward(f"{index}.png", label="sad" if index == 7 else "happy", provenance={"split": "train"})
        for index in range(8)
    ]
    built(folder / "out.json", written(folder / "source.json", rows), shares=Shares("weights"))
    assert [row["provenance"] for row in kept(folder / "out.json")] == [
        {"split": "train", "weight": 0.571429}
    ] * 7 + [{"split": "train", "weight": 4.0}]


def test_the_manifest_tells_inputs_settings_and_counts(folder: Path) -> None:
    source = written(
        folder / "source.json",
        [reward("0.png", dataset="one"), reward("1.png", label="sad", dataset="one"), reward("0.png")],
    )
    test = written(folder / "qa.json", [question("/nowhere.jpg")])
    out = folder / "out.jsonl"
    built(out, source, tests=[test], shares=Shares(seed="7"))
    manifest = json.loads(runs.manifest_path(out).read_text())
    assert manifest["identity"]["inputs"] == [runs.describe_file(source)]
    assert manifest["identity"]["tests"] == [runs.describe_file(test)]
    assert manifest["identity"]["shares"] == {"balance": "none", "count": None, "mix": {}, "seed": "7"}
    assert manifest["context"]["rows_in"] == {"": {"happiness": 1}, "one": {"happiness": 1, "sadness": 1}}
    assert manifest["context"]["rows_out"] == {"one": {"happiness": 1, "sadness": 1}}
    assert manifest["context"]["dropped"] == {"duplicate": 1}
    assert manifest["context"]["test_images_not_seen"] == {"qa.json": 1}


def test_leaks_are_removed_by_path_where_no_image_is_opened(tmp_path: Path) -> None:
    source = written(tmp_path / "source.json", [reward("/RAF-DB/a.jpg"), reward("/RAF-DB/b.jpg")])
    test = written(tmp_path / "qa.json", [question("/RAF-DB/a.jpg")])
    outcome = built(tmp_path / "out.json", source, tests=[test], look=False)
    assert outcome.dropped == {"leak": 1}
    assert outcome.unseen == {"qa.json": 1}


def test_what_cannot_be_trained_on_is_refused_by_file_and_row(folder: Path) -> None:
    out = folder / "out.json"
    for rows, told in (
        ([reward("0.png"), reward("1.png", label="awe")], ":2: .*awe.*unifer data check"),
        ([question("0.png")], "holds questions"),
        ([], "holds no rows"),
        ([reward("none.png")], "none of the images"),
        ([cot("0.png", response="unsure")], "no row is left"),
    ):
        with pytest.raises(InputError, match=told):
            built(out, written(folder / "bad.json", rows))
    with pytest.raises(InputError, match=r"qa\.json:1"):
        built(
            out,
            written(folder / "good.json", [reward("0.png")]),
            tests=[written(folder / "qa.json", [{"image": 1}])],
        )
    assert not out.exists()
