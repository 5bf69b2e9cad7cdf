"""Image files as `gravure film` and `gravure print` read them: with every decoder that discs are made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from media.transcode import CannotTranscode, read_decompressed
from printing.compose import CannotCompose, cannot_decode


def read(path: Path) -> Any:
    """The data set of a file, its pixels decompressed.

    Raises:
        CannotCompose: they cannot be; says why, of which file and transfer syntax.
    """
    try:
        return read_decompressed(path)
    except CannotTranscode as failure:
        raise CannotCompose(cannot_decode(path, str(failure))) from failure
