"""One build: a dataset's faces, spelled in its vocabulary, each once, each with its image. Knows no dataset
by name, and writes nothing.
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

_SHOWN = 5


@dataclass(frozen=True)
class Built:
    """What a build found: faces in the order of their tables, and the vocabulary. The account of it is
    `source.report`.
    """

    source: DatasetSource
    labels: tuple[str, ...]
    faces: list[SourceRow]

    @property
    def report(self) -> BuildReport:
        return self.source.report

    @property
    def asked(self) -> rows.BuildFacts:
        builder, options = self.source.builder, self.source.options
        dataset = dataset_name(builder, options, self.source.spec)
        return rows.BuildFacts(
            builder.name, options.split, dataset, self.labels, self.source.base, options.words
        )


def spec_of(builder: Builder, project: Path) -> DatasetSpec | None:
    """The dataset.yaml of the builder's eval folder in `project`; None if it has none."""
    return load_dataset(project / builder.eval_folder) if builder.eval_folder else None


def dataset_name(builder: Builder, options: Options, spec: DatasetSpec | None) -> str:
    """The eval folder's name for the set, else the builder's; for the user's own folders and tables the name
    of their folder.
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
    faces = _answerable(_once(_with_images(faces, source), source), source)
    report = source.report
    report.kept = len(faces)
    report.stated = _stated(source.spec, source.split)
    report.stated_rows = source.builder.rows.get(source.split)
    report.labels = _counts(faces, labels)
    if not faces:
        reasons = "; ".join(f"{each.count:,} {reason}" for reason, each in report.dropped.items())
        raise InputError(
            f"{source.options.root}: no row of {source.builder.title} is left "
            f"({reasons or 'the split is empty'})"
        )
    return Built(source, labels, faces)


def _of_fold(faces: list[SourceRow], source: DatasetSource) -> list[SourceRow]:
    """Each face marked with the fold of its subject; of a train or test split the faces that belong to it."""
    source.folds = _folds(source)
    if source.folds is None:
        return faces
    fold, kept = source.options.fold, []
    for face in faces:
        face.extra = face.extra or {}
        subject = str(face.extra["subject"])
        face.extra |= source.folds.marks(subject)
        if fold is None or (source.folds.of[subject] == fold.number) == (source.split == TEST):
            kept.append(face)
        else:
            source.drop("of the other side of the fold", face.file, face.row)
    source.report.notes.append(source.folds.summary(source.frames))
    return kept


def _folds(source: DatasetSource) -> Folds | None:
    """The folds asked for, else three of our own; None for a set without subjects, or with too few of them
    for folds.
    """
    fold, given = source.options.fold, source.options.folds
    if given is not None:
        folds = read_folds(given, source.frames)
        if fold is not None and folds.count != fold.of:
            raise InputError(
                "--fold "
                f"{fold}: {given} has {folds.count} folds; say --fold "
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
            f"the labels are numbers ({', '.join(sorted(spellings)[:_SHOWN])}): name them with {example}"
        )
    if len(spellings) == 1:
        raise InputError(
            "all rows have the label "
            f"{next(iter(spellings))!r}, nothing to choose from; list all with --labels a,b,..."
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
            face.found = source.tree.find(face.candidates)
        if not face.image_path:
            face.image_path = f"/{prefix}/{face.source}"


def _with_images(faces: list[SourceRow], source: DatasetSource) -> list[SourceRow]:
    if not source.options.images:
        return faces
    missing = [face for face in faces if face.found is None and face.pixels is None]
    if missing and not source.options.allow_missing:
        first = "\n  ".join(face.candidates[0] for face in missing[:_SHOWN])
        more = f"\n  ... and {len(missing) - _SHOWN:,} more" if len(missing) > _SHOWN else ""
        raise InputError(
            f"{source.tree.root}: {len(missing):,} of {len(faces):,} images are missing:\n  "
            f"{first}{more}\n"
            "complete the images, drop their rows with --allow-missing, or do not look for images "
            "with --no-images"
        )
    for face in missing:
        source.drop("image missing", face.file, face.row)
    return [face for face in faces if face.found is not None or face.pixels is not None]


def _once(faces: list[SourceRow], source: DatasetSource) -> list[SourceRow]:
    """Each key once. Rows that repeat one are dropped; where they contradict it, all of them are: none of
    them can be trusted.
    """
    first: dict[str, SourceRow] = {}
    torn: set[str] = set()
    for face in faces:
        known = first.setdefault(face.key, face)
        if (known.label, known.action_units) != (face.label, face.action_units):
            torn.add(face.key)
    kept = []
    for face in faces:
        if face.key in torn:
            source.drop("listed with different labels", face.file, face.row)
        elif first[face.key] is not face:
            source.drop("listed twice", face.file, face.row)
        else:
            kept.append(face)
    return kept


def _answerable(faces: list[SourceRow], source: DatasetSource) -> list[SourceRow]:
    kept = []
    for face in faces:
        reason = rows.lacking(face, source.options.template)
        if reason:
            source.drop(reason, face.file, face.row)
        else:
            kept.append(face)
    return kept


def _stated(spec: DatasetSpec | None, split: str) -> dict[str, int] | None:
    stated = {TEST: spec.expected, TRAIN: spec.training}.get(split) if spec else None
    return dict(stated) if stated else None


def _counts(faces: Sequence[SourceRow], labels: tuple[str, ...]) -> Counter[str]:
    counted = Counter(face.label for face in faces if face.label is not None)
    units = Counter(number for face in faces for number in face.action_units or ())
    counts = Counter({label: counted[label] for label in labels if counted})
    counts.update({f"AU{number}": units[number] for number in sorted(units)})
    return counts
