"""The command line: what stubs and shells call. Alone prints and exits; every other module returns or raises.

One module per group of commands, each with `register(subparsers)`; `_GROUPS` lists them in the order of
`--help`. Nothing heavy is imported until a command runs, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence

from unifer import __version__
from unifer.cli import (
    ablate,
    bench,
    calibrate,
    compare,
    convert_log,
    counterfactual,
    curves,
    damage,
    data,
    doctor,
    infer,
    judge,
    leaderboard,
    merge,
    predict,
    quickstart,
    report,
    rewards,
    score,
    serve,
    synthesize,
    train,
    trust,
)
from unifer.errors import FULL_DISK, INTERRUPTED, InputError, Interrupted

_GROUPS = (
    quickstart,
    predict,
    serve,
    data,
    doctor,
    train,
    rewards,
    curves,
    infer,
    score,
    bench,
    compare,
    calibrate,
    damage,
    judge,
    counterfactual,
    leaderboard,
    merge,
    convert_log,
    report,
    trust,
    synthesize,
    ablate,
)
"""In the order of `unifer --help`."""
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns its exit status: 0 done, 1 done with something to report, 2 bad input, 130 interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="unifer", description="Train and benchmark multimodal LLMs that read facial expressions."
    )
    parser.add_argument("--version", action="version", version=f"unifer {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for group in _GROUPS:
        group.register(commands)
    # Flags that TRL's own parser reads (`unifer sft --learning_rate 1e-5`) pass through in `args.rest`.
    args, rest = parser.parse_known_args(argv)
    if rest and not getattr(args, "passes_flags_on", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.rest = rest
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except InputError as error:
        print(f"unifer: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read the output has enough, as `head` does. What is still buffered goes nowhere, or it would
        # raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.filename is None and error.errno not in FULL_DISK:
            raise
        print(f"unifer: {_about_file(error)}", file=sys.stderr)
        return 2
    except Interrupted as stop:
        print(f"\nunifer: {stop}", file=sys.stderr)
        return stop.status
    except KeyboardInterrupt:
        print("\nunifer: interrupted", file=sys.stderr)
        return INTERRUPTED
    return status


def _about_file(error: OSError) -> str:
    """What the system refused, and what to do: `runs/x.json: Permission denied; ...`."""
    if error.errno in FULL_DISK:
        remedy = "free some space, or choose a place on another disk"
    elif error.errno in _CLOSED:
        remedy = "allow this user to read and write there, or choose another place"
    else:
        remedy = "check that path, or choose another place"
    return f"{error.filename or 'writing'}: {error.strerror}; {remedy}"
