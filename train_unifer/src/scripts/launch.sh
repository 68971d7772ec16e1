#!/usr/bin/env bash
# launch.sh COMMAND CONFIG [flags]: `unifer COMMAND` by torchrun on every GPU of this machine (NPROC=2: on two processes).
# On several machines: the same line on each, with MASTER_ADDR, MASTER_PORT, NNODES and NODE_RANK set; they wait RENDEZVOUS_MINUTES (15).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../../..
python=$root/.venv/bin/python
[ -x "$python" ] || python=python3
nodes=(--standalone)
[ -z "${MASTER_ADDR:-}" ] || nodes=(--nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}"
    --master_addr "$MASTER_ADDR" --master_port "${MASTER_PORT:-29500}" --rdzv-conf "timeout=$((60 * ${RENDEZVOUS_MINUTES:-15}))")
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -m unifer.cli.launch "${nodes[@]}" --nproc_per_node "${NPROC:-visible}" \
    -m unifer "$1" --config "$here/../../configs/$2" "${@:3}"
