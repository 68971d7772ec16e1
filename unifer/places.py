"""Where things lie in a project: alone knows which folder is its root, and what lies there by default."""

from __future__ import annotations

import os
from pathlib import Path

IMAGE_ROOT_VARIABLE = "UNIFER_IMAGE_ROOT"

MORE = "eval_more"
"""The folder of models.yaml, of published results, and of the sets beside the four of FERBench."""

OLD_MORE = "benchmark"
"""What `MORE` was called before: its data and results are still found, and its folders still understood."""

FERBENCH = ("eval_affectnet", "eval_rafdb", "eval_ferplus", "eval_sfew_2.0")
"""The folders of the published benchmark, in the order in which its pooled script reads them."""

QUICKSTART_MODEL = "runs/quickstart/UniFER-Tiny"
"""The checkpoint that scripts/quickstart.sh ends with, after GRPO, relative to the project root."""

QUICKSTART_SFT = "runs/quickstart/UniFER-Tiny-SFT"
"""The checkpoint that its GRPO starts from, after SFT."""

TINY_BASE = "train_unifer/checkpoints/UniFER-Tiny-Base"
"""The committed checkpoint that its SFT starts from: it lists AUs, and was never asked for an emotion."""


def project_root(near: Path) -> Path:
    """The folder at or above `near` that holds `data` and `train_unifer`; else the current folder."""
    here = near.absolute()
    return next(
        (
            folder
            for folder in (here, *here.parents)
            if (folder / "data").is_dir() and (folder / "train_unifer").is_dir()
        ),
        Path.cwd(),
    )


def renamed(path: Path) -> Path:
    """What stands for a path in `OLD_MORE` today, `benchmark/disfa` -> `eval_more/disfa`; others as they are."""
    parent = path.absolute().parent
    today = parent.with_name(MORE) / path.name
    gone = not path.is_file() and not (path / "dataset.yaml").is_file()
    return today if parent.name == OLD_MORE and gone and today.exists() else path


def former(folder: Path) -> Path:
    """Where a folder below `MORE` was before; any other folder is its own."""
    parent = folder.absolute().parent
    return parent.with_name(OLD_MORE) / folder.name if parent.name == MORE else folder


def current_project() -> Path:
    """The project around the current folder; outside of any, the checkout that this package runs from."""
    root = project_root(Path.cwd())
    return root if (root / "train_unifer").is_dir() else project_root(Path(__file__).parent)


def default_image_root(near: Path) -> Path:
    """`UNIFER_IMAGE_ROOT` if set, else `data/images` of the project around `near`."""
    chosen = os.environ.get(IMAGE_ROOT_VARIABLE)
    return Path(chosen) if chosen else project_root(near) / "data" / "images"


def default_model(near: Path) -> Path:
    """`model/UniFER-7B` of the project around `near`, where the published README puts the checkpoint."""
    return project_root(near) / "model" / "UniFER-7B"


def cache_folder() -> Path:
    """For what can be made or fetched again: `UNIFER_CACHE`, else `unifer` in the user's cache folder."""
    own = os.environ.get("UNIFER_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "unifer"
