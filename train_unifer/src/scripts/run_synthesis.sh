#!/usr/bin/env bash
# Rounds of self-synthesis: generate, filter, select, SFT, GRPO, evaluate. Each key of the config is a flag too: --rounds 2 --samples 8
# On two CPU cores, after scripts/quickstart.sh: bash run_synthesis.sh --config ../../configs/synthesis_tiny.yaml
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
python=$root/.venv/bin/python
[ -x "$python" ] || python=python3
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -m unifer synthesize --config "$root/train_unifer/configs/synthesis_7b.yaml" "$@"
