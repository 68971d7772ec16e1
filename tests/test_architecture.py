"""The rules of design.md about which code may know which, checked on syntax trees: nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "unifer").rglob("*.py"))

RANKS = {
    "base": 0,
    "dialogue": 1,
    "models": 2,
    "prepare": 3,
    "train": 3,
    "evaluate": 3,
    "recognition": 3,
    "report": 4,
    "serving": 5,
    "cli": 6,
    "__main__": 7,
}
"""Room -> height: files import from their own and lower rooms. The package's front doors stand above all."""

TRAINING_STACK = {
    "torch",
    "torchvision",
    "trl",
    "vllm",
    "deepspeed",
    "transformers",
    "accelerate",
    "peft",
    "qwen_vl_utils",
    "tokenizers",
}
TORCH_ROOMS = {"models", "train"}

BROAD_EXCEPTS = {
    "dialogue/images.py": "decoders raise anything on damaged bytes; each becomes the image's recorded error",
    "models/engines/": "the boundary at which a failed request becomes a failed reply, and a worker thread "
    "hands its error over",
    "serving/worker.py": "an engine that raises must not end the server: its requests get the reason",
}
"""Where (a file or a folder) `except Exception` may stand without raising again, and why."""

WORKERS = {
    "evaluate/inference/shards.py": "its child process tells its parent by exit status, and ends with it"
}
"""Files besides the command line that may write to the terminal and exit, and why."""


@dataclass(frozen=True)
class Import:
    """One imported module name, and whether it is imported when the file is."""

    module: str
    line: int
    at_load: bool


def room(path: Path) -> str:
    parts = path.relative_to(ROOT / "unifer").parts
    if len(parts) > 1:
        return parts[0]
    return "__main__" if parts[0] in ("__main__.py", "__init__.py") else "base"


def imports(path: Path) -> list[Import]:
    found: list[Import] = []
    _collect(ast.parse(path.read_text(encoding="utf-8")), path, True, found)
    return found


def _collect(node: ast.AST, path: Path, at_load: bool, found: list[Import]) -> None:
    for child in ast.iter_child_nodes(node):
        inside = at_load and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            inside = False
        if isinstance(child, ast.Import):
            found.extend(Import(alias.name, child.lineno, at_load) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            found.extend(Import(module, child.lineno, at_load) for module in _sources(child, path))
        _collect(child, path, inside, found)


def _sources(node: ast.ImportFrom, path: Path) -> list[str]:
    """`from unifer import files` speaks of `unifer.files`; relative imports are made absolute."""
    base = node.module or ""
    if node.level:
        package = path.relative_to(ROOT).parent.parts
        base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
    return [f"{base}.{alias.name}" for alias in node.names] if base.split(".")[0] == "unifer" else [base]


def target_room(module: str) -> str | None:
    """The room of `unifer.x.y`; None for what is not ours."""
    parts = module.split(".")
    if parts[0] != "unifer":
        return None
    if len(parts) > 1 and parts[1] in RANKS and (ROOT / "unifer" / parts[1]).is_dir():
        return parts[1]
    return "base"


def statements(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    """What runs when a module is imported: `if` and `try` blocks entered, functions, classes and `__main__`
    guards not.
    """
    for node in nodes:
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from statements(getattr(node, name, []))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


@each_file
def test_imports_point_one_way_and_stages_never_meet(path: Path) -> None:
    own = room(path)
    for found in imports(path):
        other = target_room(found.module)
        if other is not None and other != own:
            assert RANKS[other] < RANKS[own], (
                f"{path.name}:{found.line}: {own} may not import {found.module} ({other})"
            )


def test_import_unifer_loads_no_room() -> None:
    front = imports(ROOT / "unifer" / "__init__.py")
    assert not [found for found in front if found.at_load and target_room(found.module)]


@each_file
def test_the_training_stack_is_imported_in_models_and_train_alone(path: Path) -> None:
    for found in imports(path):
        name = found.module.split(".")[0]
        if name not in TRAINING_STACK or room(path) in TORCH_ROOMS:
            continue
        lazily_resized = name == "qwen_vl_utils" and path.name == "images.py" and not found.at_load
        assert lazily_resized, (
            f"{path.name}:{found.line}: {name} belongs into models/ or train/: --help and scores work "
            "without it"
        )


@each_file
def test_commands_import_models_and_trainers_when_they_run(path: Path) -> None:
    if room(path) == "cli":
        for found in imports(path):
            late = target_room(found.module) not in TORCH_ROOMS or not found.at_load
            assert late, (
                f"{path.name}:{found.line}: import {found.module} inside the command: --help must not "
                "wait for torch"
            )


@each_file
def test_only_the_command_line_prints_and_exits(path: Path) -> None:
    if room(path) in ("cli", "__main__") or path.relative_to(ROOT / "unifer").as_posix() in WORKERS:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            banned = called in (
                "print",
                "exit",
                "quit",
                "sys.exit",
                "os._exit",
                "sys.stdout.write",
                "sys.stderr.write",
            )
            assert not banned, (
                f"{path.name}:{node.lineno}: {called}() belongs into cli; return, raise or call back instead"
            )


@each_file
def test_failures_are_caught_by_name(path: Path) -> None:
    place = path.relative_to(ROOT / "unifer").as_posix()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = "" if node.type is None else ast.unparse(node.type)
        assert caught, f"{path.name}:{node.lineno}: a bare except also swallows Ctrl-C; name what is expected"
        if caught in ("Exception", "BaseException"):
            passes_on = isinstance(node.body[-1], ast.Raise)
            allowed = passes_on or place.startswith(tuple(BROAD_EXCEPTS))
            assert allowed, f"{path.name}:{node.lineno}: except {caught} outside {sorted(BROAD_EXCEPTS)}"


@each_file
def test_importing_a_module_has_no_effect(path: Path) -> None:
    for node in statements(ast.parse(path.read_text(encoding="utf-8")).body):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        assert docstring or not isinstance(node, ast.Expr), (
            f"{path.name}:{node.lineno}: {ast.unparse(node)} runs at import"
        )
        assert not isinstance(node, ast.For | ast.While | ast.With | ast.Delete), (
            f"{path.name}:{node.lineno}: code runs at import"
        )
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AugAssign)
            else []
        )
        for target in targets:
            own = isinstance(target, ast.Name | ast.Tuple)
            assert own, (
                f"{path.name}:{node.lineno}: {ast.unparse(target)} changes something outside this "
                "module at import"
            )


