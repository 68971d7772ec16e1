"""Rows as JSON can hold them, for the tests of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from unifer import files

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
json_rows = st.dictionaries(st.text(), json_values, max_size=4)
same_folder = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
"""Each example overwrites the file of the one before, in one folder."""


def rows_of(path: Path) -> list[Any]:
    return [row for _, row in files.read_rows(path)]
