"""Published files from the Hugging Face hub into their places in the project, whole or not at all.

A file grows beside its place under another name, from where an earlier try stopped, is checked by the size
and digest that the hub states, and moved into place only then. `hf_hub_download` throws a part away when it
fails, so its own plain download is called. Knows no command line.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unifer import files
from unifer.errors import InputError, Interrupted
from unifer.locks import locked
from unifer.releases import Release

PART = ".part"
"""Ends the name of a download that is not whole yet."""
_NAMED = 8


@dataclass(frozen=True)
class Wanted:
    """One file of a release: its name at the hub, its place here, and what the hub says of it."""

    name: str
    place: Path
    bytes: int
    sha256: str | None
    """Of large files; of others the hub states `blob`, git's digest."""
    blob: str | None

    @property
    def part(self) -> Path:
        """Where the download grows: of this very version, beside its place, hidden."""
        return self.place.with_name(f".{self.place.name}.{str(self.sha256 or self.blob)[:12]}{PART}")

    def differs(self, path: Path) -> str | None:
        """How the file at `path` differs from the hub's; None: it is the same."""
        size = path.stat().st_size
        if size != self.bytes:
            return f"{size:,} bytes, {self.bytes:,} at the hub"
        own, hubs = (files.sha256(path), self.sha256) if self.sha256 else (_blob(path, size), self.blob)
        return None if hubs in (None, own) else f"digest {own[:12]}, {str(hubs)[:12]} at the hub"


@dataclass(frozen=True)
class Listing:
    """A release as it lies at the hub: the version, and its files that are wanted."""

    release: Release
    revision: str
    wanted: tuple[Wanted, ...]


def look_up(release: Release, project: Path, revision: str | None = None) -> Listing:
    """What the hub has of `release`.

    Raises InputError: refused, not reached, no such dataset or revision, a file that is not in it.
    """
    from huggingface_hub import HfApi

    api = HfApi(endpoint=_endpoint())
    info = _asking(
        release, revision, lambda: api.dataset_info(release.hub, revision=revision, files_metadata=True)
    )
    there = [each for each in info.siblings or [] if release.folder_of(each.rfilename) is not None]
    wanted = tuple(_wanted(each, release, project) for each in there)
    places = {each.place.name for each in wanted}
    missing = [name for name in release.files if name not in places]
    if missing or not wanted:
        names = [each.rfilename for each in info.siblings or []]
        holds = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "") if names else "nothing"
        raise InputError(
            f"{release.hub} at version {str(info.sha)[:12]} has no "
            f"{', '.join(missing) or 'row files (*.jsonl)'}; it holds {holds}. Choose another version "
            f"with --revision, see {release.page}"
        )
    doubled = sorted(
        {str(each.place) for each in wanted if [other.place for other in wanted].count(each.place) > 1}
    )
    if doubled:
        raise InputError(
            f"{release.hub} holds two files called {Path(doubled[0]).name}; download the one you mean by "
            f"hand: {release.page}"
        )
    return Listing(release, str(info.sha), wanted)


def _wanted(sibling: Any, release: Release, project: Path) -> Wanted:
    folder = project / str(release.folder_of(sibling.rfilename))
    name = Path(sibling.rfilename).name if release.files else sibling.rfilename
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise InputError(
            f"{release.hub}: names a file {name!r}, outside its own folder; do not use this version"
        )
    lfs = getattr(sibling, "lfs", None)
    return Wanted(
        sibling.rfilename, folder / name, sibling.size or 0, lfs.sha256 if lfs else None, sibling.blob_id
    )


def lacking(listing: Listing, *, overwrite: bool) -> list[Wanted]:
    """What is not there yet. Raises InputError where another file stands in a place, unless `overwrite`."""
    absent = []
    for each in listing.wanted:
        difference = each.differs(each.place) if each.place.is_file() else "absent"
        if difference is None:
            continue
        if difference != "absent" and not overwrite:
            raise InputError(
                f"{each.place}: is another version ({difference}, version {listing.revision[:12]}); "
                "move it aside with --overwrite, or name its version with --revision"
            )
        absent.append(each)
    return absent


