#!/usr/bin/env bash
# GRPO with vLLM rollouts on every GPU of this machine (NPROC=2: on two processes). Each key of the config is a flag too: --beta 0
# On several machines: the same line on each, with MASTER_ADDR, MASTER_PORT, NNODES and NODE_RANK set.
exec bash "$(dirname "${BASH_SOURCE[0]}")/launch.sh" grpo grpo_7b.yaml "$@"
