"""Builder outputs in, one reward file out, with its manifest and the list of dropped rows.

Knows files; which rows stay is `selection`. Rows are streamed twice, once to decide and once to copy, so that
memory does not grow with their text.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unifer import files, runs
from unifer.datasets import DatasetSpec
from unifer.errors import InputError
from unifer.prepare.checks.duplicates import Copies
from unifer.prepare.checks.parsing import parse
from unifer.prepare.checks.pictures import Fingerprints
from unifer.prepare.checks.tables import NONE, RowTable, Tables
from unifer.prepare.rlvr.selection import REASONS, RowSelection, select
from unifer.prepare.rlvr.shares import Group, Shares, weights
from unifer.records import CoTRow, Json, Question, RewardRow

_REFUSED = ("json", "schema", "vocabulary", "action_units", "control_token")
_REFUSED_OF_TESTS = ("json", "schema")


@dataclass(frozen=True)
class RewardFileResult:
    """Rows of a reward file: read and written by (dataset, class), dropped by reason.

    `unseen` are test images that could not be compared by file.
    """

    read: Counter[Group]
    written: Counter[Group]
    dropped: dict[str, int]
    unseen: dict[str, int]
    """Test file -> rows whose image could not be opened: leaks of those were looked for by path alone."""

    def to_json(self) -> Json:
        def tree(counts: Counter[Group]) -> Json:
            by_dataset: dict[str, dict[str, int]] = {}
            for (dataset, label), count in sorted(counts.items()):
                by_dataset.setdefault(dataset, {})[label] = count
            return by_dataset

        return {
            "rows_in": tree(self.read),
            "rows_out": tree(self.written),
            "dropped": self.dropped,
            "test_images_not_seen": self.unseen,
        }


def dropped_path(out: Path) -> Path:
    """The list of dropped rows beside an output: `x.json` -> `x.dropped.jsonl`."""
    return out.with_suffix(".dropped.jsonl")


def read(
    inputs: Sequence[Path], tests: Sequence[Path], image_root: Path | None, specs: Sequence[DatasetSpec]
) -> Tables:
    """The tables of training and test files.

    Raises InputError with file:row for the first row that cannot be trained on, for questions among the
    inputs, for no rows.
    """
    tables = Tables(image_root, specs)
    for path in inputs:
        table = tables.read(path)
        _refuse(tables, table, _REFUSED)
        if table.kinds[Question.__name__]:
            raise InputError(f"{path}: holds questions, which are for testing; give it with --test")
        if not table.rows:
            raise InputError(f"{path}: holds no rows; a row has image_path, problem and solution")
    for path in tests:
        _refuse(tables, tables.read(path, test=True), _REFUSED_OF_TESTS)
    return tables


def _refuse(tables: Tables, table: RowTable, kinds: Sequence[str]) -> None:
    bad = [finding for finding in tables.findings if finding.file == table.name and finding.kind in kinds]
    if bad:
        raise InputError(
            f"{bad[0].place}: {bad[0].message}; {len(bad):,} rows like it, `unifer data check "
            f"{table.name}` lists them"
        )


def write(
    tables: Tables, prints: Fingerprints | None, copies: Copies, shares: Shares, out: Path
) -> RewardFileResult:
    """Choose, and write `out`, its `.dropped.jsonl` and its manifest; files of a former run are moved aside.

    The same inputs and shares give the same bytes. Raises InputError where nothing is left, no image could be
    opened, or `out` lies where images of a row could not be named.
    """
    selection, groups = select(tables, prints, copies, shares)
    counts = Counter(reason for reason in selection.reasons if reason)
    left = Counter(groups[row] for row in selection.rows())
    if counts["image"] == len(groups):
        raise InputError(
            f"none of the images of {len(groups):,} rows can be opened; name their folder with "
            "--image-root, or use --no-images"
        )
    if not left:
        listed = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
        raise InputError(f"no row is left of {len(groups):,} ({listed}); `unifer data check` tells more")
    each = weights(left) if shares.balance == "weights" else None
    writer = _Writer(tables, selection, groups, each, out)
    files.move_aside(out, dropped_path(out), runs.manifest_path(out))
    files.write_rows(out, writer.rows())
    files.write_rows(dropped_path(out), writer.dropped)
    dropped = {reason: counts[reason] for reason in REASONS if counts[reason]}
    outcome = RewardFileResult(Counter(groups), left, dropped, _unseen(tables, prints))
    files.write_json(runs.manifest_path(out), _manifest(tables, prints is not None, shares, outcome, each))
    return outcome


def _manifest(
    tables: Tables, images: bool, shares: Shares, outcome: RewardFileResult, each: dict[Group, float] | None
) -> Json:
    described = {
        test: [runs.describe_file(table.path) for table in tables.tables if table.test == test]
        for test in (False, True)
    }
    identity = {
        "inputs": described[False],
        "tests": described[True],
        "shares": shares.to_json(),
        "images_compared": images,
    }
    by_class = (
        {} if each is None else {"weights": {label: weight for (_, label), weight in sorted(each.items())}}
    )
    return runs.manifest("data rlvr", identity, **outcome.to_json(), **by_class)


def _unseen(tables: Tables, prints: Fingerprints | None) -> dict[str, int]:
    unseen: Counter[str] = Counter()
    for table in tables.tables:
        if table.test:
            unseen[table.path.name] += sum(
                picture == NONE or prints is None or prints.looks[picture].problem is not None
                for picture in table.pictures
            )
    return {name: count for name, count in unseen.items() if count}


class _Writer:
    """The kept rows as they are written; `dropped` is whole once they are through."""

    def __init__(
        self,
        tables: Tables,
        selection: RowSelection,
        groups: list[Group],
        weight: dict[Group, float] | None,
        out: Path,
    ) -> None:
        self._tables, self._selection, self._groups, self._weight, self._out = (
            tables,
            selection,
            groups,
            weight,
            out,
        )
        self._ids: set[str] = set()
        self.dropped: list[Json] = []

    def rows(self) -> Iterator[Json]:
        row = -1
        for table in self._selection.tables:
            own, wanted = self._tables.spec_of(table.path), iter(table.rows)
            number = next(wanted, None)
            for at, raw in files.read_rows(table.path):
                if at == number:
                    row, number = row + 1, next(wanted, None)
                    if self._selection.reasons[row] is None:
                        yield self._row(row, table, raw, own)
                    else:
                        self._drop(row, table, at, raw)

    def _row(self, row: int, table: RowTable, raw: Json, own: DatasetSpec | None) -> Json:
        reward_row = raw if "problem" in raw else self._of_cot(raw, own)
        changed: Json = {
            "image_path": image_path(reward_row["image_path"], table.path, self._out, self._tables.image_root)
        }
        if reward_row.get("id") is not None:
            changed["id"] = self._own_id(reward_row["id"], table)
        if self._weight is not None:
            changed["provenance"] = {
                **(reward_row.get("provenance") or {}),
                "weight": self._weight[self._groups[row]],
            }
        return reward_row | changed

    def _of_cot(self, raw: Json, own: DatasetSpec | None) -> Json:
        parsed = parse(raw, self._tables.specs, own)
        row = parsed.record
        assert isinstance(row, CoTRow)
        extras = (row.id, row.dataset, row.candidate_labels, row.action_units, row.provenance)
        return RewardRow(row.image_path, row.question, parsed.label, *extras).to_json()

    def _own_id(self, name: str, table: RowTable) -> str:
        """`name`, with its file's name before it where another file had it first."""
        own, turn = name, 1
        while own in self._ids:
            own = f"{table.path.stem}/{name}" if turn == 1 else f"{table.path.stem}/{name}/{turn}"
            turn += 1
        self._ids.add(own)
        return own

    def _drop(self, row: int, table: RowTable, number: int, raw: Json) -> None:
        dataset, label = self._groups[row]
        about = {
            "file": table.name,
            "row": number,
            "reason": self._selection.reasons[row],
            "because_of": self._selection.because_of.get(row),
        }
        self.dropped.append(
            about | {"id": raw.get("id"), "image_path": raw["image_path"], "dataset": dataset, "label": label}
        )


def image_path(name: str, source: Path, out: Path, image_root: Path | None) -> str:
    """`name`, a row's image path in the file `source`, as it reads in `out`.

    A path below an image root (every one with `image_root`, else one with a leading `/`) stays. One relative
    to the folder of `source` becomes relative to that of `out`. Raises InputError where that would climb out
    of the folder of `out`, which no reader allows.
    """
    if image_root is not None or name.strip().startswith(("/", "\\")):
        return name
    moved = os.path.relpath(source.parent.absolute() / name.strip().replace("\\", "/"), out.parent.absolute())
    moved = Path(moved).as_posix()
    if moved.split("/")[0] == "..":
        raise InputError(
            f"{source}: its image {name!r} would lie outside the folder of {out}; write --out at or "
            f"above {source.parent}, or keep the images below one folder and name it with --image-root"
        )
    return moved
