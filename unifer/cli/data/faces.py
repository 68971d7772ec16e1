"""`unifer data faces`: synthetic faces with their rows."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from unifer import files
from unifer.cli import flags
from unifer.cli.console import progress
from unifer.datasets import DatasetSpec, load_dataset, read_questions
from unifer.errors import InputError
from unifer.places import FERBENCH, project_root


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data faces`."""
    faces = commands.add_parser(
        "faces",
        help="draw synthetic faces with their rows",
        description="Draw schematic faces from Action Units, with CoT rows, reward rows and question files. "
        "Always labelled synthetic.",
    )
    flags.add_values(
        faces,
        ("--out", Path, None, "DIR", "folder for images/ and the row files"),
        ("--count", int, 1000, "N", "number of faces (default 1000)"),
        ("--seed", str, "0", "S", "names the series of faces; the same seed draws the same faces"),
        (
            *("--least-share", float, 0.0, "S"),
            "with --shares: no emotion below this share, such as 0.08 (default 0)",
        ),
        (
            "--for-questions",
            Path,
            None,
            "FILE",
            "draw a stand-in at the image path of every question instead",
        ),
        ("--image-root", Path, None, "DIR", "with --for-questions: folder the stand-ins go below"),
        ("--sheet", Path, None, "FILE", "draw a contact sheet of all emotions instead"),
        ("--workers", int, os.cpu_count() or 1, "N", "drawing processes (default: all cores)"),
    )
    _add_choices(faces)
    faces.set_defaults(run=_faces)


def _add_choices(faces: argparse.ArgumentParser) -> None:
    faces.add_argument(
        "--shares",
        choices=("equal", "benchmark", "training"),
        default="equal",
        help="emotions in equal shares, or as in the datasets' question files or training splits, pooled",
    )
    faces.add_argument(
        "--task", choices=("emotion", "action-units"), default="emotion", help="which rows to write"
    )
    faces.add_argument(
        "--samples",
        action="store_true",
        help="renew the sample questions and images of the eval folders instead",
    )
    faces.add_argument(
        "--datasets", type=Path, nargs="+", metavar="DIR", help="eval folders (default: the four of FERBench)"
    )


def _faces(args: argparse.Namespace) -> int:
    if args.for_questions:
        return _stand_ins(args)
    if args.samples:
        return _samples(args)
    if args.sheet:
        return _sheet(args.sheet)
    if args.out is None:
        raise InputError(
            "say where to draw with --out DIR (or use --samples, or --for-questions FILE --image-root DIR)"
        )
    from unifer.prepare import corpus

    if args.count < 1:
        raise InputError(f"--count {args.count}: at least one face is needed")
    if args.task == "action-units":
        series = [corpus.free_face(args.seed, index) for index in range(args.count)]
    else:
        specs = dataset_specs(args.datasets)
        if args.shares == "equal":
            emotions = corpus.balanced(args.count)
        else:
            emotions = corpus.in_shares(
                args.count, corpus.dataset_shares(specs, args.shares), args.seed, args.least_share
            )
        series = [corpus.emotional_face(args.seed, index, emotion) for index, emotion in enumerate(emotions)]
    _save([(face, args.out / corpus.image_name(face)) for face in series], args.workers)
    if args.task == "action-units":
        corpus.write_action_unit_corpus(args.out, series)
    else:
        corpus.write_emotion_corpus(args.out, series, specs)
    print(f"{len(series)} synthetic faces and their rows: {args.out}")
    return 0


def _stand_ins(args: argparse.Namespace) -> int:
    from unifer.prepare import corpus

    if args.image_root is None:
        raise InputError(
            "--for-questions needs --image-root DIR, the folder that the stand-in images go below"
        )
    _save(corpus.stand_ins(read_questions(args.for_questions), args.image_root, args.seed), args.workers)
    print(f"stand-in faces (synthetic) for {args.for_questions}: below {args.image_root}")
    return 0


def _sheet(path: Path) -> int:
    from unifer.prepare import corpus

    corpus.save_picture(corpus.sheet(), path)
    print(f"contact sheet (synthetic): {path}")
    return 0


def _samples(args: argparse.Namespace) -> int:
    from unifer.prepare import corpus

    for spec in dataset_specs(args.datasets):
        questions, pictures = corpus.sample_questions(spec)
        _save(pictures, args.workers)
        files.write_rows(spec.samples, [question.to_json() for question in questions])
        print(f"{len(questions)} sample questions (synthetic): {spec.samples}")
    return 0


def dataset_specs(folders: list[Path] | None) -> list[DatasetSpec]:
    """The specs of `folders`, else of the FERBench folders of the project, in order of name.

    A fifth set beside them must not change rows.
    """
    root = project_root(Path(__file__).parent)
    named = folders or [root / name for name in sorted(FERBENCH) if (root / name / "dataset.yaml").is_file()]
    if not named:
        raise InputError(
            f"no dataset.yaml in {', '.join(FERBENCH)} here; name dataset folders with --datasets DIR ..."
        )
    return [load_dataset(folder) for folder in named]


def _save(pictures: list[Any], workers: int) -> None:
    from unifer.prepare import corpus

    with progress("drawing faces", len(pictures), unit="faces") as advance:
        corpus.save_faces(pictures, workers, advance)
