"""The files that scoring commands write: where they go, what stops them, and how they are named on screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unifer.cli.console import say
from unifer.errors import InputError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a failure to write into an InputError that names `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror or error}; choose another place with --out"
        ) from None


def wrote(paths: list[Path]) -> int:
    """Say which files were written; returns the exit status 0."""
    say("\nwrote " + "\n      ".join(local(path) for path in paths))
    return 0


def local(path: Path) -> str:
    """The path as seen from here, on one line."""
    from unifer.report.layout import plain

    relative = os.path.relpath(path)
    return plain(str(path) if relative.count("..") > 2 else relative, 4096)


def figure_of(out: Path) -> Path:
    """`x.metrics.json` -> `x.confusion.png`, `x_metrics.json` -> `x_confusion.png`."""
    for ending, figure in (
        (".metrics.json", ".confusion.png"),
        ("_metrics.json", "_confusion.png"),
        (".json", ".confusion.png"),
    ):
        if out.name.endswith(ending):
            return out.with_name(out.name.removesuffix(ending) + figure)
    return out.with_name(out.name + ".confusion.png")
