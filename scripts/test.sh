#!/usr/bin/env bash
# Everything that must hold before a change goes in: lint, format, types, tests; ten minutes on two cores. Arguments go to pytest:
# -m "not slow", -k NAME. With --all also every cell of a matrix (families, engines, ranks): up to an hour.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
bash scripts/setup.sh --dev

# Nothing is fetched and nobody is told: every model and image of the tests is made here.
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
# The tests start dozens of processes, and one that may not keep its bytecode compiles all of torch, TRL and vLLM again.
unset PYTHONDONTWRITEBYTECODE
timed "Lint" .venv/bin/ruff check .
timed "Format" .venv/bin/ruff format --check .

# Types are checked on one core, beside the first tests; what is wrong with them is said at the end.
found=$(mktemp)
.venv/bin/mypy >"$found" 2>&1 &
types=$!
trap 'kill "$types" 2>/dev/null || true; rm -f "$found"' EXIT
status=0
timed "Tests" .venv/bin/python -m pytest -n "${TEST_WORKERS:-2}" --dist loadfile --durations=10 "$@" || status=$?
wait "$types" || status=1
say "Types: $(tail -n 1 "$found")"
[ "$status" = 0 ] || cat "$found"
exit "$status"
