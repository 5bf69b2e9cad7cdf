"""Files made for people: whole or not there, durable, readable by the service group."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from media.store import fsync_folder


@dataclass(frozen=True, slots=True)
class FileOwner:
    """Mode and group of files made for people."""

    mode: int = 0o640
    group: int = -1
    """-1 leaves the daemon's group."""

    def apply(self, path: Path) -> None:
        """Give a file, or a folder with all in it, to the people who need it."""
        if path.is_dir():
            for one in path.iterdir():
                self.apply(one)
        # Who may read a folder must be able to enter it.
        mode = self.mode | (self.mode & 0o444) >> 2 if path.is_dir() else self.mode
        path.chmod(mode)
        if self.group >= 0:
            os.chown(path, -1, self.group)


def publish(source: Path, target: Path, owner: FileOwner) -> Path:
    """Move a finished file (or folder) of the spool to where people look for it; the same again changes nothing.

    Raises:
        OSError: not published.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    owner.apply(source)
    _sync(source)
    if target.is_dir() and source.is_dir():
        shutil.rmtree(target)
    try:
        source.rename(target)
    except OSError as failure:
        if failure.errno != 18:  # EXDEV: the folder of the configuration lies on another file system
            raise
        unfinished = target.with_name(f".{target.name}.part")
        if source.is_dir():
            shutil.copytree(source, unfinished, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, unfinished)
        owner.apply(unfinished)
        _sync(unfinished)
        unfinished.rename(target)
    fsync_folder(target.parent)
    return target


def _sync(path: Path) -> None:
    if path.is_dir():
        for one in path.iterdir():
            _sync(one)
        fsync_folder(path)
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
