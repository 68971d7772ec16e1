"""Markdown, CSV and HTML: the same figures, names that are data, nothing fetched."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import pandas
import pytest

from tests.conftest import ROOT
from tests.report.leaderboard.models import COUNT, answer, project
from unifer.evaluate.run_files import Selected, find_runs
from unifer.report.leaderboard.boards import arrange
from unifer.report.leaderboard.csv_rows import csv
from unifer.report.leaderboard.entries import collect
from unifer.report.leaderboard.html import html
from unifer.report.leaderboard.lines import Leaderboard
from unifer.report.leaderboard.published import PublishedResult, read_published
from unifer.report.leaderboard.text import markdown

HOSTILE = "<img src=x onerror=alert(1)>|`*_[a](b)\u202e\x1b[31m&amp;"
WARNING = "different <b>prompt</b>: a | b"


@pytest.fixture(scope="module")
def told() -> list[PublishedResult]:
    return read_published(ROOT / "eval_more" / "published.yaml")


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory, told: list[PublishedResult]) -> list[Leaderboard]:
    specs = project(tmp_path_factory.mktemp("project"))
    for spec in specs.values():
        answer(spec, "good", 0.8, failed=(1, 2))
        answer(spec, HOSTILE.replace("/", "∕"), 0.4)
        answer(spec, "=SUM(A1)", 0.39)
    selected = [Selected(spec, run) for spec in specs.values() for run in find_runs(spec)]
    entries, found = collect(selected, protocol="strict", resamples=100)
    return arrange(entries, found, told, protocol="strict", resamples=100)


class Parsed(HTMLParser):
    """Elements with their attributes, and the text that a reader sees."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)


# --- CSV
# -----------------------------------------------------------------------------------------------------------
def test_csv_has_full_precision_and_every_denominator(
    boards: list[Leaderboard], told: list[PublishedResult]
) -> None:
    frame = pandas.read_csv(io.StringIO(csv(boards, told, "strict")), keep_default_na=False, dtype=str)
    assert list(frame["kind"].unique()) == ["run", "baseline", "published"]
    good = frame[(frame["model"] == "good") & (frame["dataset"] == "rafdb")].iloc[0]
    counts = {
        name: int(float(good[name]))
        for name in ("questions", "asked", "answered", "off_list", "no_answer", "failed", "missing")
    }
    assert counts == {
        "questions": COUNT,
        "asked": COUNT,
        "answered": COUNT - 2,
        "off_list": 0,
        "no_answer": 0,
        "failed": 2,
        "missing": 0,
    }
    entry = next(each for each in boards[0].entries if each.model == "good")
    cell = entry.cells["rafdb"]
    assert float(good["uar"]) == cell.values["uar"].score
    assert cell.values["uar"].interval == (float(good["uar_low"]), float(good["uar_high"]))
    assert (int(float(good["war_rank"])), good["war_level"]) == (1, "True")
    pooled = frame[(frame["model"] == "good") & (frame["dataset"] == "pooled")].iloc[0]
    assert (int(float(pooled["asked"])), int(float(pooled["failed"]))) == (2 * COUNT, 4)


def test_csv_holds_every_published_result_with_its_source_and_no_rank(
    boards: list[Leaderboard], told: list[PublishedResult]
) -> None:
    frame = pandas.read_csv(io.StringIO(csv(boards, told, "strict")), keep_default_na=False, dtype=str)
    published = frame[frame["kind"] == "published"]
    assert len(published) == len(told)
    unifer = published[published["model"] == "UniFER-7B"].iloc[0]
    assert (float(unifer["war"]), unifer["dataset"], unifer["war_rank"]) == (0.6884, "pooled", "")
    assert unifer["protocol"].startswith("unifer-pooled: all 11,072 questions")
    withdrawn = published[published["source"].str.startswith("Facial-R1")]
    assert withdrawn["unconfirmed"].str.contains("withdrawn").all()


def test_csv_gives_no_spreadsheet_a_formula(boards: list[Leaderboard]) -> None:
    text = csv(boards, [], "strict")
    assert "'=SUM(A1)" in text
    assert not re.search(r"(^|,)=", text, re.MULTILINE)


# --- Markdown
# -----------------------------------------------------------------------------------------------------------
def test_markdown_tables_are_whole_and_names_are_no_markup(boards: list[Leaderboard]) -> None:
    text = markdown(boards, [WARNING])
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert tables
    for table in tables:
        pipes = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(pipes) == 1, "a name with a pipe once made a cell of its own"
    assert "<img" not in text
    assert "<b>" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;\\|\\`\\*\\_\\[a\\](b)" in text


def test_markdown_says_what_ranks_who_is_published_and_what_is_doubted(boards: list[Leaderboard]) -> None:
    text = markdown(boards, [])
    assert re.search(r"^\| 1 \| good \| \*\*[\d.]+\*\* \[[\d.]+ to [\d.]+\]", text, re.MULTILINE)
    assert re.search(r"^\| 2= \| ", text, re.MULTILINE)
    assert re.search(r"^\| – \| UniFER-7B \*\(published, unconfirmed\)\* \|.*68\.84", text, re.MULTILINE)
    assert "Facial-R1 *(published, unconfirmed)*" in text
    assert "Ranked by pooled." in text
    assert "- 2 failed" not in text, "a note says of which dataset it is"
    assert "Set rafdb: 2 failed: good" in text


# --- HTML
# -----------------------------------------------------------------------------------------------------------
def test_the_page_fetches_nothing_and_runs_only_its_own_script(boards: list[Leaderboard]) -> None:
    parsed = Parsed(html(boards, [WARNING]))
    assert not [attributes for _, attributes in parsed.elements if "src" in attributes]
    links = [str(attributes["href"]) for tag, attributes in parsed.elements if "href" in attributes]
    assert all(link.startswith(("#", "data:")) for link in links)
    policy = next(
        str(attributes["content"]) for tag, attributes in parsed.elements if "http-equiv" in attributes
    )
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert not [
        name
        for _, attributes in parsed.elements
        for name in attributes
        if name.startswith("on") or name == "style"
    ]


def test_hostile_names_are_text_in_the_page(boards: list[Leaderboard]) -> None:
    text = html(boards, [WARNING])
    parsed = Parsed(text)
    assert "img" not in {tag for tag, _ in parsed.elements}
    assert "b" not in {tag for tag, _ in parsed.elements}
    assert any("<img src=x onerror=alert(1)>|`*_[a](b)\\u202e\\x1b[31m&amp;" in said for said in parsed.said)
    assert "\u202e" not in text
    assert "\x1b" not in text


def test_the_page_holds_every_line_and_a_scope_for_every_heading(boards: list[Leaderboard]) -> None:
    parsed = Parsed(html(boards, []))
    lines = sum(len(ranking.lines) for board in boards for ranking in board.rankings)
    assert sum(tag == "tr" and "class" in attributes for tag, attributes in parsed.elements) == lines
    assert all("scope" in attributes for tag, attributes in parsed.elements if tag == "th")
    assert sum(tag == "caption" for tag, _ in parsed.elements) == sum(len(board.rankings) for board in boards)
