"""A fact of a log line must not have a name that the logging library keeps for itself: it would raise instead."""

import ast
import logging
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESERVED = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def test_no_fact_has_a_reserved_name() -> None:
    found = []
    for file in (ROOT / "appliance").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "extra" and isinstance(node.value, ast.Dict):
                found += [
                    (file.name, key.value)
                    for key in node.value.keys
                    if isinstance(key, ast.Constant) and key.value in RESERVED
                ]
    assert found == []