@each_file
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), (
        f"{path.name} opens without a docstring"
    )


@each_file
def test_files_and_functions_stay_readable_in_one_sitting(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= 300, f"{path.name} has {lines} lines: is it one room or two?"
    for function in functions(ast.parse(text)):
        first = (
            function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
        )
        length = (function.end_lineno or function.lineno) - first.lineno + 1
        assert length <= 40, (
            f"{path.name}:{function.lineno}: {function.name} has {length} lines below its docstring"
        )


def test_every_room_is_one_the_rules_know() -> None:
    rooms = {path.name for path in (ROOT / "unifer").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert rooms <= set(RANKS), (
        f"give {sorted(rooms - set(RANKS))} a rank, or the rules above do not reach it"
    )


def test_a_class_has_its_name_to_itself() -> None:
    """There were four classes `Run`, four `Asked` and four `Face`: a reader of an import did not know which
    was meant.
    """
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
    assert not {name: where for name, where in places.items() if len(where) > 1}


@each_file
def test_the_map_of_the_rooms_names_every_module(path: Path) -> None:
    """`docs/pipeline.md` forgot five. A folder inside a room, such as `builders/`, stands for all its
    modules.
    """
    *folders, name = path.relative_to(ROOT / "unifer").with_suffix("").parts
    if name in ("__init__", "__main__") or folders[:1] == ["cli"]:
        return
    rooms = (
        (ROOT / "docs" / "pipeline.md")
        .read_text(encoding="utf-8")
        .partition("## Rooms of the package")[2]
        .partition("Imports point")[0]
    )
    wanted = f"{folders[1]}/" if len(folders) > 1 else name
    assert re.search(rf"(?<![\w/]){re.escape(wanted)}(?![\w/])", rooms), (
        f"docs/pipeline.md does not name {wanted}"
    )


def test_tests_and_benchmarks_stay_readable_in_one_sitting_too() -> None:
    lengths = {
        path: path.read_text(encoding="utf-8").count("\n")
        for room in ("tests", "benchmarks")
        for path in (ROOT / room).rglob("*.py")
    }
    assert not {path.relative_to(ROOT).as_posix(): lines for path, lines in lengths.items() if lines > 300}
