"""Label tables in the encodings, delimiters and column orders that people's copies come in."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.prepare.builders import mini
from unifer.errors import InputError
from unifer.prepare.builders.label_tables import DELIMITERS, encoding_of, lines, open_table

REQUIRED = (("Image name",), ("emotion", "label"))


def read(path: Path) -> list[list[str]]:
    table, columns = open_table(path, REQUIRED)
    return [cells for _, cells in table.rows(*columns)]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_a_table_reads_alike_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = mini.write(tmp_path, "l.csv", "Image name,emotion", "Zoë/é.jpg,happy", encoding=encoding)
    assert read(path) == [["Zoë/é.jpg", "happy"]]


def test_bytes_that_cp1252_lacks_are_still_read(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_bytes(b"Image name,emotion\nZo\x81\xeb.jpg,happy\n")
    assert encoding_of(tmp_path / "l.csv") == "latin-1"
    assert read(tmp_path / "l.csv") == [["Zo\x81ë.jpg", "happy"]]


def test_one_odd_byte_far_down_does_not_hide(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_bytes(b"Image name,emotion\n" + b"a.jpg,sad\n" * 300_000 + b"\xe9.jpg,sad\n")
    assert read(tmp_path / "l.csv")[-1] == ["é.jpg", "sad"]


@settings(max_examples=60)
@given(
    cells=st.lists(
        st.tuples(st.text("abcé /.,;\t'\"1", min_size=1), st.sampled_from(["happy", "sad"])),
        min_size=1,
        max_size=5,
    ),
    delimiter=st.sampled_from(DELIMITERS),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    seed=st.integers(0, 99),
)
def test_order_of_columns_delimiter_and_encoding_change_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    cells: list[tuple[str, str]],
    delimiter: str,
    encoding: str,
    seed: int,
) -> None:
    import csv

    header = [" IMAGE_name", "Emotion ", "extra", "more, or less"]
    order = random.Random(seed).sample(range(4), 4)
    path = tmp_path_factory.mktemp("t") / "l.csv"
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        for row in (header, *([name, label, "x", "y"] for name, label in cells)):
            writer.writerow([row[index] for index in order])
    assert read(path) == [[name.strip(), label] for name, label in cells]


def test_missing_columns_are_named_with_those_found(tmp_path: Path) -> None:
    path = mini.write(tmp_path, "l.csv", "picture,valence", "a.jpg,0.5")
    with pytest.raises(
        InputError,
        match=r"l.csv:1: no column is called 'Image name' or 'emotion'; found are 'picture', 'valence'",
    ):
        read(path)


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 columns are called 'emotion'"):
        read(mini.write(tmp_path, "l.csv", "Image name,emotion,label", "a.jpg,sad,happy"))


def test_a_row_cut_short_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"l.csv:3: this row has 1 fields, the header 2"):
        read(mini.write(tmp_path, "l.csv", "Image name,emotion", "a.jpg,sad", "b.jpg"))


def test_a_table_without_header_is_read_by_position(tmp_path: Path) -> None:
    path = mini.write(tmp_path, "l.csv", "a.jpg,3", "b.jpg,4")
    table, columns = open_table(path, REQUIRED, positions=("Image name", "emotion"))
    assert list(table.rows(*columns)) == [(1, ["a.jpg", "3"]), (2, ["b.jpg", "4"])]


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "no such file"), (b"", "is empty"), (b" \n\n", "is empty")]
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "l.csv").write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read(tmp_path / "l.csv")


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        encoding_of(tmp_path)


def test_text_that_is_no_csv_is_refused_with_its_line(tmp_path: Path) -> None:
    path = mini.write(tmp_path, "l.csv", "Image name,emotion", "a.jpg," + "x" * 200_000)
    with pytest.raises(InputError, match=r"l.csv:\d+: not valid CSV"):
        read(path)


def test_a_big_table_tells_of_every_megabyte(tmp_path: Path) -> None:
    path = mini.write(tmp_path, "l.csv", "Image name,emotion", *(["x" * 1000 + ",sad"] * 3200))
    table, columns = open_table(path, REQUIRED)
    told: list[int] = []
    assert sum(1 for _ in replace(table, advance=told.append).rows(*columns)) == 3200
    assert sum(told) == path.stat().st_size // 2**20 == 3


def test_blank_lines_of_a_list_keep_the_numbers_of_the_others(tmp_path: Path) -> None:
    assert list(lines(mini.write(tmp_path, "l.txt", "a 1", "", "  b 2 "))) == [(1, "a 1"), (3, "b 2")]
