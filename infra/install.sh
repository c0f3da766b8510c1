#!/bin/sh
# Builds .venv from requirements.lock, and says why when it cannot. Quick when nothing has changed.
#
# Reads PYTHON (an interpreter to prefer). Writes .venv only; .venv/.stamp says what it was built from.
set -eu
cd "$(dirname "$0")/.."

VENV=.venv
STAMP=$VENV/.stamp
UNFINISHED=$VENV/.unfinished  # an install that was interrupted leaves this behind
NEEDED_MB=2048                # 1.2 GB of packages, and room for pip to unpack them

fail() {
    printf 'install: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

fingerprint() {
    # The folder is part of it: the scripts of a virtual environment hold its absolute path.
    { pwd; cat requirements.lock pyproject.toml infra/install.sh; } | cksum
}

is_supported() {
    # Runs it: a version manager's shim may be on the PATH for a version that is not installed.
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

pick_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_supported "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13 that runs" \
            "it says: $("$PYTHON" --version 2>&1 | head -1)" "try: make install PYTHON=/path/to/python3.12"
        echo "$PYTHON"
        return
    fi
    for candidate in python3.13 python3.12 python3.11 python3; do
        if is_supported "$candidate"; then echo "$candidate"; return; fi
    done
    fail "no Python 3.11, 3.12 or 3.13 found (python3 is: $(python3 --version 2>&1 | head -1))" \
        "install one (Debian, Ubuntu: apt install python3.12-venv), then: make install PYTHON=python3.12"
}

require_venv_module() {
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 || fail "$1 has no venv or ensurepip module" \
        "Debian and Ubuntu ship it apart: apt install python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
}

require_space() {
    free_mb=$(df -Pm . | awk 'NR == 2 { print $4 }')
    [ "$free_mb" -ge "$NEEDED_MB" ] || fail "$free_mb MB free here, $NEEDED_MB MB needed" \
        "free some space, or clone into a larger file system"
}

require_lock() {
    [ -e requirements.lock ] || fail "requirements.lock is missing" "restore it: git checkout requirements.lock"
}

make_environment() {
    [ ! -e "$UNFINISHED" ] || { echo "install: the last one was interrupted, starting anew"; rm -rf "$VENV"; }
    if ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1 || [ ! -e "$STAMP" ]; then
        python=$(pick_python)
        require_venv_module "$python"
        require_space
        rm -rf "$VENV"
        mkdir -p "$VENV" && : >"$UNFINISHED"
        echo "install: $("$python" --version) in $VENV"
        "$python" -m venv "$VENV"
    fi
    : >"$UNFINISHED"
    rm -f "$STAMP"
}

fill_environment() {
    # The lock is complete (hence --no-deps) and hashed; wheels only, so that nothing is built here.
    echo "install: packages of requirements.lock (about 1.2 GB; a minute or two when not cached)"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-compile \
        --require-hashes --no-deps --only-binary :all: -r requirements.lock
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --no-deps --no-build-isolation --no-index -e .
    # Starting six processes without byte-code costs ten seconds of CPU. Some packages ship files for
    # other Python versions, which do not compile: that is no failure of ours.
    echo "install: byte-compiling"
    env -u PYTHONDONTWRITEBYTECODE "$VENV/bin/python" -m compileall -q -j 0 -x '/tests?/' \
        "$VENV"/lib/python3*/site-packages analytics_platform >/dev/null 2>&1 || true
}

wanted=$(fingerprint)
if [ -e "$STAMP" ] && [ "$(cat "$STAMP")" = "$wanted" ] && [ -x "$VENV/bin/ap" ]; then exit 0; fi
require_lock
began=$(date +%s)
make_environment
fill_environment
printf '%s\n' "$wanted" >"$STAMP"
rm -f "$UNFINISHED"
echo "install: done in $(($(date +%s) - began)) s, $(du -sm "$VENV" | cut -f1) MB"
