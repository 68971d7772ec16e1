#!/usr/bin/env bash
# Cold-start SFT on every GPU of this machine (NPROC=2: on two processes). Each key of the config is a flag too: --learning_rate 1e-5
# On several machines: the same line on each, with MASTER_ADDR, MASTER_PORT, NNODES and NODE_RANK set.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../../..
python=$root/.venv/bin/python
[ -x "$python" ] || python=python3
nodes=(--standalone)
[ -z "${MASTER_ADDR:-}" ] || nodes=(--nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}"
    --master_addr "$MASTER_ADDR" --master_port "${MASTER_PORT:-29500}")
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -m unifer.cli.launch "${nodes[@]}" --nproc_per_node "${NPROC:-visible}" \
    -m unifer sft --config "$here/../../configs/sft_7b.yaml" "$@"
