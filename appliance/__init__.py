"""Gravure: a DICOM film and disc appliance. The program; `printing` and `media` are its two libraries.

To run it on an event loop of one's own:

    from appliance import Appliance, Config

    async with Appliance(Config.load()) as running:
        print(running.dicom_port)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appliance.config import Config as Config
    from appliance.daemon import Appliance as Appliance

__version__ = "0.1.0"

_HOMES = {"Appliance": "appliance.daemon", "Config": "appliance.config"}


def __getattr__(name: str) -> Any:
    """Imported when asked for: the command line shall not load a daemon to print its help."""
    if name not in _HOMES:
        raise AttributeError(f"module 'appliance' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
