"""The flags that make a `Recognizer`: model, engine, question, votes, and how faces are found."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import engine_flags, flags
from unifer.cli.profiles import DEFAULT, applied
from unifer.errors import InputError

if TYPE_CHECKING:
    from unifer.models.engines import EngineSpec
    from unifer.recognition.recognizer import Recognizer


def add(parser: argparse.ArgumentParser, more: str = "", **model: Any) -> None:
    """All of them. `more` is added to the help of `--model`, `model` to what argparse knows of it."""
    parser.add_argument(
        "--model",
        metavar="DIR",
        help="checkpoint folder or hub id (default: model/UniFER-7B, else the quickstart's UniFER-Tiny)"
        + more,
        **model,
    )
    _add_question(parser)
    _add_faces(parser)
    engine_flags.add_generation(parser, "0 is greedy (default: 0 for one reply, 0.7 for several)")
    engine_flags.add_engine(parser)


def _add_question(parser: argparse.ArgumentParser) -> None:
    question = parser.add_argument_group("question and votes")
    question.add_argument(
        "--labels", metavar="A,B,...", help="candidates, in order (default: the eight of AffectNet)"
    )
    question.add_argument(
        "--prompt-from",
        type=Path,
        metavar="FILE",
        help="ask as this question file does: its prompt and its labels",
    )
    flags.add_votes(question, "face")
    question.add_argument(
        "--threshold",
        type=flags.between(0, 1),
        metavar="P",
        help='below this confidence: "not sure" (default: 0.5)',
    )
    question.add_argument(
        "--calibration", type=Path, metavar="FILE", help="JSON of a temperature and a threshold (docs/use.md)"
    )


def _add_faces(parser: argparse.ArgumentParser) -> None:
    faces = parser.add_argument_group("faces")
    faces.add_argument(
        "--detector",
        choices=("cascade", "yunet", "whole", "boxes"),
        help="cascade (default): frontal faces, offline; yunet: more faces, with a model file; whole: photos "
        "are crops of faces already; boxes: those of --boxes",
    )
    faces.add_argument(
        "--which", choices=("all", "largest"), default="all", help="faces that are read (default: all)"
    )
    faces.add_argument(
        "--margin",
        type=flags.between(0, 3),
        default=0.25,
        metavar="F",
        help="around a face, of its side (default: 0.25)",
    )
    faces.add_argument("--align", action="store_true", help="turn faces upright by their eyes (yunet)")
    faces.add_argument(
        "--boxes", type=Path, metavar="FILE", help="JSON: photo -> [[left, top, right, bottom], ...]"
    )
    faces.add_argument("--yunet", type=Path, metavar="FILE", help="model file of yunet")


def recognizer(args: argparse.Namespace) -> Recognizer:
    """The recognizer that the flags mean. Raises InputError for all that can be known before it loads."""
    from unifer.dialogue.votes import read_calibration
    from unifer.models.checkpoints import usable_checkpoint
    from unifer.models.engines import default_engine
    from unifer.recognition.recognizer import Recognizer

    filled = applied(argparse.Namespace(**vars(args) | {"profile": DEFAULT, "temperature": 0.0}))
    name = filled.engine or default_engine()
    urls = engine_flags.urls(filled, name)
    if name == "scripted":
        path, called = engine_flags.replies_file(filled), args.model or "scripted"
    else:
        checkpoint = usable_checkpoint(args.model)
        path, called = checkpoint.path, checkpoint.name
    settings: dict[str, Any] = {
        "votes": args.votes,
        "temperature": args.temperature,
        "threshold": args.threshold,
    }
    if args.calibration is not None:
        settings["calibration"] = read_calibration(args.calibration)
    faces = {"which": args.which, "margin": args.margin, "align": args.align}
    spec = engine_flags.spec(filled, name, path, urls=urls)
    return Recognizer(
        spec=spec,
        name=called,
        yunet=args.yunet,
        detector=_detector(args),
        **settings,
        **faces,
        **_question(args),
    )


def idle_gpus(spec: EngineSpec) -> str | None:
    """Which GPUs the one engine of `spec` takes, where it leaves others idle; None where it leaves none."""
    from unifer.models.devices import visible_gpus

    gpus, taken = visible_gpus(), spec.tensor_parallel_size
    if spec.name not in ("vllm", "transformers") or len(gpus) <= taken:
        return None
    return (
        f"reading on GPU {', '.join(gpus[:taken])} alone, {len(gpus)} are visible: CUDA_VISIBLE_DEVICES "
        "chooses; to use all, start a command on each, with its part of the photos"
    )


def _detector(args: argparse.Namespace) -> str:
    if (args.detector == "boxes") != (args.boxes is not None) and args.detector is not None:
        raise InputError("--detector boxes and --boxes FILE go together: give both, or neither")
    return args.detector or ("boxes" if args.boxes else "yunet" if args.yunet else "cascade")


def _question(args: argparse.Namespace) -> dict[str, Any]:
    """What the flags say of the prompt and its labels; empty: the defaults."""
    if args.prompt_from is None:
        return {} if args.labels is None else {"labels": [each.strip() for each in args.labels.split(",")]}
    if args.labels is not None:
        raise InputError("--prompt-from brings its labels along; leave --labels or it away")
    from unifer.questions import read_questions

    questions = read_questions(args.prompt_from)
    asked = {(question.prompt, question.candidate_labels) for question in questions}
    if len(asked) > 1 or not questions[0].candidate_labels:
        raise InputError(
            f"--prompt-from {args.prompt_from}: asks in {len(asked)} ways"
            + ("" if len(asked) > 1 else ", and for no label")
            + "; a question file of one benchmark asks for the same labels in one way"
        )
    return {"prompt": questions[0].prompt, "labels": questions[0].candidate_labels}
