"""Families of counterfactual faces -> a dataset folder: dataset.yaml, questions, families, pictures, a sheet.

The folder is a test set like any other: `unifer infer`, `unifer bench` and `unifer eval` take it as it is.
The true label of a face is what the rule-based reader makes of its AUs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL.Image import Image

from unifer import files, runs
from unifer.counterfactuals import FAMILIES, SIZE
from unifer.dialogue import prompts
from unifer.emotions import EMOTIONS
from unifer.errors import InputError
from unifer.parallel import in_chunks
from unifer.prepare import faces
from unifer.prepare.corpus import save_picture
from unifer.prepare.counterfactuals.training_rows import write_training_rows
from unifer.prepare.counterfactuals.variants import EMOTIONAL, DrawnVariant, make_family
from unifer.records import Json, Question

NAME = "counterfactual"
QUESTIONS = f"{NAME}_qa.json"
SHEET = "families.jpg"
"""What families look like, beside dataset.yaml."""
VERSION = "counterfactual/1"
"""Changes whenever the same arguments make other families."""
_DATASET = f"""\
# Counterfactual faces (synthetic), drawn by `unifer counterfactual`; docs/trust.md explains them.
name: {NAME}
title: Counterfactual faces
questions: data/{QUESTIONS}
labels: [{", ".join(EMOTIONS)}]
"""


def draw_families(
    folder: Path, count: int, seed: str, workers: int, advance: Callable[[int], None] | None = None
) -> bool:
    """Draw `count` families into a dataset folder; False where they lie there already.

    Stopped in between, the same call draws anew what it had begun. Raises InputError where the folder holds
    other families, or something else.
    """
    data = folder / "data"
    manifest = runs.manifest_path(data / FAMILIES)
    identity: Json = {"families": count, "seed": seed, "version": VERSION, "generator": faces.GENERATOR}
    remedy = "give the same --families and --seed, or another --out"
    if runs.refuse_other_run(manifest, identity, remedy) is not None:
        return False
    if folder.is_dir() and any(folder.iterdir()) and not _is_ours(folder):
        raise InputError(f"{folder}: holds something else than counterfactual faces; name another --out")
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / "dataset.yaml", _DATASET)
    variants = [
        variant
        for index in range(count)
        for variant in make_family(seed, index, EMOTIONAL[index % len(EMOTIONAL)])
    ]
    pictures = [(variant, data / image_name(variant)) for variant in variants]
    for _ in in_chunks(_save, pictures, workers, advance):
        pass
    save_picture(sheet(variants), folder / SHEET)
    questions = [_question(variant, seed) for variant in variants]
    files.write_rows(data / QUESTIONS, [question.to_json() for question in questions])
    write_training_rows(data, questions)
    files.write_rows(data / FAMILIES, [variant.face.to_json() for variant in variants])
    files.write_json(manifest, runs.manifest(NAME, identity))
    return True


def sheet(variants: Sequence[DrawnVariant]) -> Image:
    """The first family of each emotion, a row per family, the base face first."""
    rows: dict[str, list[DrawnVariant]] = {}
    for variant in variants:
        rows.setdefault(variant.face.emotion, []).append(variant)
    return faces.contact_sheet([(name, [each.draw() for each in row[:SIZE]]) for name, row in rows.items()])


def _is_ours(folder: Path) -> bool:
    path = folder / "dataset.yaml"
    return path.is_file() and path.read_text(encoding="utf-8") == _DATASET


def image_name(variant: DrawnVariant) -> str:
    """Path of a face's image, relative to the question file; it does not betray what changed."""
    return f"images/{variant.face.id}.jpg"


def _save(chunk: Sequence[tuple[DrawnVariant, Path]]) -> None:
    for variant, path in chunk:
        save_picture(variant.draw(), path)


def _question(variant: DrawnVariant, seed: str) -> Question:
    face = variant.face
    return Question(
        image_name(variant),
        face.reading,
        prompts.expression_question(EMOTIONS),
        EMOTIONS,
        id=face.id,
        dataset=NAME,
        action_units=tuple(sorted(face.intensities)),
        subject=face.family,
        provenance={
            "synthetic": True,
            "generator": faces.GENERATOR,
            "face": f"{VERSION}/{seed}/{face.id}",
            "prompt": prompts.VERSION,
        },
    )
