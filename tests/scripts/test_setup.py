"""`scripts/setup.sh`: what it installs, when it does so again, and what it says of a machine that cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts.doubles import FAKE_UV, ROOT, bash, executable


def calls(checkout: Path) -> list[str]:
    log = checkout / "calls"
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def setup(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return bash(
        checkout / "scripts" / "setup.sh",
        *arguments,
        **({"PYTHON": sys.executable, "UNIFER_EXTRA": "cpu"} | variables),
    )


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
def test_setup_says_what_it_cannot_do(
    checkout: Path, arguments: tuple[str, ...], variables: dict[str, str], message: str
) -> None:
    outcome = setup(checkout, *arguments, **variables)
    assert outcome.returncode == 2
    assert message in outcome.stderr
    assert calls(checkout) == []


FAKE_DF = """#!/usr/bin/env bash
printf 'Filesystem 1024-blocks Used Available Capacity Mounted\\n/dev/x 9000000 1 %s 99%% /\\n' "$FREE_KB"
"""
OLD_PIP = """#!/usr/bin/env bash
case "$*" in *pip*) echo "pip 9.0.3 from /old (python 3.11)" ;; *executable*) echo "$0" ;; esac
"""


def failing_uv(checkout: Path, said: str) -> None:
    """A uv that makes environments, and fails to install, saying so."""
    executable(
        checkout.parent / "bin" / "uv", FAKE_UV + f"[ \"$1\" = venv ] || {{ echo '{said}' >&2; exit 2; }}\n"
    )


def test_a_disk_too_small_for_the_packages_is_said_before_anything_is_fetched(checkout: Path) -> None:
    executable(checkout.parent / "bin" / "df", FAKE_DF)
    outcome = setup(checkout, FREE_KB="2097152")
    assert outcome.returncode == 2
    assert outcome.stderr.count("\n") == 1
    assert "2.0 GB are free on its disk, the packages take 7.0 GB; free some space" in outcome.stderr
    assert calls(checkout) == []
    assert setup(checkout, FREE_KB="20971520").returncode == 0


def test_packages_that_uv_has_in_its_cache_take_no_space_again(checkout: Path) -> None:
    executable(checkout.parent / "bin" / "df", FAKE_DF)
    (checkout / "cache" / "archive-v0").mkdir(parents=True)
    assert setup(checkout, FREE_KB="2097152", UV_CACHE_DIR=str(checkout / "cache")).returncode == 0


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("error: Failed to fetch torch: dns error", "packages could not be fetched. Is there a network?"),
        ("error: No space left on device (os error 28)", "the disk is full ("),
    ],
    ids=["network", "disk"],
)
def test_an_install_that_fails_says_why_in_one_line(checkout: Path, said: str, message: str) -> None:
    """uv's own words are a page, and none of them says what to type next."""
    failing_uv(checkout, said)
    outcome = setup(checkout)
    assert outcome.returncode == 2
    (error,) = [line for line in outcome.stderr.splitlines() if line.startswith("error:")]
    assert message in error
    assert "run the same command again" in error
    assert said not in outcome.stderr
    assert said in (checkout / "runs" / "setup.log").read_text(encoding="utf-8")


def test_an_install_that_fails_in_another_way_shows_its_last_lines(checkout: Path) -> None:
    failing_uv(checkout, "error: Hash mismatch for torch")
    outcome = setup(checkout)
    assert "  | error: Hash mismatch for torch\n" in outcome.stderr
    assert "above are the last lines of runs/setup.log" in outcome.stderr


def test_what_uv_says_of_two_hundred_packages_is_not_shown(checkout: Path) -> None:
    executable(checkout.parent / "bin" / "uv", FAKE_UV + "[ \"$1\" = venv ] || echo ' + torch==2.13.0'\n")
    outcome = setup(checkout)
    assert "torch" not in outcome.stdout + outcome.stderr
    assert len(outcome.stderr.splitlines()) == 5, "the environment, and two steps with their times"


def test_a_pip_too_old_for_hashes_and_todays_wheels_is_named(checkout: Path) -> None:
    python = executable(checkout.parent / "old" / "python", OLD_PIP)
    outcome = setup(checkout, PYTHON=str(python), PATH=f"/usr/bin{os.pathsep}/bin")
    assert outcome.returncode == 2
    assert (
        outcome.stderr == "error: pip 9.0.3 is too old for today's packages; renew it: "
        f"{python} -m pip install --upgrade pip\n"
    )


@pytest.mark.parametrize(
    ("driver", "compiler", "said"),
    [
        ("570.86.15", True, ["driver 570.86.15 is too old", "Python.h"]),
        ("580.65.06", False, ["No C compiler", "Python.h"]),
    ],
)
def test_setup_says_what_a_gpu_run_will_miss(
    checkout: Path, driver: str, compiler: bool, said: list[str]
) -> None:
    """Triton says so in the middle of a traceback, once the weights are loaded."""
    folder = checkout.parent / "programs"
    executable(folder / "nvidia-smi", f"#!/bin/sh\necho {driver}\n")
    executable(folder / "python", "#!/bin/sh\nexit 1\n")
    if compiler:
        executable(folder / "gcc", "#!/bin/sh\n")
    for name in ("head", "bash"):
        (folder / name).symlink_to(shutil.which(name) or name)
    script = f"source {ROOT / 'scripts' / 'common.sh'}; gpu_ready {folder / 'python'}"
    run = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": str(folder), "HOME": str(checkout)},
        capture_output=True,
        text=True,
    )
    assert run.stderr.count("\033[1m") == len(said), run.stderr
    for words in said:
        assert words in run.stderr
