"""What a check found: every finding, and of each file how many rows, of which class, with which images.

Knows how to count alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from unifer.prepare.checks.duplicates import Copies
from unifer.prepare.checks.findings import ERRORS, KINDS, RowFinding
from unifer.prepare.checks.pictures import Fingerprints
from unifer.prepare.checks.repeats import repeats, subject_leaks
from unifer.prepare.checks.tables import NONE, RowTable, Tables
from unifer.records import Json

_LEAST_SIDE = 28
"""Pixels that become one image token: a smaller picture is mostly invented by the resizing."""

_MOST_STRETCH = 3.0
"""Long side to short side: forced to a square, a face beyond this is no face any more."""


@dataclass(frozen=True)
class FileSummary:
    """One file in numbers.

    `classes` is canonical label -> rows, by dataset name ('' where rows name none).
    """

    name: str
    test: bool
    kinds: dict[str, int]
    classes: dict[str, dict[str, int]]
    images: dict[str, int]
    """Pillow mode -> distinct pictures stored in it; empty without images."""

    @property
    def rows(self) -> int:
        return sum(self.kinds.values())

    @property
    def pooled(self) -> Counter[str]:
        """Canonical label -> rows over all datasets; labels that rows offer and none has count 0."""
        pooled: Counter[str] = Counter()
        for counts in self.classes.values():
            pooled.update(counts)
        return pooled

    @property
    def ratio(self) -> float | None:
        """Rows of the largest class to those of the smallest that has any; None where there is no label."""
        counts = [count for count in self.pooled.values() if count]
        return max(counts) / min(counts) if counts else None

    def to_json(self) -> Json:
        ratio = None if self.ratio is None else round(self.ratio, 3)
        own = {"file": self.name, "test": self.test, "rows": self.rows, "kinds": self.kinds}
        return own | {"classes": self.classes, "imbalance": ratio, "image_modes": self.images}


@dataclass(frozen=True)
class CheckReport:
    """Findings in order of file and row, files as they were given."""

    files: list[FileSummary]
    findings: list[RowFinding]
    pictures: int
    decoded: bool

    @property
    def errors(self) -> int:
        return sum(finding.kind in ERRORS for finding in self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """Kind -> findings, in the order of `KINDS`."""
        by_kind = Counter(finding.kind for finding in self.findings)
        return {kind: by_kind[kind] for kind in KINDS if by_kind[kind]}

    def to_json(self) -> Json:
        return {
            "errors": self.errors,
            "warnings": len(self.findings) - self.errors,
            "counts": self.counts,
            "pictures": self.pictures,
            "images_decoded": self.decoded,
            "files": [summary.to_json() for summary in self.files],
            "findings": [finding.to_json() for finding in self.findings],
        }


def conclude(tables: Tables, prints: Fingerprints | None, copies: Copies) -> CheckReport:
    """The report over `tables`; `prints` is None where images were not to be looked at."""
    summaries = [_summary(tables, table, prints) for table in tables.tables]
    findings = [*tables.findings, *repeats(tables, copies), *subject_leaks(tables)]
    for table, summary in zip(tables.tables, summaries, strict=True):
        findings += _absent(summary)
        if prints is not None:
            findings += _of_images(table, prints)
    order = {table.name: index for index, table in enumerate(tables.tables)}
    findings.sort(key=lambda finding: (order[finding.file], finding.row or 0))
    return CheckReport(summaries, findings, len(copies.same), prints is not None)


def _summary(tables: Tables, table: RowTable, prints: Fingerprints | None) -> FileSummary:
    classes: dict[str, dict[str, int]] = {}
    for dataset, labels in sorted(table.offered.items()):
        classes[tables.datasets[dataset]] = {tables.labels[label]: 0 for label in sorted(labels)}
    for (dataset, label), count in sorted(Counter(zip(table.datasets, table.labels, strict=True)).items()):
        if label != NONE:
            classes[tables.datasets[dataset]][tables.labels[label]] = count
    modes = (
        Counter(prints.looks[picture].mode for picture in set(table.pictures) - {NONE})
        if prints is not None
        else Counter()
    )
    modes.pop("", None)
    return FileSummary(table.name, table.test, dict(table.kinds), classes, dict(sorted(modes.items())))


def _absent(summary: FileSummary) -> Iterator[RowFinding]:
    for dataset, counts in summary.classes.items():
        absent = [label for label, count in counts.items() if not count]
        if absent and any(counts.values()):
            where = f" of {dataset}" if dataset else ""
            yield RowFinding(
                "absent_class",
                summary.name,
                None,
                f"no row{where} is labelled {', '.join(absent)}, which its rows offer",
            )


def _of_images(table: RowTable, prints: Fingerprints) -> Iterator[RowFinding]:
    for row, picture in zip(table.rows, table.pictures, strict=True):
        if picture == NONE:
            continue
        look = prints.looks[picture]
        if look.problem is not None:
            yield RowFinding("image", table.name, row, look.problem)
        elif min(look.width, look.height) < _LEAST_SIDE:
            yield RowFinding("tiny", table.name, row, f"the image has {look.width} x {look.height} pixels")
        elif max(look.width, look.height) > _MOST_STRETCH * min(look.width, look.height):
            yield RowFinding(
                "proportions", table.name, row, f"the image has {look.width} x {look.height} pixels"
            )
