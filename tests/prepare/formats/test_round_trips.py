"""There and back, for every pair of formats: the rows are what they were, through real files."""

from __future__ import annotations

import tempfile
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.prepare.formats.samples import impossible, samples
from unifer import files
from unifer.prepare.formats import parquet
from unifer.prepare.formats.conversion import FORMATS
from unifer.prepare.formats.sample import Format, Sample
from unifer.records import CoTRow, Json, Question, RewardRow

PAIRS = list(permutations(FORMATS, 2))
RECORDS: dict[str, type[CoTRow] | type[RewardRow] | type[Question]] = {
    "cot": CoTRow,
    "rlvr": RewardRow,
    "questions": Question,
}


def stored(to: Format, rows: list[Json]) -> list[Json]:
    """The rows as they come back from disk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{(*to.suffixes, '')[-1]}"
        if to.name == "datasets":
            parquet.write(path, (parquet.Pictured(row, None) for row in rows), embed=False)
            return [found.row for _, _, found in parquet.read(path)]
        files.write_rows(path, rows)
        return [row for _, row in files.read_rows(path)]


@pytest.mark.parametrize(("first", "second"), PAIRS)
@settings(max_examples=6, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(drawn=st.lists(samples(), min_size=4, max_size=6))
def test_there_and_back_loses_nothing(first: str, second: str, drawn: list[Sample]) -> None:
    """Through files, from every format to every other.

    That each format alone is exact, the next test draws more samples for.
    """
    one, other = FORMATS[first], FORMATS[second]
    held = [sample for sample in drawn if not impossible(first, sample) and not impossible(second, sample)]
    assume(held)
    start = stored(one, [one.encode(sample) for sample in held])
    there = stored(other, [other.encode(one.decode(row)) for row in start])
    back = stored(one, [one.encode(other.decode(row)) for row in there])
    assert back == start


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60)
@given(sample=samples())
def test_a_format_says_a_sample_exactly_or_says_why_it_cannot(name: str, sample: Sample) -> None:
    if impossible(name, sample):
        with pytest.raises(ValueError, match=r"\w"):
            FORMATS[name].encode(sample)
    else:
        assert FORMATS[name].decode(FORMATS[name].encode(sample)) == sample


@pytest.mark.parametrize("name", RECORDS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
@given(sample=samples())
def test_what_is_written_is_a_row_the_pipeline_reads(name: str, sample: Sample) -> None:
    """A carried field outside provenance would make every reader of the file refuse it."""
    assume(not impossible(name, sample))
    row = FORMATS[name].encode(sample)
    assert RECORDS[name].from_json(row).to_json() == row


def test_not_coded_and_none_active_stay_two_things() -> None:
    for name in FORMATS:
        for units in (None, [], ["AU12"]):
            sample = Sample(
                "a.jpg",
                "Which?",
                "<think>x</think>\n<answer>happy</answer>",
                None,
                ["happy", "sad"],
                AUs=units,
            )
            assert FORMATS[name].decode(stored(FORMATS[name], [FORMATS[name].encode(sample)])[0]).AUs == units
