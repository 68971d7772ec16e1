"""What `unifer ablate` is told, and which trainings follow from it.

Each training is named by a fingerprint of all that it depends on.

Variants whose first stage has one fingerprint share that stage. Knows configs and checkpoints; running them
is `ablate`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from unifer import files
from unifer.configs import read_config
from unifer.dialogue import prompts
from unifer.errors import InputError
from unifer.places import QUICKSTART_MODEL
from unifer.records import Json
from unifer.releases import hint

Stage = Literal["sft", "grpo"]
STAGES: tuple[Stage, ...] = get_args(Stage)

_RESERVED = {
    "output_dir": "each training gets a folder in `out`",
    "model_name_or_path": "the key `model` of a variant says where it starts",
    "base": "the key `config` names another config",
    "fresh": "the flag --fresh starts over",
}
_FILES = ("rows", "eval_questions")
"""Settings that count with what lies in the file."""
_ASIDE = (
    *(
        "image_root",
        "eval_image_root",
        "logging_dir",
        "report_to",
        "logging_steps",
        "save_steps",
        "save_total_limit",
        "save_strategy",
    ),
    *("deepspeed", "dataloader_num_workers", "max_minutes", "preflight"),
)
"""Settings by which no model becomes another one."""


@dataclass(frozen=True)
class Variant:
    """How a variant differs from the settings of the table."""

    stages: tuple[Stage, ...] = STAGES
    """What it is trained by, in this order; empty: the model as it is."""
    model: str | None = None
    """The checkpoint that it starts from; None: that of the SFT config."""
    sft: Mapping[str, Any] = field(default_factory=dict)
    grpo: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.stages != tuple(stage for stage in STAGES if stage in self.stages):
            raise ValueError(f"stages {list(self.stages)}: allowed are [sft, grpo], [sft], [grpo] and []")
        for stage in STAGES:
            _refuse_reserved(stage, getattr(self, stage))
            if getattr(self, stage) and stage not in self.stages:
                raise ValueError(
                    f"{stage} has settings, and stages is {list(self.stages)}: add the stage, or "
                    "leave them out"
                )

    def changes(self) -> str:
        """`grpo.beta=0, grpo.temperature=0.75`, in the spelling of the table."""
        said = (
            []
            if self.stages == STAGES
            else [f"{self.stages[0].upper()} alone" if self.stages else "no training"]
        )
        said += [] if self.model is None else [f"model={Path(self.model).name}"]
        for stage in STAGES:
            said += [f"{stage}.{key}={_shown(value)}" for key, value in getattr(self, stage).items()]
        return ", ".join(said) or "as the configs say"


@dataclass(frozen=True)
class Ablations:
    """A table of variants, each trained, asked, and compared with the variant `reference`."""

    out: Path
    heldout: tuple[Path, ...]
    reference: str
    sft: Mapping[str, Any]
    """`config`, a config of `unifer sft`, and keys of it to change in every variant."""
    grpo: Mapping[str, Any]
    variants: Mapping[str, Variant]
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    """Flags of `unifer infer`, the same for every variant."""
    processes: int | None = None
    """Training processes; None: one a GPU."""

    def __post_init__(self) -> None:
        self.check_name(self.reference, "reference")
        for stage in STAGES:
            _refuse_reserved(stage, getattr(self, stage))
            if "config" not in getattr(self, stage):
                raise ValueError(f"{stage} names no config; write {stage}: {{config: ./{stage}_7b.yaml}}")

    def check_name(self, name: str, at: str) -> None:
        """Raise ValueError where `name`, given as `at`, is none of the variants."""
        if name not in self.variants:
            near = difflib.get_close_matches(name, self.variants, n=1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(
                f"{at} {name!r} is none of the variants; {meant}there are "
                f"{', '.join(map(repr, self.variants))}"
            )


@dataclass(frozen=True)
class Training:
    """One stage of a variant: `settings` are its whole config, `key` is its name in the run's folder."""

    stage: Stage
    key: str
    settings: Json


@dataclass(frozen=True)
class Chain:
    """The trainings of a variant from the checkpoint `start`.

    `model` is the checkpoint that answers; `key` identifies it.
    """

    start: str
    trainings: tuple[Training, ...]
    model: str
    key: str


