"""What every builder is made of: `Builder`, `Options`, `DatasetSource` and `SourceRow`.

A `Builder` holds the facts of a dataset, a `DatasetSource` is what it reads from, `SourceRow`s are what it
yields. Knows no dataset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from unifer.datasets import DatasetSpec
from unifer.dialogue.wordings import Words
from unifer.errors import InputError
from unifer.prepare.builders.folds import Fold, Folds
from unifer.prepare.builders.label_tables import MEGABYTE, Names, SourceTable, open_table
from unifer.prepare.builders.report import BuildReport
from unifer.prepare.builders.trees import Tree
from unifer.records import Json

TRAIN, VALID, TEST, ALL = "train", "valid", "test", "all"
_NAMED = 5
"""How many missing files an error names."""


@dataclass(frozen=True)
class Options:
    """What the user asked for; from `vote_rule` on each builder knows some fields (`Builder.flags`)."""

    root: Path
    split: str
    images: bool = True
    """Look for every image; False (`--no-images`) takes the tables' word for them."""
    allow_missing: bool = False
    template: str | None = None
    words: Words | None = None
    """Ask for labels in these words (`--ask-like`), in place of the template's."""
    vote_rule: str | None = None
    au_threshold: int = 2
    frame_step: int = 1
    fold: Fold | None = None
    """Take the subjects of this fold (split test), or all others (train)."""
    folds: Path | None = None
    """A published assignment of subjects to folds."""
    test_list: Path | None = None
    """The images of the test split, where the dataset itself has no splits."""
    labels: tuple[str, ...] | None = None
    table: Path | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True)
class SourceRow:
    """One row as a builder reads it, before images are looked for."""

    candidates: tuple[str, ...]
    """Where the image may lie, below the dataset's base; the first that exists counts.

    The first is the usual place.
    """
    file: str
    row: int | None
    image_path: str = ""
    """As the row will name it; empty for `/<prefix>/<where the image was found>`."""
    label: str | None = None
    action_units: tuple[int, ...] | None = None
    id: str | None = None
    labels: tuple[str, ...] | None = None
    """What to choose from, where that is not the same for all rows of the set."""
    votes: dict[str, int] | None = None
    """How many people named what, under the dataset's own names."""
    extra: Json | None = None
    """Further provenance: subject, face box, which AUs were coded, description."""
    pixels: tuple[int, str] | None = None
    """(data row from 0, its `Usage`) where the image is a row of pixels in fer2013.csv."""
    location: str | None = None
    """Where the image was found, below the dataset's base."""

    @property
    def source(self) -> str:
        return self.location or self.candidates[0]

    @property
    def key(self) -> str:
        return self.id or self.image_path


@dataclass(frozen=True)
class Need:
    """One file or folder that must be there, under any of its known names; the first is the official one."""

    name: str
    about: str
    paths: tuple[str, ...]
    image: bool = False
    """It holds only images, so that `--no-images` does without it."""


