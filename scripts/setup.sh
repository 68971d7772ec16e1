#!/usr/bin/env bash
# Makes .venv from the hash-pinned lists; does nothing when they have not changed. `--dev` adds ruff, mypy and pytest.
#   PYTHON=python3.12       which Python to use
#   UNIFER_EXTRA=cpu|gpu    which list; without it gpu where nvidia-smi finds one, else cpu
# Package indexes, proxies and caches are those that pip and uv are configured for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

extra=${UNIFER_EXTRA:-$(nvidia-smi -L 2>/dev/null | grep -q GPU && echo gpu || echo cpu)}
case $extra in cpu | gpu) ;; *) die "UNIFER_EXTRA is '$extra'; allowed are cpu and gpu" ;; esac
lists=("requirements/$extra.txt")
case ${1:-} in
    --dev) lists+=(requirements/dev.txt) ;;
    '') ;;
    *) die "unknown argument '$1'; allowed is --dev" ;;
esac

stamp=.venv/.unifer-$extra${1:-}
wanted=$(cat "${lists[@]}" requirements/tools.txt pyproject.toml | sha256sum)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

python=$(choose_python)
[ "$extra" = cpu ] || gpu_ready "$python"
case $extra in cpu) needed=7 ;; gpu) needed=12 ;; esac # GB of packages as unpacked (cpu: measured); most are torch and vLLM
[ -x .venv/bin/python ] || enough_disk $((needed * 1048576))
uv=$(find_uv "$python")
if [ ! -x .venv/bin/python ]; then
    say "Making .venv with $("$python" --version)"
    "$uv" venv --quiet --python "$python" .venv
fi
logged "Installing the $extra stack${1:+ and development tools} (the first time it downloads several GB)" \
    "$uv" pip install --python .venv/bin/python --require-hashes --no-deps --build-constraints requirements/tools.txt \
    "${lists[@]/#/--requirements=}"
logged "Installing unifer from this checkout" \
    "$uv" pip install --quiet --python .venv/bin/python --no-deps --build-constraints requirements/tools.txt --editable .
printf '%s\n' "$wanted" >"$stamp"
