"""Held-out questions answered while a run trains: WAR every `eval_steps`, and the best checkpoint if wanted.

Replies are greedy and graded as everywhere. The engine that samples for GRPO answers here too, with the
weights that it would be given for the next step anyway; where there is none (SFT, `--rollouts none`),
transformers' `generate` does. Each rank answers its share.

`heldout.jsonl` has a row per evaluation; `best-STEP/` is the best model so far. Questions that choose a
checkpoint are no test of it: score the result on others.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object
from transformers import Trainer, TrainerCallback

from unifer import files
from unifer.dialogue import prompts
from unifer.dialogue.images import ImageRule
from unifer.models.loading import decode_reply
from unifer.proportions import wilson
from unifer.records import Json, Question
from unifer.train.history import HELD_OUT, read_held_out
from unifer.train.rewards import au_f1, judge
from unifer.train.rows import load_image

_BATCH = 64


def score(questions: Sequence[Question], replies: Sequence[str]) -> Json:
    """WAR with its interval, UAR and recall over the labels that occur, mean AU F1; shares in [0, 1].

    AU F1 is None without annotation.
    """
    cases = [
        judge(reply, question.true_label, question.candidate_labels, question.action_units)
        for question, reply in zip(questions, replies, strict=True)
    ]
    right = [case.correct for case in cases]
    recalls: dict[str, list[bool]] = {}
    for case in cases:
        recalls.setdefault(str(case.label), []).append(case.correct)
    units = [value for case in cases if (value := au_f1(case)) is not None]
    low, high = wilson(sum(right), len(cases))
    return {
        "war": sum(right) / len(cases),
        "war_low": low,
        "war_high": high,
        "uar": sum(sum(values) / len(values) for values in recalls.values()) / len(recalls),
        "recall": {label: sum(values) / len(values) for label, values in sorted(recalls.items())},
        "au_f1": sum(units) / len(units) if units else None,
        "asked": len(cases),
        "no_answer": sum(case.verdict.label is None for case in cases),
    }


class HeldOut:
    """The questions of one file as a trainer answers them. `rule` and `image_root` are those of training."""

    def __init__(
        self,
        path: Path,
        questions: Sequence[Question],
        image_root: Path | None,
        rule: ImageRule,
        most_tokens: int,
    ) -> None:
        self._path, self._questions, self._image_root, self._rule = path, list(questions), image_root, rule
        self._most_tokens = most_tokens

    def measure(self, trainer: Any) -> Json:
        """The score, for every rank; every rank calls this.

        Weights, random states and training mode are left as they were.
        """
        ranks, rank = trainer.accelerator.num_processes, trainer.accelerator.process_index
        # As many questions on each rank, the first ones twice if need be: engines that are shared answer in
        # step.
        share = -(-len(self._questions) // ranks)
        mine = [self._questions[(rank * share + place) % len(self._questions)] for place in range(share)]
        ask = _by_sampler if getattr(trainer, "use_vllm", False) else _by_generate
        replies: list[str] = []
        for start in range(0, share, _BATCH):
            part = mine[start : start + _BATCH]
            images = [
                load_image(self._path, question.image_path, self._image_root, self._rule) for question in part
            ]
            replies += ask(trainer, [question.prompt for question in part], images, self._most_tokens)
        every = gather_object([(question.key, reply) for question, reply in zip(mine, replies, strict=True)])
        by_key = dict(every)
        return score(self._questions, [by_key[question.key] for question in self._questions])


def _messages(texts: Sequence[str], images: Sequence[Any]) -> list[list[Json]]:
    return [
        [
            {
                "role": "user",
                "content": [
                    {"type": "image", "image": image},
                    {"type": "text", "text": prompts.check_prompt(text)},
                ],
            }
        ]
        for text, image in zip(texts, images, strict=True)
    ]


def _by_sampler(trainer: Any, texts: Sequence[str], images: Sequence[Any], most_tokens: int) -> list[str]:
    """Greedy replies of the vLLM engine that samples for GRPO, given this step's weights first."""
    sampler = trainer.synced_sampler()
    ids, _ = trainer.tokenize(_messages(texts, images))
    sampling = sampler.temperature, sampler.max_completion_length
    sampler.temperature, sampler.max_completion_length = 0.0, most_tokens
    try:
        _, completions, _, _ = sampler.generate(ids, [[image] for image in images], 1)
    finally:
        sampler.temperature, sampler.max_completion_length = sampling
    return [decode_reply(trainer.processing_class.tokenizer, list(tokens)) for tokens in completions]


