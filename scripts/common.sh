# Sourced by setup.sh and lock.sh: choosing Python, finding or fetching uv, saying how long a step took and why it failed.

LOG=runs/setup.log

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

die() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

# timed TITLE COMMAND...: runs the command, then says how many seconds it took.
timed() {
    local title=$1 started=$SECONDS
    shift
    say "$title ..."
    "$@"
    say "$title: $((SECONDS - started)) s"
}

# free_kb FOLDER: kilobytes free where the folder is or will be made; nothing where df does not say.
free_kb() {
    local folder=$1
    while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
    df -Pk "$folder" 2>/dev/null | awk 'NR == 2 && $4 ~ /^[0-9]+$/ { print $4 }'
}

# gigabytes KB: 7340032 -> 7.0
gigabytes() { awk -v kb="$1" 'BEGIN { printf "%.1f", kb / 1048576 }'; }

# Shows that TITLE still runs: on a terminal the seconds and what the disk has taken, else a line every half minute. It starts no process
# that could outlive it and hold a pipe open.
tick() {
    local title=$1 before=$2 every=30 start='' end=$'\n' seconds=0 free
    if [ -t 2 ]; then every=1 start=$'\r\033[K' end=''; fi
    exec 9<> <(:)
    while :; do
        read -rt "$every" -u 9 || true
        seconds=$((seconds + every))
        free=$(free_kb .)
        printf '%s%s: %s s, %s GB%s' "$start" "$title" "$seconds" "$(gigabytes "$((before > free ? before - free : 0))")" "$end" >&2
    done
}

# logged TITLE COMMAND...: runs the command with its output in $LOG, shows that it runs, says how long it took or why it failed.
logged() {
    local title=$1 started=$SECONDS status=0 ticker before
    shift
    before=$(free_kb .)
    mkdir -p "$(dirname "$LOG")"
    say "$title ..."
    tick "$title" "${before:-0}" >&2 &
    ticker=$!
    trap 'kill "$ticker" 2>/dev/null || true' EXIT
    "$@" >"$LOG" 2>&1 || status=$?
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    trap - EXIT
    [ ! -t 2 ] || printf '\r\033[K' >&2
    [ "$status" = 0 ] || why_failed "$title"
    say "$title: $((SECONDS - started)) s"
}

# Ends with one line about what $LOG tells, or with its last lines.
why_failed() {
    if grep -qiE 'no space left|quota exceeded' "$LOG"; then
        die "$1: the disk is full ($(gigabytes "$(free_kb .)") GB free); free some space, then run the same command again"
    elif grep -qiE 'fail(ed|ure) (to fetch|in name)|error sending request|dns error|connection|timed out|unreachable|certificate|proxy|no matching distribution' "$LOG"; then
        die "$1: packages could not be fetched. Is there a network? A proxy: set HTTPS_PROXY; another index: PIP_INDEX_URL and" \
            "UV_DEFAULT_INDEX. Then run the same command again. Details: $LOG"
    fi
    tail -n 10 "$LOG" | sed 's/^/  | /' >&2
    die "$1 failed; above are the last lines of $LOG"
}

# gpu_ready PYTHON: says what a GPU run will miss, which Triton and torch would say after the weights are loaded.
gpu_ready() {
    local driver
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1)
    if [ -n "$driver" ] && [ "${driver%%.*}" -lt 580 ] 2>/dev/null; then
        say "The NVIDIA driver $driver is too old: torch and vLLM are built for CUDA 13, which needs 580 or newer (or, on a data centre" \
            "GPU, the package cuda-compat-13-0)"
    fi
    command -v "${CC:-gcc}" >/dev/null || command -v clang >/dev/null ||
        say "No C compiler: Triton needs one on the GPU machine. apt install build-essential, or module load gcc"
    "$1" -c 'import os, sysconfig; os.stat(os.path.join(sysconfig.get_paths()["include"], "Python.h"))' 2>/dev/null ||
        say "Python.h of $1 is missing: Triton needs it on the GPU machine. apt install python3-dev"
}

# enough_disk KB: ends where that much is not free for .venv and for uv's cache. What is in the cache already takes no more space.
enough_disk() {
    local needed=$1 cache=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/uv} folder free
    [ ! -d "$cache/archive-v0" ] || return 0
    for folder in "$PWD" "$cache"; do
        free=$(free_kb "$folder")
        if [ -n "$free" ] && [ "$free" -lt "$needed" ]; then
            die "$folder: $(gigabytes "$free") GB are free on its disk, the packages take $(gigabytes "$needed") GB; free some space" \
                "(UV_CACHE_DIR puts the cache on another disk)"
        fi
    done
}

# Prints the first Python that is new enough; $PYTHON, if set, is the only candidate.
choose_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3 python}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    die "Python 3.11 or newer is needed, tried: ${PYTHON:-python3.11 python3.12 python3.13 python3 python}." \
        "Install one, or name it: PYTHON=/path/to/python3.11 bash $0"
}

# Prints uv's path: the one on PATH, else the pinned one, fetched into .uv/ by pip (which needs no venv module for that).
find_uv() {
    local python=$1 pip
    if command -v uv >/dev/null; then
        command -v uv
        return
    fi
    if [ ! -x .uv/bin/uv ] || ! cmp -s requirements/tools.txt .uv/tools.txt; then
        pip=$("$python" -m pip --version 2>/dev/null | awk '{ print $2 }')
        [ -n "$pip" ] || die "$python has no pip and there is no uv on PATH; install either of them"
        [ "${pip%%.*}" -ge 21 ] || die "pip $pip is too old for today's packages; renew it: $python -m pip install --upgrade pip"
        logged "Fetching uv into .uv/" "$python" -m pip install --disable-pip-version-check --upgrade \
            --require-hashes --target .uv -r requirements/tools.txt
        cp requirements/tools.txt .uv/tools.txt
    fi
    printf '%s\n' "$PWD/.uv/bin/uv"
}
