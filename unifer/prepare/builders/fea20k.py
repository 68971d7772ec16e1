"""FEA-20K, Facial-R1's rows: JSONL with AUs, labels and a reference description.

Their images belong to other datasets, and are not part of it. As released: a file per source and stage,
`DISFA-Train-stage1.jsonl`. The rows to train on are those of all files of stage 1, the rows to test on those
of all test files. Of several labels the first is the gold, as in the published code. A row with labels and an
empty AU list is not AU-annotated; a row without labels and an empty list shows none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from unifer import files
from unifer.emotions import EMOTIONS, canonical
from unifer.errors import InputError
from unifer.prepare.builders.label_tables import listed_units
from unifer.prepare.builders.source import TEST, TRAIN, Builder, DatasetSource, SourceRow, at_row
from unifer.prepare.builders.trees import below

ROWS = MappingProxyType({TRAIN: 17_737, TEST: 1_688})
"""Split -> rows, as its authors state them."""

_SEVEN = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
LABELS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "FABA": _SEVEN,
        "RAF-AU": tuple(label for label in _SEVEN if label != "neutral"),
        "FER2013": _SEVEN,
        "AffectNet": ("anger", "contempt", *_SEVEN[1:]),
        "RAF-DB": _SEVEN,
        "ExpW": _SEVEN,
        "DISFA": (),
        "BP4D": (),
    }
)
"""Source -> the labels that a row of it is asked to choose from, as Facial-R1's configuration lists them.

None where it codes AUs alone.
"""

SOURCES = MappingProxyType({TRAIN: tuple(LABELS), TEST: ("RAF-AU", "DISFA", "FABA")})
"""Split -> the sources that it takes rows of, as the label counts of the release add up."""

_STAGE = re.compile(r"[-_ ]*stage[-_ ]*(\d+)", re.IGNORECASE)
_SPLIT = re.compile(r"(?<![a-z])(train|test)(?:ing)?(?![a-z])", re.IGNORECASE)
_DEPTH = 3


@dataclass(frozen=True)
class _RowFile:
    """One row file: its path below the base, and what its name tells.

    That is the split, the stage (None: no stage), and the name without them.
    """

    path: str
    split: str
    stage: int | None
    stem: str


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError `file:row` for a row without image, for AUs or labels that are no lists.

    And where files or rows are missing.
    """
    chosen = _chosen(source)
    seen: dict[str, dict[str, None]] = {}
    rows: list[tuple[str, SourceRow]] = []
    counts: Counter[str] = Counter()
    for file in chosen:
        path = source.read(file.path)
        for number, row in files.read_rows(path):
            counts[file.path] += 1
            with at_row(path, number):
                face = _face(row, source.split, file, number)
            if isinstance(face, str):
                source.drop(face, file.path, number)
                continue
            name = str((face.extra or {}).get("origin") or file.stem)
            if face.label is not None:
                seen.setdefault(name, {})[face.label] = None
            rows.append((name, face))
    if not source.options.allow_missing:
        _refuse_part(source, counts)
    lists = {name: _labels_of(name, tuple(found)) for name, found in seen.items()}
    for name, face in rows:
        face.labels = lists.get(name)
        yield face


def _chosen(source: DatasetSource) -> list[_RowFile]:
    """The row files of the split: of each source's stages the first.

    For training stage 1 alone, where files name their stage.
    """
    row_files = [file for file in _row_files(source, "", _DEPTH) if file.split == source.split]
    if not row_files:
        name = f"DISFA-{source.split.capitalize()}-stage1.jsonl"
        source.refuse(
            [
                f"{name}: rows of one source with image, AUs, labels, description, or "
                f"{source.split}.jsonl with those of all"
            ]
        )
    if source.split == TRAIN and any(file.stage is not None for file in row_files):
        chosen = [file for file in row_files if file.stage == 1]
    else:
        first = {
            stem: min((file.stage or 0) for file in row_files if file.stem == stem)
            for stem in {file.stem for file in row_files}
        }
        chosen = [file for file in row_files if (file.stage or 0) == first[file.stem]]
    if not chosen:
        source.refuse(
            [
                "*-stage1.jsonl: the rows of stage 1, which are the training rows; there are "
                f"{', '.join(f.path for f in row_files)}"
            ]
        )
    left = [file.path for file in row_files if file not in chosen]
    source.report.notes.append(f"rows of {', '.join(file.path for file in chosen)}")
    source.report.notes += [f"left out, being of other stages: {', '.join(left)}"] if left else []
    return chosen


