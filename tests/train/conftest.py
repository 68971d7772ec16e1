"""What tests of training share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


def restored() -> Iterator[None]:
    """TRL and accelerate write ranks and ports into this environment; later processes would inherit them."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True, scope="module")
def environment() -> Iterator[None]:
    """The environment, as it was before a file of tests and the trainers that it shares."""
    yield from restored()


@pytest.fixture(autouse=True)
def environment_of_a_test() -> Iterator[None]:
    yield from restored()
