"""`trl.GRPOTrainer` as this project runs it: TRL's loop and loss, with mends, probe and a log of rollouts.

Every override calls TRL's own method and looks at what goes in or comes out; none repeats its work.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object
from peft import PeftModel
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled
from trl import GRPOTrainer

from unifer.models.families import Family, placeholder_ids
from unifer.records import Json
from unifer.train import continuing, down_sampling, image_rows, probe
from unifer.train.curriculum import Curriculum
from unifer.train.history import RolloutLog, prompt_id
from unifer.train.mends import ResumesWholeModels, score_labelled_tokens
from unifer.train.rewards import WeightedRewards, total
from unifer.train.rollouts import ban
from unifer.train.shared_prompts import SharedPrompts, share_images, share_pixels

DIFFERENCE = "sampling/sampling_logp_difference"
_MEAN_OVER_ROWS = ("grpo", "sapo", "dr_grpo", "luspo")
"""Losses that divide by the rows they are given; others divide by the tokens of the generation batch."""
_SEEN = (*image_rows.FIELDS, "token_type_ids", "mm_token_type_ids")
"""What a forward needs beside the tokens, by TRL's names."""


class FerGrpoTrainer(ResumesWholeModels, GRPOTrainer):
    """TRL's trainer; rank 0 writes every rollout to `rollout_log`.

    `probe_limit` is the mean |log-probability difference| that training accepts. `curriculum` draws the rows
    (None: TRL's sampler does); of each group the `trained` completions with the largest |advantage| are
    trained on (None: all).
    """

    _last_loaded_step: int

    def __init__(
        self,
        *args: Any,
        family: Family,
        rollout_log: RolloutLog,
        probe_limit: float,
        curriculum: Curriculum | None = None,
        trained: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.family, self.curriculum, self.trained = family, curriculum, trained
        super().__init__(*args, **kwargs)
        self.rollout_log, self.probe_limit = rollout_log, probe_limit
        share_pixels(self.processing_class.image_processor)
        banned = placeholder_ids(family, self.processing_class.tokenizer)
        score_labelled_tokens()
        self._probed = not self.use_vllm
        self._scored: torch.Tensor | None = None
        self._seconds: dict[str, float] = {}
        self._sharing: list[SharedPrompts] = []
        self._heads: list[Any] = []
        for model in (self.model, self.ref_model):
            if model is not None:
                bare = self.accelerator.unwrap_model(model)
                bare = bare.get_base_model() if isinstance(bare, PeftModel) else bare
                self._heads.append(ban(bare, banned))
                share_images(bare, family)
                if not self.args.gradient_checkpointing and not is_deepspeed_zero3_enabled():
                    self._sharing.append(SharedPrompts(bare, family))

    def tokenize(self, messages: Any) -> tuple[list[list[int]], Any]:
        """Token ids of each conversation in `messages`, and what a forward needs of their images."""
        ids, _, seen = self._tokenize_prompts(messages)
        return ids, seen

    def synced_sampler(self) -> Any:
        """vLLM with this step's weights, which the next sampling then finds there."""
        if self.state.global_step != self._last_loaded_step:
            self.vllm_generation.sync_weights()
            self._last_loaded_step = self.state.global_step
        return self.vllm_generation

    def score_tokens(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Log-probabilities of the last tokens of each row, as TRL computes them: (rows, tokens)."""
        scores: torch.Tensor = self._get_per_token_logps_and_entropies(*args, **kwargs)[0]
        return scores

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        started = time.perf_counter()
        self._seconds = dict.fromkeys(("sync", "generate", "rewards"), 0.0)
        output = super()._generate_and_score_completions(inputs)
        if not self._probed:
            probe.check(self, inputs, output)
            self._probed = True
        if self.model.training:
            self._choose_teaching(inputs, output)
        self._note_seconds(time.perf_counter() - started)
        self._note_equal_groups(len(inputs) * self.accelerator.num_processes)
        self._log_rollouts(inputs, output)
        return output

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        before = self.vllm_generation.sync_seconds if self.use_vllm else 0.0
        started = time.perf_counter()
        self._prompts = args[:2]
        turn = super()._generate_single_turn(*args, **kwargs)
        # TRL synchronises inside.
        synced = self.vllm_generation.sync_seconds - before if self.use_vllm else 0.0
        self._seconds["sync"] += synced
        self._seconds["generate"] += time.perf_counter() - started - synced
        return turn

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, ids: Any) -> Any:
        started = time.perf_counter()
        if "faithful" in self.reward_func_names:
            tokenizer = self.processing_class.tokenizer
            inputs = continuing.continued_rows(
                self.vllm_generation, tokenizer, self._prompts, inputs, completions
            )
        rewards = super()._calculate_rewards(inputs, prompts, completions, ids)
        self._seconds["rewards"] += time.perf_counter() - started
        return rewards

    @property
    def _own_metrics(self) -> Any:
        """TRL's figures of this step: name -> values, logged as their mean."""
        return self._metrics["train" if self.model.training else "eval"]

    def _note_seconds(self, whole: float) -> None:
        """Log where a window's time went; what remains of `step_time` is the optimizer's, `time/train`."""
        metrics = self._own_metrics
        for phase, seconds in self._seconds.items():
            metrics[f"time/{phase}"].append(seconds)
        metrics["time/score"].append(whole - sum(self._seconds.values()))

    def _note_equal_groups(self, completions: int) -> None:
        """Log the share of groups whose completions all earn the same.

        TRL looks at the batch's spread instead where it scales by that.
        """
        if self.model.training:
            values = [list(column)[-completions:] for column in self._logs["rewards"].values()]
            equal = down_sampling.equal_share(
                torch.tensor(values), self.reward_weights.cpu(), self.num_generations
            )
            self._metrics["train"]["frac_reward_zero_std"][-1] = equal

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        return self.curriculum or super()._get_train_sampler(dataset)

    def _choose_teaching(self, inputs: Any, output: Any) -> None:
        """Tell the curriculum what was right; zero the advantage of completions that are not trained on."""
        count = len(inputs) * self.accelerator.num_processes
        if self.curriculum is not None:
            right = [value == 1.0 for value in list(self._logs["rewards"]["accuracy"])[-count:]]
            self.curriculum.note(gather_object([row["label"] for row in inputs]), right)
        if self.trained is not None:
            every = torch.tensor(list(self._logs["advantages"])[-count:])
            strongest = down_sampling.strongest(every, self.num_generations, self.trained)
            first = self.accelerator.process_index * len(inputs)
            output["advantages"] = output["advantages"] * (strongest[first : first + len(inputs)] != 0).to(
                output["advantages"]
            )

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        super()._save_checkpoint(*args, **kwargs)
        if self.curriculum is not None and self.accelerator.is_main_process:
            self.curriculum.save(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int, *args: Any, **kwargs: Any
    ) -> Any:
        if is_deepspeed_zero3_enabled():
            from deepspeed.runtime.zero.partition_parameters import ZeroParamStatus

            # TRL gathers weight and bias of the head, and the ban is whole on every rank.
            for head in self._heads:
                head.bias.ds_status = ZeroParamStatus.AVAILABLE
        if model is self.ref_model and self._defers_reference:
            return input_ids.new_zeros((len(input_ids), logits_to_keep), dtype=torch.float32), None, None
        return self._scored_by(model, input_ids, attention_mask, logits_to_keep, *args, **kwargs)

    def _scored_by(
        self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int, *args: Any, **kwargs: Any
    ) -> Any:
        one_each = set(kwargs.get("num_images") or ()) == {1}
        for shared in self._sharing:
            shared.length = input_ids.size(1) - logits_to_keep if one_each else None
        try:
            scored = super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *args, **kwargs
            )
        finally:
            for shared in self._sharing:
                shared.length = None
        self._scored = scored[0].detach()
        return scored

    @property
    def _defers_reference(self) -> bool:
        """Whether the reference scores when the loss is computed.

        So it scores only what is trained on, where TRL would score every completion.
        """
        return self.trained is not None and self.ref_model is not None and self.num_iterations == 1

    def _of_reference(self, inputs: Any) -> torch.Tensor:
        """The reference's log-probabilities of the completions in `inputs`, (rows, completion tokens)."""
        ids, mask = (
            torch.cat([inputs[f"prompt_{name}"], inputs[f"completion_{name}"]], dim=1)
            for name in ("ids", "mask")
        )
        seen = {name: inputs.get(name) for name in _SEEN}
        with torch.no_grad():
            return self._scored_by(self.ref_model, ids, mask, inputs["completion_ids"].size(1), **seen)[
                0
            ].detach()

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        share = 1.0
        if self._skips_idle:
            counts = self.accelerator.gather((inputs["advantages"] != 0).sum().reshape(1))
            inputs, share = down_sampling.teaching(inputs, least=max(1, int(counts.max())))
        if self._defers_reference:
            inputs = {**inputs, "ref_per_token_logps": self._of_reference(inputs)}
        loss = super()._compute_loss(model, inputs)
        if self.loss_type in _MEAN_OVER_ROWS:
            loss = loss * share
        metrics = self._own_metrics
        metrics["trained_share"].append(share)
        sampled = inputs.get("sampling_per_token_logps")
        if sampled is not None and not self.vllm_importance_sampling_correction and self._on_policy():
            # TRL measures the difference only where it corrects for it, at the price of another forward.
            mean, most = probe.difference(self._scored, sampled, inputs["completion_mask"])
            metrics[f"{DIFFERENCE}/mean"].append(self.accelerator.gather(mean).mean().item())
            metrics[f"{DIFFERENCE}/max"].append(self.accelerator.gather(most).max().item())
        return loss

    @property
    def _skips_idle(self) -> bool:
        """Whether completions without advantage are left out.

        Nothing but a KL term, which then speaks of the others, would feel them.
        """
        whole = self.beta != 0.0 and self.trained is None
        return (
            not whole
            and not self._entropy_bonus_enabled
            and self.loss_type != "bnpo"
            and self.top_entropy_quantile == 1.0
        )

    def _on_policy(self) -> bool:
        """Whether the weights are still those that sampled the batch in hand."""
        return bool(
            self.num_iterations == 1
            and self.args.steps_per_generation <= self.current_gradient_accumulation_steps
        )

    def _log_rollouts(self, inputs: Any, output: Any) -> None:
        tokens = output["completion_mask"].sum(dim=1).tolist()
        ends = {*self.eos_token_ids, self.processing_class.tokenizer.pad_token_id}
        last = [
            int(ids[max(0, count - 1)]) for ids, count in zip(output["completion_ids"], tokens, strict=True)
        ]
        own = [
            {
                "key": row["key"],
                "image_path": row["image_path"],
                "prompt_id": prompt_id(row["problem"]),
                "tokens": int(count)
                or self.max_completion_length,  # a reply that was cut may be masked whole
                "clipped": not count or token not in ends,
            }
            for row, count, token in zip(inputs, tokens, last, strict=True)
        ]
        rows: list[Json] = gather_object(own)
        if not self.accelerator.is_main_process or not self.model.training:
            return
        rewards = {name: list(values)[-len(rows) :] for name, values in self._logs["rewards"].items()}
        replies, advantages = (list(self._logs[name])[-len(rows) :] for name in ("completion", "advantages"))
        chosen = WeightedRewards(tuple(rewards), tuple(self.reward_weights.tolist()))
        for index, row in enumerate(rows):
            scores = {
                name: None if values[index] != values[index] else values[index]
                for name, values in rewards.items()
            }
            reply = replies[index][0]["content"]
            row.update(
                completion=reply,
                rewards=scores,
                reward=total(chosen, list(scores.values())),
                advantage=advantages[index],
            )
        self.rollout_log.append(self.state.global_step + 1, rows)
