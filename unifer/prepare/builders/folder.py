"""Any folder of label folders: the label of an image is the name of its folder; with a split, below a folder
of that name.
"""

from __future__ import annotations

from collections.abc import Iterator

from unifer.errors import InputError
from unifer.prepare.builders.source import ALL, TEST, TRAIN, VALID, Builder, DatasetSource, Need, SourceRow
from unifer.prepare.builders.table import SPLIT_NAMES


def needs(_split: str) -> tuple[Need, ...]:
    """Nothing by name."""
    return ()


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError where the split has no folder, and where there are no label folders with images."""
    tree, names = source.tree, source.tree.folders("")
    splits = {
        name: split for name in names for split, spellings in SPLIT_NAMES.items() if name.lower() in spellings
    }
    if source.split == ALL and splits and len(splits) == len(names):
        raise InputError(
            f"{tree.root} holds splits ({', '.join(splits)}): choose one with --split, or point "
            "--root at its folder"
        )
    top = (
        ""
        if source.split == ALL
        else next((name for name, split in splits.items() if split == source.split), None)
    )
    if top is None:
        raise InputError(
            f"{tree.root}: no folder is called {' or '.join(SPLIT_NAMES[source.split])}; found are "
            f"{', '.join(names) or 'none'}"
        )
    prefix, count = f"{top}/" if top else "", 0
    for label in tree.folders(top):
        for image in tree.images(f"{prefix}{label}"):
            path, count = f"{prefix}{label}/{image}", count + 1
            yield SourceRow((path,), path, None, label=label)
    if not count:
        raise InputError(
            f"{tree.root / top}: no images in label folders; expected is <label>/<image>, such as "
            "happy/0001.jpg"
        )


BUILDER = Builder(
    name="folder",
    title="image folder",
    splits=(ALL, TRAIN, VALID, TEST),
    needs=needs,
    faces=faces,
    layout="<label>/<image>, or train/<label>/<image> with --split train",
    flags=("labels",),
)
