"""A YAML mapping and flags -> one frozen dataclass, checked once for unknown, missing and wrong values.

Knows annotations of dataclasses, and nothing of what the settings mean. What a value may be, the dataclass
says in `__post_init__`.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from unifer.configs import read_config
from unifer.errors import InputError
from unifer.records import Json

T = TypeVar("T")
_hints = functools.cache(get_type_hints)
"""A class's annotations, evaluated once: a server reads options with every request."""
_SCALARS: Mapping[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    Path: "a path",
}


def read(kind: type[T], config: Path, flags: Sequence[str] = ()) -> T:
    """The settings `kind` that the YAML file `config` and `flags` make together; flags win.

    Flags are `--rounds 2 --sft.learning_rate 1e-4`. The file may name a base (`unifer.configs`). A path in it
    that starts with `./` or `../` is relative to it, one in a flag to where the user stands. Raises
    InputError naming the key, what it holds, and what is allowed.
    """
    values = read_config(config)
    for name, value in _pairs(flags):
        _put(values, _place(kind, name), value)
    try:
        settings: T = typed(kind, values, "")
    except ValueError as error:
        raise InputError(f"{config}: {error}") from None
    return settings


def keys(kind: type, at: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, its default as YAML writes it) of every setting; `needed` where it must be given."""
    hints = _hints(kind)
    for field in dataclasses.fields(kind):
        inner = _dataclass_of(hints[field.name])
        name = f"{at}{field.name}"
        if inner is not None:
            yield from keys(inner, f"{name}.")
        elif field.default is not dataclasses.MISSING:
            yield name, _as_yaml(field.default)
        else:
            yield name, "needed" if field.default_factory is dataclasses.MISSING else "empty"


def _as_yaml(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return "[]" if value == () else str(value)


def typed(kind: Any, value: Any, at: str) -> Any:
    """`value` of the plain types of YAML as an instance of the annotation `kind`.

    Raises ValueError; `at` is the key.
    """
    origin = get_origin(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        inner = next(each for each in get_args(kind) if each is not type(None))
        return None if value is None else typed(inner, value, at)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, at)
    if origin is Literal:
        return _choice(value, get_args(kind), at)
    if origin is tuple:
        listed = value if isinstance(value, list | tuple) else [value]
        return tuple(typed(get_args(kind)[0], each, at) for each in listed)
    if origin is not None:
        if not isinstance(value, Mapping):
            raise ValueError(f"{at!r} must be a mapping of settings, not {value!r}")
        return {str(key): typed(get_args(kind)[1], each, f"{at}.{key}") for key, each in value.items()}
    return _scalar(kind, value, at)


def _dataclass(kind: Any, value: Any, at: str) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(
            f"{at!r} must be a mapping of settings, not {value!r}"
            if at
            else "a mapping of settings is expected"
        )
    hints = _hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    prefix = f"{at}." if at else ""
    for key in value:
        if key not in fields:
            raise ValueError(
                f"unknown key {prefix + str(key)!r}; "
                f"{_nearest(str(key), [prefix + name for name in fields], prefix)}"
            )
    for name, field in fields.items():
        if (
            name not in value
            and field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        ):
            raise ValueError(f"missing {prefix + name!r}: set it in the YAML file or as --{prefix + name}")
    given = {str(key): typed(hints[str(key)], each, prefix + str(key)) for key, each in value.items()}
    try:
        return kind(**given)
    except ValueError as error:
        raise ValueError(f"{prefix.rstrip('.')}: {error}" if at else str(error)) from None


def _choice(value: Any, allowed: Sequence[Any], at: str) -> Any:
    if value not in allowed:
        raise ValueError(f"{at!r} is {value!r}; allowed are {', '.join(map(str, allowed))}")
    return value


def _scalar(kind: Any, value: Any, at: str) -> Any:
    if kind is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if kind is float and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return float(value)  # YAML takes 1e-5 for a text
        except ValueError:
            pass
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    if type(value) is not kind:
        raise ValueError(f"{at!r} must be {_SCALARS[kind]}, not {value!r}")
    return value


def _dataclass_of(kind: Any) -> type | None:
    choices = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return next((each for each in choices if isinstance(each, type) and dataclasses.is_dataclass(each)), None)


def _pairs(flags: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """(name, value) of `--name value`, `--name=value` and `--name value value`, values as YAML reads them."""
    import yaml

    at = 0
    while at < len(flags):
        if not flags[at].startswith("--"):
            raise InputError(f"{flags[at]!r} belongs to no flag; a value follows its --flag")
        name, equals, first = flags[at][2:].partition("=")
        end = next(
            (index for index in range(at + 1, len(flags)) if flags[index].startswith("--")), len(flags)
        )
        texts = [*([first] if equals else []), *flags[at + 1 : end]]
        if not texts:
            raise InputError(f"--{name} needs a value")
        values = [yaml.safe_load(text) for text in texts]
        yield name, values[0] if len(values) == 1 else values
        at = end


def _place(kind: type, name: str) -> tuple[str, ...]:
    """Where the flag `name` goes: a whole dotted key, or its last word where only one key ends in it."""
    known = [key for key, _ in keys(kind)]
    wanted = name.replace("-", "_")
    if wanted in known:
        return tuple(wanted.split("."))
    section, _, own = wanted.partition(".")
    if (
        own and f"{section}.settings" in known
    ):  # what a section passes on to a command has that command's own names
        own = own.removeprefix("settings.")
        near = difflib.get_close_matches(
            own, [key.partition(".")[2] for key in known if key.startswith(f"{section}.")], n=1, cutoff=0.75
        )
        if near:
            raise InputError(f"unknown flag --{name}; did you mean '{section}.{near[0]}'?")
        return section, "settings", own
    ending = [key for key in known if key.rpartition(".")[2] == wanted]
    if len(ending) == 1:
        return tuple(ending[0].split("."))
    if ending:
        raise InputError(f"--{name} could be {' or '.join('--' + key for key in ending)}; write one of them")
    raise InputError(f"unknown flag --{name}; {_nearest(wanted, known, '')}")


def _put(values: Json, place: Sequence[str], value: Any) -> None:
    for name in place[:-1]:
        if not isinstance(values.get(name), dict):
            values[name] = {}
        values = values[name]
    values[place[-1]] = value


def _nearest(name: str, known: Sequence[str], prefix: str) -> str:
    near = difflib.get_close_matches(prefix + name, known, n=1) or difflib.get_close_matches(
        name, [key.rpartition(".")[2] for key in known], n=1
    )
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
