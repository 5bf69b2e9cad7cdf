"""Imports run one way: cli, daemon → the rest of appliance → {printing, media} → third party (design §2)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"appliance", "printing", "media"}

# What a pure module may not touch: it is handed its clock, UIDs and bytes.
IMPURE = {"time", "subprocess", "socket", "uuid", "secrets", "random", "tempfile"}
PURE = {
    "printing": "terms attributes judge display_format film_size layout session page grayscale printer status elements"
    " hierarchy freeze clues annotation presentation_lut printer_configuration configuration_information"
    " tone calibration evaluation chart scan reference report",
    "media": "records profiles plan iso_size file_ids identity elements values supply record_bodies character_sets",
}


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """(module, whether it is imported when the file is) of every import; relative ones are resolved."""
    tree = ast.parse(file.read_text())
    package = ".".join(file.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in ast.walk(tree):
        at_top = node in tree.body
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, at_top
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
            yield base, at_top


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ["printing", "media"])
def test_a_library_imports_nothing_of_ours_but_itself(room: str) -> None:
    for file in files(room):
        for module, _ in imports(file):
            top = module.partition(".")[0]
            assert top not in OURS - {room}, f"{file.relative_to(ROOT)} imports {module}"


def test_nothing_imports_the_roof() -> None:
    for file in files("appliance"):
        name = file.relative_to(ROOT).parts
        if name[1] in ("cli", "daemon.py", "__main__.py"):
            continue
        for module, at_top in imports(file):
            assert not module.startswith("appliance.cli"), file
            if module == "appliance.daemon":
                # For its type alone: the snapshot describes the whole, and the package names it.
                assert name[1] in ("status.py", "__init__.py") and not at_top, file


@pytest.mark.parametrize("room", sorted(PURE))
def test_pure_modules_open_nothing_and_ask_nobody_for_the_time(room: str) -> None:
    for name in PURE[room].split():
        file = ROOT / room / f"{name}.py"
        touched = {module.partition(".")[0] for module, _ in imports(file)} & IMPURE
        assert not touched, f"{file.relative_to(ROOT)} imports {touched}"
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("open", "datetime.now", "datetime.today"), f"{file.name} calls {called}"


def test_private_parts_of_pynetdicom_are_touched_nowhere() -> None:
    for room in sorted(OURS):
        for file in files(room):
            for module, _ in imports(file):
                if module.startswith("pynetdicom"):
                    assert not any(part.startswith("_") for part in module.split(".")), file


def test_pycdlib_lives_in_iso_alone_and_copyleft_decoders_nowhere() -> None:
    for room in sorted(OURS):
        for file in files(room):
            for module, _ in imports(file):
                top = module.partition(".")[0]
                assert top != "pycdlib" or file == ROOT / "media" / "iso.py"
                assert top not in ("libjpeg", "pylibjpeg_libjpeg", "cups", "fitz"), file


def test_no_acceptor_of_pynetdicom_runs() -> None:
    for room in sorted(OURS):
        for file in files(room):
            assert "start_server" not in file.read_text(), file
