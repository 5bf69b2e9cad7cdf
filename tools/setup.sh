#!/bin/sh
# Make the virtual environment from an exact lock: setup.sh runtime|dev. Done already, it ends at once.
set -eu
cd "$(dirname "$0")/.."
lock="requirements/$1.txt"
stamp=".venv/.gravure-$1"
if [ -e "$stamp" ] && [ "$stamp" -nt "$lock" ] && [ "$stamp" -nt pyproject.toml ]; then
    exit 0
fi
# Debian's own Python first: it is built with profiles, runs half as fast again as a plain build (measured), and gets its
# security updates by apt. PYTHON=… chooses another one.
new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}
make_venv() {
    rm -rf .venv
    "$1" -m venv .venv 2>/dev/null && return
    rm -rf .venv
    case "$1" in /usr/bin/*) ./tools/apt.sh python3-venv && "$1" -m venv .venv ;; *) return 1 ;; esac
}
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    for python in ${PYTHON:-/usr/bin/python3 python3}; do
        if new_enough "$python" && make_venv "$python"; then break; fi
    done
    [ -x .venv/bin/python ] || { echo "Gravure needs Python 3.11 or newer with venv; set PYTHON to one." >&2; exit 1; }
fi
echo "installing from $lock …" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
# Without compiled modules every process starts a second later and takes 35 MB more.
.venv/bin/python -m compileall -q -j 0 .venv/lib || true
touch "$stamp"
