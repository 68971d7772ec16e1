"""`unifer data prompts`: the question templates, the published prompts, and in whose words a file asks."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from unifer.dialogue.prompts import TEMPLATES, question, version
from unifer.dialogue.wordings import PUBLISHED, wording
from unifer.errors import InputError
from unifer.records import Prediction


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data prompts`."""
    prompts = commands.add_parser(
        "prompts",
        help="show the question templates, and say in whose words a question file asks",
        description="Without an argument: our templates, with the versions that rows carry in "
        "provenance.prompt, and the published prompts by fingerprint. With a template's name: "
        "its words. With question or prediction files: in whose words each asks.",
    )
    prompts.add_argument(
        "names", nargs="*", metavar="NAME|FILE", help="one template, printed word for word; or question files"
    )
    prompts.add_argument(
        "--labels",
        nargs="+",
        default=(),
        metavar="LABEL",
        help="with NAME: fill in these labels, in this order",
    )
    prompts.set_defaults(run=_prompts)


def _prompts(args: argparse.Namespace) -> int:
    if args.names and all(_is_file(name) for name in args.names):
        if args.labels:
            raise InputError("--labels fills in a template; leave it away beside question files")
        for name in args.names:
            print(_asked_in(Path(name)))
        return 0
    if len(args.names) > 1:
        missing = next(name for name in args.names if not _is_file(name))
        raise InputError(f"{missing}: no such file; name one template, or question files (.json, .jsonl)")
    if not args.names:
        if args.labels:
            raise InputError(f"--labels needs a NAME, one of {', '.join(TEMPLATES)}")
        _list()
        return 0
    name = args.names[0]
    if name.endswith((".json", ".jsonl")):
        raise InputError(f"{name}: no such file")
    version(name)  # refuses a name that is none
    template = TEMPLATES[name]
    print(question(name, args.labels) if args.labels or not template.needs_labels else template.text)
    return 0


def _is_file(name: str) -> bool:
    return name not in TEMPLATES and Path(name).is_file()


def _list() -> None:
    for name, template in TEMPLATES.items():
        print(f"{name} ({template.version}): {template.about}\n\n{template.text}\n")
    print(
        "The published prompts, by fingerprint (the first 16 digits of the SHA-256 of the text). "
        "Their words stand in the published"
    )
    print(
        "question files, not here; `unifer data build NAME --ask-like FILE` asks in the words of "
        "such a file.\n"
    )
    for mark, dataset in PUBLISHED.items():
        print(f"{mark}  published prompt of {dataset}")


def _asked_in(path: Path) -> str:
    """`FILE: published prompt of rafdb (3,068 questions, 79bfa6c43fdb14fd)`, a line per wording."""
    from unifer import files

    texts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for row in files.read_records(path, lambda row: Prediction.from_json(_answered(row))):
        texts[row.question.prompt, row.question.candidate_labels] += 1
    lines = []
    for (prompt, labels), count in texts.most_common():
        words = wording(prompt, labels)
        named = words.text if f"({words.mark})" in words.text else f"{words.text} ({words.mark})"
        lines.append(f"{path}: {named}, {count:,} question{'' if count == 1 else 's'}")
    return "\n".join(lines)


def _answered(row: Any) -> Any:
    """A question as a prediction without words, so that both kinds of files are read."""
    return (
        row | {"model_response": ""}
        if isinstance(row, dict) and "error" not in row and "model_response" not in row
        else row
    )
