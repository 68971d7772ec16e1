"""DISFA, BP4D and RAF-AU.

What was not coded is not absent, intensities have a range, and frames are matched by their number.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer.dialogue import prompts
from unifer.errors import InputError
from unifer.prepare.builders import rows
from unifer.records import Question, RewardRow


def test_a_disfa_au_is_present_from_intensity_two(tmp_path: Path) -> None:
    made = mini.built("disfa", mini.disfa(tmp_path, {12: [0, 1, 2, 5], 25: [5, 0, 0, 2]}))
    assert [face.action_units for face in made.faces] == [(25,), (), (12,), (12, 25)]
    stricter = mini.built("disfa", tmp_path, au_threshold=3)
    assert [face.action_units for face in stricter.faces] == [(25,), (), (), (12,)]


def test_a_disfa_row_has_aus_and_no_solution_and_says_what_was_coded(tmp_path: Path) -> None:
    made = mini.built("disfa", mini.disfa(tmp_path, {12: [0, 1, 2, 5]}))
    row = RewardRow.from_json(list(rows.rewards(made.faces, made.facts))[2])
    assert (row.solution, row.candidate_labels, row.action_units) == (None, None, (12,))
    assert row.image_path == "/DISFA/Images/SN001/000003.jpg"
    assert row.provenance is not None
    assert row.provenance["coded"] == list(mini.DISFA_AUS)
    assert (row.provenance["subject"], row.provenance["frame"], row.provenance["prompt"]) == (
        "SN001",
        3,
        "au-1",
    )


def test_every_nth_frame_is_taken_and_found_by_its_number(tmp_path: Path) -> None:
    root = mini.disfa(tmp_path, {})
    for frame in range(1, 5):
        (root / f"Images/SN001/{frame:06d}.jpg").rename(root / f"Images/SN001/frame_{frame}.png")
    made = mini.built("disfa", root, frame_step=2)
    assert [face.image_path for face in made.faces] == [
        "/DISFA/Images/SN001/frame_1.png",
        "/DISFA/Images/SN001/frame_3.png",
    ]


def test_frames_that_count_from_zero_are_refused(tmp_path: Path) -> None:
    mini.touch(mini.disfa(tmp_path, {}), ["Images/SN001/000000.jpg"])
    with pytest.raises(InputError, match="count from 0 there, the label files from 1"):
        mini.built("disfa", tmp_path)


def test_two_images_of_one_frame_are_refused(tmp_path: Path) -> None:
    mini.touch(mini.disfa(tmp_path, {}), ["Images/SN001/1.jpg"])
    with pytest.raises(InputError, match="are both frame 1"):
        mini.built("disfa", tmp_path)


@pytest.mark.parametrize(
    ("line", "problem"),
    [("2,6", "intensity 6 is out of range"), ("2,-1", "is not a line"), ("2", "is not a line")],
)
def test_an_intensity_out_of_range_is_refused_with_its_line(tmp_path: Path, line: str, problem: str) -> None:
    mini.write(mini.disfa(tmp_path, {}), "ActionUnit_Labels/SN001/SN001_au9.txt", "1,0", line)
    with pytest.raises(InputError, match=rf"SN001_au9.txt:2: .*{problem}"):
        mini.built("disfa", tmp_path)


def test_a_disfa_frame_without_one_of_the_usual_aus_is_dropped(tmp_path: Path) -> None:
    mini.write(mini.disfa(tmp_path, {}), "ActionUnit_Labels/SN001/SN001_au9.txt", "1,0", "2,0", "3,0")
    made = mini.built("disfa", tmp_path)
    assert (len(made.faces), mini.drops(made)) == (3, {"AU9 is not coded": 1})


def test_a_disfa_frame_without_an_unusual_au_is_kept_and_says_so(tmp_path: Path) -> None:
    mini.write(mini.disfa(tmp_path, {}), "ActionUnit_Labels/SN001/SN001_au5.txt", "1,0", "2,0", "3,0")
    made = mini.built("disfa", tmp_path)
    assert [5 in (face.extra or {})["coded"] for face in made.faces] == [True, True, True, False]


def test_a_disfa_subject_without_an_au_file_is_not_whole(tmp_path: Path) -> None:
    (mini.disfa(tmp_path, {}) / "ActionUnit_Labels/SN001/SN001_au26.txt").unlink()
    with pytest.raises(InputError, match=r"ActionUnit_Labels/SN001/SN001_au26.txt: its intensities"):
        mini.built("disfa", tmp_path)


def test_a_disfa_without_any_subject_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "ActionUnit_Labels").mkdir()
    with pytest.raises(InputError, match="the intensities of subject SN001"):
        mini.built("disfa", tmp_path, images=False)


def test_code_nine_is_not_coded_and_never_absent(tmp_path: Path) -> None:
    made = mini.built("bp4d", mini.bp4d(tmp_path, {1: {6: 1, 12: 1}, 2: {12: 9}, 3: {5: 9, 4: 1}}))
    assert [face.action_units for face in made.faces] == [(6, 12), (4,)]
    assert mini.drops(made) == {"AU12 is not coded": 1}
    coded = [(face.extra or {})["coded"] for face in made.faces]
    assert 5 in coded[0]
    assert 5 not in coded[1]
    assert 27 not in coded[0]


def test_a_bp4d_row_keeps_subject_task_and_frame(tmp_path: Path) -> None:
    face = mini.built("bp4d", mini.bp4d(tmp_path, {2440: {}}, "M012_T8")).faces[0]
    assert face.image_path == "/BP4D/Sequences(2D+3D)/M012/T8/2440.jpg"
    assert face.extra is not None
    assert (face.extra["subject"], face.extra["task"], face.extra["frame"]) == ("M012", "T8", 2440)


def test_a_code_that_is_none_is_refused_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"F001_T1.csv:3: '2' is no AU code; allowed are 0 \(absent\), 1 \(present\), 9 \(not coded\)",
    ):
        mini.built("bp4d", mini.bp4d(tmp_path, {1: {}, 2: {4: 2}}))


def test_bp4d_columns_are_found_by_au_wherever_they_stand(tmp_path: Path) -> None:
    units = [24, 23, 17, 15, 14, 12, 10, 7, 6, 4, 2, 1]
    header = ["AU24", "Frame", *(f"au{number:02d}" for number in units[1:])]
    mini.write(tmp_path, "AU_OCC/F001_T1.csv", *mini.csv_lines(header, [[1, 5, *([0] * 11)]]))
    mini.touch(tmp_path, ["2D/F001/T1/0005.jpg"])
    face = mini.built("bp4d", tmp_path).faces[0]
    assert (face.action_units, face.image_path) == ((24,), "/BP4D/2D/F001/T1/0005.jpg")


def test_a_bp4d_table_without_a_usual_au_is_refused(tmp_path: Path) -> None:
    mini.write(tmp_path, "AU_OCC/F001_T1.csv", "0,1,2", "1,0,0")
    with pytest.raises(InputError, match="no column is called 'AU4' or 'AU6'"):
        mini.built("bp4d", tmp_path, images=False)


def test_a_bp4d_without_tables_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "AUCoding/AU_OCC").mkdir(parents=True)
    with pytest.raises(InputError, match="the codes of subject F001, task T1"):
        mini.built("bp4d", tmp_path, images=False)


def test_rafau_reads_sides_and_none(tmp_path: Path) -> None:
    made = mini.built(
        "rafau", mini.rafau(tmp_path, "0001.jpg  1+4+25", "0002.jpg\tnull", "0003.jpg L14+R12+12")
    )
    assert [face.action_units for face in made.faces] == [(1, 4, 25), (), (12, 14)]
    assert [face.extra for face in made.faces] == [None, None, {"sides": {"AU14": "L"}}]
    assert made.faces[0].image_path == "/RAF-AU/aligned/0001_aligned.jpg"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0001.jpg 1+3", "'3' in '1\\+3' is no AU"),
        ("0001.jpg", "is not a line"),
        ("0001.jpg X12", "is no AU"),
    ],
)
def test_a_faulty_rafau_line_is_refused_with_its_number(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(InputError, match=rf"RAFAU_label.txt:1: .*{problem}"):
        mini.built("rafau", mini.rafau(tmp_path, line))


def test_an_au_set_becomes_questions_without_labels(tmp_path: Path) -> None:
    made = mini.built("disfa", mini.disfa(tmp_path, {12: [0, 1, 2, 5]}))
    asked = [Question.from_json(row) for row in rows.questions(made.faces, made.facts, None)]
    assert [(question.true_label, question.candidate_labels) for question in asked] == [(None, ())] * 4
    assert [question.action_units for question in asked] == [(), (), (12,), (12,)]
    assert asked[0].prompt == prompts.question("action-units")
    assert (asked[0].subject, 12 in (asked[0].coded or ())) == ("SN001", True)
