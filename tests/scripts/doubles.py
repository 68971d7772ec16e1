"""A checkout whose scripts can be run with doubles of Python and uv that only say how they were called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
ECHO = '#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n'
FAKE_UV = """#!/usr/bin/env bash
echo "$*" >>"$CALLS"
if [ "$1" = venv ]; then
    mkdir -p .venv/bin
    printf '#!/usr/bin/env bash\\n' >.venv/bin/python
    chmod +x .venv/bin/python
fi
"""


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def bash(script: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script from another folder, with `bin/` beside its checkout first on PATH and without this
    session's own settings.
    """
    checkout = next(parent for parent in script.parents if parent.name == "a checkout")
    settings = {
        "PATH": f"{checkout.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CALLS": str(checkout / "calls"),
        "HOME": "/nonexistent",
    }
    return subprocess.run(
        ["bash", str(script), *arguments],
        cwd=checkout.parent,
        env=settings | variables,
        capture_output=True,
        text=True,
    )
