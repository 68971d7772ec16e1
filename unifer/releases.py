"""Data that the papers' authors publish: the hub dataset of each file, and its place in a project.

Facts alone; `prepare/fetching` fetches, and every error about such a file that is not there ends in `hint`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType

TERMS = "its terms are not known as of 2026-11-21: read the page of the dataset, or ask its authors"
IMAGES = "no images are in it: ask the owners of {sets} for them, each under their own terms"
_UNIFER = "Karl28/UniFER"
_FERBENCH_SETS = "RAF-DB, FERPlus (faces of FER2013), AffectNet and SFEW 2.0"


@dataclass(frozen=True)
class Release:
    """One thing to fetch: the hub dataset, what it holds, and the folder below the project for each file.

    `files`: name -> folder. Where it is empty, every row file of the hub dataset goes below `folder`, as it
    lies there.
    """

    name: str
    hub: str
    holds: str
    images: str
    files: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    folder: str = ""

    @property
    def page(self) -> str:
        """Where the hub shows the dataset, and asks for consent to its terms if it wants any."""
        return f"https://huggingface.co/datasets/{self.hub}"

    @property
    def commands(self) -> str:
        """Both ways to fetch it."""
        return (
            f"`unifer data fetch {self.name}` (or `hf download {self.hub} --repo-type dataset "
            "--local-dir DIR`, and move the files)"
        )

    def folder_of(self, name: str) -> str | None:
        """The folder below the project for the file `name` of the hub dataset; None: not wanted."""
        if self.files:
            return self.files.get(PurePosixPath(name).name)
        return self.folder if name.endswith(".jsonl") else None


_ALL = (
    Release(
        "ferbench",
        _UNIFER,
        "the four question files of FERBench, 11,072 questions",
        _FERBENCH_SETS,
        MappingProxyType(
            {f"{name}_qa.json": f"eval_{name}/data" for name in ("rafdb", "ferplus", "affectnet", "sfew_2.0")}
        ),
    ),
    Release(
        "cot",
        _UNIFER,
        "UniFER_CoT_230K.json, the rows of SFT",
        _FERBENCH_SETS,
        MappingProxyType({"UniFER_CoT_230K.json": "data"}),
    ),
    Release(
        "rlvr",
        _UNIFER,
        "UniFER_RLVR_360K.json, the rows of GRPO",
        _FERBENCH_SETS,
        MappingProxyType({"UniFER_RLVR_360K.json": "data"}),
    ),
    Release(
        "fea20k",
        "QBiscuits/FEA-20K",
        "the annotations of FEA-20K, 17,737 rows to train on and 1,688 to test, and the rows of the "
        "later stages of Facial-R1",
        "FABA-Instruct, RAF-AU, DISFA, BP4D, FER2013, AffectNet, RAF-DB and ExpW",
        folder="data/FEA-20K",
    ),
)
RELEASES: MappingProxyType[str, Release] = MappingProxyType({release.name: release for release in _ALL})
"""By the name that `unifer data fetch` takes."""


def release_of(file: str) -> Release | None:
    """The release that the file called `file` belongs to; None for any other file."""
    return next((release for release in _ALL if file in release.files), None)


def hint(file: str) -> str:
    """`; it is part of ...` for a published file, else nothing: what follows "no such file"."""
    release = release_of(file)
    if release is None:
        return ""
    return (
        "; it is published as part of the hub dataset "
        f"{release.hub} ({TERMS}): {release.commands} puts it there"
    )
