"""The Gradio app of a hub Space, in an environment of its own, asked by its own client over a real server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.serving.doubles import address, photo
from tests.shared import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.matrix]

CLIENT = """\
import sys
from gradio_client import Client, handle_file
client = Client(sys.argv[1], verbose=False)
picture, label, words, rows = client.predict(handle_file(sys.argv[2]), 1, api_name="/read")
print(label["label"], rows[0]["label"], [unit["number"] for unit in rows[0]["action_units"]])
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with Gradio alone, which wants another Pillow than ours; skipped where it cannot be had."""
    folder = tmp_path_factory.mktemp("space")
    wanted = next(
        line
        for line in (ROOT / "apps/space/requirements.txt").read_text().splitlines()
        if "gradio" in line[:6]
    )
    uv = shutil.which("uv") or str(ROOT / ".uv/bin/uv")
    try:
        subprocess.run([uv, "venv", "-q", folder / "env", "--python", sys.executable], check=True, timeout=60)
        python = folder / "env/bin/python"
        subprocess.run([uv, "pip", "install", "-q", "--python", python, wanted], check=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"Gradio cannot be installed here: {error}")
    return python


@pytest.fixture
def app(environment: Path, tmp_path: Path) -> Iterator[str]:
    """The app, put together as its README says, over a server of the project."""
    shutil.copytree(ROOT / "apps/space", tmp_path / "space")
    shutil.copytree(ROOT / "unifer", tmp_path / "space/unifer", ignore=shutil.ignore_patterns("__pycache__"))
    with socket.socket() as free, address() as server:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        settings = {
            "UNIFER_URL": server,
            "GRADIO_SERVER_PORT": str(port),
            "GRADIO_ANALYTICS_ENABLED": "False",
        }
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        process = subprocess.Popen(
            [environment, "app.py"],
            cwd=tmp_path / "space",
            env=inherited | settings | {"HF_HUB_OFFLINE": "1"},
        )
        try:
            yield _ready(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()
            process.wait(20)


def _ready(url: str, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + 90
    while time.monotonic() < until and process.poll() is None:
        try:
            urlopen(url, timeout=2).close()
        except (URLError, OSError):
            time.sleep(0.3)  # asked again until it answers or ends
        else:
            return url
    raise AssertionError(f"the app did not start; exit status {process.poll()}")


def test_its_client_gets_the_servers_reading(app: str, environment: Path, tmp_path: Path) -> None:
    picture = tmp_path / "face.png"
    picture.write_bytes(photo(128))
    asked = subprocess.run(
        [environment, "-c", CLIENT, app, picture], capture_output=True, text=True, timeout=120, check=False
    )
    assert asked.returncode == 0, asked.stderr[-2000:]
    assert asked.stdout.split() == ["happiness", "happiness", "[6,", "12,", "25]"]
