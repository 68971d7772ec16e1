"""From one row file to another, row by row through `Sample`, with a manifest beside the result.

Knows the formats by name, how a file is taken over, and where its images lie then: `dialogue/images` decides
what a path means, below the image root with one, else beside the row file. What a row says is the formats'
own. One row is held at a time.
"""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from unifer import files, runs
from unifer.dialogue import images
from unifer.errors import InputError
from unifer.prepare.formats import chat, parquet
from unifer.prepare.formats.chat import SHAREGPT, SWIFT
from unifer.prepare.formats.parquet import DATASETS, Pictured
from unifer.prepare.formats.row_files import COT, FACIAL_R1, QUESTIONS, RLVR
from unifer.prepare.formats.sample import Format, Sample
from unifer.records import Json

FORMATS = {each.name: each for each in (COT, RLVR, QUESTIONS, FACIAL_R1, SHAREGPT, SWIFT, DATASETS)}

_MARKS: dict[str, frozenset[str]] = {
    "cot": frozenset(("image_path", "question", "response")),
    "rlvr": frozenset(("image_path", "problem", "solution")),
    "questions": frozenset(("image_path", "true_label", "prompt", "candidate_labels")),
    "facial-r1": frozenset(("image", "question", "AUs", "labels")),
    "sharegpt": frozenset(("conversations",)),
    "swift": frozenset(("messages",)),
}
"""Keys that a row of the format always has, and that a row of another has not all of."""

_CHAT = ("sharegpt", "swift")


@dataclass(frozen=True)
class Conversion:
    """What is to be read and written.

    `image_root` as everywhere: with it every image path lies below that folder.
    """

    source: Path
    target: Path
    read_as: Format
    write_as: Format
    image_root: Path | None = None
    embed: bool = False


@dataclass
class ConversionResult:
    """What a conversion did.

    Rows written, how often each field had to be carried beside its row, pictures taken out of a Parquet
    folder.
    """

    rows: int = 0
    carried: Counter[str] = field(default_factory=Counter)
    unpacked: int = 0


def named(name: str) -> Format:
    """The format called `name`. Raises InputError with the nearest."""
    if name in FORMATS:
        return FORMATS[name]
    near = difflib.get_close_matches(name, FORMATS, n=1)
    raise InputError(
        f"no format is called {name!r}{f'; did you mean {near[0]!r}?' if near else ''}; there are "
        f"{', '.join(FORMATS)}"
    )


def detect(source: Path) -> Format:
    """The format of `source` by its first row. Raises InputError where that fits none of them, or several."""
    if source.is_dir() or source.suffix == ".parquet":
        return DATASETS
    first = next(iter(files.read_rows(source)), None)
    if first is None:
        raise InputError(f"{source}: holds no rows")
    keys = set(first[1]) if isinstance(first[1], dict) else set()
    fitting = [name for name, marks in _MARKS.items() if marks <= keys]
    if len(fitting) != 1:
        which = f"fits {' and '.join(fitting)}" if fitting else "is of no known format"
        names = ", ".join(map(repr, sorted(keys, key=str)))[:200] or repr(first[1])[:60]
        raise InputError.at(
            source, first[0], f"this row {which}: it has {names}; say which with --from {'|'.join(_MARKS)}"
        )
    return FORMATS[fitting[0]]


def plan(conversion: Conversion, overwrite: bool = False) -> int:
    """Check a conversion before anything is written; the number of rows to read.

    Raises InputError: nothing to read, a name that does not suit the format, something there already without
    `overwrite`.
    """
    source, target, to = conversion.source, conversion.target, conversion.write_as
    if conversion.embed and to is not DATASETS:
        raise InputError(
            "--embed puts pictures into Parquet shards; "
            f"{to.name} holds paths, leave it out or write --to datasets"
        )
    if to.suffixes and target.suffix not in to.suffixes:
        raise InputError(f"{target}: a {to.name} file ends in {' or '.join(to.suffixes)}")
    if not to.suffixes and target.suffix in (".json", ".jsonl", ".parquet"):
        raise InputError(
            f"{target}: {to.name} is a folder of shards; give --out a name without {target.suffix}"
        )
    if source.resolve() == target.resolve():
        raise InputError(f"{target}: is also what is read; give --out another name")
    if target.exists() and not overwrite:
        raise InputError(f"{target}: is there already; give --out another name, or --overwrite to replace it")
    if target.exists() and target.is_dir() != (to is DATASETS):
        raise InputError(
            f"{target}: is {'a folder' if target.is_dir() else 'a file'}, which {to.name} cannot "
            "replace; give --out another name"
        )
    if target.is_dir() and not all(each.suffix == ".parquet" or each.is_dir() for each in target.rglob("*")):
        raise InputError(
            f"{target}: holds more than Parquet shards, which replacing it would delete; give --out "
            "another name"
        )
    rows = (
        parquet.count(source) if conversion.read_as is DATASETS else sum(1 for _ in files.read_rows(source))
    )
    if not rows:
        raise InputError(f"{source}: holds no rows")
    return rows


