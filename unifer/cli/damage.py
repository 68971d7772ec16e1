"""`unifer damage`: how a model bears damaged pictures, from what `unifer infer --damage` wrote.

Needs no torch.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unifer.cli import console, flags
from unifer.cli.console import say
from unifer.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from unifer.evaluate.run_files import Selected

_EPILOG = """\
A RUN is the predictions file over the pictures as they are, a dataset folder
(all of its runs that have damaged ones), or the name of a run. Its damaged
runs, RUN.damage-NAME-LEVEL.jsonl, are looked for beside it; make them with
`unifer infer --damage all`, or `unifer bench --damage all`. Written beside it:
RUN.damage.json, the rates with their intervals, and RUN.damage.png, a curve
per damage. docs/trust.md says what each rate means.
"""


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer damage`."""
    parser = commands.add_parser(
        "damage",
        help="how a model bears damaged pictures",
        description="Score damaged runs against the clean one: severity curves, relative drop, drift of AUs.",
        epilog=_EPILOG,
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="file, folder or name")
    flags.add_stray_dataset(parser)
    flags.file(parser, "--sheet", "draw every damage at every level as a contact sheet, *.png")
    flags.file(parser, "--picture", "the picture of --sheet (default: a drawn face)")
    parser.add_argument(
        "--resamples",
        type=flags.whole(100, flags.MOST_RESAMPLES),
        default=1000,
        metavar="N",
        help="bootstrap samples (default: 1000)",
    )
    parser.set_defaults(run=_damage)


def _damage(args: argparse.Namespace) -> int:
    if args.picture is not None and args.sheet is None:
        raise InputError(
            f"--picture {args.picture}: is shown on a contact sheet; name that with --sheet FILE"
        )
    if not args.runs and args.sheet is None:
        raise InputError("name a RUN to score, or --sheet FILE to see what the damages look like")
    from unifer.evaluate.run_files import select

    selected = _damaged(select(args.runs, Path.cwd(), args.dataset_dir), args.runs) if args.runs else []
    if args.sheet is not None:
        _draw_examples(args.sheet, args.picture)
    for one in selected:
        _score(one, args.resamples)
    return 0


def _damaged(selected: list[Selected], tokens: list[str]) -> list[Selected]:
    """Those that have damaged runs beside them; a run named by its file is taken in any case."""
    from unifer.evaluate.trust.damage_grid import damaged_files

    files = {Path(token).expanduser().resolve() for token in tokens if Path(token).expanduser().is_file()}
    kept = [one for one in selected if one.run.path.resolve() in files or damaged_files(one.run)]
    if not kept:
        raise InputError(
            f"{' '.join(tokens)}: {len(selected)} runs, and none was asked about damaged pictures; ask the "
            "model with `unifer infer --damage all`"
        )
    return kept


def _score(one: Selected, resamples: int) -> None:
    from unifer.cli.outputs import writing, wrote
    from unifer.evaluate.trust.damage import damage_sheet
    from unifer.evaluate.trust.damage_grid import damaged_files, read_grid
    from unifer.evaluate.trust.sheets import sheet_path, write_sheet
    from unifer.report.damage import damage_png, damage_text

    with console.progress("grading", 1 + len(damaged_files(one.run)), unit="runs") as advance:
        grid = read_grid(one.spec, one.run, advance)
    sheet = damage_sheet(grid, one.run.name, resamples)
    out = sheet_path(one.run.path, "damage")
    say(damage_text(sheet))
    figure = out.with_suffix(".png")
    with writing(out):
        write_sheet(out, sheet, one.run.path)
        damage_png(figure, sheet)
    wrote([out, figure])


def _draw_examples(path: Path, picture: Path | None) -> None:
    from unifer.cli.outputs import local, writing
    from unifer.report.damage import examples

    if path.suffix != ".png" or path.is_dir():
        raise InputError(f"--sheet {path}: the contact sheet is a PNG; name a file *.png")
    sheet = examples(_picture(picture))
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)
    say(f"contact sheet{'' if picture else ' (synthetic face)'}: {local(path)}\n")


def _picture(path: Path | None) -> Image:
    from unifer.dialogue.images import ImageError, decode

    if path is None:
        from unifer.prepare import corpus

        return corpus.emotional_face("damage", 3, "happiness").draw()
    try:
        return decode(path)
    except ImageError as error:
        raise InputError(f"--picture: {error}") from None
