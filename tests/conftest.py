"""What several tests need: the project's eval folders, a small drawn corpus, an untrained UniFER-Tiny."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest

from unifer.datasets import DatasetSpec, load_dataset
from unifer.prepare import corpus as drawn

ROOT = Path(__file__).resolve().parents[1]
EVAL_FOLDERS = ("eval_rafdb", "eval_ferplus", "eval_affectnet", "eval_sfew_2.0")

# No test may reach for the network: a missing file must fail, not wait for a hub.
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", VLLM_NO_USAGE_STATS="1", DO_NOT_TRACK="1")

# A shell that starts the tests in its background makes them ignore Ctrl-C, and every command that they start and interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run, and no deadline: a busy machine is no bug.
hypothesis.settings.register_profile("unifer", deadline=None, derandomize=True)
hypothesis.settings.load_profile("unifer")


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
