"""`unifer data fetch`: the published files out of the Hugging Face hub."""

from __future__ import annotations

import argparse
from typing import Any

from unifer.cli import flags
from unifer.errors import InputError
from unifer.places import current_project
from unifer.releases import IMAGES, RELEASES, TERMS


def register(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `unifer data fetch`."""
    fetch = commands.add_parser(
        "fetch",
        help="fetch published rows and questions from the Hugging Face hub",
        description="Fetch what the papers' authors publish into the folders where the project looks for it, "
        "checked by the size and digest that the hub states. Without a name: what there is. "
        "Stopped, the same command goes on where it stopped. Images are never part of it: they "
        "are their owners' to give.",
    )
    fetch.add_argument("names", nargs="*", metavar="NAME", help="ferbench, cot, rlvr or fea20k")
    fetch.add_argument(
        "--revision", metavar="REV", help="version at the hub: a commit, tag or branch (default: the newest)"
    )
    flags.add_overwrite_once_force(fetch, "move a file of another version aside (FILE.1) instead of refusing")
    fetch.set_defaults(run=_fetch)


def _fetch(args: argparse.Namespace) -> int:
    from unifer.prepare import fetching

    unknown = [name for name in args.names if name not in RELEASES]
    if unknown:
        raise InputError(f"{unknown[0]!r} is nothing that is fetched; there are {', '.join(RELEASES)}")
    if not args.names:
        _list()
        return 0
    project = current_project()
    listings = [
        fetching.look_up(RELEASES[name], project, args.revision) for name in dict.fromkeys(args.names)
    ]
    wanted = [(listing, fetching.lacking(listing, overwrite=args.overwrite)) for listing in listings]
    for listing, absent in wanted:
        for each in listing.wanted:
            place = each.place.relative_to(project)
            if each not in absent:
                print(f"{place}: is there already, and whole", flush=True)
                continue
            aside = fetching.fetch(listing, each)
            moved = f"; the file before is {aside.name}" if aside else ""
            print(f"{place}: {each.bytes:,} bytes, size and digest as the hub states them{moved}", flush=True)
        _print_terms(listing)
    return 0


def _print_terms(listing: Any) -> None:

    release = listing.release
    print(f"{release.hub}, version {listing.revision[:12]}: {TERMS}\n{IMAGES.format(sets=release.images)}")


def _list() -> None:

    for release in RELEASES.values():
        places = ", ".join(dict.fromkeys(release.files.values())) or release.folder
        print(
            f"{release.name}: {release.holds}\n  from {release.page} ({TERMS})\n  into {places}\n  "
            f"{IMAGES.format(sets=release.images)}"
        )
