"""One fault of one row, and the kinds there are: what each is called and whether it is an error.

Knows no rows and no images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from unifer.records import Json

Severity = Literal["error", "warning"]

ERRORS: Mapping[str, str] = MappingProxyType(
    {
        "json": "row is no JSON",
        "schema": "row breaks its schema",
        "duplicate_id": "id stands twice in its file",
        "vocabulary": "label outside the vocabulary",
        "action_units": "AUs that FACS does not have",
        "control_token": "chat control token in a text",
        "no_answer": "reply without one answer",
        "off_list": "reply's answer is off the list",
        "malformed": "reply is not well formed",
        "nested": "reply with a block within a block",
        "contradiction": "reply contradicts its own label",
        "image": "image missing or unreadable",
        "label_conflict": "same picture, different labels",
        "leak": "training picture is in a test file",
        "subject_leak": "person trained and tested on",
    }
)
"""Kind -> what it means: each makes a file unfit for training or testing."""

WARNINGS: Mapping[str, str] = MappingProxyType(
    {
        "spelling": "label spelled unlike its dataset's",
        "votes": "label is not the vote's",
        "au_disagreement": "reply's AUs differ from the row's",
        "absent_class": "class without a row",
        "tiny": "image below 28 pixels a side",
        "proportions": "image beyond 3:1",
        "duplicate": "picture stands twice in its file",
        "near_duplicate": "picture nearly stands twice",
        "mirror": "mirrored copy of a picture",
        "shared": "pictures shared with another file",
    }
)
"""Kind -> what it means: worth a look, and often meant."""

KINDS: Mapping[str, str] = MappingProxyType({**ERRORS, **WARNINGS})


@dataclass(frozen=True, slots=True)
class RowFinding:
    """One fault of one row.

    `kind` is one of `KINDS`; `row` counts from 1, None stands for a whole file.
    """

    kind: str
    file: str
    row: int | None
    message: str

    @property
    def severity(self) -> Severity:
        return "error" if self.kind in ERRORS else "warning"

    @property
    def place(self) -> str:
        return self.file if self.row is None else f"{self.file}:{self.row}"

    def to_json(self) -> Json:
        return {
            "kind": self.kind,
            "severity": self.severity,
            "file": self.file,
            "row": self.row,
            "message": self.message,
        }
