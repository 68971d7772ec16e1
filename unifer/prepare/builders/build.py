"""One build: a dataset's faces, spelled in its vocabulary, each once, each with its image.

Knows no dataset by name, and writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from unifer.datasets import DatasetSpec, load_dataset
from unifer.emotions import EMOTIONS, canonical
from unifer.errors import InputError
from unifer.prepare.builders import rows
from unifer.prepare.builders.folds import USUAL, Folds, own_folds, read_folds
from unifer.prepare.builders.report import BuildReport
from unifer.prepare.builders.source import TEST, TRAIN, Builder, DatasetSource, Options, SourceRow

_NAMED = 5
"""How many labels or images an error names."""


@dataclass(frozen=True)
class Built:
    """The faces of a build in the order of their tables, its vocabulary, and `source.report`, its account."""

    source: DatasetSource
    labels: tuple[str, ...]
    faces: list[SourceRow]

    @property
    def report(self) -> BuildReport:
        return self.source.report

    @property
    def facts(self) -> rows.BuildFacts:
        builder, options = self.source.builder, self.source.options
        dataset = dataset_name(builder, options, self.source.spec)
        return rows.BuildFacts(
            builder.name, options.split, dataset, self.labels, self.source.base, options.words
        )


def spec_of(builder: Builder, project: Path) -> DatasetSpec | None:
    """The dataset.yaml of the builder's eval folder in `project`; None if it has none."""
    return load_dataset(project / builder.eval_folder) if builder.eval_folder else None


def dataset_name(builder: Builder, options: Options, spec: DatasetSpec | None) -> str:
    """The eval folder's name for the set, else the builder's.

    For the user's own folders and tables the name of their folder.
    """
    if spec is not None:
        return spec.name
    return builder.name if "labels" not in builder.flags else options.root.resolve().name


def build(source: DatasetSource, advance: Callable[[int], object] | None = None) -> Built:
    """Read one split of a dataset; `advance` is told of megabytes of its tables, `source.megabytes` in all.

    Raises InputError: a label or code that the set does not have, images that are missing without
    `allow_missing`, no row left.
    """
    source.advance = advance or source.advance
    faces = _of_fold(list(source.builder.faces(source)), source)
    labels = source.labels or _own_labels(faces)
    _spell(faces, labels, source)
    _name_images(faces, source)
    _refuse_missing(faces, source)
    if source.options.images:
        faces = _without(faces, lambda face: None if _has_image(face) else "image missing", source)
    faces = _without(faces, _repetition(faces), source)
    faces = _without(faces, lambda face: rows.lacking(face, source.options.template), source)
    report = source.report
    report.rows = len(faces)
    report.expected = _expected(source.spec, source.split)
    report.expected_rows = source.builder.rows.get(source.split)
    report.labels = _counts(faces, labels)
    if not faces:
        reasons = "; ".join(f"{each.count:,} {name}" for name, each in report.dropped.items())
        raise InputError(
            f"{source.options.root}: no row of {source.builder.title} is left "
            f"({reasons or 'the split is empty'})"
        )
    return Built(source, labels, faces)


def _without(
    faces: list[SourceRow], reason: Callable[[SourceRow], str | None], source: DatasetSource
) -> list[SourceRow]:
    """The faces for which `reason` gives none; the others are dropped for theirs."""
    left = []
    for face in faces:
        if problem := reason(face):
            source.drop(problem, face.file, face.row)
        else:
            left.append(face)
    return left


def _of_fold(faces: list[SourceRow], source: DatasetSource) -> list[SourceRow]:
    """Each face marked with the fold of its subject; of a train or test split the faces that belong to it."""
    folds, fold = _folds(source), source.options.fold
    source.folds = folds
    if folds is None:
        return faces
    for face in faces:
        face.extra = face.extra or {}
        face.extra |= folds.marks(str(face.extra["subject"]))

    def reason(face: SourceRow) -> str | None:
        number = folds.of[str((face.extra or {})["subject"])]
        of_split = fold is None or (number == fold.number) == (source.split == TEST)
        return None if of_split else "of the other side of the fold"

    faces = _without(faces, reason, source)
    source.report.notes.append(folds.summary(source.frames))
    return faces


def _folds(source: DatasetSource) -> Folds | None:
    """The folds asked for, else three of our own.

    None for a set without subjects, or with too few of them for folds.
    """
    fold, file = source.options.fold, source.options.folds
    if file is not None:
        folds = read_folds(file, source.frames)
        if fold is not None and folds.count != fold.of:
            raise InputError(
                f"--fold {fold}: {file} has {folds.count} folds; say --fold "
                f"{min(fold.number, folds.count)}/{folds.count}"
            )
        return folds
    if fold is None and len(source.frames) < USUAL:
        return None
    return own_folds(source.frames, fold.of if fold else USUAL)


