"""The parts of published config.json files that decide a model's size, for machines without the model."""

from __future__ import annotations

from collections.abc import Mapping

from unifer.records import Json


def _text(
    hidden: int, intermediate: int, layers: int, heads: int, kv_heads: int, vocabulary: int, head: int = 0
) -> Json:
    own = {"head_dim": head} if head else {}
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary,
        **own,
    }


_PATCHES = {"in_channels": 3, "spatial_merge_size": 2, "temporal_patch_size": 2}
_VISION_2: Json = {
    "depth": 32,
    "embed_dim": 1280,
    "mlp_ratio": 4,
    "num_heads": 16,
    "patch_size": 14,
    **_PATCHES,
}
_VISION_2_5: Json = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "patch_size": 14,
    "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31],
    **_PATCHES,
}
_VISION_3: Json = {"num_heads": 16, "patch_size": 16, "num_position_embeddings": 2304, **_PATCHES}
_VISION_3_SMALL = {
    **_VISION_3,
    "depth": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "deepstack_visual_indexes": [5, 11, 17],
}
_VISION_3_LARGE = {
    **_VISION_3,
    "depth": 27,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "deepstack_visual_indexes": [8, 16, 24],
}
_INTERN_VIT: Json = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "num_channels": 3,
    "image_size": [448, 448],
    "patch_size": [14, 14],
    "attention_bias": True,
}


def _model(kind: str, tied: bool, text: Json, vision: Json, **own: object) -> Json:
    return {
        "model_type": kind,
        "tie_word_embeddings": tied,
        "text_config": text,
        "vision_config": vision,
        **own,
    }


KNOWN: Mapping[str, Json] = {
    "Qwen/Qwen2-VL-2B-Instruct": _model(
        "qwen2_vl", True, _text(1536, 8960, 28, 12, 2, 151936), {**_VISION_2, "hidden_size": 1536}
    ),
    "Qwen/Qwen2-VL-7B-Instruct": _model(
        "qwen2_vl", False, _text(3584, 18944, 28, 28, 4, 152064), {**_VISION_2, "hidden_size": 3584}
    ),
    "Qwen/Qwen2.5-VL-3B-Instruct": _model(
        "qwen2_5_vl", True, _text(2048, 11008, 36, 16, 2, 151936), {**_VISION_2_5, "out_hidden_size": 2048}
    ),
    "Qwen/Qwen2.5-VL-7B-Instruct": _model(
        "qwen2_5_vl", False, _text(3584, 18944, 28, 28, 4, 152064), {**_VISION_2_5, "out_hidden_size": 3584}
    ),
    "Qwen/Qwen2.5-VL-72B-Instruct": _model(
        "qwen2_5_vl",
        False,
        _text(8192, 29568, 80, 64, 8, 152064),
        {**_VISION_2_5, "intermediate_size": 3456, "out_hidden_size": 8192},
    ),
    "Qwen/Qwen3-VL-4B-Instruct": _model(
        "qwen3_vl",
        True,
        _text(2560, 9728, 36, 32, 8, 151936, head=128),
        {**_VISION_3_SMALL, "out_hidden_size": 2560},
    ),
    "Qwen/Qwen3-VL-8B-Instruct": _model(
        "qwen3_vl",
        False,
        _text(4096, 12288, 36, 32, 8, 151936, head=128),
        {**_VISION_3_LARGE, "out_hidden_size": 4096},
    ),
    "OpenGVLab/InternVL3-8B-hf": _model(
        "internvl",
        False,
        _text(3584, 18944, 28, 28, 4, 151674),
        _INTERN_VIT,
        downsample_ratio=0.5,
        image_seq_length=256,
    ),
}
"""Hub id -> config. `tests/train/test_family_shapes.py` holds the counts to modules built from it."""
