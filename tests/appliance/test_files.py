"""Files for people: whole or not there, durable, theirs."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.files import FileOwner, publish


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def tree(folder: Path, words: str = "one") -> Path:
    (folder / "DICOM" / "PA000001").mkdir(parents=True)
    (folder / "README.TXT").write_text(words)
    (folder / "DICOM" / "PA000001" / "IM000001").write_text(words)
    return folder


def test_a_file_is_moved_with_its_mode(tmp_path: Path) -> None:
    source = tmp_path / "disc.iso"
    source.write_bytes(b"image")
    target = publish(source, tmp_path / "out" / "deep" / "disc.iso", FileOwner(0o644))
    assert target.read_bytes() == b"image" and not source.exists()
    assert mode_of(target) == 0o644


def test_a_folder_can_be_entered_by_who_may_read_it(tmp_path: Path) -> None:
    target = publish(tree(tmp_path / "work"), tmp_path / "out" / "disc", FileOwner(0o640))
    assert mode_of(target / "README.TXT") == 0o640
    assert mode_of(target) == mode_of(target / "DICOM" / "PA000001") == 0o750


def test_the_same_again_replaces_it(tmp_path: Path) -> None:
    for words in ("one", "two"):
        publish(tree(tmp_path / words, words), tmp_path / "out", FileOwner())
        assert (tmp_path / "out" / "README.TXT").read_text() == words
    assert not (tmp_path / "out" / "two").exists()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_another_file_system_is_copied_to_and_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    source = tree(tmp_path / "work") if kind == "folder" else tmp_path / "disc.iso"
    if kind == "file":
        source.write_bytes(b"image")
    target = tmp_path / "out" / "result"
    renames: list[tuple[Path, Path]] = []
    rename = Path.rename

    def across(self: Path, to: Path) -> Path:
        renames.append((self, to))
        if self == source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", across)
    assert publish(source, target, FileOwner(0o644)) == target
    assert (target / "README.TXT" if kind == "folder" else target).exists()
    assert renames[-1][0].name == ".result.part", "people never see half of it under its name"
    assert mode_of(target) == (0o755 if kind == "folder" else 0o644)


def test_other_errors_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "disc.iso"
    source.write_bytes(b"image")

    def full(self: Path, to: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space"):
        publish(source, tmp_path / "out" / "disc.iso", FileOwner())
    assert source.exists()


@pytest.mark.peers("strace")
def test_it_is_on_stable_storage_before_and_after_the_rename(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from appliance.files import FileOwner, publish;"
        "publish(Path(sys.argv[1]), Path(sys.argv[2]), FileOwner())"
    )
    source, target, trace = tmp_path / "disc.iso", tmp_path / "out" / "disc.iso", tmp_path / "trace"
    source.write_bytes(b"image")
    subprocess.run(
        [
            "strace",
            "-f",
            "-y",
            "-e",
            "trace=fsync,rename,renameat,renameat2",
            "-o",
            trace,
            sys.executable,
            "-c",
            program,
            source,
            target,
        ],
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    calls = [line.split(" ", 1)[1].strip() for line in trace.read_text().splitlines() if str(tmp_path) in line]
    kinds = [call.partition("(")[0].rstrip("at2") for call in calls]
    assert kinds == ["fsync", "rename", "fsync"], calls
    assert "disc.iso" in calls[0] and f"<{target.parent}>" in calls[2]


def test_a_group_gets_it(tmp_path: Path) -> None:
    group = 1 if os.geteuid() == 0 else os.getgroups()[-1]  # only root gives files to a group that it is not in
    source = tmp_path / "disc.iso"
    source.write_bytes(b"image")
    assert publish(source, tmp_path / "out.iso", FileOwner(0o640, group)).stat().st_gid == group
