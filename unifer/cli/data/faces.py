"""`unifer data faces`: synthetic faces with their rows."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from unifer.cli.console import progress
from unifer.errors import InputError


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data faces`."""
    faces = commands.add_parser(
        "faces",
        help="draw synthetic faces with their rows",
        description="Draw schematic faces from Action Units, with CoT rows, reward rows and question files. "
        "Always labelled synthetic.",
    )
    faces.add_argument("--out", type=Path, metavar="DIR", help="folder for images/ and the row files")
    faces.add_argument("--count", type=int, default=1000, metavar="N", help="number of faces (default 1000)")
    faces.add_argument(
        "--seed",
        default="0",
        metavar="S",
        help="names the series of faces; the same seed draws the same faces",
    )
    faces.add_argument(
        "--shares",
        choices=("equal", "benchmark", "training"),
        default="equal",
        help="emotions in equal shares, or as in the datasets' question files or training splits, pooled",
    )
    faces.add_argument(
        "--least-share",
        type=float,
        default=0.0,
        metavar="S",
        help="with --shares: no emotion below this share, such as 0.08 (default 0)",
    )
    faces.add_argument(
        "--task", choices=("emotion", "action-units"), default="emotion", help="which rows to write"
    )
    faces.add_argument(
        "--for-questions",
        type=Path,
        metavar="FILE",
        help="draw a stand-in at the image path of every question instead",
    )
    faces.add_argument(
        "--image-root", type=Path, metavar="DIR", help="with --for-questions: folder the stand-ins go below"
    )
    faces.add_argument(
        "--samples",
        action="store_true",
        help="renew the sample questions and images of the eval folders instead",
    )
    faces.add_argument(
        "--sheet", type=Path, metavar="FILE", help="draw a contact sheet of all emotions instead"
    )
    faces.add_argument(
        "--datasets", type=Path, nargs="+", metavar="DIR", help="eval folders (default: the four of FERBench)"
    )
    faces.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="drawing processes (default: all cores)",
    )
    faces.set_defaults(run=_faces)


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
        drawn = [corpus.free_face(args.seed, index) for index in range(args.count)]
    else:
        specs = dataset_specs(args.datasets)
        if args.shares == "equal":
            emotions = corpus.balanced(args.count)
        else:
            emotions = corpus.in_shares(
                args.count, corpus.dataset_shares(specs, args.shares), args.seed, args.least_share
            )
        drawn = [corpus.emotional_face(args.seed, index, emotion) for index, emotion in enumerate(emotions)]
    _save([(face, args.out / corpus.image_name(face)) for face in drawn], args.workers)
    if args.task == "action-units":
        corpus.write_action_unit_corpus(args.out, drawn)
    else:
        corpus.write_emotion_corpus(args.out, drawn, specs)
    print(f"{len(drawn)} synthetic faces and their rows: {args.out}")
    return 0


def _stand_ins(args: argparse.Namespace) -> int:
    from unifer.datasets import read_questions
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
    from unifer import files
    from unifer.prepare import corpus

    for spec in dataset_specs(args.datasets):
        questions, drawn = corpus.sample_questions(spec)
        _save(drawn, args.workers)
        files.write_rows(spec.samples, [question.to_json() for question in questions])
        print(f"{len(questions)} sample questions (synthetic): {spec.samples}")
    return 0


def dataset_specs(folders: list[Path] | None) -> list[Any]:
    """The specs of `folders`, else of the FERBench folders that the project has, in order of name: a fifth
    set must not change rows.
    """
    from unifer.datasets import load_dataset
    from unifer.places import FERBENCH, project_root

    root = project_root(Path(__file__).parent)
    found = folders or [root / name for name in sorted(FERBENCH) if (root / name / "dataset.yaml").is_file()]
    if not found:
        raise InputError(
            f"no dataset.yaml in {', '.join(FERBENCH)} here; name dataset folders with --datasets DIR ..."
        )
    return [load_dataset(folder) for folder in found]


def _save(drawn: list[Any], workers: int) -> None:
    from unifer.prepare import corpus

    with progress("drawing faces", len(drawn), unit="faces") as advance:
        corpus.save_faces(drawn, workers, advance)
