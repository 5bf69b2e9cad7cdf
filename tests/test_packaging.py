"""The wheel: everything the installed appliance needs, and nothing of the workshop."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_has_the_packages_and_the_units(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--no-build-isolation", "-w", str(tmp_path), str(ROOT)),
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("gravure-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for room in ("appliance", "printing", "media"):
        for file in [*(ROOT / room).rglob("*.py"), *(ROOT / room).rglob("*.toml")]:
            assert file.relative_to(ROOT).as_posix() in names
    for unit in (ROOT / "systemd").iterdir():
        assert f"appliance/units/{unit.name}" in names
    assert not any(name.startswith(("tests/", "tools/")) for name in names)


def test_the_locks_name_no_address_and_hash_everything() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "http" not in text and "file:" not in text and "--index" not in text and "--find" not in text
        pins = [line for line in text.splitlines() if "==" in line]
        assert pins and all(line.rstrip().endswith("\\") for line in pins), "every pin is followed by its hashes"


def test_the_program_starts_from_its_entry_point() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    for command in ("serve", "check", "status", "jobs", "disc", "validate", "conformance"):
        assert f"  {command} " in done.stdout
