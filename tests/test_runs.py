"""The manifest: it knows its inputs by their bytes, and refuses to go on with another run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from unifer import files, runs
from unifer.errors import InputError


def checkpoint(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_a_checkpoint_is_known_by_its_bytes_not_by_its_place(tmp_path: Path) -> None:
    one = runs.describe_checkpoint(checkpoint(tmp_path / "a" / "model"))
    same = runs.describe_checkpoint(checkpoint(tmp_path / "b" / "model"))
    other = runs.describe_checkpoint(checkpoint(tmp_path / "c" / "model", b"Weights"))
    assert one == same
    assert one["fingerprint"] != other["fingerprint"]


def test_the_processor_of_a_checkpoint_counts_too(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "model")
    before = runs.describe_checkpoint(folder)["fingerprint"]
    (folder / "preprocessor_config.json").write_text('{"max_pixels": 1}', encoding="utf-8")
    assert runs.describe_checkpoint(folder)["fingerprint"] != before


def test_logs_and_optimizer_states_beside_the_weights_do_not_count(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "model")
    before = runs.describe_checkpoint(folder)["fingerprint"]
    (folder / "events.out.tfevents").write_bytes(b"x")
    (folder / "optimizer.pt").write_bytes(b"x")
    assert runs.describe_checkpoint(folder)["fingerprint"] == before


def test_a_large_file_is_sampled_from_its_first_to_its_last_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_WHOLE", 2**20)
    size = 70 * 2**20
    prints = set()
    for place in (0, size - 1):
        weights = bytearray(size)
        weights[place] = 1
        prints.add(
            runs.describe_checkpoint(checkpoint(tmp_path / str(place) / "model", bytes(weights)))[
                "fingerprint"
            ]
        )
    prints.add(runs.describe_checkpoint(checkpoint(tmp_path / "zeros" / "model", bytes(size)))["fingerprint"])
    assert len(prints) == 3


def test_a_run_goes_on_only_with_what_it_began_with(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    identity = {"model": {"name": "a", "fingerprint": "1"}, "image_size": 224, "sizes": (1, 2)}
    assert runs.refuse_other_run(path, identity, "use --fresh") is None
    files.write_json(path, runs.manifest("infer", identity, engine="vllm"))
    assert runs.refuse_other_run(path, identity, "use --fresh") is not None
    with pytest.raises(InputError) as refusal:
        runs.refuse_other_run(
            path, identity | {"model": {"name": "a", "fingerprint": "2"}, "limit": 5}, "use --fresh"
        )
    message = str(refusal.value)
    assert 'model.fingerprint: "1" -> "2"' in message
    assert "limit: null -> 5" in message
    assert "image_size" not in message
    assert message.endswith("use --fresh")


@pytest.mark.parametrize("content", ["[]", "{}", "[1]", '"text"', "null"])
def test_a_file_that_is_no_manifest_is_refused_with_the_remedy(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"is not a run manifest; use --fresh"):
        runs.refuse_other_run(path, {}, "use --fresh")


@pytest.mark.parametrize("content", ["", '{"identity"'])
def test_a_torn_manifest_is_refused_with_the_remedy(tmp_path: Path, content: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"manifest\.json.*; use --fresh"):
        runs.refuse_other_run(path, {}, "use --fresh")


def test_a_manifest_names_versions_but_no_place_on_this_machine(tmp_path: Path) -> None:
    source = tmp_path / "q.json"
    source.write_text("[]", encoding="utf-8")
    made = runs.manifest("infer", {"questions": runs.describe_file(source)}, engine="vllm")
    text = json.dumps(made)
    assert str(tmp_path) not in text
    assert str(Path.home()) not in text
    assert made["context"]["versions"]["python"]
    assert made["context"]["engine"] == "vllm"
    assert made["identity"]["questions"] == {"name": "q.json", "bytes": 2, "sha256": files.sha256(source)}


def test_differences_are_told_by_dotted_key_and_kept_short() -> None:
    told = list(runs.differences({"a": {"b": 1, "c": "x" * 100}}, {"a": {"b": 2, "c": "y"}}))
    assert told[0] == "a.b: 1 -> 2"
    assert told[1].startswith('a.c: "xxx')
    assert len(told[1]) < 80
    assert list(runs.differences({"a": [1]}, {"a": [1]})) == []


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "trainer_state.json",
        "training_args.bin",
        "optimizer.bin",
        "train_results.json",
        "README.txt",
    ],
)
def test_one_model_has_one_fingerprint_however_it_was_trained(tmp_path: Path, name: str) -> None:
    prints = set()
    for run in ("first", "second"):
        folder = checkpoint(tmp_path / run / "model")
        (folder / name).write_text(f'{{"started": "{run}"}}', encoding="utf-8")
        prints.add(runs.describe_checkpoint(folder)["fingerprint"])
    assert len(prints) == 1
