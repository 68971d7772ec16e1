"""`python -m unifer.cli.launch TORCHRUN_ARGUMENTS`: what the launch scripts start."""

from __future__ import annotations

import sys

from unifer.errors import InputError


def main() -> None:
    """Launch the ranks and exit with their status."""
    from unifer.train.launching import launch

    try:
        status = launch(sys.argv[1:])
    except InputError as error:
        print(f"unifer: {error}", file=sys.stderr)
        status = 2
    sys.exit(status)


if __name__ == "__main__":
    main()
