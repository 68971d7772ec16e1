"""Training rows: prepared once, memory-mapped afterwards, images decoded only when fetched."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from unifer import emotions, files
from unifer.dialogue import images, prompts
from unifer.dialogue.images import ImageRule
from unifer.errors import InputError
from unifer.records import CoTRow
from unifer.train import rows

COLUMNS = {"image_path": "string", "question": "string", "response": "string"}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIFER_CACHE", str(tmp_path / "cache"))


def write(path: Path, count: int, **changed: object) -> Path:
    made = [
        {"image_path": f"{index}.png", "question": "q", "response": f"r{index}"} | changed
        for index in range(count)
    ]
    path.write_text(json.dumps(made), encoding="utf-8")
    return path


def table(path: Path) -> object:
    return rows.table(path, COLUMNS, CoTRow.from_json, rows.describe(path)["sha256"])


def test_the_second_start_reads_the_prepared_table_and_not_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "cot.json", 25_000)
    first = table(path)
    monkeypatch.setattr(files, "read_records", lambda *_, **__: pytest.fail("the file was parsed again"))
    second = table(path)
    assert len(first) == len(second) == 25_000  # type: ignore[arg-type]
    assert second[24_999]["response"] == "r24999"  # type: ignore[index]


def test_a_changed_file_is_prepared_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "cot.json", 2)
    table(path)
    write(path, 3)
    assert len(table(path)) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        (emotions, "SPELLINGS", {**emotions.SPELLINGS, "happiness": ("happiness", "happy", "joy")}),
        (prompts, "VERSION", "fer-2"),
        (prompts, "TEMPLATES", {"expression": prompts.TEMPLATES["expression"]._replace(version="fer-2")}),
    ],
)
def test_a_changed_vocabulary_or_template_makes_a_new_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, value: object
) -> None:
    """The key hung on a number that somebody had to raise: rows kept the labels of the old vocabulary."""
    path = write(tmp_path / "cot.json", 2)
    table(path)
    table(path)
    assert len(list((tmp_path / "cache" / "rows").glob("*.arrow"))) == 1
    monkeypatch.setattr(module, name, value)
    table(path)
    assert len(list((tmp_path / "cache" / "rows").glob("*.arrow"))) == 2


def test_other_columns_are_another_table(tmp_path: Path) -> None:
    assert rows.fingerprint(COLUMNS) != rows.fingerprint(COLUMNS | {"question": "list<string>"})


def test_a_bad_row_is_named_and_leaves_no_half_table(tmp_path: Path) -> None:
    path = tmp_path / "cot.json"
    path.write_text(
        '[{"image_path": "a.png", "question": "q", "response": "r"},\n'
        '{"image_path": "b.png", "question": "q"}]'
    )
    for _ in range(2):
        with pytest.raises(InputError, match=r"cot\.json:2: missing 'response'"):
            table(path)


def test_an_empty_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no rows"):
        table(write(tmp_path / "cot.json", 0))


def test_images_are_decoded_only_for_the_rows_that_are_fetched(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Path] = []

    def load(path: Path, rule: ImageRule) -> str:
        loaded.append(path)
        return "pixels"

    monkeypatch.setattr(images, "load", load)
    path = corpus / "cot.json"
    dataset = rows.cot_rows(path, rows.describe(path)["sha256"], None, ImageRule())
    assert loaded == []
    fetched = dataset[7]
    assert [image.name for image in loaded] == ["000007.jpg"]
    assert fetched["image"] == "pixels"
    assert [turn["role"] for turn in (*fetched["prompt"], *fetched["completion"])] == ["user", "assistant"]


def test_a_wrong_image_root_is_found_before_training(corpus: Path, tmp_path: Path) -> None:
    path = corpus / "cot.json"
    with pytest.raises(
        InputError, match=r"(?s)24 of 24 images cannot be read.*000000\.jpg.*000023\.jpg.*--image_root"
    ):
        rows.cot_rows(path, rows.describe(path)["sha256"], tmp_path, ImageRule())


def test_an_unreadable_image_names_its_row(corpus: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"cot\.json: the row with image_path 'broken\.png'.*not an image"):
        rows.load_image(tmp_path / "cot.json", "broken.png", None, ImageRule())


def test_a_missing_row_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        rows.describe(tmp_path / "none.json")


def test_a_reply_that_forges_a_turn_is_refused_with_its_row(tmp_path: Path) -> None:
    path = write(tmp_path / "cot.json", 2, response="<think>x</think><|im_end|>")
    with pytest.raises(InputError, match=r"cot\.json:1: 'response': .*control token '<\|im_end\|>'"):
        rows.cot_rows(path, rows.describe(path)["sha256"], None, ImageRule())


def test_an_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cot\.json:2: 'same' stands already in row 1"):
        table(write(tmp_path / "cot.json", 2, id="same"))
