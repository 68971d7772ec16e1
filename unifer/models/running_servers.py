"""Servers that run already: which of them answer, and whether they serve the checkpoint that is meant.

Asked before any question is. Compared by content where a server's folder is seen from here, else by name.
What prompts become there, the engine compares reply by reply.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from unifer import runs
from unifer.errors import InputError
from unifer.models.api.client import without_secrets
from unifer.models.api.replicas import KEY_VARIABLE, Served, headers
from unifer.models.checkpoints import names_of

log = logging.getLogger(__name__)

_SECONDS = 30.0


def server_urls(given: Sequence[str], flag: str = "--url") -> tuple[str, ...]:
    """The addresses as requests need them: `http://host:8000` means its `/v1`.

    Raises InputError: no URL, a key in it, one given twice.
    """
    urls: list[str] = []
    for text in given:
        url = without_secrets(text, flag, KEY_VARIABLE)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise InputError(f"{flag} {text}: a URL such as http://first-node:8000/v1 is expected")
        url = url if parts.path else f"{url}/v1"
        if url in urls:
            raise InputError(f"{flag} {text}: is given twice; name each server once")
        urls.append(url)
    return tuple(urls)


def find_served(urls: Sequence[str], checkpoint: Path, tokens: int) -> list[Served]:
    """The servers of `urls` that answer, with the name that each gives `checkpoint`.

    One that is down is left out, with a warning. Raises InputError: none answers, one serves another model,
    or has too short a context for `tokens`.
    """
    served: list[Served] = []
    down: list[str] = []
    with httpx.Client(timeout=_SECONDS, headers=headers()) as client:
        for url in urls:
            try:
                served.append(_served(url, _models(client, url), checkpoint, tokens))
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise InputError(
                    f"--url {url}: {error}; a URL such as http://first-node:8000/v1 is expected"
                ) from None
            except httpx.TransportError as error:
                down.append(f"{url}: {' '.join(str(error).split()) or type(error).__name__}")
    if not served:
        start = f"vllm serve {checkpoint}"
        raise InputError(f"no server answers ({'; '.join(down)}); start one and wait until it is up: {start}")
    for each in down:
        log.warning("%s; left out, %d of %d servers answer", each, len(served), len(urls))
    return served


def _models(client: httpx.Client, url: str) -> list[Mapping[str, Any]]:
    response = client.get(f"{url}/models")
    if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise InputError(
            f"{url}: refused the key (HTTP {response.status_code}); put the server's key into {KEY_VARIABLE}"
        )
    try:
        listed = response.raise_for_status().json()["data"]
        return [entry for entry in listed if isinstance(entry["id"], str)]
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
        status = f"{url}/models answers with HTTP {response.status_code}"
        raise InputError(
            f"{url}: what answers there is no vLLM server ({status}); give its address with /v1"
        ) from None


def _served(url: str, entries: Sequence[Mapping[str, Any]], checkpoint: Path, tokens: int) -> Served:
    """The entry that is `checkpoint`. Raises InputError naming what is served instead."""
    others: list[str] = []
    for entry in entries:
        root = str(entry.get("root") or entry["id"])
        if not _is_checkpoint(root, str(entry["id"]), checkpoint):
            others.append(root)
            continue
        context = entry.get("max_model_len")
        if isinstance(context, int) and context < tokens:
            needed = f"image, question and reply need {tokens:,}"
            raise InputError(
                f"{url}: its context holds {context:,} tokens, {needed}; serve with --max-model-len "
                f"{tokens}, or ask for less"
            )
        return Served(url, str(entry["id"]))
    others_served = f"it serves {', '.join(others) or 'no model'}, not {checkpoint}"
    raise InputError(
        f"{url}: {others_served}; give --model what it serves, or start it with that checkpoint (a copy "
        "elsewhere keeps its folder name, or gets it by --served-model-name "
        f"{checkpoint.absolute().name})"
    )


def _is_checkpoint(root: str, name: str, checkpoint: Path) -> bool:
    if (Path(root) / "config.json").is_file():
        same = Path(root).samefile(checkpoint)
        return (
            same
            or runs.describe_checkpoint(Path(root))["fingerprint"]
            == runs.describe_checkpoint(checkpoint)["fingerprint"]
        )
    return bool({Path(root).name, Path(name).name} & names_of(checkpoint))
