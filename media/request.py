"""DiscRequest: what a disc is to be. The same value whoever orders it: an AE title, the command line, the console."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class DiscInstance:
    """One instance as it lies in the store or in a folder."""

    path: Path
    size: int
    """Bytes of the file."""
    data_offset: int
    """Bytes before the data set."""
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    keys: bytes
    """Directory keys, as `scan_header` made them."""
    sha256: str | None = None
    """Of the file as it was received; None where nobody took it."""
    clean: bool = True
    """Whether the file may be linked as it is: a Part 10 file of ours, its preamble zero."""


@dataclass(frozen=True, slots=True)
class DiscRequest:
    """One disc job."""

    instances: tuple[DiscInstance, ...]
    profile: str
    medium: str
    file_set_id: str
    now: datetime
    seed: str
    """UIDs are made of it: the same request gives the same bytes."""
    output: str = "iso"
    """iso, zip or folder."""
    joliet: bool = False
    icons: bool = False
    """Whether each series has a small picture in the DICOMDIR."""
    language: str = "en"
    institution: str = ""
    addendum: bool = False
    version: str = ""
    """Of the program that makes the disc; stands on README.TXT and INDEX.HTM."""
    split: bool = True
    """Whether several volumes are allowed."""

    def to_json(self) -> str:
        """The request as JSON."""
        return json.dumps(_plain(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> DiscRequest:
        """The request that `to_json` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        data: dict[str, Any] = json.loads(text)
        data["instances"] = tuple(
            DiscInstance(**{**one, "path": Path(one["path"]), "keys": base64.b64decode(one["keys"])})
            for one in data["instances"]
        )
        data["now"] = datetime.fromisoformat(data["now"])
        return cls(**data)


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value
