"""Configs of training and of synthesis: YAML over the YAML that its `base:` names, for runs and plans.

A config may name one base, relative to itself; keys of its own win, a section (`generation: {...}`) key by
key. Bases have no base: whoever reads a recipe opens two files at most. A path that starts with `./` or `../`
is relative to the file that it stands in.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from unifer import files
from unifer.errors import InputError

BASE = "base"


def read_config(config: Path) -> dict[str, Any]:
    """The settings of `config` over those of its base.

    Raises InputError: no mapping, or a base that is not there, is the file itself, or has a base of its own.
    """
    values = _settings(config)
    base = base_of(config, values)
    return (
        values
        if base is None
        else _over(_settings(base), {key: value for key, value in values.items() if key != BASE})
    )


def _over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`own` over `base`; where both hold a section of one name, that section of both."""
    sections = {
        key for key, value in own.items() if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return base | own | {key: _over(base[key], own[key]) for key in sections}


def files_of(config: Path) -> tuple[Path, ...]:
    """Every file that `config` is read from, itself first: what its fingerprint covers.

    Raises InputError as `read_config` does.
    """
    base = base_of(config, _settings(config))
    return (config,) if base is None else (config, base)


def base_of(config: Path, values: dict[str, Any]) -> Path | None:
    """The file that `base` in the `values` of `config` names; None without one.

    Raises InputError as `read_config` does.
    """
    if BASE not in values:
        return None
    named = values[BASE]
    if not isinstance(named, str) or not named.strip():
        raise InputError(
            f"{config}: 'base' is {named!r}; the path of another config is expected, relative to this "
            "one, such as ./sft_7b.yaml"
        )
    if Path(named).is_absolute():
        raise InputError(
            f"{config}: 'base' is {named!r}; it must be relative to this file, such as ./sft_7b.yaml"
        )
    base = Path(os.path.normpath(config.parent / named))
    if not base.is_file():
        what = "is a folder" if base.is_dir() else "is not there"
        raise InputError(
            f"{config}: 'base' names {base}, which {what}; give the path of a config, relative to this one"
        )
    if base.samefile(config):
        raise InputError(f"{config}: 'base' names the file itself; name another config, or leave it out")
    further = _settings(base).get(BASE)
    if further is not None:
        again = (
            isinstance(further, str)
            and (base.parent / further).is_file()
            and (base.parent / further).samefile(config)
        )
        problem = "they name each other" if again else "a base has none of its own"
        raise InputError(
            f"{config}: its base {base.name} names a base too, {further!r}: {problem}; leave one of the two "
            "out"
        )
    return base


def _settings(config: Path) -> dict[str, Any]:
    values = files.read_yaml(config)
    if not isinstance(values, dict):
        raise InputError(f"{config}: a mapping of settings is expected, not {values!r}")
    return {key: value if key == BASE else _anchored(value, config.parent) for key, value in values.items()}


def _anchored(value: Any, folder: Path) -> Any:
    if isinstance(value, dict):
        return {key: _anchored(each, folder) for key, each in value.items()}
    if isinstance(value, list):
        return [_anchored(each, folder) for each in value]
    if isinstance(value, str) and value.startswith(("./", "../")):
        return os.path.normpath(folder / value)
    return value
