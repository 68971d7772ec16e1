"""What a build read, took and dropped, and why: for the user and for the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from unifer.records import Json

EXAMPLES = 3


@dataclass
class Dropped:
    """How many rows went for one reason, and where the first few stand (`file:row`)."""

    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class BuildReport:
    """The account of one build. `read` = `rows` + everything dropped."""

    dropped: dict[str, Dropped] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    """Label -> rows of the output; `AU4` and the like where rows have AUs instead."""
    rows: int = 0
    """Rows of the output."""
    expected: Mapping[str, int] | None = None
    """Label -> rows that the dataset is known to have; None where that is not stated."""
    expected_rows: int | None = None
    """How many rows the split is known to have, where that is stated."""
    notes: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        return self.rows + sum(each.count for each in self.dropped.values())

    def drop(self, reason: str, file: str, row: int | None) -> None:
        """Count one row as dropped for `reason`."""
        entry = self.dropped.setdefault(reason, Dropped())
        entry.count += 1
        if len(entry.examples) < EXAMPLES:
            entry.examples.append(f"{file}:{row}" if row is not None else file)

    def differences(self) -> list[str]:
        """`disgust 159 (stated: 160)` for every count that is not the one stated for the dataset."""
        of_labels = [
            f"{label} {self.labels[label]:,} (stated: {count:,})"
            for label, count in (self.expected or {}).items()
            if self.labels[label] != count
        ]
        if self.expected_rows in (None, self.read):
            return of_labels
        return [f"{self.read:,} rows (stated: {self.expected_rows:,})", *of_labels]

    def to_json(self) -> Json:
        return {
            "read": self.read,
            "kept": self.rows,
            "dropped": {reason: asdict(each) for reason, each in self.dropped.items()},
            "labels": dict(self.labels),
            "stated": None if self.expected is None else dict(self.expected),
            "stated_rows": self.expected_rows,
            "notes": self.notes,
        }
