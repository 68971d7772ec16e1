"""The file as a whole: what goes in, what is refused, what is said."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from tests.report.page.pages import (
    COUNT,
    NOUNS,
    SmallPage,
    block,
    make_dataset,
    summary_of,
    unzipped,
    write_page,
    write_run,
)
from unifer.cli import main
from unifer.errors import InputError
from unifer.evaluate.loading import PredictionFile
from unifer.evaluate.run_files import Selected
from unifer.evaluate.scoring import score_all
from unifer.report.page.summary import by_length
from unifer.report.page.thumbnails import SIZES, PageImage, pack


def test_data_cannot_end_the_element_that_holds_it(tmp_path: Path) -> None:
    spec = make_dataset(tmp_path, "nouns", NOUNS)
    path = write_run(spec, "m", 3)
    manifest = {
        "identity": {"questions": {}, "model": {"name": "</script><script>alert(1)</script>"}},
        "context": {"asked": COUNT},
    }
    path.with_suffix(".manifest.json").write_text(json.dumps(manifest))
    page = write_page(tmp_path / "out", [(spec, path)], title="</title><script>x</script>").path.read_text()
    assert page.count("<script") == page.count("</script>") == 5
    assert summary_of(page)["runs"][0]["identity"]["model"]["name"] == manifest["identity"]["model"]["name"]  # type: ignore[index]
    assert "default-src 'none'" in page
    assert "unsafe-inline" not in page


def test_the_page_repeats_the_scores_of_eval(small: SmallPage) -> None:
    from unifer.evaluate.loading import PredictionFile
    from unifer.evaluate.scoring import score_strict

    runs = {(run["run"], run["dataset"]): run for run in summary_of(small.text)["runs"]}
    for path in small.predictions:
        spec_name = path.parent.parent.name.removeprefix("eval_")
        from unifer.datasets import load_dataset

        result = score_strict(load_dataset(path.parent.parent), PredictionFile(path.stem, path), 50).to_json()
        shown = runs[path.stem, spec_name]
        assert {key: shown[key] for key in ("war", "uar", "macro_f1", "intervals")} == {
            key: result[key] for key in ("war", "uar", "macro_f1", "intervals")
        }


def test_what_makes_runs_hard_to_compare_is_said(small: SmallPage) -> None:
    summary = summary_of(small.text)
    assert any("partial run: 55 of the 60" in warning for warning in small.written.warnings)
    notes = [note for row in summary["gains"] if row["dataset"] == "adjectives" for note in row["notes"]]
    assert "only the 55 questions that all runs share are counted; 5 are left out" in notes
    assert [row["dataset"] for row in summary["gains"]] == ["*", "nouns", "adjectives"]


def test_one_model_twice_on_a_dataset_is_refused(tmp_path: Path) -> None:
    spec = make_dataset(tmp_path, "nouns", NOUNS)
    other = tmp_path / "elsewhere"
    other.mkdir()
    path = write_run(spec, "m", 3)
    again = other / "m.jsonl"
    again.write_text(path.read_text())
    with pytest.raises(InputError, match=r"is a second run 'm' on nouns, beside .*results/m.jsonl; rename"):
        write_page(tmp_path / "out", [(spec, path), (spec, again)])


def test_two_datasets_of_one_name_are_refused(tmp_path: Path) -> None:
    first, second = (
        make_dataset(tmp_path / "a", "same", NOUNS),
        make_dataset(tmp_path / "b", "same", (*NOUNS, "fear")),
    )
    with pytest.raises(
        InputError, match=r"dataset 'same' has the labels .*fear, but in .* they are two datasets"
    ):
        write_page(tmp_path / "out", [(first, write_run(first, "m", 3)), (second, write_run(second, "n", 3))])


def test_a_missing_image_is_said_and_not_fatal(small: SmallPage) -> None:
    shown = unzipped(block(small.text, "shown-data"))
    assert sum(isinstance(each, list) for each in shown) == 2 * (COUNT - 1)
    assert "is missing" in shown[COUNT - 1]
    assert "118 of 120 questions show their image" in small.written.images
    assert "2 cannot be shown" in small.written.images


def test_images_can_be_left_out(tmp_path: Path) -> None:
    spec = make_dataset(tmp_path, "nouns", NOUNS)
    written = write_page(tmp_path / "out", [(spec, write_run(spec, "m", 3))], images=False)
    assert block(written.path.read_text(), "images-data") == ""
    assert "left out" in written.images


def test_where_not_all_images_fit_the_first_ones_go_in(tmp_path: Path) -> None:
    from PIL import Image

    pictures = []
    for number in range(40):
        path = tmp_path / f"{number}.png"
        Image.effect_noise((200, 200), 90).convert("RGB").save(path)
        pictures.append(PageImage(path, path.name))
    some = pack(pictures, 20_000, workers=1)
    assert len(some.text) <= 20_000
    assert some.side == SIZES[-1][0]
    assert list(some.places)[:10] == [picture.path for picture in pictures[:10]]
    assert some.left_out == 40 - len(some.places) > 0
    every = pack(pictures, 10_000_000, workers=1)
    assert (every.side, every.left_out) == (SIZES[0][0], 0)


def test_scores_are_the_same_from_several_processes(tmp_path: Path) -> None:
    specs = [make_dataset(tmp_path, name, NOUNS, count=size) for name, size in (("small", 4), ("large", 12))]
    chosen = [Selected(spec, PredictionFile("m", write_run(spec, "m", 3))) for spec in specs]
    apart, together = (score_all(chosen, 20, workers=workers) for workers in (2, 1))
    assert [result.to_json() for result in apart] == [result.to_json() for result in together]
    assert [result.spec for result in apart] == specs
    chosen[0].run.path.write_text("{}\n")
    with pytest.raises(InputError, match=r"m\.jsonl:1: missing"):
        score_all(chosen, 20, workers=2)


def test_length_bins_hold_every_reply_once(tmp_path: Path) -> None:
    from unifer.evaluate.loading import PredictionFile
    from unifer.evaluate.scoring import score_strict

    spec = make_dataset(tmp_path, "nouns", NOUNS)
    graded = score_strict(spec, PredictionFile("m", write_run(spec, "m", 3)), 0).graded
    told = by_length({"m": graded})
    assert told is not None
    bins = told["models"]["m"]
    assert told["unit"] == "characters", "a reply without an answer has no token count here"
    assert sum(each["n"] for each in bins) == sum(not row.prediction.failed for row in graded)
    assert sum(each["n"] * each["accuracy"] for each in bins) == pytest.approx(
        sum(row.correct for row in graded)
    )
    assert all(before["high"] < after["low"] for before, after in pairwise(bins))
    assert by_length({"m": [row for row in graded if row.prediction.failed]}) is None


def test_the_command_says_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 2
    assert "no RUN given" in capsys.readouterr().err
    assert main(["report", "x"]) == 2
    assert "no --out DIR given" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["report", "x", "--out", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err


def test_the_command_writes_the_page_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = make_dataset(tmp_path, "nouns", NOUNS, count=6)
    write_run(spec, "m", 3)
    assert (
        main(
            [
                "report",
                str(spec.folder),
                "--out",
                str(tmp_path / "page"),
                "--resamples",
                "20",
                "--title",
                "One page",
            ]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "index.html" in said
    assert "6 questions" in said
    assert max(len(line) for line in said.splitlines() if "index.html" not in line) <= 80
    assert "<title>One page</title>" in (tmp_path / "page/index.html").read_text()
