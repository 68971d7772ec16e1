"""Checkpoint folders: which one a `--model` means, and whether it is whole.

No torch: the answer comes before anything heavy loads. Knows files and their headers; loading weights is
`loading`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unifer import files, runs
from unifer.errors import InputError
from unifer.places import QUICKSTART_MODEL, default_model, project_root
from unifer.records import Json

TINY_WIDTH = 192
"""Hidden size of UniFER-Tiny, in its text and in its vision part; Qwen2.5-VL's smallest has 2,048 and
1,280.
"""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_HUB_FILES = ["*.json", "*.jinja", "*.txt", "*.safetensors", "*.model"]
_MODEL_FILES = (
    ("preprocessor_config.json", "processor_config.json"),
    ("tokenizer.json", "tokenizer_config.json"),
)


def _help(flag: str) -> str:
    return (
        f"download UniFER-7B into model/UniFER-7B, or give {flag} a checkpoint folder, a hub id such as "
        f"Qwen/Qwen2.5-VL-7B-Instruct, or {QUICKSTART_MODEL}, which scripts/quickstart.sh trains"
    )


@dataclass(frozen=True)
class Checkpoint:
    """A checked model: the folder to load it from and the name its results go by."""

    name: str
    path: Path

    def describe(self) -> Json:
        """Name and fingerprint, for a run's identity."""
        return runs.describe_checkpoint(self.path) | {"name": self.name}


def find_checkpoint(model: str | None, near: Path, flag: str = "--model") -> Checkpoint:
    """The whole, image-reading checkpoint that `flag` means by `model`.

    None means `model/UniFER-7B` of the project around `near`. A folder is taken as typed, else relative to
    the project; `org/name` without such a folder is fetched from the model hub. Raises InputError where there
    is none or `check_checkpoint` refuses it.
    """
    if model is None:
        path = default_model(near)
        if not path.is_dir():
            raise InputError(f"no model: {path.parent.name}/{path.name} is not there; {_help(flag)}")
        return _checked(path)
    for path in (Path(model).expanduser(), project_root(near) / model):
        if path.is_dir():
            return _checked(path)
    if Path(model).exists():
        raise InputError(f"{flag} {model}: is a file; give the folder that holds its config.json")
    if _HUB_ID.fullmatch(model) and not any(
        (folder / model).parent.is_dir() for folder in (Path(), project_root(near))
    ):
        return Checkpoint(model.split("/")[1], check_checkpoint(_from_hub(model, flag)))
    raise InputError(f"{flag} {model}: no such folder; {_help(flag)}")


def usable_checkpoint(model: str | None, flag: str = "--model") -> Checkpoint:
    """`find_checkpoint`, where no name means the quickstart's UniFER-Tiny if there is no UniFER-7B.

    Raises InputError as it does; where neither is there, naming the command that trains the small one.
    """
    near = Path()
    if model is not None or default_model(near).is_dir():
        return find_checkpoint(model, near, flag)
    quickstart = project_root(near) / QUICKSTART_MODEL
    if not quickstart.is_dir():
        raise InputError(
            f"no model: neither model/UniFER-7B nor {QUICKSTART_MODEL} is there; `bash scripts/quickstart.sh`"
            f" trains the latter in minutes, or give {flag} a checkpoint folder or a hub id"
        )
    return _checked(quickstart)


def knows_drawn_faces_only(path: Path) -> bool:
    """Whether the checkpoint is a UniFER-Tiny, by the sizes in its config and not by its name.

    Nobody makes a model that small for photographs: what it was shown are this project's drawn faces.
    """
    if not (path / "config.json").is_file():
        return False
    config = _read_json(path / "config.json")
    sizes = config.get("text_config"), config.get("vision_config")
    return all(isinstance(each, dict) and each.get("hidden_size") == TINY_WIDTH for each in sizes)


def names_of(checkpoint: Path) -> set[str]:
    """What a copy of the checkpoint may be called.

    Its folder's name, or the hub's where it lies in the hub's cache.
    """
    hub = {part.rpartition("--")[2] for part in checkpoint.resolve().parts if part.startswith("models--")}
    return {checkpoint.absolute().name, checkpoint.resolve().name} | hub


def _checked(path: Path) -> Checkpoint:
    check_checkpoint(path)
    whole = path.resolve()
    # A trainer's checkpoint-250 means little by itself: the run's folder tells which one.
    name = (
        f"{whole.parent.name}-{whole.name}"
        if re.fullmatch(r"checkpoint-\d+", whole.name)
        else path.absolute().name or whole.name
    )
    return Checkpoint(name, path)


