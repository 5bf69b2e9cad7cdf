#!/bin/sh
# Make the virtual environment from an exact lock: setup.sh runtime|dev. Done already, it ends at once.
set -eu
cd "$(dirname "$0")/.."
lock="requirements/$1.txt"
stamp=".venv/.gravure-$1"
python="${PYTHON:-python3}"

if [ -e "$stamp" ] && [ "$stamp" -nt "$lock" ] && [ "$stamp" -nt pyproject.toml ]; then
    exit 0
fi
"$python" - <<'EOF' || { echo "Gravure needs Python 3.11 or newer; set PYTHON to one." >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
EOF
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    if ! "$python" -m venv .venv 2>/dev/null; then
        rm -rf .venv
        ./tools/apt.sh python3-venv
        "$python" -m venv .venv
    fi
fi
echo "installing from $lock …" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
# Without compiled modules every process starts a second later and takes 35 MB more.
.venv/bin/python -m compileall -q -j 0 .venv/lib || true
touch "$stamp"
