"""What the machine has for a long run, and whether that is enough: processor, memory, disk.

Memory is what this process may still take: a container's limit counts, and what other programs hold does not.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from unifer.errors import InputError

GB = 2**30
_MEMINFO = Path("/proc/meminfo")
_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)
_CACHE = Path("/sys/fs/cgroup/memory.stat")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory() -> float | None:
    """Bytes of memory and swap that a program can still get; None where the system does not say."""
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="ascii").splitlines())
        free = 1024.0 * sum(int(lines[name].split()[0]) for name in ("MemAvailable", "SwapFree"))
    except (OSError, KeyError, ValueError):
        return None
    return min([free, *filter(None, (_left_of_limit(*paths) for paths in _LIMITS))])


def _left_of_limit(limit: Path, used: Path) -> float | None:
    """What a container's limit leaves, its file cache counted as free; None without a limit."""
    try:
        left = int(limit.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    with contextlib.suppress(OSError, ValueError):
        stat = dict(line.split() for line in _CACHE.read_text(encoding="ascii").splitlines())
        left += int(stat.get("inactive_file", 0)) + int(stat.get("active_file", 0))
    return max(1.0, float(left))


def free_disk(path: Path) -> float:
    """Bytes free where `path` is or will be made."""
    folder = next(each for each in (path.absolute(), *path.absolute().parents) if each.is_dir())
    return float(shutil.disk_usage(folder).free)


def refuse_full_disk(path: Path, needed: float) -> None:
    """Raise InputError where less than `needed` bytes are free for `path`."""
    free = free_disk(path)
    if free < needed:
        raise InputError(
            f"{os.path.relpath(path)}: {free / GB:.1f} GB are free on its disk, {needed / GB:.1f} GB "
            "are needed; free some space, or link that folder to another disk"
        )


def refuse_little_memory(what: str, needed: float) -> None:
    """Raise InputError where less than `needed` bytes of memory can be had."""
    free = free_memory()
    if free is not None and free < needed:
        raise InputError(
            f"{what} takes {needed / GB:.1f} GB of memory, {free / GB:.1f} GB are free; close other "
            "programs, or raise the container's limit"
        )