def _from_hub(model: str, flag: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, allow_patterns=_HUB_FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise InputError(
            f"{flag} {model}: no such folder, and the model hub did not give it ({reason}); {_help(flag)}"
        ) from None


def check_checkpoint(path: Path) -> Path:
    """`path` itself if it holds a whole vision-language checkpoint with its processor.

    Reads JSON and headers only. Raises InputError: no folder, no or broken config.json, a LoRA adapter, a
    model that reads no images, no processor or tokenizer files, a missing or truncated weight file.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder; a folder that holds a checkpoint is expected")
    config = _config(path)
    if not isinstance(config.get("vision_config"), dict):
        kind = ", ".join(config.get("architectures") or [str(config.get("model_type"))])
        raise InputError(
            f"{path}: {kind} reads no images; give a vision-language checkpoint, such as one of Qwen2.5-VL"
        )
    for choices in _MODEL_FILES:
        if not any((path / name).is_file() for name in choices):
            remedy = "copy the processor and tokenizer files of the model it was trained from into it"
            raise InputError(f"{path}: holds no {' or '.join(choices)}; {remedy}")
    for weights, tensors in _weight_files(path).items():
        _check_weights(path / weights, tensors)
    return path


def _config(path: Path) -> dict[str, Any]:
    if not (path / "config.json").is_file():
        raise InputError(f"{path}: holds no config.json{_instead(path)}")
    return _read_json(path / "config.json")


def _instead(path: Path) -> str:
    if (path / "adapter_config.json").is_file():
        return ", only a LoRA adapter: merge it into its base model and give the merged folder"
    steps = [folder for folder in path.glob("checkpoint-*") if (folder / "config.json").is_file()]
    if steps:
        last = max(
            steps,
            key=lambda folder: (
                int(folder.name.rpartition("-")[2]) if folder.name.rpartition("-")[2].isdigit() else -1
            ),
        )
        return f": its training has not finished; the last step saved is {last}"
    return ": it is not a checkpoint, or one half written"


def _read_json(path: Path) -> dict[str, Any]:
    value = files.read_json(path, "the checkpoint is half written or damaged, copy it again")
    if not isinstance(value, dict):
        raise InputError(f"{path}: a JSON object is expected; the checkpoint is damaged, copy it again")
    return value


def _weight_files(path: Path) -> dict[str, set[str]]:
    """Weight file name -> the tensors it must hold (empty: not known)."""
    for index in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        if (path / index).is_file():
            members: dict[str, set[str]] = {}
            for tensor, member in _read_json(path / index).get("weight_map", {}).items():
                members.setdefault(member, set()).add(tensor)
            if members:
                return members
            raise InputError(
                f"{path / index}: names no weight files; the checkpoint is half written, save or copy "
                "it again"
            )
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (path / name).is_file():
            return {name: set()}
    raise InputError(
        f"{path}: holds no weights (model.safetensors or its index): it is half written, save or copy "
        "it again"
    )


def _check_weights(path: Path, tensors: set[str]) -> None:
    if not path.is_file():
        raise InputError(
            f"{path}: missing, though the checkpoint's index names it; the checkpoint is half "
            "written, copy it again"
        )
    if path.suffix != ".safetensors":
        return
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        raw = stream.read(length) if 0 < length <= size - 8 else b""
    try:
        header = json.loads(raw)
    except ValueError:
        raise InputError(
            f"{path}: no safetensors header; the file is truncated or damaged, copy it again"
        ) from None
    header.pop("__metadata__", None)
    end = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    if size < end:
        raise InputError(f"{path}: truncated, {size:,} of {end:,} bytes; copy it again")
    lost = sorted(tensors - header.keys())
    if lost:
        raise InputError(
            f"{path}: lacks {lost[0]!r}, which the checkpoint's index puts there; files of two "
            "checkpoints are mixed"
        )


def last_whole(folder: Path) -> Path | None:
    """The newest `checkpoint-N` of a training run that is whole; None without one.

    The trainer state is the last thing that a save writes: a folder without it was left half-written.
    """
    whole = [
        (int(match[1]), path)
        for path in folder.glob("checkpoint-*")
        if (match := re.fullmatch(r"checkpoint-(\d+)", path.name)) and _has_state(path)
    ]
    return max(whole)[1] if whole else None


def _has_state(checkpoint: Path) -> bool:
    try:
        return isinstance(json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False
