"""Engines: one protocol, the same greedy replies, nothing hidden in a checkpoint's generation defaults."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.shared import BASE
from unifer.dialogue.prompts import action_unit_question
from unifer.errors import InputError
from unifer.models.engines import EngineSpec, GenerationSettings, Reply, Request
from unifer.models.engines.feeding import join
from unifer.models.engines.scripted import ScriptedEngine, replies_from


def requests(count: int) -> Iterator[Request]:
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 255, (224, 224, 3), np.uint8)
        yield Request(f"q{number}", "What does this face show? " * (1 + number % 4), Image.fromarray(pixels))


@pytest.mark.parametrize(
    "wrong",
    [{"max_new_tokens": 0}, {"temperature": -1}, {"top_p": 0}, {"top_p": 1.5}, {"repetition_penalty": 0}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GenerationSettings(**wrong)  # type: ignore[arg-type]


def test_spec_survives_the_way_to_a_worker_process() -> None:
    spec = EngineSpec("vllm", Path("model"), GenerationSettings(max_new_tokens=7), dtype="float32")
    assert EngineSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_scripted_failure_is_a_reply_not_the_end_of_the_stream() -> None:
    def reply(request: Request) -> str:
        if request.key == "q1":
            raise RuntimeError("out of words")
        return request.key

    replies = list(ScriptedEngine(reply).stream(requests(3)))
    assert [each.error for each in replies] == [None, "out of words", None]


def test_scripted_replies_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "replies.json"
    path.write_text('["happy"]')
    with pytest.raises(InputError, match="a JSON object"):
        replies_from(path)


@pytest.mark.parametrize(
    ("newcomers", "in_flight", "waited", "joins"),
    [
        (0, 0, 0, True),
        (1, 8, 0, True),
        (1, 64, 0, False),
        (7, 64, 7, False),
        (8, 64, 0, True),
        (1, 64, 8, True),
    ],
)
def test_newcomers_join_an_engine_together_but_wait_few_steps(
    newcomers: int, in_flight: int, waited: int, joins: bool
) -> None:
    """With 64 clients, 42 of the 52 steps that read prompts read fewer than four, while 53 replies waited."""
    assert join(newcomers, in_flight, waited) is joins


def test_cli_help_and_scripted_engine_import_no_torch() -> None:
    code = (
        "import sys; from unifer.cli import main\n"
        "try: main(['infer', '--help'])\n"
        "except SystemExit: pass\n"
        "import unifer.evaluate.inference.infer, unifer.models.checkpoints, unifer.models.engines.scripted\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained tiny Qwen2.5-VL whose generation_config would sample and penalise, were it obeyed."""
    from unifer.models import tiny

    folder = tmp_path_factory.mktemp("models") / "not-a-qwen-name"
    tiny.build(folder)
    path = folder / "generation_config.json"
    hidden = {"do_sample": True, "temperature": 0.9, "top_k": 5, "repetition_penalty": 1.7}
    path.write_text(json.dumps(json.loads(path.read_text()) | hidden))
    return folder


def _replies(name: str, path: Path, count: int = 24) -> dict[str, Reply]:
    spec = EngineSpec(name, path, GenerationSettings(max_new_tokens=24), batch_size=5)  # type: ignore[arg-type]
    return {reply.key: reply for reply in spec.open().stream(requests(count))}


@pytest.mark.slow
def test_vllm_and_transformers_give_identical_greedy_replies(tiny: Path) -> None:
    ours = _replies("transformers", tiny)
    assert len(ours) == 24
    assert all(reply.error is None for reply in ours.values())
    assert _replies("vllm", tiny) == ours


@pytest.mark.slow
def test_many_sampled_requests_at_once_repeat_themselves(tiny: Path) -> None:
    """More prompts than a step can take.

    With one of them cut in two, vLLM's seeded sampling broke off on CPU.
    """
    engine = EngineSpec("vllm", tiny, GenerationSettings(max_new_tokens=8, temperature=1.0)).open()
    first, again = ({reply.key: reply.text for reply in engine.stream(requests(160))} for _ in range(2))
    assert len(first) == 160
    assert first == again


@pytest.mark.slow
def test_reply_does_not_depend_on_the_batch_it_shares(tiny: Path) -> None:
    engine = EngineSpec("transformers", tiny, GenerationSettings(max_new_tokens=12), batch_size=8).open()
    together = {reply.key: reply for reply in engine.stream(requests(8))}
    alone = {reply.key: reply for request in requests(8) for reply in engine.stream([request])}
    assert together == alone


@pytest.mark.slow
def test_each_request_is_sampled_at_its_own_temperature(tiny: Path) -> None:
    """Votes and greedy replies of one batch, as `unifer serve` mixes them."""
    engine = EngineSpec("transformers", tiny, GenerationSettings(max_new_tokens=12), batch_size=8).open()
    greedy = {reply.key: reply.text for reply in engine.stream(requests(4))}
    hot = [replace(request, key=f"{request.key}-hot", temperature=5.0) for request in requests(4)]
    mixed = {reply.key: reply.text for reply in engine.stream([*requests(4), *hot])}
    assert {key: mixed[key] for key in greedy} == greedy
    assert all(mixed[f"{key}-hot"] != greedy[key] for key in greedy)


@pytest.mark.slow
def test_one_request_too_odd_for_the_processor_fails_alone(tiny: Path) -> None:
    engine = EngineSpec("transformers", tiny, GenerationSettings(max_new_tokens=4), batch_size=4).open()
    asked = [*requests(3), Request("odd", "x", Image.new("RGB", (6000, 2)))]
    replies = {reply.key: reply.error for reply in engine.stream(asked)}
    assert [key for key, error in replies.items() if error] == ["odd"]
    assert len(replies) == 4


@pytest.mark.slow
def test_checkpoint_that_lacks_a_weight_is_refused_not_filled_at_random(tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from unifer.models.loading import load_model

    folder = tmp_path / "damaged"
    shutil.copytree(tiny, folder)
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "layers.1" in name and name.endswith("q_proj.weight"))
    del weights[lost]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="lacks 1 weights"):
        load_model(folder, "float32")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformers", "vllm"])
def test_a_reply_continued_from_its_own_beginning_ends_as_it_did(name: str) -> None:
    """A token more or less at the seam, and every continued reply would be of another text."""
    spec = EngineSpec(name, BASE, GenerationSettings(max_new_tokens=120), batch_size=3)  # type: ignore[arg-type]
    engine = spec.open()
    asked = [replace(each, prompt=action_unit_question()) for each in requests(3)]
    whole = {reply.key: reply.text for reply in engine.stream(asked)}
    begun = [replace(each, start=whole[each.key].partition(".")[0] + ".") for each in asked]
    assert {reply.key: reply.text for reply in engine.stream(begun)} == whole
    assert all("Jaw" in text for text in whole.values())
    engine.close()
