"""Which runs there are, and which a user means by a file, a folder or a name.

Knows where prediction files lie; reads none of them (`loading` does). A model that answered several datasets
is one run name in several folders.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unifer.datasets import DatasetSpec, load_dataset
from unifer.dialogue.damage.kinds import damage_in
from unifer.errors import InputError
from unifer.evaluate.loading import PUBLISHED_RESULTS, PredictionFile, run_name
from unifer.evaluate.parts import is_part
from unifer.places import FERBENCH, MORE, former, project_root

GRADED = ".graded.jsonl"
"""Ending of exported rows with verdicts, which are no predictions."""
JUDGED = ".judged.jsonl"
"""Ending of a judge's scores of a run, which are none either."""
_FACTS = "dataset.yaml"
_DEPTH = 3


def find_runs(spec: DatasetSpec) -> list[PredictionFile]:
    """The runs in the dataset's results folder, newest first, each name once (our format first)."""
    named: dict[str, Path] = {}
    folders = dict.fromkeys((spec.results, former(spec.folder) / spec.results.name))
    endings = ("*.jsonl", f"*{PUBLISHED_RESULTS}")
    for path in (path for folder in folders for ending in endings for path in sorted(folder.glob(ending))):
        # Inference leaves `<run>.shard-N.jsonl` beside a run that was killed, and `<run>.part-K-of-N.jsonl`
        # until they are merged; replies to damaged pictures are read by `unifer damage`, or by their file.
        unfinished = ".shard-" in path.name or is_part(path) or path.name.startswith(".")
        other = damage_in(path) is not None or path.name.endswith((GRADED, JUDGED))
        if path.is_file() and not unfinished and not other:
            named.setdefault(run_name(path, spec), path)
    age = {name: path.stat().st_mtime_ns for name, path in named.items()}
    return [PredictionFile(name, named[name]) for name in sorted(named, key=lambda name: (-age[name], name))]


def newest_run(spec: DatasetSpec) -> tuple[PredictionFile, int]:
    """The newest run and how many there are. Raises InputError saying how to make one."""
    found = find_runs(spec)
    if not found:
        raise InputError(
            f"{spec.results}: holds no predictions of {spec.title}; make some with `python "
            f"infer_unifer.py` in {spec.folder / 'code'}, or give a file with --predictions"
        )
    return found[0], len(found)


def common_run(specs: Sequence[DatasetSpec], name: str | None = None) -> list[PredictionFile]:
    """The run `name` of every dataset, or the newest run that all of them have.

    Raises InputError naming a folder that lacks it.
    """
    named = [{run.name: run for run in find_runs(spec)} for spec in specs]
    for spec, found in zip(specs, named, strict=True):
        if not found or (name is not None and name not in found):
            has = f"there are {', '.join(found)}" if found else "it holds no predictions"
            raise InputError(
                f"{spec.results}: has no run{'' if name is None else f' {name!r}'} ({has}); make it with "
                f"`python infer_unifer.py` in {spec.folder / 'code'}, or leave {spec.folder.name} out "
                "with --datasets"
            )
    shared = [key for key in named[0] if all(key in found for found in named)] if name is None else [name]
    if not shared:
        listed = "; ".join(
            f"{spec.folder.name}: {', '.join(found)}" for spec, found in zip(specs, named, strict=True)
        )
        raise InputError(
            f"no run has predictions in all {len(specs)} folders ({listed}); finish one, or choose "
            "folders with --datasets"
        )
    newest = max(shared, key=lambda key: (max(found[key].path.stat().st_mtime_ns for found in named), key))
    return [found[newest] for found in named]


@dataclass(frozen=True)
class Selected:
    """One run on one dataset."""

    spec: DatasetSpec
    run: PredictionFile


def select(tokens: Sequence[str], near: Path, dataset_dir: Path | None = None) -> list[Selected]:
    """The runs that `tokens` mean, in their order, each file once.

    `dataset_dir` is the dataset of files that lie elsewhere.

    A token is a predictions file (`.jsonl`, `*_results.json`, an inspect log), a dataset folder (all of its
    runs), a folder above dataset folders, or the name of a run in the project around `near`. Raises
    InputError for a token that means nothing, naming what there is.
    """
    found: dict[Path, Selected] = {}
    for token in tokens:
        for each in _meant(token, near, dataset_dir):
            found.setdefault(each.run.path.resolve(), each)
    return list(found.values())


def project_datasets(near: Path) -> list[DatasetSpec]:
    """The dataset folders of the project: FERBench first, other `eval_*`, then `eval_more/*`."""
    root = project_root(near)
    others = [*sorted(root.glob(f"eval_*/{_FACTS}")), *sorted(root.glob(f"{MORE}/*/{_FACTS}"))]
    folders = [
        *(root / name for name in FERBENCH if (root / name / _FACTS).is_file()),
        *(path.parent for path in others),
    ]
    return [load_dataset(folder) for folder in dict.fromkeys(folders)]


def _meant(token: str, near: Path, dataset_dir: Path | None) -> list[Selected]:
    path = Path(token).expanduser()
    if path.is_file():
        spec = load_dataset(dataset_dir) if dataset_dir is not None else _dataset_of(path)
        return [Selected(spec, PredictionFile(run_name(path, spec), path))]
    if path.is_dir():
        specs = [load_dataset(folder) for folder in _dataset_folders(path)]
        runs = [Selected(spec, run) for spec in specs for run in find_runs(spec)]
        if not runs:
            what = ", ".join(str(spec.results) for spec in specs) or f"no folder in it has a {_FACTS}"
            raise InputError(
                f"{token}: holds no predictions ({what}); make some with `unifer infer` or `unifer "
                "bench`, or name a file"
            )
        return runs
    return _named(token, near)


def _dataset_of(path: Path) -> DatasetSpec:
    """The dataset in whose results folder the file lies."""
    for folder in (path.absolute().parent, path.absolute().parent.parent):
        if (folder / _FACTS).is_file():
            return load_dataset(folder)
    raise InputError(
        f"{path}: no {_FACTS} in the folder above, so nothing says which dataset it answers; name it "
        "with --dataset-dir DIR"
    )


def _dataset_folders(path: Path) -> Iterator[Path]:
    """`path` itself, or the dataset folders at most three levels below it."""
    if (path / _FACTS).is_file():
        yield path
        return
    patterns = ("/".join(["*"] * depth + [_FACTS]) for depth in range(1, _DEPTH + 1))
    yield from (found.parent for pattern in patterns for found in sorted(path.glob(pattern)))


def _named(token: str, near: Path) -> list[Selected]:
    """The runs called `token` in the project."""
    runs = [Selected(spec, run) for spec in project_datasets(near) for run in find_runs(spec)]
    chosen = [each for each in runs if each.run.name == token]
    if not chosen:
        names = sorted({each.run.name for each in runs})
        close = difflib.get_close_matches(token, names, n=1)
        there = f"did you mean {close[0]!r}? " if close else ""
        there += (
            f"there are {', '.join(names)}" if names else "the project's dataset folders hold no predictions"
        )
        raise InputError(f"{token}: no such file or folder, and no run is called so ({there})")
    return chosen
