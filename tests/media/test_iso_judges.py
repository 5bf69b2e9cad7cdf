"""Images as foreign readers see them: libcdio's list, a mount by fuseiso, the Joliet tree by those who read it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from media.folder import build_disc
from tests.instances import instance, written

ROOT_EXTENT = 16 * 2048 + 156 + 2
"""Where the Primary Volume Descriptor says at which sector the root folder is (ECMA-119 8.4.18, 9.1.3)."""


def disc(folder: Path, *, joliet: bool = False) -> Path:
    """A disc of three series."""
    out = folder / "disc.iso"
    build_disc(written(folder / "in", *(instance(n, series=1 + n % 3) for n in range(1, 7))), out, joliet=joliet)
    return out


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def plain_tree(iso: Path, folder: Path) -> dict[str, bytes]:
    """What libarchive reads when it may read nothing but ISO 9660 itself."""
    folder.mkdir()
    command = ["bsdtar", "-xf", str(iso), "-C", str(folder), "--options", "!joliet,!rockridge"]
    subprocess.run(command, check=True)
    return contents(folder)


@pytest.mark.peers("libcdio-utils", "libarchive-tools")
def test_libcdio_lists_every_file(tmp_path: Path) -> None:
    iso = disc(tmp_path)
    command = ["iso-info", "--no-header", "-f", "-i", str(iso)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "**" not in done.stdout + done.stderr, "a complaint of libcdio's"
    listed = {path: int(size) for size, path in re.findall(r"^ *(\d+) /(\S+)$", done.stdout, re.M)}
    folders = {path.rpartition("/")[0] for path in listed}
    # libcdio and fuseiso write names of plain ISO 9660 in lower case.
    wanted = {path.lower(): len(data) for path, data in plain_tree(iso, tmp_path / "plain").items()}
    assert {path: size for path, size in listed.items() if path not in folders} == wanted


@pytest.mark.peers("fuseiso", "libarchive-tools")
@pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="mounting needs /dev/fuse")
def test_fuseiso_mounts_an_image_with_every_byte(tmp_path: Path) -> None:
    iso, mounted = disc(tmp_path), tmp_path / "mounted"
    mounted.mkdir()
    subprocess.run(["fuseiso", str(iso), str(mounted), "-o", "ro"], check=True, timeout=20)
    try:
        found = contents(mounted)
    finally:
        subprocess.run(["fusermount", "-u", str(mounted)], check=True, timeout=20)  # ends fuseiso too
    assert found == {path.lower(): data for path, data in plain_tree(iso, tmp_path / "plain").items()}


@pytest.mark.peers("genisoimage", "libarchive-tools", "p7zip-full", "xorriso")
def test_the_joliet_tree_is_the_same_tree(tmp_path: Path) -> None:
    """The root folder of the plain tree is wiped out, so that whoever still finds files has them by Joliet."""
    iso = disc(tmp_path, joliet=True)
    plain = plain_tree(iso, tmp_path / "plain")
    alone = Path(shutil.copy(iso, tmp_path / "joliet.iso"))
    with alone.open("r+b") as image:
        image.seek(ROOT_EXTENT)
        image.seek(int.from_bytes(image.read(4), "little") * 2048)
        image.write(bytes(2048))
    readers: tuple[tuple[str | Path, ...], ...] = (
        ("7z", "x", "-bd", f"-o{tmp_path / '7z'}", alone),
        ("xorriso", "-osirrox", "on", "-indev", alone, "-extract", "/", tmp_path / "xorriso"),
    )
    for reader in readers:
        subprocess.run(reader, check=True, capture_output=True)
        assert contents(tmp_path / str(reader[0])) == plain, reader[0]
    listed = subprocess.run(["isoinfo", "-J", "-f", "-i", alone], capture_output=True, text=True, check=True).stdout
    assert set(plain) <= {path.lstrip("/") for path in listed.splitlines()}, "names as on the plain tree, without ;1"
