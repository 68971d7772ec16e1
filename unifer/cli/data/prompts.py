"""`unifer data prompts`: the templates that questions are built from."""

from __future__ import annotations

import argparse
from typing import Any


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data prompts`."""
    prompts = commands.add_parser(
        "prompts",
        help="print the question templates",
        description="Print the templates that questions are built from, with the versions that rows carry in provenance.prompt.",
    )
    prompts.add_argument("name", nargs="?", metavar="NAME", help="print this template alone, word for word")
    prompts.add_argument("--labels", nargs="+", default=(), metavar="LABEL", help="with NAME: fill in these labels, in this order")
    prompts.set_defaults(run=_prompts)


def _prompts(args: argparse.Namespace) -> int:
    from unifer.dialogue import prompts
    from unifer.errors import InputError

    if args.name is None:
        if args.labels:
            raise InputError(f"--labels needs a NAME, one of {', '.join(prompts.TEMPLATES)}")
        for name, template in prompts.TEMPLATES.items():
            print(f"{name} ({template.version}): {template.about}\n\n{template.text}\n")
        return 0
    prompts.version(args.name)  # refuses a name that is none
    template = prompts.TEMPLATES[args.name]
    print(prompts.question(args.name, args.labels) if args.labels or not template.needs_labels else template.text)
    return 0
