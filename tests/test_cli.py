"""The command line as people meet it: help at once, errors as sentences, exit statuses that scripts can
trust.
"""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from unifer import cli
from unifer.cli.console import progress

ROOT = Path(__file__).parents[1]
HEAVY = (
    "torch",
    "transformers",
    "trl",
    "vllm",
    "deepspeed",
    "accelerate",
    "datasets",
    "pandas",
    "sklearn",
    "matplotlib",
    "scipy",
    "PIL",
)
FOLDERS = ("eval_rafdb", "eval_ferplus", "eval_affectnet", "eval_sfew_2.0")


def heavy_after(argv: list[str]) -> tuple[int, list[str]]:
    """Run the command line in a new interpreter: its exit status, and which heavy packages it had imported by
    then.
    """
    program = (
        "import contextlib, io, json, sys\n"
        "from unifer.cli import main\n"
        "status = 0\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    try:\n"
        f"        status = main({argv!r})\n"
        "    except SystemExit as stop:\n"
        "        status = stop.code or 0\n"
        f"print(json.dumps([status, sorted(set({HEAVY!r}) & set(sys.modules))]))\n"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    status, imported = json.loads(outcome.stdout)
    return status, imported


def commands() -> list[str]:
    """The subcommands, read from the help text as a user would."""
    outcome = subprocess.run(
        [sys.executable, "-m", "unifer", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    listed = outcome.stdout.split("COMMAND", 1)[1]
    return [
        line.split()[0]
        for line in listed.splitlines()
        if line.startswith("    ") and not line.startswith("     ")
    ]


def test_help_waits_for_no_heavy_package() -> None:
    assert heavy_after(["--help"]) == (0, [])


def test_the_commands_that_stubs_and_scripts_call_exist() -> None:
    assert {"infer", "eval", "eval-total", "sft", "data", "tiny-base", "quickstart"} <= set(commands())


def test_each_commands_help_waits_for_no_heavy_package() -> None:
    for command in commands():
        if command != "sft":  # its flags are those of TRL's own arguments, which only TRL can list
            assert heavy_after([command, "--help"]) == (0, []), command


def test_the_version_is_the_packages() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "unifer", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    from unifer import __version__

    assert outcome.stdout.strip() == f"unifer {__version__}"


def test_a_mistyped_flag_is_refused_where_no_trainer_would_read_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["eval", "--dataset-dir", "eval_rafdb", "--protcol", "strict"])
    assert stop.value.code == 2
    assert "--protcol" in capsys.readouterr().err


def test_bad_input_is_a_sentence_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", "--dataset-dir", str(tmp_path / "eval_nowhere")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("unifer: ")
    assert "eval_nowhere" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("folder", FOLDERS)
def test_stubs_answer_from_their_own_folder(folder: str) -> None:
    for stub, command in (("infer_unifer.py", "infer"), ("eval_unifer.py", "eval")):
        outcome = subprocess.run(
            [sys.executable, stub, "--help"], cwd=ROOT / folder / "code", capture_output=True, text=True
        )
        assert outcome.returncode == 0, outcome.stderr
        assert f"unifer {command}" in outcome.stdout


def test_the_total_stub_answers_from_its_own_folder() -> None:
    outcome = subprocess.run(
        [sys.executable, "eval_unifer.py", "--help"],
        cwd=ROOT / "eval_total/code",
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "unifer eval-total" in outcome.stdout


def test_without_its_dependencies_a_stub_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'yaml'\")\n", encoding="utf-8"
    )
    outcome = subprocess.run(
        [sys.executable, "eval_unifer.py"],
        cwd=ROOT / "eval_rafdb" / "code",
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert outcome.returncode != 0
    assert "scripts/setup.sh" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_place_that_cannot_be_written_is_a_sentence_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    assert cli.main(["data", "faces", "--out", str(blocked / "faces"), "--count", "1"]) == 2
    assert re.search(
        rf"unifer: {blocked}\S*: Not a directory; .*choose another place", capsys.readouterr().err
    )


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_sentence_and_status_2(
    code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(args: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("unifer.cli.data.faces._faces", full)
    assert cli.main(["data", "faces", "--out", "x"]) == 2
    assert "free some space" in capsys.readouterr().err


def test_an_error_of_the_system_about_no_file_is_a_bug_and_shows_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(args: object) -> int:
        raise OSError(errno.ECHILD, "No child processes")

    monkeypatch.setattr("unifer.cli.data.faces._faces", broken)
    with pytest.raises(ChildProcessError):
        cli.main(["data", "faces", "--out", "x"])


def test_progress_without_a_terminal_says_nothing_when_nothing_was_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress("working", 10, done=10) as advance:
        advance(0)
        assert capsys.readouterr().err == ""
    with progress("working", 10) as advance:
        advance(10)
    assert "working: 10/10" in capsys.readouterr().err


def test_output_that_nobody_reads_on_ends_without_a_traceback() -> None:
    """`unifer data prompts | head -1` ended in a BrokenPipeError, and in a second one at exit."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "unifer", "data", "prompts"]
    outcome = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (outcome.returncode, outcome.stderr) == (141, "")
