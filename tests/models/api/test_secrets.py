"""Keys in messages: hidden whole, cut short, and by their look."""

from __future__ import annotations

import pytest

from unifer.models.api.requests import redacted, secrets

KEY = "sk-very-secret-0123456789"


def test_a_key_is_hidden_whole_cut_short_and_by_its_look() -> None:
    hidden = (KEY,)
    assert KEY[:12] not in redacted(f"key {KEY[:12]}... and {KEY}", hidden)
    assert "abcdef123456" not in redacted("Incorrect key sk-abcdef123456, Bearer abcdef123456", ())
    assert redacted("the task-force of AU12", hidden) == "the task-force of AU12"


def test_keys_of_the_environment_are_known_and_short_values_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANY_API_KEY", "0123456789")
    monkeypatch.setenv("TINY_KEY", "abc")
    found = secrets("another-key", None)
    assert {"0123456789", "another-key"} <= set(found)
    assert "abc" not in found
