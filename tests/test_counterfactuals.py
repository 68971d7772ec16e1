"""Rows of families.jsonl: what they say survives the disk, what cannot be is refused by its row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unifer.counterfactuals import CounterfactualFace, read_families
from unifer.errors import InputError
from unifer.records import Json

BASE: Json = {
    "id": "f0-00",
    "family": "f0",
    "emotion": "contempt",
    "change": "base",
    "reading": "contempt",
    "AUs": {"AU14": 3.2},
    "sides": {"AU14": "L"},
}
WITHOUT = BASE | {"id": "f0-01", "change": "removed", "of": "f0-00", "AU": "AU14", "core": True, "AUs": {}}


def families_file(folder: Path, *rows: Json) -> Path:
    path = folder / "families.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_family_is_its_base_and_the_faces_that_name_it(tmp_path: Path) -> None:
    (family,) = read_families(families_file(tmp_path, BASE, WITHOUT | {"sides": {}}))

    assert family.base.intensities == {14: 3.2}
    assert family.base.sides == {14: "L"}
    assert [(face.action_unit, face.core) for face in family.others] == [(14, True)]
    assert CounterfactualFace.from_json(family.base.to_json()) == family.base


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            WITHOUT | {"change": "shaved"},
            r"families\.jsonl:2: 'change' is 'shaved'; allowed are base, control",
        ),
        (WITHOUT | {"reading": "joy"}, r":2: 'reading' is 'joy'"),
        (WITHOUT | {"AU": "AU3"}, r":2: .*no FACS action unit"),
        ({**WITHOUT, "AU": None}, r":2: 'AU' must be given where an AU was changed"),
        (WITHOUT | {"AUs": ["AU14"]}, r":2: 'AUs' must map AUs to values"),
        (WITHOUT | {"id": "f0-00"}, r":2: 'f0-00' stands already in row 1"),
        (WITHOUT | {"of": "f1-00"}, r"family 'f0' has 1 base faces and 1 that differ from another face"),
        (WITHOUT | {"family": "f1"}, r"family 'f1' has 0 base faces"),
    ],
)
def test_a_row_that_cannot_be_is_refused(row: Json, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason):
        read_families(families_file(tmp_path, BASE, row))
