"""What flags of several commands have in common: their kinds of number, and the folders that they name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from unifer.cli.console import note
from unifer.errors import InputError

MOST_RESAMPLES = 100_000


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """Reads a whole number from `least` to `most`; argparse shows the error with the flag's name."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {least}" + (f" to {most}" if most is not None else "")
            )
        return int(text)

    return read


def between(least: float, most: float) -> Callable[[str], float]:
    """Reads a number from `least` to `most`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:g}")
        return value

    return read


positive = whole(1)


def folder(parser: argparse._ActionsContainer, name: str, text: str, **more: Any) -> None:
    """A flag that names a folder."""
    parser.add_argument(name, type=Path, metavar="DIR", help=text, **more)


def file(parser: argparse._ActionsContainer, name: str, text: str, **more: Any) -> None:
    """A flag that names a file."""
    parser.add_argument(name, type=Path, metavar="FILE", help=text, **more)


def switch(parser: argparse._ActionsContainer, name: str, text: str) -> None:
    """A flag without a value."""
    parser.add_argument(name, action="store_true", help=text)


def add_image_root(parser: argparse._ActionsContainer, when: str = "default: as in inference") -> None:
    """`--image-root`, of every command that opens images."""
    folder(parser, "--image-root", f"folder that image paths lie below ({when})")


def add_stray_dataset(parser: argparse._ActionsContainer) -> None:
    """`--dataset-dir`, of commands that find the dataset of a run by where its file lies."""
    folder(parser, "--dataset-dir", "dataset folder of prediction files that lie elsewhere")


def add_damage(parser: argparse._ActionsContainer) -> None:
    """`--damage`, of commands that show pictures to a model."""
    text = "damage the pictures: NAME:LEVEL (1 to 5), NAME for five levels, all for every one and none"
    parser.add_argument("--damage", nargs="+", default=(), metavar="DAMAGE", help=text)


def add_overwrite(parser: argparse._ActionsContainer, what: str = "an existing --out") -> None:
    """`--overwrite`: nothing is deleted, the old file stays beside the new one."""
    switch(parser, "--overwrite", f"move {what} aside (.1) and start anew")


def add_resamples(parser: argparse.ArgumentParser, least: int = 0) -> None:
    """`--resamples`, of every command that gives intervals."""
    none = "" if least else ", 0 for none"
    parser.add_argument(
        "--resamples",
        type=whole(least, MOST_RESAMPLES),
        default=1000,
        metavar="N",
        help=f"bootstrap samples{none} (default: 1000)",
    )


def add_votes(parser: argparse._ActionsContainer, per: str = "question") -> None:
    """`--votes`, of every command that may sample several replies."""
    parser.add_argument(
        "--votes",
        type=positive,
        default=1,
        metavar="N",
        help=f"replies per {per} (default: 1), the temperature then being 0.7 unless told otherwise",
    )


def voting_temperature(votes: int, temperature: float | None) -> float | None:
    """The temperature that is meant with so many votes; None: not given, and one reply.

    Raises InputError for votes that would all be the same.
    """
    from unifer.dialogue.votes import TEMPERATURE

    if votes > 1 and temperature == 0:
        raise InputError(
            f"--votes {votes} --temperature 0: {votes} greedy replies are {votes} times the same; leave "
            f"--temperature away, or give one such as {TEMPERATURE}"
        )
    return TEMPERATURE if votes > 1 and temperature is None else temperature


def existing_image_root(given: Path | None, name: str = "--image-root ") -> Path | None:
    """The folder that image paths are below. Raises InputError where it is none."""
    if given is not None and not given.is_dir():
        raise InputError(
            f"{name}{given}: no such folder; give the folder that image paths such as /RAF-DB/1.jpg are below"
        )
    return given


def add_values(
    parser: argparse._ActionsContainer, *rows: tuple[str, Callable[[str], Any], Any, str, str]
) -> None:
    """Flags that take one value, a row per flag: name, kind, default, metavar, help."""
    for name, kind, default, metavar, text in rows:
        parser.add_argument(name, type=kind, default=default, metavar=metavar, help=text)


def add_former_name(parser: argparse._ActionsContainer, name: str, flag: argparse.Action) -> None:
    """Let `name`, what `flag` was called before, still do its work for one version, with a note."""

    class FormerName(argparse.Action):
        def __call__(
            self,
            parser: argparse.ArgumentParser,
            namespace: argparse.Namespace,
            values: str | Sequence[Any] | None,
            option_string: str | None = None,
        ) -> None:
            note(f"{name} is now called {flag.option_strings[0]}; the next version knows the new name alone")
            flag(parser, namespace, values, option_string)

    same: dict[str, Any] = {key: getattr(flag, key) for key in ("dest", "nargs", "type", "choices")}
    parser.add_argument(name, action=FormerName, default=argparse.SUPPRESS, help=argparse.SUPPRESS, **same)


def add_overwrite_once_force(parser: argparse.ArgumentParser, text: str) -> None:
    """`--overwrite` of the commands where it was `--force` before."""
    add_former_name(parser, "--force", parser.add_argument("--overwrite", action="store_true", help=text))


def refuse_existing(out: Path, overwrite: bool) -> None:
    """Raise InputError where `out` is there and may not be moved aside."""
    if out.exists() and not overwrite:
        raise InputError(
            f"{out} exists; it is not overwritten: choose another --out, or move it aside with --overwrite"
        )
