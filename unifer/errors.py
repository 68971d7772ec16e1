"""The ways a command stops on purpose. Anything else that escapes is a bug and shows its traceback."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a disk, or a user's share of it, that holds no more."""
INTERRUPTED = 130
"""Exit status of a command that the user stopped, as shells count it: 128 + SIGINT."""
OUT_OF_TIME = 75
"""Exit status of a run that stopped at its time limit, to be started again: EX_TEMPFAIL of sysexits.h."""


class InputError(Exception):
    """Something the user gave is wrong: where it stands, the value, what is allowed and what to do."""

    @classmethod
    def at(cls, path: str | Path, row: int | None, problem: str) -> InputError:
        """`InputError.at("qa.json", 12, "...")` reads `qa.json:12: ...`; rows count from 1."""
        place = f"{path}:{row}" if row is not None else f"{path}"
        return cls(f"{place}: {problem}")


class Interrupted(Exception):
    """The user pressed Ctrl-C; the message says what is kept and how to go on."""

    status = INTERRUPTED


class OutOfTime(Interrupted):
    """The run reached the time that it was given; the message says what is kept and how to go on."""

    status = OUT_OF_TIME


@contextmanager
def reporting_full_disk(path: Path) -> Iterator[None]:
    """Turn a full disk into an InputError that says what is kept, for a file to which rows are appended."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise
        safe = (
            "every row written so far is kept whole; free some space and run the same command again to go on"
        )
        raise InputError(f"{path}: the disk is full ({error.strerror}); {safe}") from None
