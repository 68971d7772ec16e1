"""YAML and flags -> settings: types, paths, and what is said of a wrong one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from unifer.errors import InputError
from unifer.reading import keys, read


@dataclass(frozen=True)
class Part:
    """A section."""

    rate: float = 0.5
    kind: Literal["a", "b"] = "a"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError(f"rate {self.rate} must be 0 or more")


@dataclass(frozen=True)
class Whole:
    """All of it."""

    out: Path
    files: tuple[Path, ...] = ()
    count: int = 1
    name: str | None = None
    live: bool = False
    part: Part = field(default_factory=Part)
    maybe: Part | None = None


def config(folder: Path, text: str) -> Path:
    path = folder / "sub/config.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = config(tmp_path, "out: o\ncount: 2\npart: {rate: 0.1}")
    assert read(Whole, path) == Whole(Path("o"), count=2, part=Part(rate=0.1))
    flags = [
        "--count",
        "3",
        "--part.kind",
        "b",
        "--files",
        "x",
        "y",
        "--live=true",
        "--part.settings.lr",
        "1e-5",
        "--maybe.rate",
        "1",
    ]
    found = read(Whole, path, flags)
    assert (found.count, found.part.rate, found.part.kind, found.files, found.live) == (
        3,
        0.1,
        "b",
        (Path("x"), Path("y")),
        True,
    )
    assert found.maybe == Part(rate=1.0)
    assert found.part.settings == {"lr": "1e-5"}


def test_a_section_passes_on_what_is_its_trainers(tmp_path: Path) -> None:
    path = config(tmp_path, "out: o\npart: {settings: {steps: 1}}")
    assert read(Whole, path, ["--part.lr", "2", "--part.rewards", "a", "b"]).part.settings == {
        "steps": 1,
        "lr": 2,
        "rewards": ["a", "b"],
    }


def test_dots_in_the_file_mean_the_file_and_in_a_flag_the_user(tmp_path: Path) -> None:
    path = config(tmp_path, "out: ../o\nfiles: [./a, b]\npart: {settings: {deepspeed: ./zero2.json}}")
    found = read(Whole, path)
    assert (found.out, found.files) == (tmp_path / "o", (tmp_path / "sub/a", Path("b")))
    assert found.part.settings == {"deepspeed": str(tmp_path / "sub/zero2.json")}
    assert read(Whole, path, ["--out", "../x"]).out == Path("../x")


def test_numbers_are_read_as_their_key_means_them(tmp_path: Path) -> None:
    found = read(Whole, config(tmp_path, "out: o\nname: 7\npart: {rate: 1e-5}"))
    assert (found.name, found.part.rate) == ("7", 1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("count: 1", "missing 'out'"),
        ("out: o\ncuont: 1", "unknown key 'cuont'; did you mean 'count'?"),
        ("out: o\npart: {rat: 1}", "unknown key 'part.rat'; did you mean 'part.rate'?"),
        ("out: o\npart: 3", "'part' must be a mapping of settings, not 3"),
        ("out: o\npart: {settings: 3}", "'part.settings' must be a mapping"),
        ("out: o\ncount: 1.5", "'count' must be a whole number, not 1.5"),
        ("out: o\ncount: true", "'count' must be a whole number, not True"),
        ("out: o\nlive: 1", "'live' must be true or false, not 1"),
        ("out: 3", "'out' must be a path, not 3"),
        ("out: o\npart: {rate: fast}", "'part.rate' must be a number, not 'fast'"),
        ("out: o\npart: {kind: c}", "'part.kind' is 'c'; allowed are a, b"),
        ("out: o\npart: {rate: -1}", "part: rate -1.0 must be 0 or more"),
        ("- out", "a mapping of settings is expected"),
    ],
)
def test_a_wrong_key_is_named_with_its_value_and_file(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read(Whole, config(tmp_path, text))
    assert "config.yaml" in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rate", "1"], "--rate could be --part.rate or --maybe.rate"),
        (["--cuont", "1"], "unknown flag --cuont; did you mean 'count'?"),
        (["--part.raet", "1"], "unknown flag --part.raet; did you mean 'part.rate'?"),
        (["--count"], "--count needs a value"),
        (["1"], "'1' belongs to no flag"),
        (["--count", "1", "2"], "'count' must be a whole number"),
    ],
)
def test_a_wrong_flag_is_named(flags: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read(Whole, config(tmp_path, "out: o"), flags)
    assert message in str(refused.value)


def test_keys_say_what_must_be_given() -> None:
    listed = dict(keys(Whole))
    assert (listed["out"], listed["count"], listed["live"], listed["name"], listed["part.settings"]) == (
        "needed",
        "1",
        "false",
        "null",
        "empty",
    )
