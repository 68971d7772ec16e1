"""Miniature trees of every dataset, fabricated as their authors lay them out.

A few rows, images of a few bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from unifer.datasets import DatasetSpec, load_dataset
from unifer.prepare.builders.build import Built, build
from unifer.prepare.builders.registry import BUILDERS
from unifer.prepare.builders.source import DatasetSource, Options
from unifer.records import Json

ROOT = Path(__file__).resolve().parents[3]
FERPLUS_COLUMNS = (
    *(
        "Usage",
        "Image name",
        "neutral",
        "happiness",
        "surprise",
        "sadness",
        "anger",
        "disgust",
        "fear",
        "contempt",
    ),
    *("unknown", "NF"),
)


def touch(root: Path, paths: Iterable[str]) -> None:
    """Files that exist and hold nothing: builders look for images, they do not open them."""
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def write(root: Path, path: str, *lines: str, encoding: str = "utf-8") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines), encoding=encoding)
    return file


def csv_lines(header: Sequence[object], rows: Iterable[Sequence[object]], delimiter: str = ",") -> list[str]:
    return [delimiter.join(map(str, row)) for row in (header, *rows)]


def built(name: str, root: Path, split: str | None = None, **options: object) -> Built:
    """One build of `root` with the project's own dataset.yaml; of FEA-20K whatever rows there are."""
    builder = BUILDERS[name]
    options = {"images": not builder.images_on_request, "allow_missing": builder.images_on_request} | options
    return build(DatasetSource(builder, Options(root, split or builder.splits[0], **options), spec(name)))  # type: ignore[arg-type]


def spec(name: str) -> DatasetSpec | None:
    folder = BUILDERS[name].eval_folder
    return load_dataset(ROOT / folder) if folder else None


def drops(made: Built) -> dict[str, int]:
    return {reason: each.count for reason, each in made.report.dropped.items()}


def rafdb(root: Path) -> Path:
    lines = ("train_00001.jpg 5", "train_00002.jpg 4", "test_0001.jpg 7", "test_0002.jpg 1")
    write(root, "basic/EmoLabel/list_patition_label.txt", *lines)
    touch(root, [f"basic/Image/aligned/{line.split('.')[0]}_aligned.jpg" for line in lines])
    return root


def ferplus(
    root: Path, votes: Mapping[str, Sequence[int]], usage: str = "PrivateTest", folder: str = "FER2013Test"
) -> Path:
    """Image name -> its ten votes."""
    write(
        root,
        "fer2013new.csv",
        *csv_lines(FERPLUS_COLUMNS, [(usage, name, *ballot) for name, ballot in votes.items()]),
    )
    touch(root, [f"{folder}/{name}" for name in votes if name])
    return root


def affectnet(root: Path, codes: Mapping[str, object], part: str = "validation") -> Path:
    """Path in the table -> expression code."""
    header = (
        "subDirectory_filePath",
        "face_x",
        "face_y",
        "face_width",
        "face_height",
        "facial_landmarks",
        "expression",
        "valence",
        "arousal",
    )
    rows = [(path, 10, 20, 110, 120, "1.0;2.0", code, 0.1, -0.2) for path, code in codes.items()]
    write(root, f"{part}.csv", *csv_lines(header, rows))
    touch(root, [f"Manually_Annotated_Images/{path}" for path in codes])
    return root


def sfew(root: Path, part: str = "Val") -> Path:
    labels = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
    touch(
        root,
        [
            f"{part}/{part}_Aligned_Faces/{label}/Film_00000{index}000_0000000{index}.png"
            for index, label in enumerate(labels)
        ],
    )
    return root


def fer2013(root: Path, name: str = "fer2013.csv") -> Path:
    """Three faces of one gray level each, one a usage."""
    rows = [
        (code, " ".join([str(40 * code)] * 2304), usage)
        for code, usage in ((0, "Training"), (3, "PublicTest"), (6, "PrivateTest"))
    ]
    write(root, name, *csv_lines(("emotion", "pixels", "Usage"), rows))
    return root


DISFA_AUS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)


def disfa(
    root: Path, intensities: Mapping[int, Sequence[int]], subject: str = "SN001", frames: int = 4
) -> Path:
    """AU -> its intensity in frames 1, 2, ...; 0 for AUs not named."""
    for number in DISFA_AUS:
        values = intensities.get(number, [0] * frames)
        write(
            root,
            f"ActionUnit_Labels/{subject}/{subject}_au{number}.txt",
            *(f"{frame},{value}" for frame, value in enumerate(values, 1)),
        )
    touch(root, [f"Images/{subject}/{frame:06d}.jpg" for frame in range(1, frames + 1)])
    return root


BP4D_AUS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 27, 28)


def bp4d(root: Path, frames: Mapping[int, Mapping[int, int]], name: str = "F001_T1") -> Path:
    """Frame -> AU -> code; 0 for AUs not named, 9 for AU27 and AU28, which BP4D seldom codes."""
    usual = {27: 9, 28: 9}
    rows = [
        (frame, *((usual | dict(codes)).get(number, 0) for number in BP4D_AUS))
        for frame, codes in frames.items()
    ]
    write(root, f"AUCoding/AU_OCC/{name}.csv", *csv_lines((0, *BP4D_AUS), rows))
    touch(root, [f"Sequences(2D+3D)/{name.replace('_', '/')}/{frame:04d}.jpg" for frame in frames])
    return root


def rafau(root: Path, *lines: str) -> Path:
    write(root, "RAFAU_label.txt", *lines)
    touch(root, [f"aligned/{line.split('.')[0]}_aligned.jpg" for line in lines])
    return root


def faba(root: Path, au_texts: Sequence[str], emotion_texts: Sequence[str], part: str = "train") -> Path:
    for task, texts in (("au", au_texts), ("emotion", emotion_texts)):
        rows = [
            faba_row(f"FABAInstruct/{part}/images/{task}{index}.jpg", text)
            for index, text in enumerate(texts)
        ]
        write(root, f"FABAInstruct/{part}/{part}_{task}_anno.json", json.dumps(rows))
        touch(root, [row["image"] for row in rows])
    return root


def faba_row(image: str, text: str) -> Json:
    turns = [{"from": "human", "value": "What does this face show?\n<image>"}, {"from": "gpt", "value": text}]
    return {"source": "AffectNet", "image": image, "id": image, "conversations": turns}


def fea20k(root: Path, *rows: Json, split: str = "train") -> Path:
    write(root, f"{split}.jsonl", *(json.dumps(row) for row in rows))
    return root
