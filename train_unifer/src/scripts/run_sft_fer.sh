#!/usr/bin/env bash
# Cold-start SFT on every GPU of this machine (NPROC=2: on two processes). Each key of the config is a flag too: --learning_rate 1e-5
# On several machines: the same line on each, with MASTER_ADDR, MASTER_PORT, NNODES and NODE_RANK set.
exec bash "$(dirname "${BASH_SOURCE[0]}")/launch.sh" sft sft_7b.yaml "$@"
