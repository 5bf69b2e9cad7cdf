"""File IDs by counter (PS3.10 §8.2, §8.5): DICOM/PA000001/ST000001/SE000001/IM000001.

Names are counted, never made of what an instance says: 32-bit hashes of UIDs lose images in large folders, and peer
text in a path is how instances leave their folder.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator

COMPONENTS_MAX = 8
COMPONENT = re.compile(r"[A-Z0-9_]{1,8}")
FILE_SET_ID = re.compile(r"[A-Z0-9_]{0,16}")  # PS3.3 table F.3-2: Type 2, may be empty

_LEVELS = ("PA", "ST", "SE")


class FileIDs:
    """File IDs for one File-set, in the order in which instances come.

    Each distinct patient, study and series gets a folder and each instance a number within its series; 999,999 of
    each fit eight characters.
    """

    def __init__(self, root: str = "DICOM") -> None:
        self._root = root
        self._numbers: dict[tuple[Hashable, ...], tuple[str, ...]] = {}
        self._counts: dict[tuple[str, ...], int] = {}

    def of(self, patient: Hashable, study: Hashable, series: Hashable) -> tuple[str, ...]:
        """The File ID of the next instance of this series.

        Raises:
            OverflowError: more than 999,999 of one kind in one folder.
        """
        path: tuple[str, ...] = (self._root,)
        key: tuple[Hashable, ...] = ()
        for prefix, name in zip(_LEVELS, (patient, study, series), strict=True):
            key = (*key, name)
            folder = self._numbers.get(key)
            if folder is None:
                folder = self._numbers[key] = (*path, self._next(path, prefix))
            path = folder
        return (*path, self._next(path, "IM"))

    def _next(self, folder: tuple[str, ...], prefix: str) -> str:
        number = self._counts[folder] = self._counts.get(folder, 0) + 1
        if number > 999_999:
            raise OverflowError("more than 999,999 entries in one folder of a File-set")
        return f"{prefix}{number:06d}"


def file_ids(places: Iterable[tuple[Hashable, Hashable, Hashable]]) -> Iterator[tuple[str, ...]]:
    """File IDs for (patient, study, series) of each instance, in order."""
    ids = FileIDs()
    for patient, study, series in places:
        yield ids.of(patient, study, series)


def legal(file_id: tuple[str, ...]) -> bool:
    """True for 1 to 8 components of 1 to 8 characters A-Z 0-9 _ (PS3.10 §8.2, §8.5)."""
    return 0 < len(file_id) <= COMPONENTS_MAX and all(COMPONENT.fullmatch(part) for part in file_id)
