"""Child work: make the media of one disc job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.children import WorkRefused
from media.job import DiscError, make_disc
from media.request import DiscRequest


def perform(request: dict[str, Any], progress: Callable[[float, str], None]) -> dict[str, Any]:
    """`{"request": file, "folder": work folder}` → `{"files", "warnings"}`."""
    order = DiscRequest.from_json(Path(request["request"]).read_bytes())
    try:
        result = make_disc(order, Path(request["folder"]), progress)
    except DiscError as failure:
        raise WorkRefused(str(failure), info=failure.info, hold=failure.hold) from failure
    return {"files": [str(file) for file in result.files], "warnings": list(result.warnings)}
