"""One writer a file: the lock that keeps two processes from the same output. Knows paths alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unifer.errors import InputError


@contextmanager
def locked(path: Path, elsewhere: str = "give --out FILE to write elsewhere") -> Iterator[None]:
    """Keep other processes off `path` while the block runs; the kernel lets go if we are killed.

    Raises InputError: one has it; `elsewhere` says how to do without that file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise InputError(f"{path}: another process is writing it; wait for it, or {elsewhere}") from None
        except OSError:
            pass  # a file system without locks: better unlocked than not at all
        if _is_same_file(handle, lock):
            break
        os.close(handle)  # its last holder removed the file between our open and our lock
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


def _is_same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
