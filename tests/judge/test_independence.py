"""The judge knows nothing of what it judges: it imports none of our code, nor the helpers of our other tests."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OURS = {"appliance", "printing", "media"}


def imported(file: Path) -> set[str]:
    """Dotted names of everything that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: imports are absolute"
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("file", sorted(HERE.glob("*.py")), ids=lambda file: str(file.name))
def test_a_judge_imports_nothing_of_ours(file: Path) -> None:
    for name in imported(file):
        top = name.split(".")[0]
        assert top not in OURS and top != "pynetdicom", name
        assert top != "tests" or name.startswith("tests.judge"), name
