"""`python -m unifer.cli.launch TORCHRUN_ARGUMENTS`: what the launch scripts start."""

from __future__ import annotations

import sys


def main() -> None:
    """Launch the ranks and exit with their status."""
    from unifer.train.launching import launch

    sys.exit(launch(sys.argv[1:]))


if __name__ == "__main__":
    main()
