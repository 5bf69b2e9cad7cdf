"""Notes of an output about a film on its way: on stable storage before what they say is done."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def read_note(file: Path) -> dict[str, Any]:
    """What was written; empty where nothing was, or nothing whole."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_note(file: Path, values: dict[str, Any]) -> None:
    """Replace a note, whole or not at all; on return it is durable, its name too.

    Raises:
        OSError: the disk is full or failing; the note before it stays.
    """
    unfinished = file.with_name(f".{file.name}")
    with unfinished.open("w") as out:
        json.dump(values, out)
        out.flush()
        os.fsync(out.fileno())
    unfinished.rename(file)
    fd = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
