"""Random checkpoints of the published shapes, and drawn faces with replies as long as real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unifer import files
from unifer.train.doctor.shapes import KNOWN

PIXELS = 224


def build_checkpoint(folder: Path, hub_id: str | None, device: str) -> None:
    """A random checkpoint of the shape of `hub_id` that takes UniFER-Tiny's tokens and 224 x 224 pixels.

    None is UniFER-Tiny.
    """
    import torch
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

    from unifer.models import tiny

    if hub_id is None:
        tiny.build(folder)
        return
    tiny.build(folder / "tiny")
    processor: Any = Qwen2_5_VLProcessor.from_pretrained(folder / "tiny")
    processor.image_processor.size = {"shortest_edge": 28**2, "longest_edge": PIXELS**2}
    own = files.read_json(folder / "tiny" / "config.json")
    known = KNOWN[hub_id]
    tokens = {
        name: own[name]
        for name in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    }
    rope = {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6}
    ends = {name: own["text_config"][name] for name in ("eos_token_id", "pad_token_id")}
    text = {
        **known["text_config"],
        **ends,
        "rope_parameters": rope,
        "tie_word_embeddings": known["tie_word_embeddings"],
    }
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=known["vision_config"],
        tie_word_embeddings=known["tie_word_embeddings"],
        **tokens,
    )
    with torch.device(device):
        torch.set_default_dtype(torch.bfloat16)
        model: Any = Qwen2_5_VLForConditionalGeneration(config)
        torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def draw_rows(folder: Path, count: int, words: int) -> Path:
    """Drawn faces by `unifer data faces`, their reasoning repeated to about `words` words."""
    from unifer.cli import main as unifer

    if unifer(["data", "faces", "--out", str(folder), "--count", str(count), "--workers", "1"]):
        raise SystemExit("drawing faces failed")
    rows = files.read_json(folder / "cot.json")
    for row in rows:
        think, answer = row["response"].split("</think>")
        reasoning = think.removeprefix("<think>")
        times = max(1, words // max(1, len(reasoning.split())))
        row["response"] = f"<think>{' '.join([reasoning.strip()] * times)}</think>{answer}"
    files.write_rows(folder / "long.json", rows)
    return folder / "long.json"
