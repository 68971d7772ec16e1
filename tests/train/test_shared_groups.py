"""What the completions of a group share: one request to vLLM, one decoded image, one set of pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from tests.train.grpo_flags import BASE, flags
from unifer import files
from unifer.train.history import read_held_out, read_metrics, read_rollouts


def pictures(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (224, 224), (40 * index, 90, 200 - 30 * index)) for index in range(count)]


def test_pixels_of_a_repeated_image_are_those_of_each_on_its_own() -> None:
    from unifer.models.loading import load_processor
    from unifer.train.shared_prompts import share_pixels

    first, second = pictures(2)
    batch = [[first], [first], [second], [first]]
    stock = load_processor(BASE).image_processor(images=batch, return_tensors="pt")
    shared = load_processor(BASE).image_processor
    kind = type(shared)
    looked: list[int] = []

    class Counting(kind):  # type: ignore[misc,valid-type]
        def preprocess(self, images: Any, *args: Any, **kwargs: Any) -> Any:
            looked.append(len(images))
            return super().preprocess(images, *args, **kwargs)

    shared.__class__ = Counting
    share_pixels(shared)
    made = shared(images=batch, return_tensors="pt")
    assert looked == [2], "two distinct images"
    assert torch.equal(made["pixel_values"], stock["pixel_values"])
    assert torch.equal(made["image_grid_thw"], stock["image_grid_thw"])


def test_a_processor_that_shares_is_saved_as_any_other(tmp_path: Path) -> None:
    """A method put on the processor itself went into its JSON, and every checkpoint ended in a TypeError."""
    from unifer.models.loading import load_processor
    from unifer.train.shared_prompts import share_pixels

    processor = load_processor(BASE)
    processor.save_pretrained(tmp_path / "stock")
    share_pixels(processor.image_processor)
    processor.save_pretrained(tmp_path / "shared")
    for path in (tmp_path / "stock").iterdir():
        assert path.read_bytes() == (tmp_path / "shared" / path.name).read_bytes(), path.name


def test_rows_of_a_batch_with_the_same_image_hold_the_same_object(corpus: Path) -> None:
    """Else each completion of a group decodes its image again, and nothing can tell that they are one."""
    from unifer.dialogue.images import ImageRule
    from unifer.train.rows import describe, reward_rows

    path = corpus / "rlvr.json"
    rows = reward_rows(path, describe(path)["sha256"], None, ImageRule(224))
    one, again, other = (row["image"] for row in rows.__getitems__([0, 0, 1]))  # as a loader fetches
    assert one is again
    assert one is not other


class FakeBackend:
    """The attributes that the grouping looks at, and the requests that it makes."""

    mode, tensor_parallel_size = "colocate", 1


@pytest.mark.parametrize(
    ("change", "group"),
    [({}, 2), ({"mode": "server"}, 1), ({"tensor_parallel_size": 2}, 1)],
)
def test_whole_groups_in_order_are_one_request_each(change: dict[str, Any], group: int) -> None:
    from unifer.train.rollouts import Sampler

    first, second = pictures(2)
    backend = FakeBackend()
    vars(backend).update(change)
    prompts, images = [[1, 2], [1, 2], [1, 3], [1, 3]], [[first], [first], [second], [second]]
    find: Any = Sampler._group
    assert find(backend, prompts, images, 2) == group


@pytest.mark.parametrize(
    "prompts",
    [
        [[1, 2], [1, 3], [1, 3], [1, 2]],  # a group torn by the border between ranks
        [[1, 2], [1, 2], [1, 3]],  # half a group at the end
    ],
)
def test_torn_groups_go_completion_by_completion(prompts: list[list[int]]) -> None:
    from unifer.train.rollouts import Sampler

    image = pictures(1)[0]
    find: Any = Sampler._group
    assert find(FakeBackend(), prompts, [[image]] * len(prompts), 2) == 1


def test_groups_of_other_images_with_the_same_words_are_not_one() -> None:
    """FERBench asks one question about every face: by their tokens alone all prompts would be one group."""
    from unifer.train.rollouts import Sampler

    first, second = pictures(2)
    find: Any = Sampler._group
    assert find(FakeBackend(), [[1, 2], [1, 2]], [[first], [second]], 2) == 1


@pytest.mark.slow
def test_a_run_with_hard_labels_strong_completions_and_held_out_questions(
    corpus: Path, tmp_path: Path
) -> None:
    """The real stack: the sampler answers the trainer's tokens, half is trained on, the best model stays."""
    from unifer.train import grpo

    out = tmp_path / "out"
    questions = corpus / "affectnet_qa.json"
    more = {
        "hard_labels": 0.5,
        "trained_completions": 2,
        "eval_questions": questions,
        "eval_steps": 2,
        "keep": "best",
    }
    grpo.run(flags(corpus, BASE, out, max_steps=4, save_steps=2, **more))
    metrics = read_metrics(out)
    assert [row["step"] for row in metrics] == [0, 1, 2, 3, 4]
    assert all(row.get("trained_share", 9) <= 0.5 for row in metrics[1:]), metrics
    assert max(row["sampling/sampling_logp_difference/mean"] for row in metrics[1:]) < 1e-3
    assert len(list(read_rollouts(out))) == 32, "every sampled completion is logged, trained on or not"
    rows = read_held_out(out)
    assert [row["step"] for row in rows] == [0, 2, 4]
    assert {row["asked"] for row in rows} == {len(files.read_json(questions))}
    assert (out / "checkpoint-2" / "curriculum.json").exists()
    kept = files.read_json(out / "manifest.json")["context"]["kept_step"]
    assert kept == max((row["war"], -row["step"]) for row in rows if row["best"])[1] * -1 or kept is None
    assert not list(out.glob("best-*"))


