"""SFEW 2.0: faces in folders named after their emotion.

The labels of its Test part are not public: Val is the benchmark's test. The published questions call a face
`/SFEW-2.0/Val/Val_Aligned_Faces/Angry/<image>.png`, as the official tree does.
"""

from __future__ import annotations

from collections.abc import Iterator

from unifer.emotions import EMOTIONS, canonical
from unifer.errors import InputError
from unifer.prepare.builders.source import TEST, TRAIN, Builder, DatasetSource, Need, SourceRow

_PARTS = {TRAIN: "Train", TEST: "Val"}


def needs(split: str) -> tuple[Need, ...]:
    """The folder of label folders."""
    part = _PARTS[split]
    name = f"{part}_Aligned_Faces"
    places = (f"{part}/{name}", f"{part}/{name}_new/{name}", f"{part}/{name}_new", name)
    return (Need("faces", "label folders Angry, Disgust, Fear, Happy, Neutral, Sad, Surprise", places),)


def faces(source: DatasetSource) -> Iterator[SourceRow]:
    """Raises InputError listing the label folders that are missing, and for a folder that is no emotion."""
    part, folder = _PARTS[source.split], source.path("faces")
    present = source.tree.folders(folder)
    strangers = [name for name in present if canonical(name) not in EMOTIONS]
    if strangers:
        raise InputError(
            f"{source.tree.root / folder}: {strangers[0]!r} is no emotion; its folders are Angry, "
            "Disgust, Fear, ..."
        )
    missing = [label for label in source.labels if canonical(label) not in map(canonical, present)]
    if missing:
        source.refuse([f"{folder}/{label.capitalize()}: the {label} faces" for label in missing])
    for name in present:
        for image in source.tree.images(f"{folder}/{name}"):
            path = f"{folder}/{name}/{image}"
            yield SourceRow(
                (path,), path, None, f"/SFEW-2.0/{part}/{part}_Aligned_Faces/{name}/{image}", canonical(name)
            )


SFEW = Builder(
    name="sfew",
    title="SFEW 2.0",
    splits=(TRAIN, TEST),
    needs=needs,
    faces=faces,
    layout="Train/Train_Aligned_Faces/<Label>/ and Val/Val_Aligned_Faces/<Label>/ (test means Val)",
    eval_folder="eval_sfew_2.0",
    bases=("", "SFEW-2.0", "SFEW_2.0", "SFEW"),
)