def _by_generate(trainer: Any, texts: Sequence[str], images: Sequence[Any], most_tokens: int) -> list[str]:
    """Greedy replies of the model in training itself."""
    import torch
    from transformers import GenerationConfig
    from trl.models import unwrap_model_for_generation

    processor = trainer.processing_class
    rendered = processor.apply_chat_template(
        _messages(texts, images), tokenize=False, add_generation_prompt=True
    )
    inputs = processor(
        text=rendered, images=[[image] for image in images], padding=True, return_tensors="pt"
    ).to(trainer.model.device)
    make: Any = GenerationConfig
    greedy = make(
        max_new_tokens=most_tokens,
        do_sample=False,
        eos_token_id=processor.tokenizer.eos_token_id,
        pad_token_id=processor.tokenizer.pad_token_id,
    )
    training = trainer.model.training
    trainer.model.eval()
    with torch.no_grad(), unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model:
        output = model.generate(**inputs, generation_config=greedy)
    trainer.model.train(training)
    width = inputs["input_ids"].shape[1]
    return [decode_reply(processor.tokenizer, ids) for ids in output[:, width:].tolist()]


class Watch(TrainerCallback):
    """Measures `held_out` before the first step, every `every` steps and at the end; keeps the best model.

    Writes `heldout.jsonl`.
    """

    def __init__(
        self, held_out: HeldOut, trainer: Any, out: Path, *, every: int, keep_best: bool, resumed: int
    ) -> None:
        self._held_out, self._trainer, self._out, self._every, self._keep_best = (
            held_out,
            trainer,
            out,
            every,
            keep_best,
        )
        self._first = resumed == 0
        rows = [row for row in read_held_out(out) if row["step"] <= resumed]
        self._best = -1.0
        for folder in best_folders(out):
            here = [row["war"] for row in rows if row["step"] == _step(folder)]
            if here:
                self._best = max(self._best, here[0])

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            rewind(self._out, state.global_step)
        if self._first:
            self._measure(state)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step % self._every == 0 or state.global_step == state.max_steps:
            self._measure(state)

    def _measure(self, state: Any) -> None:
        started = time.perf_counter()
        row = self._held_out.measure(self._trainer)
        best = row["war"] > self._best
        if best:
            self._best = row["war"]
            if self._keep_best and state.global_step:
                self._save(state.global_step, state.is_world_process_zero)
        row = {
            "step": state.global_step,
            **row,
            "best": best,
            "seconds": round(time.perf_counter() - started, 2),
        }
        if state.is_world_process_zero:
            with files.AppendLog(self._out / HELD_OUT) as log:
                log.append(row)
        logged = {f"heldout/{name}": row[name] for name in ("war", "uar", "au_f1") if row[name] is not None}
        # Past TRL's own `log`, which would take the figures of this step with it; and the step's own row is
        # still to be logged.
        due = self._trainer.control.should_log
        Trainer.log(self._trainer, logged)
        self._trainer.control.should_log = due

    def _save(self, step: int, first_rank: bool) -> None:
        older = best_folders(self._out)
        self._trainer.save_model(str(self._out / f"best-{step}"))
        if first_rank:
            for folder in older:
                shutil.rmtree(folder, ignore_errors=True)


def best_folders(out: Path) -> list[Path]:
    """The kept models of a run, oldest first.

    There is more than one where a kill came between writing the newer and dropping the older.
    """
    return sorted((path for path in out.glob("best-*") if path.name[5:].isdigit()), key=_step)


def _step(folder: Path) -> int:
    return int(folder.name.removeprefix("best-"))


def rewind(out: Path, step: int) -> None:
    """Drop what was measured, and kept, after `step`, from which the run goes on."""
    rows = read_held_out(out)
    left = [row for row in rows if row["step"] <= step]
    if len(left) < len(rows):
        files.write_rows(out / HELD_OUT, left)
    for folder in best_folders(out):
        if _step(folder) > step:
            shutil.rmtree(folder)


def restore_best(out: Path, into: Path) -> int | None:
    """Put the best model's files over those in `into`; the step it is from, None where none was kept."""
    folders = best_folders(out)
    if not folders:
        return None
    best = folders[-1]
    for path in sorted(best.iterdir()):
        if path.is_file():
            shutil.copyfile(path, into / path.name)
    for folder in folders:
        shutil.rmtree(folder)
    return _step(best)
