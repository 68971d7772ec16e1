"""What a self-synthesis run can be told: typed, checked once, and what of it a resumed run must share.

Knows names, types and ranges; reading YAML and flags is `reading`, and what a setting does is said where it
is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from unifer.dialogue import prompts
from unifer.errors import InputError
from unifer.prepare.curation.filter import FilterSettings
from unifer.records import Json

Loop = Literal["blind", "facial-r1"]
Guidance = Literal["none", "failed", "always"]

_FREE = ("tensor_parallel_size", "gpu_memory_utilization", "shards", "batch_size", "replies", "url")
"""Flags of `unifer infer` that change how fast a reply comes and from where, not which one.

The replies file of a dry run is its model.
"""


@dataclass(frozen=True)
class Faces:
    """Faces to draw for the pool, as `unifer data faces` names them: a seed is a series of its own."""

    count: int
    seed: str = "synthesis"
    shares: Literal["equal", "benchmark", "training"] = "equal"

    def __post_init__(self) -> None:
        _least("count", self.count, 1)


@dataclass(frozen=True)
class GenerateSettings:
    """How the model is asked about each face of the pool."""

    samples: int = 4
    """Blind replies a face: the model sees the picture and the question alone.

    They decide how difficult a face is.
    """
    faces: int | None = None
    """Faces of the pool to ask about, drawn by the seed; None asks about all."""
    guidance: Guidance = "none"
    """When the known label and AUs are shown.

    Never, where no blind reply passed the filter, or once more for every face.
    """
    guided_samples: int = 2
    temperature: float = 0.9
    top_p: float = 1.0
    max_new_tokens: int = 1024
    template: str | None = None
    """Name of a prompt template to ask in; None asks in a row's own words."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further flags of `unifer infer`, such as engine or tensor_parallel_size."""

    def __post_init__(self) -> None:
        _least("samples", self.samples, 1)
        _least("guided_samples", self.guided_samples, 1)
        _least("max_new_tokens", self.max_new_tokens, 1)
        if self.faces is not None:
            _least("faces", self.faces, 1)
        if self.temperature < 0:
            raise ValueError(f"temperature {self.temperature} must not be negative")
        if self.template is not None:
            try:
                prompts.version(self.template)
            except InputError as error:
                raise ValueError(f"template: {error}") from None


@dataclass(frozen=True)
class Correction:
    """What the loop `facial-r1` does with a reply that is not accepted, and its part for people to review."""

    retries: int = 5
    """How often a face is asked again, shown its last reply and that reply's faults."""
    test_share: float = 0.0
    """Share of the faces that people look at (`unifer synthesize review`) and nothing is trained on.

    They are drawn by the seed, subjects whole.
    """

    def __post_init__(self) -> None:
        _least("retries", self.retries, 0)
        if not 0 <= self.test_share < 1:
            raise ValueError(
                f"test_share {self.test_share} must be from 0 to below 1: what is left is trained on"
            )


@dataclass(frozen=True)
class SelectSettings:
    """What is chosen out of the replies that passed, and which faces GRPO trains on.

    Rates count right blind replies of a face.
    """

    rows: int = 400
    """Synthesised rows at most."""
    per_face: int = 1
    min_rate: float = 0.0
    max_rate: float = 1.0
    """A face teaches something if its rate lies between the two, both excluded.

    It is read right neither never nor always.
    """
    easy_share: float = 0.2
    """Most of the rows that may come from faces always right; the rarest classes choose first."""
    guided_share: float = 0.2
    """Most of the rows that may come from replies whose writer was shown the label."""
    class_cap: float = 1.5
    """Most rows of a class, in multiples of an equal share."""
    faces: int = 640
    """Reward rows for GRPO at most."""

    def __post_init__(self) -> None:
        _least("rows", self.rows, 1)
        _least("per_face", self.per_face, 1)
        _least("faces", self.faces, 1)
        if not 0 <= self.min_rate < self.max_rate <= 1:
            raise ValueError(
                f"min_rate {self.min_rate} and max_rate {self.max_rate}: 0 <= min_rate < max_rate <= 1 "
                "is needed"
            )
        for name in ("easy_share", "guided_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} must be from 0 to 1")
        if self.class_cap < 1:
            raise ValueError(f"class_cap {self.class_cap} must be at least 1, an equal share for every class")


