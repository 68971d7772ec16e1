"""What a training run leaves to be read: `metrics.jsonl`, a row per logged step, and `rollouts/`.

Both survive a kill at any byte and are taken back to the checkpoint that a run goes on from, so that no step
stands in them twice. One process writes them (rank 0); one that only makes the objects touches no file. Knows
no trainer, reward or figure: names and numbers come from outside.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

from unifer import files
from unifer.errors import InputError
from unifer.models.checkpoints import last_whole
from unifer.records import Json

METRICS = "metrics.jsonl"
HELD_OUT = "heldout.jsonl"
ROLLOUTS = "rollouts"
STEPS_PER_PART = 100
_PART = re.compile(r"rollouts-(\d{6,})\.jsonl\.gz")


def number(value: Any) -> int | float | None:
    """`value` as JSON can hold it: None where it is not finite.

    Raises TypeError or ValueError where it is no number.
    """
    if value is None or isinstance(value, int):
        return value
    value = float(value)
    return value if math.isfinite(value) else None


class MetricsLog(files.ClosedAtExit):
    """`metrics.jsonl` of a run: `{"step": 12, "reward": 1.31, "kl": 0.02, ...}`, steps rising.

    Names are TRL's.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / METRICS
        self._log: files.AppendLog | None = None
        self._last = -1

    def _opened(self) -> files.AppendLog:
        if self._log is None:
            self._log = files.AppendLog(self.path)
            self._last = max((row["step"] for row in _whole_rows(self.path)), default=-1)
        return self._log

    def append(self, step: int, metrics: Mapping[str, Any], alarms: Sequence[str] = ()) -> bool:
        """Write one row; values that are not finite as null, and the texts of `alarms` if there are any.

        False, and nothing written, where this step has its row: the closing summary of a trainer repeats the
        last step. Raises ValueError for a step before the last one (the log was not rewound), OSError where
        the disk is full.
        """
        log = self._opened()
        _refuse_going_back(self.path, step, self._last)
        if step == self._last:
            return False
        row: Json = {"step": step} | {
            name: number(value) for name, value in metrics.items() if name != "step"
        }
        log.append(row | ({"alarms": list(alarms)} if alarms else {}))
        self._last = step
        return True

    def rewind(self, step: int) -> None:
        """Drop what was logged after `step`, the checkpoint from which the run goes on; 0 empties the log."""
        self._opened()
        rows = list(_whole_rows(self.path))
        left = [row for row in rows if row["step"] <= step]
        if len(left) < len(rows):
            self.close()
            files.write_rows(self.path, left)

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None


def _refuse_going_back(path: Path, step: int, last: int) -> None:
    if step < last:
        raise ValueError(
            f"{path}: step {step} comes after step {last}; call rewind() with the checkpoint's step "
            "before training goes on"
        )