def _own_labels(faces: Sequence[SourceRow]) -> tuple[str, ...]:
    """The labels found: emotions in their usual order, else by name; each in its most frequent spelling.

    Empty if no face has one.
    """
    spellings: dict[str, Counter[str]] = {}
    for face in faces:
        if face.label is not None:
            spellings.setdefault(canonical(face.label), Counter())[face.label] += 1
    if spellings and all(label.lstrip("-").isdecimal() for label in spellings):
        example = "--labels neutral,happiness,... (the first is 0)"
        raise InputError(
            f"the labels are numbers ({', '.join(sorted(spellings)[:_NAMED])}): name them with {example}"
        )
    if len(spellings) == 1:
        raise InputError(
            f"all rows have the label {next(iter(spellings))!r}, nothing to choose from; list all with "
            "--labels a,b,..."
        )
    order = sorted(
        spellings, key=lambda label: (EMOTIONS.index(label) if label in EMOTIONS else len(EMOTIONS), label)
    )
    return tuple(spellings[label].most_common(1)[0][0] for label in order)


def _spell(faces: list[SourceRow], labels: tuple[str, ...], source: DatasetSource) -> None:
    """Labels become those of the vocabulary; a number is the position in the user's own."""
    known: dict[str, str] = {canonical(label): label for label in labels}
    if source.options.labels:
        known |= {str(index): label for index, label in enumerate(labels) if str(index) not in known}
    for face in faces:
        if face.label is not None:
            spelled = known.get(canonical(face.label))
            if spelled is None:
                allowed = ", ".join(labels) or "none"
                raise InputError.at(
                    source.options.root / face.file, face.row, f"label {face.label!r} is not one of {allowed}"
                )
            face.label = spelled


def _name_images(faces: Sequence[SourceRow], source: DatasetSource) -> None:
    """Find each face's image, and name those that have no published name after where they lie."""
    look = source.options.images
    prefix = (
        source.options.root.resolve().name
        if "labels" in source.builder.flags
        else source.builder.title.split(" (")[0]
    )
    for face in faces:
        if look and face.pixels is None:
            face.location = source.tree.find(face.candidates)
        if not face.image_path:
            face.image_path = f"/{prefix}/{face.source}"


def _has_image(face: SourceRow) -> bool:
    return face.location is not None or face.pixels is not None


def _refuse_missing(faces: Sequence[SourceRow], source: DatasetSource) -> None:
    """Raises InputError where images are looked for, one is missing, and its row may not be dropped."""
    if not source.options.images or source.options.allow_missing:
        return
    missing = [face for face in faces if not _has_image(face)]
    if missing:
        first = "\n  ".join(face.candidates[0] for face in missing[:_NAMED])
        more = f"\n  ... and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
        raise InputError(
            f"{source.tree.root}: {len(missing):,} of {len(faces):,} images are missing:\n  "
            f"{first}{more}\n"
            "complete the images, drop their rows with --allow-missing, or do not look for images "
            "with --no-images"
        )


def _repetition(faces: Sequence[SourceRow]) -> Callable[[SourceRow], str | None]:
    """Why a row that repeats a key goes; where rows contradict each other, none of them can be trusted."""
    first: dict[str, SourceRow] = {}
    contradicted: set[str] = set()
    for face in faces:
        known = first.setdefault(face.key, face)
        if (known.label, known.action_units) != (face.label, face.action_units):
            contradicted.add(face.key)

    def reason(face: SourceRow) -> str | None:
        if face.key in contradicted:
            return "listed with different labels"
        return None if first[face.key] is face else "listed twice"

    return reason


def _expected(spec: DatasetSpec | None, split: str) -> dict[str, int] | None:
    """Label -> rows that dataset.yaml states for the split; None where it states none."""
    counts = {TEST: spec.expected, TRAIN: spec.training}.get(split) if spec else None
    return dict(counts) if counts else None


def _counts(faces: Sequence[SourceRow], labels: tuple[str, ...]) -> Counter[str]:
    counted = Counter(face.label for face in faces if face.label is not None)
    units = Counter(number for face in faces for number in face.action_units or ())
    counts = Counter({label: counted[label] for label in labels if counted})
    counts.update({f"AU{number}": units[number] for number in sorted(units)})
    return counts
