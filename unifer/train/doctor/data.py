"""Are the data there? Row files read row by row, and a sample of their images decoded by the image rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from unifer import files
from unifer.datasets import load_dataset
from unifer.dialogue import images
from unifer.errors import InputError
from unifer.places import FERBENCH
from unifer.records import CoTRow, Question, RewardRow
from unifer.releases import hint
from unifer.train.doctor.findings import DoctorFinding

SAMPLE = 64
"""Images of a file that are decoded, evenly spread."""


def published(root: Path, image_root: Path | None) -> list[DoctorFinding]:
    """The question files of FERBench and the two training files, where the project keeps them."""
    wanted: list[tuple[Path, Callable[[Any], Any]]] = [
        (load_dataset(root / name).questions, Question.from_json)
        for name in FERBENCH
        if (root / name / "dataset.yaml").is_file()
    ]
    wanted += [
        (root / "data/UniFER_CoT_230K.json", CoTRow.from_json),
        (root / "data/UniFER_RLVR_360K.json", RewardRow.from_json),
    ]
    findings: list[DoctorFinding] = []
    for path, parse in wanted:
        if path.is_file():
            findings += rows_and_images(path, parse, image_root)
        else:
            findings.append(
                DoctorFinding(
                    "warning",
                    path.name,
                    f"absent; its place is {path.parent.relative_to(root)}/",
                    f"data/README.md says where{hint(path.name)}",
                )
            )
    return findings


def of_run(stage: str, fer: Any) -> list[DoctorFinding]:
    """The row file that a run trains on."""
    path = Path(fer.rows)
    if not path.is_file():
        return [
            DoctorFinding(
                "problem",
                path.name,
                f"{path}: no such file",
                f"name the file of training rows with --rows{hint(path.name)}",
            )
        ]
    parse: Callable[[Any], Any] = CoTRow.from_json if stage == "sft" else RewardRow.from_json
    return rows_and_images(path, parse, Path(fer.image_root) if fer.image_root else None)


def rows_and_images(path: Path, parse: Callable[[Any], Any], image_root: Path | None) -> list[DoctorFinding]:
    """Two findings: the rows of `path` (all are parsed), and how many of `SAMPLE` images can be decoded."""
    try:
        names = [record.image_path for record in files.read_records(path, parse)]
    except InputError as error:
        return [
            DoctorFinding(
                "problem",
                path.name,
                f"malformed: {error}",
                "mend that row; docs/files.md says what a row holds",
            )
        ]
    if not names:
        return [DoctorFinding("problem", path.name, "holds no rows", "see docs/files.md")]
    chosen = [
        names[index * len(names) // min(SAMPLE, len(names))] for index in range(min(SAMPLE, len(names)))
    ]
    broken = list(_broken(chosen, path, image_root))
    text = f"{len(names):,} rows; {len(chosen) - len(broken)} of {len(chosen)} sampled images decoded"
    if not broken:
        return [DoctorFinding("ok", path.name, text)]
    remedy = (
        "name the folder that holds the images with --image-root (in a config: image_root) or "
        "UNIFER_IMAGE_ROOT"
    )
    return [DoctorFinding("problem", path.name, f"{text}; the first: {broken[0]}", remedy)]


def _broken(names: list[str], path: Path, image_root: Path | None) -> Iterator[images.ImageError]:
    for name in names:
        try:
            images.decode(images.resolve(name, image_root, path.parent), name)
        except images.ImageError as error:
            yield error
