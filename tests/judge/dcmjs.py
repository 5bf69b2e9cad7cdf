"""The dcmjs-dimse console: installed by npm as its lock file says, once a test run, and run as a process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "dimse"


def installed(folder: Path) -> Path:
    """A folder with the console, the imager and their packages. Without node, or where npm has no registry, the test
    is skipped; in CI it fails."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        _missing("not installed: node and npm")
    for name in ("package.json", "package-lock.json", "console.cjs", "imager.cjs"):
        shutil.copy(HERE / name, folder / name)
    done = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--prefix", str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode != 0:
        _missing(f"npm could not install dcmjs-dimse: {done.stderr.strip().splitlines()[-1:]}")
    return folder


def _missing(words: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(words, pytrace=False)
    pytest.skip(words)


def talk(folder: Path, wishes: dict[str, Any]) -> list[dict[str, Any]]:
    """What the console heard, line by line."""
    done = subprocess.run(
        ["node", "console.cjs"], cwd=folder, input=json.dumps(wishes), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]
