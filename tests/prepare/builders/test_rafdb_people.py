"""RAF-DB's manual annotation: gender, race and age of a face go into its row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prepare.builders import mini
from unifer.errors import InputError
from unifer.prepare.builders import rows

LANDMARKS = ("33.1\t40.2", "70.0\t40.9", "51.5\t60.0", "36.0\t75.5", "66.4\t75.1")


def annotate(root: Path, name: str, *codes: str) -> None:
    mini.write(root, f"basic/Annotation/manual/{name}_manu_attri.txt", *LANDMARKS, *codes)


def test_people_are_in_the_provenance_of_the_faces_that_are_annotated(tmp_path: Path) -> None:
    root = mini.rafdb(tmp_path)
    annotate(root, "test_0001", "1", "2", "3")
    made = mini.built("rafdb", root, "test")
    first, second = [row["provenance"] for row in rows.questions(made.faces, made.facts)]
    assert {name: first[name] for name in ("gender", "race", "age")} == {
        "gender": "female",
        "race": "Asian",
        "age": "40-69",
    }
    assert "gender" not in second


def test_an_annotation_that_is_not_unpacked_is_named(tmp_path: Path) -> None:
    root = mini.rafdb(tmp_path)
    mini.touch(root, ["basic/Annotation/manual.zip"])
    assert "manual.zip is not unpacked" in " ".join(mini.built("rafdb", root).report.notes)


@pytest.mark.parametrize(
    ("codes", "reason"),
    [
        (("0", "3", "1"), r"manu_attri.txt:7: '3' is no code of race; allowed are 0 Caucasian"),
        (("0", "1"), "2 lines follow the 5 landmarks"),
    ],
)
def test_codes_that_the_description_lacks_are_refused(
    tmp_path: Path, codes: tuple[str, ...], reason: str
) -> None:
    """A shifted line would make every man Asian in silence."""
    root = mini.rafdb(tmp_path)
    annotate(root, "test_0002", *codes)
    with pytest.raises(InputError, match=reason):
        mini.built("rafdb", root, "test")
