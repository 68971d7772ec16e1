"""What several tests need: the project's eval folders, a small drawn corpus, an untrained UniFER-Tiny."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests import running, shared
from unifer.datasets import DatasetSpec, load_dataset
from unifer.prepare import corpus as drawn

ROOT = Path(__file__).resolve().parents[1]
EVAL_FOLDERS = ("eval_rafdb", "eval_ferplus", "eval_affectnet", "eval_sfew_2.0")

# No test may reach for the network: a missing file must fail, not wait for a hub.
os.environ.update(
    HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", VLLM_NO_USAGE_STATS="1", DO_NOT_TRACK="1"
)

# Two test processes share two cores: pools of threads, theirs and those of the commands that they start,
# would only take turns.
for _name, _value in {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}.items():
    os.environ.setdefault(_name, _value)

# A shell that starts the tests in its background makes them ignore Ctrl-C, and every command that they start
# and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run, and no deadline: a busy machine is no bug.
hypothesis.settings.register_profile("unifer", deadline=None, derandomize=True)
hypothesis.settings.load_profile("unifer")

_LEFT = pytest.StashKey[Sequence[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all",
        action="store_true",
        help="also the tests marked `matrix`: every family, engine and number of ranks",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    running.in_order(items)
    if config.getoption("--all") or "matrix" in config.getoption("markexpr"):
        return
    items[:], left = running.without_matrix(items)
    config.hook.pytest_deselected(items=left)
    config.stash[_LEFT] = [item.nodeid for item in left]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return running.scheduler(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left"] = session.config.stash.get(_LEFT, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_LEFT] = getattr(node, "workeroutput", {}).get("left", [])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    running.say_what_was_left(terminalreporter, config.stash.get(_LEFT, []))


@pytest.fixture(scope="session")
def specs() -> list[DatasetSpec]:
    """The four benchmark sets as the repository ships them."""
    return [load_dataset(ROOT / folder) for folder in EVAL_FOLDERS]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, specs: list[DatasetSpec]) -> Path:
    """A folder with 24 drawn faces, their CoT and reward rows, and question files."""
    folder = tmp_path_factory.mktemp("corpus")
    faces = [drawn.emotional_face("test", index, emotion) for index, emotion in enumerate(drawn.balanced(24))]
    drawn.save_faces([(face, folder / drawn.image_name(face)) for face in faces], workers=1)
    drawn.write_emotion_corpus(folder, faces, specs)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained UniFER-Tiny checkpoint; its folder name says nothing of its architecture."""
    from unifer.models.tiny import build

    folder = tmp_path_factory.mktemp("models") / "some-checkpoint"
    build(folder)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """The committed base after eighty steps of SFT on the corpus: it answers in the form of a reply."""
    made = shared.once(
        tmp_path_factory,
        "trained",
        lambda folder: shared.train_a_little(corpus / "cot.json", folder / "Tiny"),
    )
    return made / "Tiny"


@pytest.fixture(scope="session")
def vllm_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real vLLM server, as `run_vllm_server.sh` starts it, with the committed base."""
    pytest.importorskip("vllm", reason="comes with the full environment")
    with shared.serving(tmp_path_factory.mktemp("server") / "log") as url:
        yield url
