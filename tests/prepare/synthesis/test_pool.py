"""The pool: keys, labels in their own vocabulary, links to where pictures lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prepare.synthesis.known import face
from unifer import files
from unifer.errors import InputError
from unifer.prepare.synthesis.mixing import picture, refuse_held_out
from unifer.prepare.synthesis.pool import Links, blind_questions, drawn, face_of, guided_questions, read_pool
from unifer.prepare.synthesis.settings import GenerateSettings
from unifer.records import Json


def pool_file(path: Path, *rows: Json) -> Path:
    files.write_rows(
        path,
        [
            {"image_path": f"{number}.png", "problem": "happy, sad or fear?"} | row
            for number, row in enumerate(rows)
        ],
    )
    return path


def test_published_rows_carry_no_vocabulary_and_no_id(tmp_path: Path) -> None:
    """Theirs is what the question offers; the label is spelled as the question does."""
    pool = read_pool([pool_file(tmp_path / "a.json", {"solution": "<answer>happiness</answer>"})])
    only = pool.faces[0]
    assert (only.key, only.label, only.emotion, only.known.candidate_labels) == (
        "0.png",
        "happy",
        "happiness",
        ("happy", "sad", "fear"),
    )


def test_rows_of_action_units_alone_are_left_out_and_counted(tmp_path: Path) -> None:
    rows: list[Json] = [{"solution": "sad"}, {"solution": None, "AUs": ["AU4"], "problem": "Which AUs?"}]
    pool = read_pool([pool_file(tmp_path / "a.json", *rows)])
    assert (len(pool.faces), pool.unlabelled) == (1, 1)
    with pytest.raises(InputError, match="none of the 1 rows has a label"):
        read_pool([pool_file(tmp_path / "b.json", rows[1])])


def test_a_key_in_two_files_is_refused(tmp_path: Path) -> None:
    one, two = (pool_file(tmp_path / name, {"solution": "sad"}) for name in ("a.json", "b.json"))
    with pytest.raises(InputError, match=r"'0\.png' stands in .*a\.json too"):
        read_pool([one, two])


def test_fewer_faces_are_the_same_whatever_their_order() -> None:
    faces = [face(f"f{number}") for number in range(20)]
    chosen = drawn(faces, 5, seed=1)
    assert len(chosen) == 5
    assert drawn(faces[::-1], 5, seed=1) == chosen
    assert drawn(faces, None, seed=1) == tuple(faces)
    assert {each.key for each in drawn(faces, 5, seed=2)} != {each.key for each in chosen}


def test_every_question_tells_its_face_and_whether_it_was_guided(tmp_path: Path) -> None:
    odd = face("a#1/b", units=())
    links = Links(tmp_path, tmp_path, [])
    generation = GenerateSettings(samples=2, guided_samples=1)
    blind = list(blind_questions([odd], generation, links))
    guided = list(guided_questions([odd], generation, links))
    assert [face_of(each.key) for each in [*blind, *guided]] == [
        ("a#1/b", False),
        ("a#1/b", False),
        ("a#1/b", True),
    ]
    assert all(each.prompt == "Which?" for each in blind), "a blind question shows no label"
    assert "the expression is happiness and the action units are all at rest" in guided[0].prompt


def test_links_lead_relative_paths_home_and_leave_rooted_ones(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    sources = [tmp_path / "one/a.json", tmp_path / "two/b.json"]
    (tmp_path / "two/x.png").write_bytes(b"x")
    data = tmp_path / "run/data"
    for _ in range(2):  # a resumed run finds its links
        links = Links(data, None, sources)
    assert (data / links.path("x.png", sources[1])).read_bytes() == b"x"
    assert links.path("/RAF-DB/x.png", sources[1]) == "/RAF-DB/x.png"
    rooted = Links(tmp_path / "other", tmp_path, sources)
    assert rooted.path("x.png", sources[1]) == "x.png", "below the image root, whichever file it stands in"
    assert not list((tmp_path / "other").iterdir())


def test_pictures_of_equal_size_are_told_apart_by_their_bytes(tmp_path: Path) -> None:
    for name, content in (("a", b"123"), ("b", b"124"), ("c", b"123"), ("d", b"12345")):
        (tmp_path / name).write_bytes(content)
    source = tmp_path / "rows.json"
    held = [picture(source, "h", "a", None)]
    found = refuse_held_out([picture(source, None, name, None) for name in ("b", "d", "missing")], held)
    assert (found.trained, found.held_out, found.missing) == (3, 1, 1)
    with pytest.raises(InputError, match=r"1 of its faces .* the first 'c': the same bytes as 'a'"):
        refuse_held_out([picture(source, "x", "b", None), picture(source, "y", "c", None)], held)
    with pytest.raises(InputError, match="climbs out"):
        picture(source, None, "../../a", None)
