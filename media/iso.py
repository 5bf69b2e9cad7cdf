"""ISO 9660 level 1 images, streamed (PS3.12 Annex F; ECMA-119). The only module that imports pycdlib.

Volume Identifier = File-set ID, System Identifier all spaces, files as `NAME.;1`, no Rock Ridge; Joliet where it is
asked for. pycdlib looks at the clock by itself: here it sees the time of the job, in UTC, so that the same content
gives the same image.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from .iso_size import recorded

BLOCK_BYTES = 1024 * 1024
"""Written at a time: with 32 KiB, pycdlib's default, an image takes half as long again (measured)."""


@contextmanager
def _clock(now: datetime) -> Iterator[None]:
    """Let pycdlib's modules see one moment."""
    from pycdlib import dates, headervd, pycdlib

    class Moment:
        """The `time` module, standing still in UTC."""

        localtime = staticmethod(time.gmtime)

        @staticmethod
        def time() -> float:
            return now.timestamp()

        def __getattr__(self, name: str) -> Any:
            return getattr(time, name)

    modules: tuple[Any, ...] = (dates, headervd, pycdlib)
    before = [module.time for module in modules]
    try:
        for module in modules:
            module.time = Moment()
        yield
    finally:
        for module, original in zip(modules, before, strict=True):
            module.time = original


def write_iso(
    files: Iterable[tuple[tuple[str, ...], Path]],
    out: Path,
    *,
    volume_id: str,
    now: datetime,
    joliet: bool = False,
    progress: Callable[[float], None] = lambda _: None,
) -> None:
    """Write an image.

    Args:
        files: (path on the medium, source file); folders are made as they are needed.
        out: the image.
        volume_id: the File-set ID; up to 16 of A-Z 0-9 _.
        now: every date of the image.
        joliet: add the Joliet tree.
        progress: hears 0 to 1.

    Raises:
        OSError: the disk is full, or a source cannot be read.
    """
    import pycdlib

    with _clock(now):
        iso: Any = pycdlib.PyCdlib()
        iso.new(interchange_level=1, sys_ident="", vol_ident=volume_id, joliet=3 if joliet else None)
        try:
            made: set[tuple[str, ...]] = set()
            for path, source in files:
                for depth in range(1, len(path)):
                    if (folder := path[:depth]) not in made:
                        made.add(folder)
                        iso.add_directory("/" + "/".join(folder), **_joliet(folder, joliet))
                above = "".join(f"/{name}" for name in path[:-1])
                iso.add_file(str(source), f"{above}/{recorded(path[-1], is_folder=False)}", **_joliet(path, joliet))
            with out.open("wb") as image:
                iso.write_fp(image, blocksize=BLOCK_BYTES, progress_cb=_throttled(progress))
        finally:
            iso.close()


def _joliet(path: tuple[str, ...], wanted: bool) -> dict[str, str]:
    return {"joliet_path": "/" + "/".join(path)} if wanted else {}


def _throttled(progress: Callable[[float], None]) -> Callable[[int, int], None]:
    told = -1

    def heard(done: int, total: int) -> None:
        nonlocal told
        percent = 100 * done // max(1, total)
        if percent != told:
            told = percent
            progress(done / max(1, total))

    return heard
