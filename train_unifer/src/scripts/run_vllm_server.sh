#!/usr/bin/env bash
# The vLLM server of run_grpo_vllm.sh --rollouts server, on GPUs of its own: --model DIR --data-parallel-size 8. Every flag of vLLM goes
# after it. It takes new weights from whoever reaches it, so it listens here alone; --host 0.0.0.0 is for trusted networks.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/../../..
python=$root/.venv/bin/python
[ -x "$python" ] || python=python3
# An environment that uv made has no pip: /server_info, which the trainer reads, then asks the `uv` on PATH what is installed.
export VLLM_SERVER_DEV_MODE=1 PATH=$root/.venv/bin:$root/.uv/bin:$PATH
exec "$python" -m vllm.entrypoints.openai.api_server --model "$root/model/UniFER-7B-SFT" --host 127.0.0.1 --port 8000 \
    --dtype bfloat16 --max-model-len 4096 --limit-mm-per-prompt '{"image": 1, "video": 0}' \
    --weight-transfer-config '{"backend": "nccl"}' --logprobs-mode processed_logprobs --max-logprobs -1 --enable-scale-out "$@"
