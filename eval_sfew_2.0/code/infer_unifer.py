"""Answer this folder's questions with a model; `python infer_unifer.py --help` lists the flags."""

import sys
from pathlib import Path

if __name__ == "__main__":
    folder = Path(__file__).resolve().parents[1]
    sys.path.insert(0, str(folder.parent))
    try:
        from unifer.cli import main

        status = main(["infer", "--dataset-dir", str(folder), *sys.argv[1:]])
    except ImportError as error:
        sys.exit(
            f"{error}\nRun `bash scripts/setup.sh` once, then `source .venv/bin/activate` (both in "
            f"{folder.parent})."
        )
    sys.exit(status)
