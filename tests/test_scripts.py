"""The shell scripts, run with doubles of Python and uv that only say how they were called."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ECHO = '#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n'
FAKE_UV = """#!/usr/bin/env bash
echo "$*" >>"$CALLS"
if [ "$1" = venv ]; then
    mkdir -p .venv/bin
    printf '#!/usr/bin/env bash\\n' >.venv/bin/python
    chmod +x .venv/bin/python
fi
"""


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the scripts and lists, in a folder whose name needs quoting."""
    copy = tmp_path / "a checkout"
    for name in ("scripts", "requirements", "train_unifer/src"):
        shutil.copytree(ROOT / name, copy / name)
    shutil.copy(ROOT / "pyproject.toml", copy)
    executable(tmp_path / "bin" / "uv", FAKE_UV)
    return copy


def bash(script: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script from another folder, with `bin/` beside its checkout first on PATH and without this session's own settings."""
    checkout = next(parent for parent in script.parents if parent.name == "a checkout")
    settings = {
        "PATH": f"{checkout.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CALLS": str(checkout / "calls"),
        "HOME": "/nonexistent",
    }
    return subprocess.run(["bash", str(script), *arguments], cwd=checkout.parent, env=settings | variables, capture_output=True, text=True)


def calls(checkout: Path) -> list[str]:
    log = checkout / "calls"
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def setup(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return bash(checkout / "scripts" / "setup.sh", *arguments, **({"PYTHON": sys.executable, "UNIFER_EXTRA": "cpu"} | variables))


def test_setup_installs_what_the_lists_pin_and_only_once(checkout: Path) -> None:
    assert setup(checkout).returncode == 0
    made, stack, own = calls(checkout)
    assert made.startswith("venv ")
    assert "--require-hashes" in stack
    assert "requirements/cpu.txt" in stack
    assert "dev.txt" not in stack
    assert "--editable ." in own
    assert setup(checkout).returncode == 0
    assert len(calls(checkout)) == 3, "a second run installed again"


def test_setup_installs_again_when_a_list_changed(checkout: Path) -> None:
    setup(checkout)
    with (checkout / "requirements" / "cpu.txt").open("a", encoding="utf-8") as lock:
        lock.write("# renewed\n")
    setup(checkout)
    assert [call.split()[0] for call in calls(checkout)] == ["venv", "pip", "pip", "pip", "pip"]


def test_setup_that_failed_is_not_taken_for_done(checkout: Path) -> None:
    executable(checkout.parent / "bin" / "uv", FAKE_UV + '[ "$1" = venv ]\n')
    assert setup(checkout).returncode != 0
    executable(checkout.parent / "bin" / "uv", FAKE_UV)
    assert setup(checkout).returncode == 0
    assert "--editable ." in calls(checkout)[-1]


def test_development_tools_come_on_top(checkout: Path) -> None:
    setup(checkout, "--dev")
    assert "requirements/dev.txt" in calls(checkout)[1]


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        ((), {"UNIFER_EXTRA": "tpu"}, "UNIFER_EXTRA is 'tpu'; allowed are cpu and gpu"),
        (("--prod",), {}, "unknown argument '--prod'; allowed is --dev"),
        ((), {"PYTHON": "python2.7-nowhere"}, "Python 3.11 or newer is needed"),
    ],
)
def test_setup_says_what_it_cannot_do(checkout: Path, arguments: tuple[str, ...], variables: dict[str, str], message: str) -> None:
    outcome = setup(checkout, *arguments, **variables)
    assert outcome.returncode == 2
    assert message in outcome.stderr
    assert calls(checkout) == []


def test_the_launcher_works_from_any_folder_and_passes_flags_on(checkout: Path) -> None:
    executable(checkout / ".venv" / "bin" / "python", ECHO)
    launcher = checkout / "train_unifer" / "src" / "scripts" / "run_sft_fer.sh"
    told = bash(launcher, "--learning_rate", "1e-5", "--run_name", "two words", NPROC="2").stdout.splitlines()
    assert told[told.index("--nproc_per_node") + 1] == "2"
    assert "--standalone" in told
    config = Path(told[told.index("--config") + 1])
    assert config.resolve() == checkout / "train_unifer" / "configs" / "sft_7b.yaml"
    assert told[-4:] == ["--learning_rate", "1e-5", "--run_name", "two words"]


def test_the_launcher_joins_the_machines_it_is_told_of(checkout: Path) -> None:
    executable(checkout / ".venv" / "bin" / "python", ECHO)
    launcher = checkout / "train_unifer" / "src" / "scripts" / "run_sft_fer.sh"
    told = " ".join(bash(launcher, NNODES="2", NODE_RANK="1", MASTER_ADDR="10.0.0.1", NPROC="8").stdout.split())
    assert "--nnodes 2 --node_rank 1 --master_addr 10.0.0.1 --master_port 29500" in told
    assert "--standalone" not in told
