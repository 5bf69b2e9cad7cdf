"""How many sectors an ISO 9660 level 1 image takes, exactly, before a byte of it is written (ECMA-119 §6–9).

The layout is pycdlib's: 16 sectors of system area, one sector for each descriptor (primary, version, terminator, and
Joliet's), two path tables in steps of two sectors, folders, files. A test compares it with real images.
"""

from __future__ import annotations

from collections.abc import Iterable

from .profiles import SECTOR_BYTES, sectors

FIXED_SECTORS = 16 + 3
"""System area, primary volume descriptor, version descriptor, terminator."""
PATH_TABLE_STEP_BYTES = 4096
OWN_RECORDS_BYTES = 34 + 34
"""A folder's records of itself and of the folder above."""


def record_bytes(name_bytes: int) -> int:
    """One directory record: 33 bytes and the name, padded to an even length (ECMA-119 §9.1)."""
    return 33 + name_bytes + (33 + name_bytes) % 2


def folder_sectors(name_bytes: Iterable[int]) -> int:
    """One folder: records do not cross sectors (ECMA-119 §6.8.1.1)."""
    used, left = 1, SECTOR_BYTES - OWN_RECORDS_BYTES
    for length in map(record_bytes, name_bytes):
        if length > left:
            used, left = used + 1, SECTOR_BYTES
        left -= length
    return used


def _path_tables(folder_names: Iterable[int]) -> int:
    """Two path tables: 8 bytes and the name, padded, for each folder, 10 bytes for the root (ECMA-119 §9.4)."""
    total = 10 + sum(8 + length + length % 2 for length in folder_names)
    return 2 * 2 * -(-total // PATH_TABLE_STEP_BYTES)


def image_sectors(files: Iterable[tuple[tuple[str, ...], int]], *, joliet: bool = False) -> int:
    """Sectors of an image.

    Args:
        files: (path as File ID components or names, size in bytes) of every file.
        joliet: whether the image has the Joliet tree too.
    """
    total = FIXED_SECTORS + (1 if joliet else 0)
    tree: dict[tuple[str, ...], dict[str, bool]] = {(): {}}
    for path, size in files:
        total += sectors(size)
        for depth in range(len(path)):
            folder, name = path[:depth], path[depth]
            tree.setdefault(folder, {})[name] = depth < len(path) - 1
    for children in tree.values():
        ordered = sorted(children.items())
        total += folder_sectors(len(recorded(name, is_folder=is_folder)) for name, is_folder in ordered)
        if joliet:
            total += folder_sectors(2 * len(name) for name, _ in ordered)
    names = [len(folder[-1]) for folder in tree if folder]
    total += _path_tables(names)
    if joliet:
        total += _path_tables(2 * length for length in names)
    return total


def recorded(name: str, *, is_folder: bool) -> str:
    """A name as ISO 9660 level 1 records it: files end in a dot where they have no suffix, and in version 1."""
    if is_folder:
        return name
    return f"{name};1" if "." in name else f"{name}.;1"
