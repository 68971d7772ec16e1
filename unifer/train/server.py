"""The vLLM server of `--rollouts server`: whether this run can sample from it, before any weight is loaded.

Knows vLLM's endpoints and what TRL 1.16 wants of them (trl/generation/vllm_client.py). Nothing here changes
the server. Which weights it holds does not matter, the first sync replaces them; what they are weights of
does.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from unifer import files
from unifer.dialogue.images import PATCH, ImageRule
from unifer.errors import InputError
from unifer.models.checkpoints import names_of
from unifer.models.families import described, family_of, token_id, unit_of
from unifer.models.image_limits import image_tokens
from unifer.train.doctor.packages import installed

_QUICK, _SLOW = 10.0, 120.0
"""Seconds to wait for an answer; /server_info describes the whole machine when it is first asked."""

_SCRIPT = "bash train_unifer/src/scripts/run_vllm_server.sh"

_TEXT_FACTS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
    "vocab_size",
    "eos_token_id",
)
_VISION_FACTS = ("depth", "hidden_size", "patch_size", "spatial_merge_size")


def check_server(url: str, checkpoint: Path, dtype: str, context: int) -> None:
    """Ask the server at `url` whether it can sample for a run of `checkpoint` in `dtype`.

    `context` are the tokens of a prompt and its completion. Raises InputError, with the command that starts
    the right one: no server there, another vLLM version than the one installed here, a model of another
    shape, tokens or image limits, another dtype, too short a context, or one without the endpoints and
    settings that weight sync, log-probabilities and images need.
    """
    url = url.rstrip("/")
    start = f"{_SCRIPT} --model {checkpoint} --dtype {dtype} --max-model-len {context}"
    try:
        with httpx.Client(base_url=url, timeout=_QUICK) as client:
            faults = list(_faults(client, checkpoint, dtype, context))
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise InputError(
            f"--vllm_server_base_url {url}: {error}; a URL such as http://first-node:8000 is expected"
        ) from None
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise InputError(
            f"{url}: no vLLM server answers ({reason}); start one on GPUs of its own, wait until it is "
            f"up: {start}"
        ) from None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise InputError(
            f"{url}: what answers there is no vLLM server; start one on GPUs of its own: {start}"
        ) from None
    if faults:
        raise InputError(
            f"{url}: this run cannot sample from that vLLM server: {'; '.join(faults)}. Start it again: "
            f"{start}"
        )


def _faults(client: httpx.Client, checkpoint: Path, dtype: str, context: int) -> Iterator[str]:
    """What keeps the run from sampling there, one phrase each.

    After the first that makes all others doubtful, nothing more.
    """
    client.get("/health").raise_for_status()
    theirs, ours = str(client.get("/version").raise_for_status().json()["version"]), _installed()
    if _release(theirs) != _release(ours):
        yield (
            f"it is vLLM {theirs}, {ours} is installed here, and they speak other protocols; install the "
            "same from requirements.txt there"
        )
        return
    model = client.get("/v1/models").raise_for_status().json()["data"][0]["id"]
    answer = client.get("/server_info", params={"config_format": "json"}, timeout=_SLOW)
    if answer.status_code == httpx.codes.NOT_FOUND:
        yield "it does not offer the endpoints that take new weights (VLLM_SERVER_DEV_MODE=1)"
        return
    if answer.is_error:
        yield (
            f"it cannot say how it is set (HTTP {answer.status_code} of /server_info): where Python has "
            "no pip, uv must be on its PATH"
        )
        return
    info = answer.json()["vllm_config"]
    wrong_model = list(_model_faults(info["model_config"]["model"], checkpoint))
    yield from wrong_model
    yield from _setting_faults(info, dtype, context)
    yield from _image_faults(client, model, None if wrong_model else checkpoint, context)


def _installed() -> str:
    _, version = installed("vllm")
    if version is None:
        raise InputError(
            "--rollouts server needs vLLM here too, as its client: pip install -r requirements.txt, or "
            "--rollouts none"
        )
    return version


def _release(version: str) -> str:
    """`0.31.0+cu130` -> `0.31.0`: builds for other devices speak the same protocol."""
    return version.removeprefix("v").split("+")[0]


def _model_faults(served: str, checkpoint: Path) -> Iterator[str]:
    """Compare the models by content where the served path is seen from here, else by name.

    vLLM 0.31 tells the path of its model, not its config.json.
    """
    if (Path(served) / "config.json").is_file():
        ours, theirs = (
            facts(files.read_json(folder / "config.json")) for folder in (checkpoint, Path(served))
        )
        differing = [
            f"{fact} {theirs.get(fact)} instead of {ours[fact]}"
            for fact in ours
            if ours[fact] != theirs.get(fact)
        ]
        if differing:
            yield f"it serves another model, {served} ({', '.join(differing[:3])})"
    elif Path(served).name not in names_of(checkpoint):
        yield f"it serves another model, {served}; a copy of {checkpoint} elsewhere must keep its folder name"


def facts(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a config.json makes weights and tokens interchangeable.

    The text model's part is nested or (before transformers 5) not.
    """
    text, vision = config.get("text_config") or config, config.get("vision_config") or {}
    shape = {"model_type": config.get("model_type"), **{fact: text.get(fact) for fact in _TEXT_FACTS}}
    shape |= {f"vision {fact}": vision.get(fact) for fact in _VISION_FACTS}
    return {fact: value for fact, value in shape.items() if value is not None}