def fetch(listing: Listing, wanted: Wanted) -> Path | None:
    """Download one file into its place; where the file that stood there went, if one did.

    Raises InputError (as `look_up`, and for a file that came otherwise than stated) and Interrupted; the
    place is as it was then.
    """
    release = listing.release
    try:
        wanted.place.parent.mkdir(parents=True, exist_ok=True)
        with locked(wanted.part, "end that one"):
            _asking(release, listing.revision, lambda: _download(listing, wanted), file=wanted)
            difference = wanted.differs(wanted.part)
            if difference is not None:
                wanted.part.unlink()
                raise InputError(
                    f"{release.hub}: {wanted.name} came damaged ({difference}) and was thrown away; "
                    "run the same command again"
                )
            aside = files.move_aside(wanted.place)
            wanted.part.replace(wanted.place)
    except KeyboardInterrupt:
        raise Interrupted(
            f"stopped in {wanted.name}; what has come is kept, and the same command goes on from there"
        ) from None
    except OSError as error:
        raise InputError(f"{wanted.place}: cannot be written: {error.strerror or error}") from None
    for other in wanted.place.parent.glob(f".{glob.escape(wanted.place.name)}.*{PART}"):
        other.unlink()  # begun, of another version
    return aside


def _download(listing: Listing, wanted: Wanted) -> None:
    """Go on with the part that is there until it is whole."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    where: dict[str, Any] = {"repo_type": "dataset", "revision": listing.revision, "endpoint": _endpoint()}
    url = hf_hub_url(listing.release.hub, wanted.name, **where)
    wanted.part.touch()
    with wanted.part.open("r+b") as stream:
        done = stream.seek(0, os.SEEK_END)
        if done > wanted.bytes:
            done = stream.truncate(0)
            stream.seek(0)
        if done < wanted.bytes:
            http_get(url, stream, resume_size=done, headers=build_hf_headers(), expected_size=wanted.bytes)


def _asking(
    release: Release, revision: str | None, ask: Callable[[], Any], file: Wanted | None = None
) -> Any:
    """`ask()`, its failures as an InputError with the remedy."""
    from httpx import HTTPError
    from huggingface_hub import errors

    go_on = "what has come is kept, and the same command goes on from there"
    again = go_on if file else "run the same command again"
    what = f"{release.hub}: {file.name}" if file else release.hub
    try:
        return ask()
    except errors.RevisionNotFoundError:
        versions = f"{release.page} lists them, the newest is the default"
        raise InputError(f"{release.hub}: has no version {revision!r}; {versions}") from None
    except errors.RemoteEntryNotFoundError:
        version = str(revision)[:12]
        raise InputError(
            f"{what}: is not at the hub in version {version}; choose another with --revision"
        ) from None
    except errors.OfflineModeIsEnabled:
        raise InputError(
            f"{what}: HF_HUB_OFFLINE is set, so the hub is not asked; unset it to fetch"
        ) from None
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, HTTPError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        raise InputError(f"{what}: {_refusal(release, status, again)}") from None
    except OSError as error:
        if file is None or error.errno is not None:
            raise
        raise InputError(f"{what}: came only in part ({str(error).splitlines()[0][:120]}); {again}") from None


def _refusal(release: Release, status: int | None, again: str) -> str:
    """What an HTTP status of the hub means, and what to do; None: there was no answer."""
    if status in (401, 403):
        return (
            f"the hub refuses access ({status}); open {release.page}, accept its terms if it asks for that, "
            "and log in with `hf auth login` (or set HF_TOKEN)"
        )
    if status == 404:
        return f"the hub has no such dataset, or not for you; see {release.page}, `hf auth login` logs in"
    unreached = f"the hub cannot be reached ({_endpoint() or 'huggingface.co'})"
    cause = f"the hub answers {status}" if status else unreached
    return f"{cause}; check network and proxy (HF_ENDPOINT names a mirror), {again}"


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _blob(path: Path, size: int) -> str:
    """Git's digest of a file: SHA-1 over a header and the bytes."""
    digest = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
