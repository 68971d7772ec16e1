"""`unifer infer --profile`: what the flags that are not given mean, and which flags contradict a profile.

`default` is this project's way: the fastest engine here, the dtype that fits it, no penalty. `published` is
inference as the UniFER scripts do it: transformers, float32 weights, one question at a time, greedy, 1,024
new tokens, faces forced to 224 x 224 pixels, and whatever else the checkpoint's own generation_config.json
says of greedy decoding, such as its repetition penalty. Knows flags; loads nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from unifer import files
from unifer.errors import InputError
from unifer.records import Json

DEFAULT, PUBLISHED = "default", "published"
PROFILES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        DEFAULT: {
            "dtype": "auto",
            "max_new_tokens": 1024,
            "temperature": 0.0,
            "top_p": 1.0,
            "repetition_penalty": 1.0,
            "image_size": 224,
        },
        PUBLISHED: {
            **{"engine": "transformers", "dtype": "float32", "batch_size": 1},
            **{"max_new_tokens": 1024, "temperature": 0.0, "top_p": 1.0, "image_size": 224},
        },
    }
)
"""Profile -> flag -> its value. `default` gives way to flags; a flag that says otherwise than `published` is
refused.
"""

_PENALTY = "repetition_penalty"
_OF_GREEDY = (
    *(
        _PENALTY,
        "no_repeat_ngram_size",
        "encoder_repetition_penalty",
        "encoder_no_repeat_ngram_size",
        "bad_words_ids",
        "suppress_tokens",
    ),
    *(
        "begin_suppress_tokens",
        "min_length",
        "min_new_tokens",
        "num_beams",
        "length_penalty",
        "early_stopping",
        "sequence_bias",
    ),
)
"""Keys of a generation_config.json that change a greedy reply. Its temperature, top_p, top_k and do_sample do
not.
"""


def applied(args: argparse.Namespace) -> argparse.Namespace:
    """`args` with every flag of its profile that was not given filled in.

    Raises InputError for one that contradicts it.
    """
    wanted = PROFILES[args.profile]
    given = {name: getattr(args, name) for name in wanted if getattr(args, name) is not None}
    for name, value in given.items():
        if args.profile == PUBLISHED and value != wanted[name]:
            raise _contradiction(name, value, str(wanted[name]))
    return argparse.Namespace(**{**vars(args), **wanted, **given})


def own_generation(args: argparse.Namespace, checkpoint: Path) -> Json:
    """What the profile takes from the checkpoint's generation_config.json; nothing by `default`.

    Raises InputError where `--repetition-penalty` says otherwise than the file.
    """
    if args.profile != PUBLISHED:
        return {}
    path = checkpoint / "generation_config.json"
    stated = files.read_json(path) if path.is_file() else {}
    own: Json = {_PENALTY: 1.0} | {key: stated[key] for key in _OF_GREEDY if stated.get(key) is not None}
    if args.repetition_penalty is not None and args.repetition_penalty != own[_PENALTY]:
        raise _contradiction(_PENALTY, args.repetition_penalty, f"the checkpoint's own, {own[_PENALTY]}")
    return own


def _contradiction(name: str, value: object, wanted: str) -> InputError:
    flag = f"--{name.replace('_', '-')}"
    return InputError(
        f"{flag} {value} contradicts --profile published, which means {wanted}; leave {flag} away, or "
        "leave --profile away"
    )
