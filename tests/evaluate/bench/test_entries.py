"""The models file: what ships is whole, and every mistake is named with what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.bench.benched import models_file
from unifer.errors import InputError
from unifer.evaluate.bench.cells import identity
from unifer.evaluate.bench.entries import KEY_VARIABLE, read_models
from unifer.models.api.budget import PICTURE_TOKENS, Prices

SHIPPED = Path(__file__).parents[3] / "eval_more/models.yaml"


def test_the_file_that_ships_holds_the_models_people_compare() -> None:
    entries = {entry.name: entry for entry in read_models(SHIPPED)}
    assert len(entries) >= 24
    wanted = {
        "UniFER-7B",
        "UniFER-Tiny",
        "GPT-4o",
        "Gemini-2.5-Pro",
        "GLM-4.5V",
        "Gemma-3-27B",
        "LLaVA-OneVision-7B",
        "Kimi-VL-A3B",
    }
    wanted |= {f"Qwen2.5-VL-{size}B" for size in (3, 7, 32, 72)} | {
        f"LLaVA-NeXT-{kind}" for kind in ("Vicuna-7B", "Mistral-7B", "Llama3-8B")
    }
    assert wanted <= entries.keys()
    assert entries["GPT-4o"].prices == Prices(2.5, 10.0, 1000)
    assert entries["Grok-4"].prices is None
    server = entries["Qwen2.5-VL-72B"].server
    assert server is not None
    assert (server.model, server.tensor_parallel) == ("Qwen/Qwen2.5-VL-72B-Instruct", 4)


def test_defaults_fill_entries_and_an_entry_replaces_single_keys(tmp_path: Path) -> None:
    entry = {
        "name": "a",
        "url": "http://h:1/v1",
        "generation": {"temperature": None, "reasoning_effort": "low"},
    }
    path = models_file(tmp_path / "m.yaml", entry, generation={"max_tokens": 77}, image_size=112)
    (found,) = read_models(path)
    assert (found.generation.max_tokens, found.generation.temperature, dict(found.generation.more)) == (
        77,
        None,
        {"reasoning_effort": "low"},
    )
    assert (found.image_rule.size, found.max_connections, found.served, found.key) == (
        112,
        4,
        "a",
        KEY_VARIABLE,
    )


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"url": "http://h:1/v1"}, r"entry 1: 'name' must be a non-empty string"),
    ({"name": "a/b", "url": "http://h:1/v1"}, r"'name' 'a/b' names a file"),
    ({"name": "a"}, r"entry 1 \(a\): says none of them; .*exactly one of provider, url, vllm"),
    ({"name": "a", "url": "http://h:1/v1", "provider": "openai/x"}, r"says provider and url"),
    ({"name": "a", "urll": "http://h:1/v1"}, r"unknown key 'urll'; did you mean 'url'\?; allowed are"),
    ({"name": "a", "provider": "gpt-4o"}, r"'provider' 'gpt-4o' must be a name of inspect_ai's"),
    ({"name": "a", "provider": "openai/x", "served": "y"}, r"'served' belongs to 'url'"),
    ({"name": "a", "url": "http://u:secret@h:1/v1"}, rf"a key goes into {KEY_VARIABLE}"),
    (
        {"name": "a", "vllm": {"model": "o/m", "dtype": "float61"}},
        r"'dtype' is 'float61'; did you mean 'float16'\?; allowed are auto",
    ),
    (
        {"name": "a", "vllm": {"model": "o/m", "tensor_paralel": 2}},
        r"'vllm' has an unknown key 'tensor_paralel'; did you mean",
    ),
    ({"name": "a", "vllm": {"model": "o/m", "gpu_memory": 1.5}}, r"'gpu_memory' 1.5 is a share"),
    ({"name": "a", "vllm": {"model": "o/m", "args": "--x"}}, r"'args' must be a list of strings"),
    (
        {"name": "a", "vllm": {"model": "o/m", "trust_remote_code": "yes"}},
        r"'trust_remote_code' must be true or false",
    ),
    (
        {"name": "a", "provider": "o/x", "generation": {"max_token": 9}},
        r"'generation' has an unknown key 'max_token'; did you mean 'max_tokens'",
    ),
    (
        {"name": "a", "provider": "o/x", "generation": {"temperature": -1}},
        r"'temperature' must be a number from 0, not -1",
    ),
    (
        {"name": "a", "provider": "o/x", "generation": {"top_p": 2}},
        r"'top_p' 2.0 must be above 0 and at most 1",
    ),
    (
        {"name": "a", "provider": "o/x", "generation": {"max_tokens": True}},
        r"'max_tokens' must be a whole number from 1, not True",
    ),
    ({"name": "a", "provider": "o/x", "generation": {"extra_body": 3}}, r"'extra_body' must be a mapping"),
    ({"name": "a", "provider": "o/x", "prices": {"in": 1}}, r"'prices' lacks 'out'"),
    (
        {"name": "a", "provider": "o/x", "prices": {"in": 1, "out": "2"}},
        r"'out' must be a number from 0, not '2'",
    ),
    ({"name": "a", "provider": "o/x", "image_size": 100}, r"image size 100 is not a multiple of 28"),
    ({"name": "a", "provider": "o/x", "prompt_style": "image_frist"}, r"did you mean 'image_first'\?"),
]


@pytest.mark.parametrize(("entry", "says"), WRONG)
def test_a_mistake_is_named_with_its_entry_its_key_and_what_is_allowed(
    entry: dict[str, Any], says: str, tmp_path: Path
) -> None:
    path = models_file(tmp_path / "m.yaml", entry)
    with pytest.raises(InputError, match=says) as caught:
        read_models(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "secret" not in str(caught.value)


def test_a_name_that_stands_twice_would_write_one_file_from_two_models(tmp_path: Path) -> None:
    path = models_file(
        tmp_path / "m.yaml", {"name": "A", "provider": "o/x"}, {"name": "a", "provider": "o/y"}
    )
    with pytest.raises(InputError, match=r"entry 2 \(a\): 'name' 'a' stands twice"):
        read_models(path)


def test_a_file_without_models_and_a_name_that_it_lacks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("models: []\n")
    with pytest.raises(InputError, match="'models' must be a list of entries"):
        read_models(tmp_path / "m.yaml")
    path = models_file(tmp_path / "n.yaml", {"name": "GPT-4o", "provider": "openai/gpt-4o"})
    with pytest.raises(InputError, match=r"--models-only GPT4o: .*did you mean 'GPT-4o'\?"):
        read_models(path, ["GPT4o"])


def test_prices_default_to_a_picture_that_no_provider_counts_higher(tmp_path: Path) -> None:
    (found,) = read_models(
        models_file(tmp_path / "m.yaml", {"name": "a", "provider": "o/x", "prices": {"in": 1, "out": 2}})
    )
    assert found.prices == Prices(1.0, 2.0, PICTURE_TOKENS)


def test_where_a_url_leads_may_change_and_how_a_model_replies_may_not(tmp_path: Path) -> None:
    def made(**changed: Any) -> Any:
        return identity(
            read_models(models_file(tmp_path / "m.yaml", {"name": "a", "url": "http://h:1/v1", **changed}))[0]
        )

    assert made() == made(url="http://other:2/v1", timeout=9, max_connections=2, key="MINE")
    for changed in (
        {"served": "b"},
        {"generation": {"max_tokens": 5}},
        {"image_size": 0},
        {"prompt_style": "text_first"},
    ):
        assert made() != made(**changed), changed
