"""`unifer data fetch` against a small hub.

Whole files in their places, and one line with the remedy for whatever goes wrong.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub_server import Hub, serving
from unifer import cli
from unifer.datasets import find_questions, load_dataset
from unifer.errors import InputError
from unifer.places import FERBENCH

ROOT = Path(__file__).parents[2]
COT = "UniFER_CoT_230K.json"
NAMES = ("rafdb_qa.json", "ferplus_qa.json", "affectnet_qa.json", "sfew_2.0_qa.json")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for folder in ("data", "train_unifer"):
        (tmp_path / folder).mkdir()
    for name in FERBENCH:
        (tmp_path / name).mkdir()
        shutil.copy(ROOT / name / "dataset.yaml", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the hub's client waits between its tries
    return tmp_path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    held = {f"FERBench/{name}": f"[{index}]".encode() for index, name in enumerate(NAMES)}
    with serving(
        Hub("Karl28/UniFER", held | {COT: b"[" + b"1," * 20_000 + b"1]", "README.md": b"terms"})
    ) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


def fetch(*argv: str) -> int:
    return cli.main(["data", "fetch", *argv])


def leftovers(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob(".*.part*"))


def test_files_come_to_where_the_project_looks_for_them(
    project: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch("ferbench", "cot") == 0
    for index, name in enumerate(NAMES):
        assert (project / f"eval_{name.removesuffix('_qa.json')}" / "data" / name).read_text() == f"[{index}]"
    assert (project / "data" / COT).read_bytes() == hub.files[COT]
    assert leftovers(project) == []
    shown = capsys.readouterr().out
    assert "terms are not known as of" in shown
    assert "ask the owners of RAF-DB, FERPlus" in shown
    assert "version 0123456789ab" in shown


def test_what_is_there_is_not_fetched_again(
    project: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch("cot") == 0
    asked = len(hub.ranges)
    assert fetch("cot") == 0
    assert len(hub.ranges) == asked
    assert "is there already, and whole" in capsys.readouterr().out


def test_row_files_of_fea20k_keep_their_names(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {"train/DISFA-Train-stage1.jsonl": b"{}\n", "test/DISFA-Test.jsonl": b"{}\n\n", "README.md": b"x"}
    with serving(Hub("QBiscuits/FEA-20K", held)) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        assert fetch("fea20k") == 0
    assert sorted(path.name for path in (project / "data/FEA-20K").rglob("*") if path.is_file()) == [
        "DISFA-Test.jsonl",
        "DISFA-Train-stage1.jsonl",
    ]


def test_a_download_that_breaks_off_goes_on_where_it_stopped(
    project: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half a gigabyte on a bad line: to begin again each time is never to finish."""
    monkeypatch.setattr(
        "huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500
    )  # what has not filled a chunk is not written
    hub.breaks_at = 1_000
    assert fetch("cot") == 2
    error = capsys.readouterr().err
    assert "the same command goes on from there" in error
    assert not (project / "data" / COT).exists(), "a part in the final place would be trained on"
    assert [name.endswith(".part") for name in leftovers(project)] == [True]
    hub.breaks_at, before = None, len(hub.ranges)
    assert fetch("cot") == 0
    assert hub.ranges[before].startswith("bytes="), "from the first byte again"
    assert (project / "data" / COT).read_bytes() == hub.files[COT]
    assert leftovers(project) == []


def test_a_file_that_is_not_what_the_hub_states_never_comes_to_its_place(
    project: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.wrong = bytes(reversed(hub.files[COT]))
    assert fetch("cot") == 2
    assert "came damaged (digest" in capsys.readouterr().err
    assert not (project / "data" / COT).exists()
    assert leftovers(project) == []


def test_another_version_is_refused_and_with_overwrite_moved_aside(
    project: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "data" / COT).write_text("[0]")
    assert fetch("cot") == 2
    assert "is another version (3 bytes, 40,003 at the hub" in capsys.readouterr().err
    assert fetch("cot", "--overwrite") == 0
    assert (project / "data" / f"{COT}.1").read_text() == "[0]"


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (
            401,
            "the hub refuses access (401); open https://huggingface.co/datasets/Karl28/UniFER, "
            "accept its terms",
        ),
        (403, "the hub refuses access (403)"),
        (404, "the hub has no such dataset, or not for you"),
        (500, "the hub answers 500; check network and proxy"),
    ],
)
def test_a_refusal_is_one_line_with_its_remedy(
    project: Path, hub: Hub, status: int, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.status = status
    assert fetch("cot") == 2
    error = capsys.readouterr().err
    assert problem in error
    assert len(error.strip().splitlines()) == 1


def test_no_network_a_missing_file_and_an_unknown_version_are_told_apart(
    project: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch("rlvr") == 2
    assert "has no UniFER_RLVR_360K.json; it holds FERBench/rafdb_qa.json" in capsys.readouterr().err
    assert fetch("cot", "--revision", "v9") == 2
    assert "has no version 'v9'" in capsys.readouterr().err
    assert fetch("cod") == 2
    assert (
        "'cod' is nothing that is fetched; there are ferbench, cot, rlvr, fea20k" in capsys.readouterr().err
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert fetch("cot") == 2
    assert "HF_HUB_OFFLINE is set" in capsys.readouterr().err
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert fetch("cot") == 2
    assert "the hub cannot be reached (http://127.0.0.1:9)" in capsys.readouterr().err
    assert list((project / "data").iterdir()) == []


def test_the_list_says_what_there_is_and_whom_to_ask_for_images(capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch() == 0
    shown = capsys.readouterr().out
    for part in (
        "Karl28/UniFER",
        "QBiscuits/FEA-20K",
        "data/FEA-20K",
        "eval_sfew_2.0/data",
        "ask the owners of",
    ):
        assert part in shown


def test_whoever_lacks_a_published_file_is_told_where_it_lies(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """ "put rafdb_qa.json into eval_rafdb/data" left people to find out where it comes from."""
    with pytest.raises(
        InputError,
        match=r"hub dataset Karl28/UniFER .*`unifer data fetch ferbench`.*hf download Karl28/UniFER",
    ):
        find_questions(load_dataset(project / "eval_rafdb"), None)
    assert cli.main(["data", "check", str(project / "data" / COT), "--no-images"]) == 2
    assert "`unifer data fetch cot`" in capsys.readouterr().err
