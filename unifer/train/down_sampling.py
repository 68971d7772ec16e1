"""Which completions of a group are trained on: all are sampled and paid, the strongest are learnt from.

A completion whose advantage is 0 adds nothing to the gradient of the policy's loss, so leaving it out of
forward and backward changes nothing but the time (`teaching`). Of the others, those with the largest
|advantage| carry most of what a group says: training on `count` of `n` costs count / n of the time and learns
nearly as much per step (rollout down-sampling, arXiv 2504.13818). A KL term, where there is one, is then that
of the completions that stay, divided by the tokens of all: beta counts for count / n of what it is.

Knows tensors of a batch as TRL makes them; no model, no reward.
"""

from __future__ import annotations

from typing import Any

import torch

from unifer.train import image_rows

_PER_ROW = (
    "prompt_ids",
    "prompt_mask",
    "completion_ids",
    "completion_mask",
    "advantages",
    "old_per_token_logps",
    "ref_per_token_logps",
    "sampling_per_token_logps",
    "importance_sampling_ratio",
    "token_type_ids",
    "mm_token_type_ids",
    "tool_mask",
)


def strongest(advantages: torch.Tensor, group: int, count: int) -> torch.Tensor:
    """`advantages` with all but the `count` largest of each group by |value| set to 0.

    They are those of whole groups, in order. Equal ones are kept in their order, so every rank that sees the
    same advantages keeps the same completions.
    """
    grouped = advantages.view(-1, group)
    order = grouped.abs().argsort(dim=1, descending=True, stable=True)
    return grouped.scatter(1, order[:, count:], 0.0).view(-1)


def equal_share(rewards: torch.Tensor, weights: torch.Tensor, group: int) -> float:
    """The share of groups whose completions all earn the same; NaN: no reward.

    `rewards` is (rewards, completions), `weights` (rewards,).
    """
    totals = (rewards * weights.unsqueeze(1)).nansum(dim=0).view(-1, group)
    return float(((totals - totals[:, :1]).abs().amax(dim=1) < 1e-6).float().mean())


def teaching(inputs: dict[str, Any], least: int = 1) -> tuple[dict[str, Any], float]:
    """(the rows of a batch whose advantage is not 0, their share of its rows).

    Idle rows fill up to `least` rows. Ranks must keep equally many: they run their sharded model in step, and
    TRL gathers figures of every row. `inputs` holds one image per row, or none. The batch is returned as it
    is where every row is kept.
    """
    idle = inputs["advantages"] == 0
    rows = len(idle)
    count = max(int((~idle).sum()), least)
    if count >= rows:
        return inputs, 1.0
    chosen = (
        idle.long().argsort(stable=True)[:count].sort().values
    )  # those that teach first, each in its order
    taken = dict(inputs)
    for name in _PER_ROW:
        if inputs.get(name) is not None:
            taken[name] = inputs[name][chosen]
    # What no remaining completion reaches is padding.
    width = int(taken["completion_mask"].sum(dim=1).max().clamp(min=1))
    for name in (
        "completion_ids",
        "completion_mask",
        "old_per_token_logps",
        "ref_per_token_logps",
        "sampling_per_token_logps",
    ):
        if taken.get(name) is not None:
            taken[name] = taken[name][:, :width]
    _cut_kinds(taken, inputs, width)
    places = chosen.tolist()
    return taken | image_rows.chosen(inputs, places), len(chosen) / rows


def _cut_kinds(taken: dict[str, Any], inputs: dict[str, Any], width: int) -> None:
    """Cut token kinds and importance ratios to `width` tokens of completion.

    Kinds cover prompt and completion, and a ratio may be one per row.
    """
    whole = inputs["completion_ids"].size(1)
    for name in ("token_type_ids", "mm_token_type_ids"):
        if taken.get(name) is not None:
            taken[name] = taken[name][:, : taken[name].size(1) - whole + width]
    ratio = taken.get("importance_sampling_ratio")
    if ratio is not None and ratio.dim() == 2 and ratio.size(1) == whole:
        taken["importance_sampling_ratio"] = ratio[:, :width]
