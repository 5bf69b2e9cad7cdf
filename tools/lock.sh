#!/bin/sh
# Make the exact locks again: every dependency of every supported Python, with hashes, and no address of any index.
set -eu
cd "$(dirname "$0")/.."
lock() {
    .venv/bin/uv pip compile pyproject.toml "$@" --universal --python-version 3.11 --generate-hashes \
        --no-strip-extras --no-emit-index-url --no-emit-find-links --no-header --quiet
}
.venv/bin/python -m pip install --quiet uv
lock --group build -o requirements/runtime.txt
lock --group build --group dev -o requirements/dev.txt
