"""Several checkpoints by one engine: which ones share a start, and that each answers with its own weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.models.test_engines import requests
from unifer.models.engines import EngineSpec, GenerationSettings, Reply, Request
from unifer.models.engines.succession import EngineSlot, exchangeable

CONFIG = {
    "dtype": "float32",
    "hidden_size": 8,
    "text_config": {"layers": 2, "dtype": "float32"},
    "vision_config": {"depth": 1},
}
TOKENIZER = {"vocab": ["a", "b"], "padding": None}


@dataclass
class Double:
    """An engine that notes what becomes of it."""

    told: list[str]
    takes_weights: bool = True
    shows_images: bool = field(default=False)

    def stream(self, requests: Iterable[Request]) -> Iterator[Reply]:
        return iter(())

    def exchange(self, checkpoint: Path) -> bool:
        self.told.append(f"exchange {checkpoint.name}")
        return self.takes_weights

    def close(self) -> None:
        self.told.append("close")


def checkpoint(folder: Path, **changed: object) -> EngineSpec:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG | changed.get("config", {})))  # type: ignore[operator]
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER | changed.get("tokenizer", {})))  # type: ignore[operator]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": changed.get("ends", [7])}))
    (folder / "processor_config.json").write_text(str(changed.get("processor", "{}")))
    return EngineSpec("vllm", folder, dtype="float32")


@pytest.fixture
def base(tmp_path: Path) -> EngineSpec:
    return checkpoint(tmp_path / "base")


def ask(specs: Iterable[EngineSpec], **options: bool) -> list[str]:
    """What happens when `specs` get the slot in turn."""
    told: list[str] = []

    def start(spec: EngineSpec) -> Double:
        told.append(f"start {spec.path.name}")
        return Double(told, **options)

    with EngineSlot(start) as slot:
        for spec in specs:
            slot.engine_for(spec)
    return told


def test_checkpoints_that_differ_in_weights_alone_share_one_start(base: EngineSpec, tmp_path: Path) -> None:
    """Training writes its dtype and one more mention of the same end token.

    The tokenizer is saved with the last call's padding.
    """
    trained = checkpoint(
        tmp_path / "trained",
        config={"dtype": "bfloat16", "use_cache": False, "eos_token_id": 7},
        tokenizer={"padding": {"pad_id": 3}},
        ends=[7, 7],
    )
    assert ask([base, base, trained, base]) == ["start base", "exchange trained", "exchange base", "close"]


@pytest.mark.parametrize(
    "difference",
    [
        {"tokenizer": {"vocab": ["b", "a"]}},
        {"config": {"text_config": {"layers": 3}}},
        {"processor": '{"max_pixels": 9}'},
        {"ends": [7, 8]},
    ],
)
def test_checkpoints_that_differ_in_more_get_engines_of_their_own(
    difference: dict[str, object], base: EngineSpec, tmp_path: Path
) -> None:
    other = checkpoint(tmp_path / "other", **difference)
    assert ask([base, other]) == ["start base", "close", "start other", "close"]


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: replace(spec, settings=GenerationSettings(max_new_tokens=7)),
        lambda spec: replace(spec, dtype="bfloat16"),
        lambda spec: replace(spec, name="transformers"),
    ],
)
def test_other_engine_settings_are_another_engine(
    change: Callable[[EngineSpec], EngineSpec], base: EngineSpec, tmp_path: Path
) -> None:
    assert not exchangeable(base, change(checkpoint(tmp_path / "other")))


def test_engine_that_takes_no_weights_is_started_anew(base: EngineSpec, tmp_path: Path) -> None:
    other = checkpoint(tmp_path / "other")
    assert ask([base, other], takes_weights=False) == [
        "start base",
        "exchange other",
        "close",
        "start other",
        "close",
    ]


@pytest.mark.slow
def test_replies_by_one_engine_are_those_of_engines_of_their_own(tmp_path: Path) -> None:
    """vLLM's reload alone left a tied head with the old weights: the replies were those of neither model."""
    from unifer.models import tiny

    first, second = (
        EngineSpec("vllm", tmp_path / f"seed-{seed}", GenerationSettings(max_new_tokens=12))
        for seed in (0, 1)
    )
    for seed, spec in enumerate((first, second)):
        tiny.build(spec.path, seed=seed)

    def replies(slot: EngineSlot, spec: EngineSpec) -> dict[str, Reply]:
        return {reply.key: reply for reply in slot.engine_for(spec).stream(requests(8))}

    with EngineSlot() as slot:
        one, other, again = (replies(slot, spec) for spec in (first, second, first))
    with EngineSlot() as slot:
        assert replies(slot, second) == other
    assert one == again
    assert {key: reply.text for key, reply in one.items()} != {
        key: reply.text for key, reply in other.items()
    }


@pytest.mark.slow
def test_weights_that_did_not_arrive_are_noticed(tmp_path: Path) -> None:
    from unifer.errors import InputError
    from unifer.models import tiny
    from unifer.models.engines.vllm_engine import VllmEngine
    from unifer.models.engines.vllm_weights import check_arrival, running_model

    for seed in (0, 1):
        tiny.build(tmp_path / f"seed-{seed}", seed=seed)
    engine = EngineSpec("vllm", tmp_path / "seed-0", GenerationSettings(max_new_tokens=12)).open()
    assert isinstance(engine, VllmEngine)
    model = running_model(engine.llm)
    assert check_arrival(model, tmp_path / "seed-0")
    with pytest.raises(InputError, match="kept other weights"):
        check_arrival(model, tmp_path / "seed-1")
    engine.close()