def _setting_faults(info: Mapping[str, Any], dtype: str, context: int) -> Iterator[str]:
    served = info["model_config"]
    theirs = str(served["dtype"]).removeprefix("torch.")
    if theirs != dtype:
        yield f"it computes in {theirs}, the run in {dtype}"
    if served["max_model_len"] < context:
        yield f"its context holds {served['max_model_len']} tokens, prompt and completion need {context}"
    if served["logprobs_mode"] != "processed_logprobs":
        yield (
            f"it reports {served['logprobs_mode']}, before temperature and bans (--logprobs-mode "
            "processed_logprobs)"
        )
    if (info.get("weight_transfer_config") or {}).get("backend") != "nccl":
        yield """it takes no weights by NCCL (--weight-transfer-config '{"backend": "nccl"}')"""
    if str(info["device_config"]["device"]).startswith("cpu"):
        yield (
            "it runs on a CPU, and NCCL carries weights between GPUs only (without a GPU: --rollouts "
            "colocate)"
        )


def _image_faults(client: httpx.Client, model: str, checkpoint: Path | None, context: int) -> Iterator[str]:
    """Compare the tokens that images of several sizes make there with those of `checkpoint`'s processor."""
    counts = {}
    unit = unit_of(checkpoint, PATCH)
    for side in dict.fromkeys((unit, 224, unit * max(1, math.isqrt(context // 2)))):
        answer = client.post("/v1/chat/completions/render", json=_image_request(model, side), timeout=_SLOW)
        if answer.status_code == httpx.codes.NOT_FOUND:
            yield "it does not offer the endpoints that take images and tokens apart (--enable-scale-out)"
            return
        if answer.is_error:
            yield f"it refuses an image of {side}x{side} pixels ({' '.join(answer.text.split())[:200]})"
            return
        place = answer.json()["features"]["mm_placeholders"]["image"][0]
        counts[side] = place["length"]
        theirs = answer.json()["token_ids"][place["offset"]]
    if checkpoint is None:
        return
    token = _first_token(checkpoint)
    if theirs != token:
        yield f"its image token is {theirs}, the checkpoint's {token}: it has another tokenizer"
        return
    ours = _image_tokens(checkpoint, list(counts))
    for side, count in counts.items():
        if count != ours[side]:
            yield (
                f"its processor makes {count} tokens of an image of {side}x{side} pixels, the "
                f"checkpoint's makes {ours[side]}: give both the same processor files"
            )
            return


def _image_request(model: str, side: int) -> dict[str, Any]:
    png = io.BytesIO()
    Image.new("RGB", (side, side), "gray").save(png, format="PNG")
    url = f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}]
    return {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": 1}


def _first_token(checkpoint: Path) -> int:
    """The token that an image begins with: its placeholder, or what the family puts before it."""
    from unifer.models.loading import load_processor

    family = described(checkpoint)
    if family is None or family.enclosed is None:
        return int(files.read_json(checkpoint / "config.json")["image_token_id"])
    return token_id(load_processor(checkpoint).tokenizer, family.enclosed[0])


def _image_tokens(checkpoint: Path, sides: list[int]) -> dict[int, int]:
    """Side in pixels -> image tokens that the checkpoint's own processor makes of a square of it."""
    from unifer.models.loading import load_processor

    family, processor = family_of(checkpoint), load_processor(checkpoint)
    return {side: image_tokens(processor, ImageRule(side, family.unit), family) for side in sides}
