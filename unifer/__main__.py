"""`python -m unifer`, which torchrun needs."""

import sys

from unifer.cli import main

if __name__ == "__main__":
    sys.exit(main())