def plan(run: Ablations, config: Path, names: Sequence[str]) -> dict[str, Chain]:
    """The trainings of the variants `names`, in that order.

    Downloads a model of the hub that one starts from.

    Raises InputError: a config, a row file or a checkpoint that is not there, two variants that are trained
    alike.
    """
    described = _Described()
    found: dict[str, Chain] = {}
    for name in names:
        at = f"{config}: variants.{name}"
        chain = _chain(run, run.variants[name], at, described)
        twin = next((other for other, made in found.items() if made.key == chain.key), None)
        if twin is not None:
            raise InputError(
                f"{at}: is trained exactly as {twin!r} is; change a key, or leave one of the two out"
            )
        found[name] = chain
    return found


def digest(value: Any) -> str:
    """Eight hexadecimal digits of the SHA-256 of `value` as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:8]


def maker(path: Path) -> str:
    """`; ...`, which command makes the missing `path`, where that is known."""
    quickstart = Path(QUICKSTART_MODEL).parent.name
    return "; bash scripts/quickstart.sh makes it" if quickstart in path.parts else hint(path.name)


def _chain(run: Ablations, variant: Variant, at: str, described: _Described) -> Chain:
    settings = {
        stage: _settings(getattr(run, stage), getattr(variant, stage), f"{at}: {stage}") for stage in STAGES
    }
    start = variant.model or settings["sft"].get("model_name_or_path")
    if start is None:
        raise InputError(
            f"{at}: no model to start from; give the variant a `model`, or the SFT config model_name_or_path"
        )
    key, model = described.checkpoint(start, at), str(start)
    trainings = []
    for stage in variant.stages:
        own = settings[stage]
        identity = {
            "start": key,
            "prompt": prompts.VERSION,
            "settings": described.settings(own, f"{at}: {stage}"),
        }
        key = f"{stage}-{digest(identity)}"
        folder = str((run.out / "models" / key).absolute())
        trainings.append(Training(stage, key, own | {"model_name_or_path": model, "output_dir": folder}))
        model = folder
    return Chain(str(start), tuple(trainings), model, key)


def _settings(common: Mapping[str, Any], own: Mapping[str, Any], at: str) -> Json:
    """What a config says with the keys that the table and the variant change.

    Raises InputError: no such config.
    """
    changed = {**common, **own}
    config = Path(changed.pop("config"))
    if not config.is_file():
        raise InputError(
            f"{at}.config: {config}: no such file; name a training config, relative to the table, "
            "such as ./sft_7b.yaml"
        )
    return read_config(config.absolute()) | changed


class _Described:
    """What lies at the paths of a table, each looked at once."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def checkpoint(self, model: str, at: str) -> str:
        """The fingerprint of a checkpoint. Raises InputError: none there."""
        from unifer.models.checkpoints import find_checkpoint

        if model not in self._seen:
            self._seen[model] = find_checkpoint(model, Path(__file__).parent, flag=f"{at}: model").describe()[
                "fingerprint"
            ]
        return self._seen[model]

    def settings(self, settings: Json, at: str) -> Json:
        """Settings with the digest of each file that they name in its place.

        Raises InputError: no such file.
        """
        kept = {key: value for key, value in settings.items() if key not in (*_RESERVED, *_ASIDE)}
        return kept | {key: self._file(Path(kept[key]), f"{at}.{key}") for key in _FILES if kept.get(key)}

    def _file(self, path: Path, at: str) -> str:
        if not path.is_file():
            raise InputError(f"{at}: {path}: no such file{maker(path)}")
        if str(path) not in self._seen:
            self._seen[str(path)] = files.sha256(path)
        return self._seen[str(path)]


def _refuse_reserved(stage: str, settings: Mapping[str, Any]) -> None:
    for key in settings:
        if key in _RESERVED:
            raise ValueError(f"{stage}.{key} is not yours to set: {_RESERVED[key]}")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + " ".join(map(_shown, value)) + "]"
    return Path(value).name if isinstance(value, str) else "null" if value is None else str(value)
