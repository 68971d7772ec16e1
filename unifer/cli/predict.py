"""`unifer predict`: photos, folders and videos in, readings out."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import console, flags, recognizer_flags
from unifer.cli.console import note
from unifer.errors import InputError, Interrupted

if TYPE_CHECKING:
    from unifer.recognition.inputs import Photo
    from unifer.recognition.log import ReadingLog
    from unifer.recognition.readings import Reading
    from unifer.recognition.recognizer import Recognizer

_EPILOG = """\
A terminal gets a table, a pipe one JSON row per face. With --out the rows are appended to that file as they
come, with a manifest beside it: stopped or killed, the same command goes on where it stopped. A photo that
cannot be read is a row with its error, and the exit status is then 1. What a reading is not, and how far it
can be trusted: docs/use.md.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer predict`."""
    parser = commands.add_parser(
        "predict",
        help="read the expressions of faces in your own photos and videos",
        description="Read the expressions of the faces in photos, folders of photos, and videos.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "photos", nargs="*", metavar="PHOTO", help="photo, folder, or video; any number of them"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="append rows to this file, .jsonl")
    parser.add_argument(
        "--draw", type=Path, metavar="DIR", help="draw each photo with its boxes, labels and AUs"
    )
    parser.add_argument(
        "--every",
        type=_seconds,
        default=0.5,
        metavar="S",
        help="seconds between frames of a video (default: 0.5s)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="move existing rows aside (.1) and start anew"
    )
    parser.add_argument(
        "--retry-failed", action="store_true", help="read the photos again whose row is a failure"
    )
    parser.add_argument("--fetch-yunet", action="store_true", help="fetch the model file of yunet, and stop")
    recognizer_flags.add(parser)
    parser.set_defaults(run=_predict)


def _seconds(text: str) -> float:
    """`0.5s` or `0.5`."""
    return flags.between(0.001, 86_400)(text.removesuffix("s"))


def _predict(args: argparse.Namespace) -> int:
    from unifer.recognition import inputs, yunet

    if args.fetch_yunet:
        note(f"{yunet.fetch()}: there, with the digest that its publisher states")
        return 0
    if not args.photos:
        raise InputError("say what to read: photos, folders or videos")
    if args.out is None and (args.overwrite or args.retry_failed):
        raise InputError("--overwrite and --retry-failed are about --out FILE; name it")
    paths = [path for each in args.photos for path in inputs.members(each)]
    if args.draw is not None and args.draw.exists() and not args.draw.is_dir():
        raise InputError(f"--draw {args.draw}: is a file; name a folder for the pictures")
    recognizer = recognizer_flags.recognizer(args)
    sources = _sources(args, paths)
    with recognizer, ExitStack() as stack:
        log = stack.enter_context(_log(args, recognizer))
        readings = _read(args, recognizer, sources, log)
    return _finish(args, recognizer, readings)


def _sources(args: argparse.Namespace, paths: Sequence[Path]) -> Sequence[Any]:
    """The paths, or photos that bring their faces along. Raises InputError: a photo without boxes."""
    if args.boxes is None:
        return paths
    from unifer.recognition import detectors, inputs

    table = detectors.read_boxes(args.boxes)
    sources: list[Photo] = []
    for path in paths:
        faces = table.get(str(path), table.get(path.name))
        if faces is None or inputs.is_video(path):
            raise InputError(
                f"--boxes {args.boxes}: has no boxes for the photo {path}; name it there by path or name"
            )
        sources.extend(photo.with_faces(faces) for photo in inputs.photos(path))
    return sources


def _log(args: argparse.Namespace, recognizer: Recognizer) -> AbstractContextManager[ReadingLog | None]:
    if args.out is None:
        return nullcontext()
    from unifer import runs
    from unifer.dialogue import prompts
    from unifer.recognition import log

    identity = recognizer.about() | {"prompt": prompts.VERSION, "every": args.every}
    scripted = recognizer.spec.name == "scripted"
    describe = runs.describe_file if scripted else runs.describe_checkpoint
    identity["model"] = describe(recognizer.spec.path) | {"name": recognizer.model}
    return log.opened(args.out, identity, overwrite=args.overwrite, retry_failed=args.retry_failed)


def _read(
    args: argparse.Namespace, recognizer: Recognizer, sources: Sequence[Any], log: ReadingLog | None
) -> list[Reading]:
    """Rows to the file or the pipe, pictures to their folder. Returns all readings, those of before too."""
    from unifer.cli.predict_output import Pictures, ReadingOutput, count_photos

    before = len(log.all()) if log else 0
    output = ReadingOutput(log, Pictures(args.draw) if args.draw else None, piped=not sys.stdout.isatty())
    total = count_photos(sources, args.every)
    if idle := recognizer_flags.idle_gpus(recognizer.spec):
        note(idle)
    recognizer.load()
    try:
        with console.progress("reading", total, unit="photos") as advance:
            telling = threading.Lock()  # photos are prepared by several threads

            def rows_before(photo: Photo) -> Sequence[Reading]:
                rows = log.of(photo.key) if log else ()
                with telling:
                    advance(len(rows) > 0)
                return rows

            drawing = args.draw is not None
            for result in recognizer.stream(sources, every=args.every, preview=drawing, known=rows_before):
                output.add(result)
                with telling:
                    advance()
    except KeyboardInterrupt:
        where = f"{args.out} holds them; the same command goes on from there"
        where = where if log else "--out FILE would keep them"
        raise Interrupted(f"stopped after {output.photos} photos; {where}") from None
    if log is None:
        return output.readings
    note(f"{args.out}: {len(log.all())} rows" + (f", {before} of them before" if before else ""))
    return log.all()


def _finish(args: argparse.Namespace, recognizer: Recognizer, readings: list[Reading]) -> int:
    from unifer.cli.predict_output import draw_timelines, summary, table

    # What to beware of belongs to the table, wherever that goes.
    show = console.say if sys.stdout.isatty() else note
    if show is console.say:
        for line in table(readings):
            show(line)
    for line in summary(readings, recognizer.warnings):
        show(line)
    if args.draw is not None:
        for path in draw_timelines(readings, args.draw):
            note(f"{path}: the labels and AUs of each face over time")
    return 1 if any(reading.failed for reading in readings) else 0
