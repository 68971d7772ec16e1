"""`unifer data ...`: everything between faces and training files, a file a command."""

from __future__ import annotations

import argparse
from typing import Any

from unifer.cli.data import build, check, convert, cot, faces, fetch, prompts, rlvr

COMMANDS = (fetch, build, faces, check, rlvr, prompts, convert, cot)


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data` with its own commands."""
    group = commands.add_parser("data", help="make and check rows and images").add_subparsers(
        metavar="COMMAND", required=True
    )
    for each in COMMANDS:
        each.register(group)