def _refuse_part(source: DatasetSource, counts: Mapping[str, int]) -> None:
    """Raises InputError where the files do not hold the rows of the split.

    One is missing, is cut, or is of another version.
    """
    total, expected = sum(counts.values()), ROWS[source.split]
    if total == expected:
        return
    names = " ".join(map(_folded, counts))
    absent = [name for name in SOURCES[source.split] if _folded(name) not in names]
    by_source = absent and len(absent) < len(SOURCES[source.split])
    lacking = f"; no file is called after {', '.join(absent)}" if by_source else ""
    listed = ", ".join(f"{path} {count:,}" for path, count in counts.items())
    raise InputError(
        f"{source.options.root}: holds {total:,} rows of the {source.split} split of FEA-20K "
        f"({listed}), its authors state {expected:,}{lacking}. Fetch the release again (`unifer data "
        "fetch fea20k --overwrite`), or build what there is with --allow-missing"
    )


def _row_files(source: DatasetSource, folder: str, depth: int) -> Iterator[_RowFile]:
    """Row files below `folder`, by name; the split is in the file's name, or in that of its folder."""
    for name in source.tree.files(folder, rf"[^.].*\.jsonl|({TRAIN}|{TEST})\.json"):
        path = f"{folder}/{name}" if folder else name
        stem = name.rpartition(".")[0]
        split = _SPLIT.search(stem) or _SPLIT.search(folder)
        stage = _STAGE.search(stem)
        if split is not None:
            bare = _SPLIT.sub("", _STAGE.sub("", stem)).strip("-_ ")
            yield _RowFile(path, split[1].lower(), int(stage[1]) if stage else None, bare)
    for inner in source.tree.folders(folder) if depth else ():
        yield from _row_files(source, f"{folder}/{inner}" if folder else inner, depth - 1)


def _labels_of(name: str, labels_of_rows: tuple[str, ...]) -> tuple[str, ...]:
    """The list of the source called `name`, and whatever else its rows hold.

    Of an unknown source all eight emotions.
    """
    folded = _folded(name)
    listed = next((labels for each, labels in LABELS.items() if folded.startswith(_folded(each))), None)
    return EMOTIONS if not listed else (*listed, *(label for label in labels_of_rows if label not in listed))


def _folded(name: str) -> str:
    """`RAF-AU_Test` -> `rafautest`."""
    return re.sub(r"[\W_]+", "", name).lower()


def _face(row: Any, split: str, file: _RowFile, number: int) -> SourceRow | str:
    """The row's face; else why it is dropped."""
    if not isinstance(row, dict) or not isinstance(row.get("image"), str):
        raise ValueError("a row needs 'image', the path of one image")
    named, labels = _list(row, "AUs"), _list(row, "labels")
    present = listed_units("+".join(named))[0] if named else None if labels else ()
    first = canonical(labels[0]) if labels else None
    label = first if first in EMOTIONS else None
    if label is None and not named and (labels or row.get("AUs") is None):
        return "label is none of the eight emotions" if labels else "neither label nor AUs"
    origin, image = row.get("dataset"), below(row["image"])
    extra = {key: row.get(key) for key in ("description", "question", "meta_info")}
    extra |= {"origin": origin, "labels": labels}
    named_by_origin = isinstance(origin, str) and origin and not image.startswith(f"{origin}/")
    inner = f"{origin}/{image}" if named_by_origin else image
    own = row["id"] if row.get("id") is not None else number
    return SourceRow(
        _places(file, inner, image),
        file.path,
        number,
        f"/{below(f'FEA-20K/{inner}')}",
        label,
        present,
        # Ids are counted anew in each file.
        id=f"fea20k/{split}/{file.stem}/{own}" if file.stem else f"fea20k/{split}/{own}",
        extra={key: value for key, value in extra.items() if value},
    )


def _places(file: _RowFile, inner: str, image: str) -> tuple[str, ...]:
    """Where the image of a row may lie: its path with and without its origin, in the usual folders."""
    beside = PurePosixPath(file.path).parent.as_posix()
    images = [f"images/{inner}", f"images/{image}", f"{file.stem}/{image}"]
    places = [inner, image, *images, f"{beside}/{inner}", f"{beside}/{image}"]
    return tuple(below(place) for place in dict.fromkeys(places))


def _list(row: dict[str, Any], field: str) -> list[str]:
    value = row.get(field) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{field!r} must be a list of strings, not {value!r}")
    return [item.strip() for item in value if item.strip()]


FEA20K = Builder(
    name="fea20k",
    title="FEA-20K",
    splits=(TRAIN, TEST),
    faces=faces,
    layout="DISFA-Train-stage1.jsonl and the like, or train.jsonl; with --image-root each source's "
    "images in DISFA/, FABA/, ...",
    labels=EMOTIONS,
    images_on_request=True,
    rows=ROWS,
)
