"""What a build read, kept and dropped, and why: shown to the user and written into the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from unifer.records import Json

EXAMPLES = 3


@dataclass
class Dropped:
    """How many rows went for one reason, and where the first few stand (`file:row`)."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class BuildReport:
    """The account of one build. `read` = `kept` + everything dropped."""

    dropped: dict[str, Dropped] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    """Label -> rows kept; `AU4` and the like where rows have AUs instead."""
    kept: int = 0
    stated: Mapping[str, int] | None = None
    """Label -> rows that the dataset is known to have; None where that is not stated."""
    stated_rows: int | None = None
    """How many rows the split is known to have, where that is stated."""
    notes: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.kept + sum(each.count for each in self.dropped.values())

    def drop(self, reason: str, file: str, row: int | None) -> None:
        """Count one row as dropped for `reason`."""
        entry = self.dropped.setdefault(reason, Dropped())
        entry.count += 1
        if len(entry.examples) < EXAMPLES:
            entry.examples.append(f"{file}:{row}" if row is not None else file)

    def differences(self) -> list[str]:
        """`disgust 159 (stated: 160)` for every label whose count is not the stated one; empty where nothing
        is stated.
        """
        stated = self.stated or {}
        rows = (
            []
            if self.stated_rows in (None, self.read)
            else [f"{self.read:,} rows (stated: {self.stated_rows:,})"]
        )
        return rows + [
            f"{label} {self.labels[label]:,} (stated: {count:,})"
            for label, count in stated.items()
            if self.labels[label] != count
        ]

    def to_json(self) -> Json:
        dropped = {
            reason: {"count": each.count, "examples": each.examples} for reason, each in self.dropped.items()
        }
        stated = None if self.stated is None else dict(self.stated)
        return {
            "read": self.read,
            "kept": self.kept,
            "dropped": dropped,
            "labels": dict(self.labels),
            "stated": stated,
            "stated_rows": self.stated_rows,
            "notes": self.notes,
        }