@dataclass(frozen=True)
class Builder:
    """The facts of one dataset: what it consists of, and how a row of it is a face."""

    name: str
    title: str
    splits: tuple[str, ...]
    faces: Callable[[DatasetSource], Iterator[SourceRow]]
    layout: str
    """Expected files, in words, for `--list`."""
    needs: Callable[[str], tuple[Need, ...]] = lambda split: ()
    """The files and folders that a split needs by name; none where the set is the user's own."""
    labels: tuple[str, ...] = ()
    """Its label vocabulary, in order, where no eval folder states it.

    Empty for sets without labels or with the user's own.
    """
    eval_folder: str | None = None
    """The eval folder whose dataset.yaml states labels and counts.

    Its test split becomes that folder's question file.
    """
    bases: tuple[str, ...] = ("",)
    """Where below --root the layout may begin."""
    flags: tuple[str, ...] = ()
    """The fields of `Options` that it reads beside the common ones."""
    images_on_request: bool = False
    """A set that comes without its images: they are looked for where --image-root is given."""
    rows: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Split -> the rows that its authors state, where they state that alone."""


class DatasetSource:
    """One dataset on disk, opened for one split.

    It has the files by name, the tree of images, and the report of what is read. Raises InputError listing
    everything that is missing.
    """

    def __init__(self, builder: Builder, options: Options, spec: DatasetSpec | None = None) -> None:
        if options.split not in builder.splits:
            raise InputError(
                f"{builder.title} has no split {options.split!r}; it has {', '.join(builder.splits)}"
            )
        if not options.root.is_dir():
            raise InputError(
                f"--root {options.root}: no such folder; {builder.title} is expected there ({builder.layout})"
            )
        self.builder, self.options, self.spec = builder, options, spec
        self.labels = spec.labels if spec else options.labels or builder.labels
        """The vocabulary; empty where the rows themselves are to give it."""
        self.split = options.split
        self.report = BuildReport()
        self.inputs: dict[str, Path] = {}
        """The files that were read, by their path below --root; the manifest names them."""
        self.frames: Counter[str] = Counter()
        """Subject -> coded frames, whatever `--frame-step` takes of them.

        Empty where the set names no subject.
        """
        self.folds: Folds | None = None
        """The folds of those subjects, once all are known."""
        self.pixels: Path | None = None
        """The table that holds the pixels of faces without a file."""
        self.advance: Callable[[int], object] = lambda megabytes: None
        needs = [need for need in builder.needs(options.split) if options.images or not need.image]
        trees = {base: Tree(options.root / base if base else options.root) for base in builder.bases}
        paths = {
            base: {need.name: path for need in needs if (path := next(filter(tree.exists, need.paths), None))}
            for base, tree in trees.items()
        }
        self.base = max(builder.bases, key=lambda base: len(paths[base]))
        self.tree, self._paths = trees[self.base], paths[self.base]
        missing = [need for need in needs if not self.has(need.name)]
        if missing:
            self.refuse([f"{self.below_root(need.paths[0])}: {need.about}{_also(need)}" for need in missing])

    def below_root(self, path: str) -> str:
        """A path below the base as one below --root."""
        return f"{self.base}/{path}" if self.base else path

    @property
    def megabytes(self) -> int:
        """Size of the tables."""
        files = [self.tree.root / path for path in self._paths.values()]
        return sum(file.stat().st_size for file in files if file.is_file()) // MEGABYTE

    def has(self, name: str) -> bool:
        """Whether the need called `name` was found."""
        return name in self._paths

    def path(self, name: str) -> str:
        """Where the need called `name` lies, below the base. Raises KeyError if it was not looked for."""
        return self._paths[name]

    def file(self, name: str) -> Path:
        """The file of the need called `name`, which is an input from now on."""
        return self.read(self.path(name))

    def read(self, path: str) -> Path:
        """A file by its path below the base, which is an input from now on."""
        self.inputs[self.below_root(path)] = self.tree.root / path
        return self.tree.root / path

    def table(
        self, name: str, required: Sequence[Names], positions: Sequence[str] = ()
    ) -> tuple[SourceTable, list[int]]:
        """`open_table` of the need called `name`; an encoding other than UTF-8 is noted in the report."""
        table, columns = open_table(self.file(name), required, positions)
        self.note_encoding(self.path(name), table.encoding)
        return replace(table, advance=self.advance), columns

    def note_encoding(self, path: str, encoding: str) -> None:
        if not encoding.startswith("utf"):
            self.report.notes.append(f"{path} is not UTF-8: read as {encoding}")

    def drop(self, reason: str, file: str, row: int | None) -> None:
        self.report.drop(reason, file, row)

    def refuse(self, missing: Sequence[str]) -> None:
        """Raise InputError: the dataset is only half there, for it lacks `missing`."""
        more = [f"... and {len(missing) - _NAMED:,} more"] if len(missing) > _NAMED else []
        top = Tree(self.options.root)
        there = [*top.folders(""), *top.files("", r"[^.].*")]
        holds = ", ".join(there[:8]) + (", ..." if len(there) > 8 else "") if there else "nothing"
        raise InputError(
            f"{self.options.root}: {self.builder.title} is not whole there; missing are\n  "
            + "\n  ".join([*missing[:_NAMED], *more])
            + f"\n--root holds {holds}; complete it, or point --root at the folder that holds "
            f"{self.builder.layout}"
        )


def _also(need: Need) -> str:
    return f" (or {', '.join(need.paths[1:3])})" if len(need.paths) > 1 else ""


def code_label(codes: Mapping[int, str], cell: str, file: Path, row: int) -> str:
    """The emotion that a table's number means. Raises InputError naming the codes allowed."""
    try:
        return codes[int(cell)]
    except (KeyError, ValueError):
        allowed = ", ".join(f"{code} {label}" for code, label in codes.items())
        raise InputError.at(file, row, f"{cell!r} is no expression code; allowed are {allowed}") from None


@contextmanager
def at_row(file: Path, row: int) -> Iterator[None]:
    """Turn a ValueError about what a row says into the InputError of its place, `file:row`."""
    try:
        yield
    except ValueError as problem:
        raise InputError.at(file, row, str(problem)) from None