@pytest.mark.slow
def test_sft_measures_held_out_questions_by_generate(corpus: Path, tmp_path: Path) -> None:
    from tests.train.grpo_flags import ROOT
    from unifer.train import sft

    out = tmp_path / "sft"
    start = [
        "--rows",
        str(corpus / "cot.json"),
        "--model_name_or_path",
        str(BASE),
        "--output_dir",
        str(out),
        "--report_to",
        "none",
    ]
    ask = [
        "--eval_questions",
        str(corpus / "affectnet_qa.json"),
        "--eval_steps",
        "2",
        "--eval_max_new_tokens",
        "8",
    ]
    small = ["--max_steps", "2", "--per_device_train_batch_size", "2", "--save_strategy", "no"]
    sft.run(["--config", str(ROOT / "train_unifer/configs/sft_tiny.yaml"), *start, *ask, *small])
    assert [row["step"] for row in read_held_out(out)] == [0, 2]


@pytest.mark.slow
def test_a_reference_that_scores_trained_completions_alone_gives_the_same_run(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TRL scores every sampled completion; of those that are not trained on, the KL term says nothing."""
    from unifer.train import grpo
    from unifer.train.trainer import FerGrpoTrainer

    stock = FerGrpoTrainer._scored_by
    rows: list[int] = []

    def counting(self: Any, model: Any, input_ids: Any, *args: Any, **kwargs: Any) -> Any:
        if model is self.ref_model:
            rows.append(len(input_ids))
        return stock(self, model, input_ids, *args, **kwargs)

    monkeypatch.setattr(FerGrpoTrainer, "_scored_by", counting)
    runs, scored = [], []
    for deferred in (True, False):
        rows.clear()
        if not deferred:
            monkeypatch.setattr(FerGrpoTrainer, "_defers_reference", False)
        out = tmp_path / str(deferred)
        grpo.run(flags(corpus, BASE, out, max_steps=3, beta=0.5, learning_rate=1e-3, trained_completions=2))
        runs.append([(row["kl"], row["loss"], row["grad_norm"]) for row in read_metrics(out)])
        scored.append(sum(rows))
    assert runs[0][-1][0] > 0, "weights that have moved away from the reference"
    assert torch.allclose(torch.tensor(runs[0]), torch.tensor(runs[1]), rtol=1e-3, atol=1e-6)
    assert scored[0] * 2 <= scored[1]
