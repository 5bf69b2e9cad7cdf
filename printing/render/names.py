"""What the files of one film are called where a format has no pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def names(file: Path, count: int) -> Iterator[Path]:
    """film.png alone, or film-1of2.png, film-2of2.png.

    Args:
        file: what one alone is called.
        count: how many there are.
    """
    for number in range(1, count + 1):
        yield file if count == 1 else file.with_name(f"{file.stem}-{number}of{count}{file.suffix}")