@dataclass(frozen=True)
class SftSettings:
    """The round's SFT: a config of `unifer sft`, what of it to change, and where it starts.

    Original rows are mixed in.
    """

    config: Path
    start: Literal["current", "base"] = "current"
    """`current`: the round's own model.

    `base`: the checkpoint that `sft.base` names, so that rounds do not pile up.
    """
    base: str | None = None
    original: float = 1.0
    """Original CoT rows for each synthesised one, as far as there are any."""
    processes: int | None = None
    """Training processes; None: one a GPU."""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.original < 0:
            raise ValueError(
                f"original {self.original} must be 0 or more: original rows for each synthesised one"
            )
        if self.start == "base" and self.base is None:
            raise ValueError("start is base: name the checkpoint as `sft.base`")


@dataclass(frozen=True)
class GrpoSettings:
    """The round's GRPO: a config of `unifer grpo` and what of it to change.

    It starts from the round's SFT.
    """

    config: Path
    processes: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """How the held-out questions are asked, before and after: `unifer infer`, greedy."""

    max_new_tokens: int = 1024
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further flags of `unifer infer`."""

    def __post_init__(self) -> None:
        _least("max_new_tokens", self.max_new_tokens, 1)


@dataclass(frozen=True)
class Synthesis:
    """A whole self-synthesis run. Each section's own words are above."""

    out: Path
    model: str
    """The checkpoint that round 1 starts with."""
    cot: Path
    """Original CoT rows, mixed into every round's SFT."""
    heldout: Path
    """A dataset folder whose questions decide whether a round helped.

    None of its images may be trained on.
    """
    sft: SftSettings
    grpo: GrpoSettings
    pool: tuple[Path, ...] = ()
    """Files of labelled reward rows that the model reasons about."""
    faces: Faces | None = None
    """Faces drawn for the pool before the first round."""
    loop: Loop = "blind"
    """`blind`: our own, several blind replies per face and a filter.

    `facial-r1`: the published one, gold shown and faults fed back.
    """
    image_root: Path | None = None
    rounds: int = 1
    seed: int = 0
    generation: GenerateSettings = field(default_factory=GenerateSettings)
    correction: Correction = field(default_factory=Correction)
    filter: FilterSettings = field(default_factory=FilterSettings)
    selection: SelectSettings = field(default_factory=SelectSettings)
    evaluation: Evaluation = field(default_factory=Evaluation)

    def __post_init__(self) -> None:
        _least("rounds", self.rounds, 1)
        if not self.pool and self.faces is None:
            raise ValueError(
                "nothing to reason about: name files of reward rows as `pool`, or faces to draw as `faces`"
            )
        if self.loop == "blind" and self.correction != Correction():
            raise ValueError(
                f"correction {asdict(self.correction)} is for the loop facial-r1; set loop: facial-r1, "
                "or leave it out"
            )
        if self.loop == "blind" and self.generation.temperature == 0:
            raise ValueError(
                "generation: temperature 0.0 must be above 0: greedy replies to one face are all alike"
            )

    @property
    def drawn(self) -> Path:
        """Where the faces of the pool are drawn."""
        return self.out / "pool"

    @property
    def pool_files(self) -> tuple[Path, ...]:
        return (*self.pool, *((self.drawn / "rlvr.json",) if self.faces else ()))

    def identity(self) -> Json:
        """The settings that a resumed run must share, free of paths.

        What paths name is described by its content elsewhere.
        """
        plain = asdict(self)
        for name in ("out", "model", "cot", "heldout", "pool", "image_root", "rounds"):
            plain.pop(name)
        for section in ("sft", "grpo"):
            for name in ("config", "processes", "base"):
                plain[section].pop(name, None)
        if self.loop == "blind":  # as in the runs from before there was another loop, which go on
            del plain["loop"], plain["correction"]
        for section in ("generation", "evaluation"):
            plain[section]["settings"] = {
                key: value for key, value in plain[section]["settings"].items() if key not in _FREE
            }
        plain["filter"] = self.filter.to_json()
        return plain


def _least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} {value} must be at least {least}")
