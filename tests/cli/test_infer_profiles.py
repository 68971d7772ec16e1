"""`unifer infer --profile`: what it sets, what it takes from the checkpoint, which flags it refuses, and
where it is recorded.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.asked import make_dataset, reply_to, silent
from tests.report.leaderboard.models import answer, project
from unifer.cli import engine_flags, main
from unifer.cli import infer as command
from unifer.cli.profiles import applied, own_generation
from unifer.datasets import read_questions
from unifer.errors import InputError
from unifer.evaluate.inference import infer
from unifer.evaluate.merging import merge
from unifer.models.engines import EngineSpec, GenerationSettings
from unifer.models.engines.scripted import ScriptedEngine


def parsed(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.register(parser.add_subparsers())
    return parser.parse_args(["infer", *flags])


def checkpoint(folder: Path, **generation: Any) -> Path:
    (folder / "generation_config.json").write_text(json.dumps(generation))
    return folder


def test_without_a_profile_flags_mean_what_they_meant() -> None:
    args = applied(parsed())
    found = {
        name: getattr(args, name)
        for name in ("engine", "dtype", "batch_size", "max_new_tokens", "temperature", "repetition_penalty")
    }
    assert found == {
        "engine": None,
        "dtype": "auto",
        "batch_size": None,
        "max_new_tokens": 1024,
        "temperature": 0.0,
        "repetition_penalty": 1.0,
    }
    assert applied(parsed("--dtype", "float16", "--max-new-tokens", "7")).max_new_tokens == 7
    assert own_generation(parsed(), Path("nowhere")) == {}


def test_published_inference_takes_what_the_checkpoint_says_of_greedy_decoding(tmp_path: Path) -> None:
    """Checkpoints of this family carry a repetition penalty of 1.05, which the published scripts obey and our
    engines do not.
    """
    args = parsed("--profile", "published", "--dtype", "float32")
    filled = applied(args)
    assert (filled.engine, filled.dtype, filled.batch_size, filled.image_size) == (
        "transformers",
        "float32",
        1,
        224,
    )
    path = checkpoint(
        tmp_path,
        repetition_penalty=1.05,
        no_repeat_ngram_size=3,
        temperature=0.1,
        do_sample=True,
        eos_token_id=[1],
        top_k=1,
    )
    own = own_generation(args, path)
    assert own == {"repetition_penalty": 1.05, "no_repeat_ngram_size": 3}
    spec = engine_flags.spec(filled, "transformers", path, urls=(), **own)
    assert spec.settings == GenerationSettings(1024, 0.0, 1.0, 1.05, 0, {"no_repeat_ngram_size": 3})
    assert spec.identity()["generation"] == {
        **{"max_new_tokens": 1024, "temperature": 0.0, "top_p": 1.0, "seed": 0},
        **{"repetition_penalty": 1.05, "no_repeat_ngram_size": 3},
    }
    assert EngineSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert own_generation(args, tmp_path / "bare") == {"repetition_penalty": 1.0}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--dtype", "bfloat16"],
            "--dtype bfloat16 contradicts --profile published, which means float32; leave --dtype away",
        ),
        (["--engine", "vllm"], "--engine vllm contradicts --profile published, which means transformers"),
        (["--batch-size", "8"], "--batch-size 8 contradicts"),
        (["--temperature", "0.7"], "--temperature 0.7 contradicts"),
        (["--image-size", "0"], "--image-size 0 contradicts"),
        (["--max-new-tokens", "64"], "--max-new-tokens 64 contradicts"),
    ],
)
def test_a_flag_that_contradicts_the_profile_is_refused(
    tmp_path: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_dataset(tmp_path / "toy", 1)
    assert main(["infer", "--dataset-dir", str(folder), "--profile", "published", *flags]) == 2
    assert message in capsys.readouterr().err


def test_another_repetition_penalty_than_the_checkpoint_is_refused(tmp_path: Path) -> None:
    args = parsed("--profile", "published", "--repetition-penalty", "1.2")
    with pytest.raises(
        InputError, match=r"--repetition-penalty 1.2 contradicts .* the checkpoint's own, 1.05"
    ):
        own_generation(args, checkpoint(tmp_path, repetition_penalty=1.05))


def answered(folder: Path, profile: str, limit: int) -> dict[str, Any]:
    path = folder / "data/toy_qa.json"
    spec = EngineSpec("scripted", folder / "replies.json")
    plan = infer.plan(
        path,
        read_questions(path)[:limit],
        folder / "results/m.jsonl",
        model={"name": "m"},
        spec=spec,
        profile=profile,
    )
    infer.run_inference([plan], spec, progress=silent, make_engine=lambda: ScriptedEngine(reply_to))
    context: dict[str, Any] = json.loads(plan.manifest.read_text())["context"]
    return context


def test_the_manifest_says_which_profile_and_no_longer_where_rows_were_asked_in_two_ways(
    tmp_path: Path,
) -> None:
    folder = make_dataset(tmp_path / "toy", 3)
    assert answered(folder, "published", 2)["profile"] == "published"
    assert merge([folder / "results/m.jsonl"]).manifest["context"]["profile"] == "published"
    assert answered(folder, "default", 3)["profile"] == "default"


def test_the_leaderboard_says_which_runs_were_asked_as_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = project(tmp_path, ["rafdb"], 20)["rafdb"]
    manifest = answer(spec, "slow", 0.8).with_suffix(".manifest.json")
    answer(spec, "fast", 0.8)
    stated = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(stated | {"context": stated["context"] | {"profile": "published"}}))
    assert main(["leaderboard", "--resamples", "0", "--no-published"]) == 0
    assert "different inference profile: default in fast; published in slow" in " ".join(
        capsys.readouterr().out.split()
    )
    assert "inference as published: slow" in Path("leaderboard/leaderboard.md").read_text()