def _whole_rows(path: Path) -> Iterator[Json]:
    """Rows of a log that may be growing: what stands behind the last line end is not there yet."""
    raw = path.read_bytes()
    for at, line in enumerate(raw[: raw.rfind(b"\n") + 1].splitlines(), 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError.at(path, at, f"no JSON: {error}; remove this line") from None
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            raise InputError.at(
                path, at, 'a row of metrics is an object with "step", a whole number; remove this line'
            )
        yield row


def read_metrics(folder: Path) -> list[Json]:
    """Logged rows of the run in `folder`, one per step, rising.

    From its `metrics.jsonl`, else from what its last checkpoint remembers. Reads a run in progress. Raises
    InputError: no such folder, nothing logged, a broken row.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the output_dir of a training run")
    log, checkpoint = folder / METRICS, last_whole(folder)
    rows = list(_whole_rows(log)) if log.exists() else []
    if not rows and checkpoint is not None:
        rows = _remembered(checkpoint / "trainer_state.json")
    rows = _with_held_out(rows, read_held_out(folder))
    if not rows:
        problem = f"no step in its {METRICS} and no checkpoint-N/trainer_state.json"
        raise InputError(
            f"{folder}: {problem}; give the output_dir of a run that has logged a step or saved a checkpoint"
        )
    return rows


def read_held_out(folder: Path) -> list[Json]:
    """Scores of the held-out questions of the run in `folder`, a row per evaluation, steps rising."""
    path = folder / HELD_OUT
    return list(_whole_rows(path)) if path.exists() else []


def _with_held_out(rows: Sequence[Json], held_out: Sequence[Json]) -> list[Json]:
    """`rows` with the held-out scores of their steps as `heldout/NAME`.

    An evaluation at a step that logged nothing is a row of its own.
    """
    by_step = {row["step"]: dict(row) for row in rows}
    for row in held_out:
        values = {f"heldout/{name}": value for name, value in row.items() if name != "step"}
        by_step[row["step"]] = by_step.get(row["step"], {"step": row["step"]}) | values
    return [by_step[step] for step in sorted(by_step)]


def _remembered(path: Path) -> list[Json]:
    """`log_history` of a trainer state, merged by step.

    Evaluation and the closing summary have entries of their own.
    """
    rows: dict[int, Json] = {}
    for entry in files.read_json(path).get("log_history", []):
        rows.setdefault(entry["step"], {}).update({name: number(value) for name, value in entry.items()})
    return [rows[step] for step in sorted(rows)]


def prompt_id(text: str) -> str:
    """Twelve hex digits of the SHA-256 of a prompt's text: which wording was asked.

    In FERBench one wording serves all images of a set, so a group of completions is known by step and key,
    not by this.
    """
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


class RolloutLog(files.ClosedAtExit):
    """`rollouts/rollouts-000001.jsonl.gz` and so on, `steps_per_part` steps each; one gzip member per append.

    Since a file of several members is a gzip file, `zcat` reads it; since each is whole by itself, a kill
    tears the last alone.

    A row is one completion: `key` (`id` of the row, else its `image_path`), `image_path`, `prompt_id`,
    `completion`, `tokens`, `rewards` (by name, unweighted, None where one does not apply), `reward` (weighted
    total, None where none applies), `advantage`, `clipped` (cut at the completion limit). `step` is put
    before them.
    """

    def __init__(self, folder: Path, steps_per_part: int = STEPS_PER_PART) -> None:
        self.folder = folder / ROLLOUTS
        self._steps_per_part = steps_per_part
        self._stream: FileIO | None = None
        self._number, self._steps, self._last = 0, 0, -1

    def append(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the rollouts that optimizer step `step` learns from, numbers that are not finite as null.

        A step may come in several appends. Raises ValueError for a step before the last one (the log was not
        rewound), OSError (a full disk) after taking back what was written of it.
        """
        if not self._number:
            self._go_on_after(math.inf)
        _refuse_going_back(self.folder, step, self._last)
        if not rows:
            return
        # A lone surrogate, which UTF-8 cannot hold, becomes the escape that JSON has for it.
        text = "".join(
            json.dumps(_finite({"step": step, **row}), ensure_ascii=False, allow_nan=False) + "\n"
            for row in rows
        )
        starts_step = step != self._last
        if starts_step and self._steps >= self._steps_per_part:
            self.close()
            self._number, self._steps = self._number + 1, 0
        if self._stream is None:
            self._stream = (self.folder / f"rollouts-{self._number:06d}.jsonl.gz").open("ab", buffering=0)
        files.append_whole(
            self._stream, gzip.compress(text.encode("utf-8", "backslashreplace"), compresslevel=6, mtime=0)
        )
        self._steps, self._last = self._steps + starts_step, step

    def rewind(self, step: int) -> None:
        """Drop the rollouts after `step`, the checkpoint from which the run goes on; 0 empties the log."""
        self.close()
        self._go_on_after(step)

    def _go_on_after(self, step: float) -> None:
        """Cut the parts, newest first, until one holds a whole member of at most `step`; go on there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._number, self._steps, self._last = 1, 0, -1
        for part, path in reversed(_parts(self.folder)):
            members = [(end, _step_of(path, text)) for end, text in _members(path)]
            behind = [(end, member_step) for end, member_step in members if member_step <= step]
            if behind:
                end, self._last = behind[-1]
                if path.stat().st_size > end:
                    os.truncate(path, end)
                self._number, self._steps = part, len({member_step for _, member_step in behind})
                self._stream = path.open("ab", buffering=0)
                return
            path.unlink()

    def close(self) -> None:
        if self._stream is not None:
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._stream = None


def _finite(row: Mapping[str, Any]) -> Json:
    """`row` and the mappings in it with None for what JSON has no number for."""
    return {
        name: _finite(value)
        if isinstance(value, Mapping)
        else number(value)
        if isinstance(value, float)
        else value
        for name, value in row.items()
    }


def _parts(folder: Path) -> list[tuple[int, Path]]:
    return sorted((int(match[1]), path) for path in folder.iterdir() if (match := _PART.fullmatch(path.name)))


def _members(path: Path) -> Iterator[tuple[int, bytes]]:
    """(offset of its end, text) of each whole gzip member from the start; nothing after a torn one."""
    data = memoryview(path.read_bytes())
    end = 0
    while end < len(data):
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            text = member.decompress(data[end:])
        except zlib.error:
            return
        if not member.eof:
            return
        end = len(data) - len(member.unused_data)
        yield end, text


def _step_of(path: Path, text: bytes) -> int:
    try:
        step: int = json.loads(text.split(b"\n", 1)[0])["step"]
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: holds no rollouts of a run; move it away") from None
    return step


def read_rollouts(folder: Path) -> Iterator[Json]:
    """Rollouts of the run in `folder`, in the order of steps.

    A step that is still being written is left out. Raises InputError where the run has no rollouts.
    """
    if not (folder / ROLLOUTS).is_dir():
        raise InputError(f"{folder}: has no {ROLLOUTS}/; give the output_dir of a GRPO run")
    for _, path in _parts(folder / ROLLOUTS):
        for _, text in _members(path):
            yield from map(json.loads, text.decode("utf-8").rstrip("\n").split("\n"))
