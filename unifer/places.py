"""Where things lie in a project: alone knows which folder is its root, and what lies there by default."""

from __future__ import annotations

import os
from pathlib import Path

IMAGE_ROOT_VARIABLE = "UNIFER_IMAGE_ROOT"

BENCHMARK = "benchmark"
"""The folder of models.yaml, of published results, and of the sets beside the four of FERBench."""

FERBENCH = ("eval_affectnet", "eval_rafdb", "eval_ferplus", "eval_sfew_2.0")
"""The folders of the published benchmark, in the order in which its pooled script reads them."""

QUICKSTART_MODEL = "runs/quickstart/UniFER-Tiny"
"""The checkpoint that scripts/quickstart.sh ends with, after GRPO, relative to the project root."""

QUICKSTART_SFT = "runs/quickstart/UniFER-Tiny-SFT"
"""The checkpoint that its GRPO starts from, after SFT."""

TINY_BASE = "train_unifer/checkpoints/UniFER-Tiny-Base"
"""The committed checkpoint that its SFT starts from: it lists AUs where asked to, and has never been asked
for an emotion.
"""


def project_root(near: Path) -> Path:
    """The folder at or above `near` that holds `data` and `train_unifer`; the current folder where there is
    none.
    """
    here = near.absolute()
    return next(
        (
            folder
            for folder in (here, *here.parents)
            if (folder / "data").is_dir() and (folder / "train_unifer").is_dir()
        ),
        Path.cwd(),
    )


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
