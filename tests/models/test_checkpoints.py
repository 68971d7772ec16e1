"""Which folder is a whole checkpoint.

Everything half-written is refused by name before any weight is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from unifer.errors import InputError
from unifer.models.checkpoints import check_checkpoint, find_checkpoint
from unifer.places import QUICKSTART_MODEL

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def _weights(path: Path, tensor: str, size: int = 16) -> None:
    header = json.dumps({tensor: {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))


def make_checkpoint(folder: Path) -> Path:
    """A sharded vision-language checkpoint as far as files and headers tell."""
    folder.mkdir(parents=True)
    config = {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "vision_config": {"depth": 1},
        "dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    for name, tensor in zip(SHARDS, "ab", strict=True):
        _weights(folder / name, tensor)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": dict(zip("ab", SHARDS, strict=True))})
    )
    return folder


def test_whole_checkpoint_passes_whatever_its_name(tmp_path: Path) -> None:
    for name in ("UniFER-7B", "renamed", "Qwen2-VL-but-not-really"):
        assert find_checkpoint(str(make_checkpoint(tmp_path / name)), tmp_path).name == name


def test_step_of_a_run_is_named_after_its_run(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / "sft" / "checkpoint-250")
    assert find_checkpoint(str(path), tmp_path).name == "sft-checkpoint-250"


def _text_only(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"architectures": ["Qwen2ForCausalLM"]}))


def _adapter(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text("{}")


def _unfinished(folder: Path) -> None:
    (folder / "config.json").unlink()
    make_checkpoint(folder / "checkpoint-90")
    make_checkpoint(folder / "checkpoint-100")


def _truncated(folder: Path) -> None:
    path = folder / SHARDS[1]
    path.write_bytes(path.read_bytes()[:-5])


def _no_weights(folder: Path) -> None:
    for name in (*SHARDS, "model.safetensors.index.json"):
        (folder / name).unlink()


def _empty_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {}}')


HALF_WRITTEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (
        lambda folder: (folder / "config.json").unlink(),
        "no config.json: it is not a checkpoint, or one half written",
    ),
    "torn config": (
        lambda folder: (folder / "config.json").write_text('{"archi'),
        r"config.json:1: not valid JSON.*copy it again",
    ),
    "only steps": (_unfinished, r"last step saved is .*checkpoint-100"),
    "adapter": (_adapter, "merge it into its base"),
    "text model": (_text_only, "Qwen2ForCausalLM reads no images"),
    "no processor": (
        lambda folder: (folder / "preprocessor_config.json").unlink(),
        "holds no preprocessor_config.json or",
    ),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "holds no tokenizer.json or"),
    "no weights": (_no_weights, "holds no weights"),
    "empty index": (_empty_index, "names no weight files"),
    "torn index": (
        lambda folder: (folder / "model.safetensors.index.json").write_text("{"),
        r"index.json:1: not valid JSON.*copy it again",
    ),
    "missing shard": (lambda folder: (folder / SHARDS[0]).unlink(), f"{SHARDS[0]}: missing"),
    "truncated shard": (_truncated, r"truncated, \d+ of \d+ bytes"),
    "headless shard": (lambda folder: (folder / SHARDS[0]).write_bytes(b"\x05"), "no safetensors header"),
    "zero-byte shard": (lambda folder: (folder / SHARDS[0]).write_bytes(b""), "no safetensors header"),
    "mixed shards": (lambda folder: _weights(folder / SHARDS[1], "other"), "lacks 'b'"),
}


@pytest.mark.parametrize("kind", HALF_WRITTEN)
def test_half_written_checkpoint_is_refused_by_what_it_lacks(kind: str, tmp_path: Path) -> None:
    damage, reason = HALF_WRITTEN[kind]
    folder = make_checkpoint(tmp_path / "model")
    damage(folder)
    with pytest.raises(InputError, match=reason):
        check_checkpoint(folder)


def test_missing_default_model_says_how_to_get_one(tmp_path: Path) -> None:
    for folder in ("data", "train_unifer", "eval_rafdb"):
        (tmp_path / folder).mkdir()
    with pytest.raises(
        InputError,
        match=r"model/UniFER-7B is not there; download.*hub id.*runs/quickstart/UniFER-Tiny, which",
    ):
        find_checkpoint(None, tmp_path / "eval_rafdb")


def test_mistyped_local_folder_is_not_looked_up_on_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    with pytest.raises(InputError, match="no such folder"):
        find_checkpoint("runs/stf", tmp_path)


def test_model_folder_is_found_from_an_eval_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("data", "train_unifer", "eval_rafdb/code"):
        (tmp_path / folder).mkdir(parents=True)
    make_checkpoint(tmp_path / QUICKSTART_MODEL)
    monkeypatch.chdir(tmp_path / "eval_rafdb/code")
    assert find_checkpoint(QUICKSTART_MODEL, Path("..")).path.samefile(tmp_path / QUICKSTART_MODEL)