def run(conversion: Conversion, advance: Callable[[int], object] = lambda amount: None) -> ConversionResult:
    """Convert row by row; the target appears whole or not at all, then its manifest.

    Raises InputError `file:row: problem` for the first row that cannot be read, or that the format cannot
    hold.
    """
    outcome = ConversionResult()
    rows = _rows(conversion, outcome, advance)
    if conversion.write_as is DATASETS:
        parquet.write(conversion.target, rows, conversion.embed)
    else:
        files.write_rows(conversion.target, (each.row for each in rows))
    files.write_json(runs.manifest_path(conversion.target), _manifest(conversion, outcome))
    return outcome


def _rows(
    conversion: Conversion, outcome: ConversionResult, advance: Callable[[int], object]
) -> Iterator[Pictured]:
    for path, number, found in _read(conversion):
        try:
            yield _converted(conversion, outcome, found)
        except ValueError as error:
            raise InputError.at(path, number, str(error)) from None
        outcome.rows += 1
        advance(1)


def _read(conversion: Conversion) -> Iterator[tuple[Path, int, Pictured]]:
    if conversion.read_as is DATASETS:
        yield from parquet.read(conversion.source)
    else:
        for number, row in files.read_rows(conversion.source):
            yield conversion.source, number, Pictured(row, None)


def _converted(conversion: Conversion, outcome: ConversionResult, pictured: Pictured) -> Pictured:
    root, to = conversion.image_root, conversion.write_as
    row: Any = pictured.row
    if root is not None and conversion.read_as.name in _CHAT and isinstance(row, dict):
        row = chat.unrooted(row, root)
    sample = conversion.read_as.decode(row)
    picture = pictured.picture
    if conversion.embed and picture is None:
        picture = _picture_bytes(sample, conversion.source, root)
    if picture is None:  # a picture that comes along is put where the path will look for it
        sample = _moved(sample, conversion.source, conversion.target, root)
    written = to.encode(sample)
    if picture is not None and not conversion.embed:
        outcome.unpacked += _unpacked(sample, picture, conversion.target, root)
    _, carried = to.detach(written)
    outcome.carried.update(list((carried or {}).get("kept", ())))
    return Pictured(chat.rooted(written, root) if root is not None and to.name in _CHAT else written, picture)


def _manifest(conversion: Conversion, outcome: ConversionResult) -> Json:
    source = conversion.source
    inputs = [
        runs.describe_file(each)
        for each in (parquet.shards(source) if conversion.read_as is DATASETS else [source])
    ]
    identity = {
        "inputs": inputs,
        "from": conversion.read_as.name,
        "to": conversion.write_as.name,
        "embedded": conversion.embed,
        "image_root": conversion.image_root is not None,
    }
    return runs.manifest(
        "data convert", identity, rows=outcome.rows, kept=dict(outcome.carried), unpacked=outcome.unpacked
    )


def _moved(sample: Sample, source: Path, target: Path, image_root: Path | None) -> Sample:
    """`sample` with the image path that means the same picture in a row file `target` as it did in `source`.

    Paths below an image root stay as they are. Raises ValueError where the picture does not lie below the
    target's folder.
    """
    path = sample.image_path
    if image_root is not None or path.startswith("/") or source.parent.resolve() == target.parent.resolve():
        return sample
    from_target = Path(os.path.relpath(source.parent.resolve() / path, target.parent.resolve()))
    if from_target.parts[0] == os.pardir:
        raise ValueError(
            f"image {path!r} lies beside {source.name}, and no path from {target.parent} leads down to "
            "it; write the file there or above it, or say with --image-root DIR which folder image paths "
            "lie below"
        )
    return replace(sample, image_path=from_target.as_posix())


def _picture_bytes(sample: Sample, source: Path, image_root: Path | None) -> bytes:
    """The bytes of the sample's image file. Raises ValueError: missing, unreadable, empty."""
    try:
        content = images.resolve(sample.image_path, image_root, source.parent).read_bytes()
    except OSError as error:
        raise ValueError(
            f"image {sample.image_path!r} cannot be embedded: {error.strerror}; give --image-root, or "
            "leave --embed out"
        ) from None
    if not content:
        raise ValueError(f"image {sample.image_path!r} is empty (0 bytes)")
    return content


def _unpacked(sample: Sample, content: bytes, target: Path, image_root: Path | None) -> bool:
    """Write an embedded picture to where the row's path means it; whether it was not there yet.

    Raises ValueError where another picture lies there, or the path climbs out.
    """
    path = images.resolve(sample.image_path, image_root, target.parent)
    if path.exists():
        if path.read_bytes() != content:
            raise ValueError(
                f"image {sample.image_path!r}: another picture is there already ({path}); move it, or "
                "convert elsewhere"
            )
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return True
