#!/usr/bin/env bash
# Everything that must hold before a change goes in: lint, format, types, tests. Arguments go to pytest: -m "not slow", -k NAME.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
bash scripts/setup.sh --dev

# Nothing is fetched and nobody is told: every model and image of the tests is made here.
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
timed "Lint" .venv/bin/ruff check .
timed "Format" .venv/bin/ruff format --check .
timed "Types" .venv/bin/mypy
timed "Tests" .venv/bin/python -m pytest -n "${TEST_WORKERS:-2}" --dist loadfile "$@"
