"""Which model a running server serves: by content where its folder is seen from here, else by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.api_server import Reaction, refusal, serving
from tests.shared import BASE
from unifer.errors import InputError
from unifer.models.api.replicas import Served
from unifer.models.running_servers import find_served, server_urls


def found(*roots: str | Path, name: str = "name") -> list[Served]:
    """What is found on a server of `roots`, asked for the committed base."""
    listed = {"data": [{"id": name, "root": str(root), "max_model_len": 4096} for root in roots]}
    with serving(lambda number, body: refusal(500, "nobody asks")) as api:
        api.pages["/v1/models"] = Reaction(body=json.dumps(listed))
        return find_served([api.url], BASE, 80)


def test_a_folder_seen_from_here_is_compared_by_content(tmp_path: Path) -> None:
    same, other = tmp_path / "renamed", tmp_path / BASE.name
    shutil.copytree(BASE, same)
    shutil.copytree(BASE, other)
    tokenizer = other / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + " ")
    assert found(same)[0].model == "name"
    with pytest.raises(InputError, match=f"it serves {other}, not .*{BASE.name}"):
        found(other)
    assert found(other, same)[0].model == "name", "an adapter or a second model beside it does no harm"


def test_a_folder_elsewhere_is_known_by_its_name_or_the_name_that_it_is_served_under() -> None:
    assert found(f"/elsewhere/{BASE.name}")
    assert found("/elsewhere/weights", name=BASE.name)
    with pytest.raises(InputError, match=f"--served-model-name {BASE.name}"):
        found("/elsewhere/weights")
    with pytest.raises(InputError, match="it serves no model"):
        found()


def test_an_address_without_a_path_means_its_api() -> None:
    assert server_urls(["http://node1:8000", "http://node2:8000/v1/"]) == (
        "http://node1:8000/v1",
        "http://node2:8000/v1",
    )
