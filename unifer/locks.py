"""One writer a file: the lock that keeps two processes from the same output. Knows paths alone."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unifer.errors import InputError

log = logging.getLogger(__name__)

_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


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


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Processes of one machine, its ranks for instance, run the block in turn; `path` is the lock file.

    The file stays. On a file system without locks (Lustre mounted without `-o flock`) they run at once, and a
    warning says so.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            log.warning(
                "%s: this file system has no locks (%s), so every rank does the same work; mount it "
                "with -o flock, or name a cache folder on a local disk: UNIFER_CACHE=/tmp/unifer",
                path.parent,
                error.strerror,
            )
        yield


def _is_same_file(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
