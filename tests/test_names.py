"""What a newcomer reads first: names that can be told apart, and docstrings that open with one line."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "unifer").rglob("*.py"))
PARTICIPLES = {"found", "asked", "shown", "said", "kept", "made", "held", "stated"}


def public_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Names that other modules can see: of functions, classes, methods, fields and constants."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef):
            continue
        for part in node.body:
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield part.name, part.lineno
            elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                yield part.target.id, part.lineno
            elif isinstance(part, ast.Assign):
                yield from ((at.id, part.lineno) for at in part.targets if isinstance(at, ast.Name))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_public_name_is_a_participle(path: Path) -> None:
    """`found` stood for 161 things, `asked` for 63: a reader could not tell a count from a list of rows."""
    assert path.stem not in PARTICIPLES
    names = public_names(ast.parse(path.read_text(encoding="utf-8")))
    assert not [f"{path.name}:{line}: {name}" for name, line in names if name.lower() in PARTICIPLES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_docstring_opens_with_one_line(path: Path) -> None:
    """A first sentence over two lines is read twice, and no list of functions can show it."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
    assert not [text for text in texts if "\n" in text.partition("\n\n")[0]]


def near(one: str, other: str) -> bool:
    """Whether two names differ by one letter, or one is the other with an ending."""
    short, long = sorted((one, other), key=len)
    if long.startswith(short) and len(long) - len(short) <= 3:
        return True
    return len(short) == len(long) and sum(a != b for a, b in zip(short, long, strict=True)) == 1


def test_no_two_modules_of_a_room_are_taken_for_each_other() -> None:
    """`compare.py` lay beside `comparison.py`, `table.py` beside `tables.py`."""
    twins = []
    for folder in sorted({path.parent for path in FILES}):
        names = sorted({path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()})
        names = [name for name in names if not name.startswith("_")]
        twins += [
            f"{folder.name}: {a}, {b}" for i, a in enumerate(names) for b in names[i + 1 :] if near(a, b)
        ]
    assert not twins


def test_no_two_folders_at_the_top_are_taken_for_each_other() -> None:
    """`benchmark/`, sets and models, lay beside `benchmarks/`, measurements."""
    names = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
    assert not [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if near(a, b)]


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    graph = {_module(path): set(_imported(path)) for path in FILES}
    state: dict[str, bool] = {}

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, f"a circle of imports: {' -> '.join([*way[way.index(module) :], module])}"
        if module in state:
            return
        for other in sorted(graph.get(module, ())):
            visit(other, (*way, module))
        state[module] = True

    for module in graph:
        visit(module, ())


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path) -> Iterator[str]:
    """Our own modules that are imported when the file is; those for types alone are none."""
    known = {_module(each) for each in FILES}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unifer"):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in known else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("unifer"))
