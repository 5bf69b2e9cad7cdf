"""Child work: are two files of one SOP Instance UID the same instance?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from media.sameness import same_content


def perform(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """`{"left": path, "right": path}` → `{"same": bool}`."""
    return {"same": same_content(Path(request["left"]), Path(request["right"]))}
