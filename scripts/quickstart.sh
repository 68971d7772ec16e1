#!/usr/bin/env bash
# From nothing to a trained, scored model that reasons over faces. Run again, it goes on where it stopped; --fresh starts over.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started=$SECONDS
bash "$root/scripts/setup.sh"
cd "$root"
# Each stage is a process, and one that may not keep its bytecode compiles all of torch, TRL and vLLM again.
unset PYTHONDONTWRITEBYTECODE
UNIFER_SETUP_SECONDS=$((SECONDS - started)) exec .venv/bin/python -m unifer quickstart "$@"
