# Sourced by setup.sh and lock.sh: choosing Python, finding or fetching uv, saying how long a step took.

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
    local python=$1
    if command -v uv >/dev/null; then
        command -v uv
        return
    fi
    if [ ! -x .uv/bin/uv ] || ! cmp -s requirements/tools.txt .uv/tools.txt; then
        "$python" -m pip --version >/dev/null 2>&1 || die "$python has no pip and there is no uv on PATH; install either of them"
        timed "Fetching uv into .uv/" "$python" -m pip install --quiet --disable-pip-version-check --upgrade \
            --require-hashes --target .uv -r requirements/tools.txt >&2
        cp requirements/tools.txt .uv/tools.txt
    fi
    printf '%s\n' "$PWD/.uv/bin/uv"
}
