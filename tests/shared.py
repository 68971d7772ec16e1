"""What is made once for all tests of a run, by whichever process needs it first."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BASE = ROOT / "train_unifer/checkpoints/UniFER-Tiny-Base"


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name`, filled by `make` unless another process of this run filled it before or fills it
    now.
    """
    base = factory.getbasetemp()
    # Under xdist each process has a folder of its own in the run's.
    folder = (base.parent if base.name.startswith("popen-") else base) / f"shared-{name}"
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".made").exists():
            make(folder)
            (folder / ".made").touch()
    return folder


def unifer(*argv: str) -> str:
    """Run a command as a user does; what it printed."""
    done = subprocess.run([sys.executable, "-m", "unifer", *argv], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def train_a_little(rows: Path, out: Path) -> None:
    """Eighty steps from the committed base, by the command: enough to teach the form of a reply."""
    short = [
        "--max_steps",
        "80",
        "--per_device_train_batch_size",
        "12",
        "--learning_rate",
        "2e-3",
        "--warmup_steps",
        "10",
    ]
    start = [
        "--rows",
        str(rows),
        "--model_name_or_path",
        str(BASE),
        "--output_dir",
        str(out),
        "--report_to",
        "none",
    ]
    config = str(ROOT / "train_unifer/configs/sft_tiny.yaml")
    unifer("sft", "--config", config, *start, *short, "--lr_scheduler_type", "constant_with_warmup")


@contextlib.contextmanager
def serving(log: Path) -> Iterator[str]:
    """The address of the project's own server script on CPU with the committed base; up in about half a
    minute.
    """
    import httpx

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    script = ROOT / "train_unifer" / "src" / "scripts" / "run_vllm_server.sh"
    flags = [
        "--model",
        str(BASE),
        "--port",
        url.rpartition(":")[2],
        "--max-model-len",
        "1024",
        "--enforce-eager",
    ]
    with log.open("wb") as stream:
        settings = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1"}
        process = subprocess.Popen(["bash", str(script), *flags], env=settings, stdout=stream, stderr=stream)
    try:
        while True:
            assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-3000:]
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/health", timeout=5).is_success:
                    break
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)
