"""Foreign consoles print: dcmprscu and print_client; their dialogues read off the wire, their films by poppler."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.judge.console import Source
from tests.judge.daemon import DPI, FOREIGN, Daemon, fresh_seed, made
from tests.judge.films import Film, differences, films
from tests.judge.part10 import image_file
from tests.judge.tap import Tap
from tests.judge.wire import encoded

pytestmark = pytest.mark.peers("dcmtk", "ctn", "poppler-utils")

SIZES = ("8INX10IN", "10INX12IN", "11INX14IN", "14INX14IN", "14INX17IN", "24CMX24CM", "24CMX30CM")
FORMATS = "\\".join(f"{columns},{rows}" for columns in range(1, 5) for rows in range(1, 6))

# NEW has what a modern printer has, OLD what an old modality knows: Implicit VR, 8 bit, no Presentation LUT.
DCMPSTAT = r"""
[[GENERAL]]
[PRINT]
Directory = {folder}/spool
[DATABASE]
Directory = {folder}/database
[LUT]
Directory = {folder}/lut
[NETWORK]
aetitle = CONSOLE
[[COMMUNICATION]]
[NEW]
Type = PRINTER
Aetitle = FILM
Hostname = 127.0.0.1
Port = {port}
BorderDensity = 150\20\BLACK\WHITE
DisplayFormat = {formats}
EmptyImageDensity = 20\BLACK\WHITE
FilmSizeID = {sizes}
MagnificationType = REPLICATE\BILINEAR\CUBIC
MaxPDU = 131072
PresentationLUTPreferSCPRendering = true
Supports12Bit = true
SupportsPresentationLUT = true
Timeout = 10
[OLD]
Type = PRINTER
Aetitle = FILM
Hostname = 127.0.0.1
Port = {port}
ImplicitOnly = true
DisableNewVRs = true
BorderDensity = 150\20\BLACK\WHITE
DisplayFormat = {formats}
EmptyImageDensity = 20\BLACK\WHITE
FilmSizeID = {sizes}
MagnificationType = REPLICATE\BILINEAR\CUBIC
MaxPDU = 16384
Supports12Bit = false
SupportsPresentationLUT = false
Timeout = 10
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("judge")) as one:
        yield one


def dcmtk(*command: str, folder: Path) -> str:
    done = subprocess.run(
        [f"/usr/bin/{command[0]}", "-v", *command[1:]], cwd=folder, env=FOREIGN, capture_output=True, timeout=60
    )
    said = (done.stdout + done.stderr).decode("latin-1")
    assert done.returncode == 0, said
    return said


def ramp(draw: random.Random, rows: int, columns: int, bits: int) -> np.ndarray:
    """Stored values that rise in both directions, so that no turned or mirrored image is the same."""
    full = (1 << bits) - 1
    y, x = np.linspace(0, 1, rows)[:, None, None], np.linspace(0, 1, columns)[None, :, None]
    part = draw.uniform(0.2, 0.8)
    found: np.ndarray = np.round(full * (part * x + (1 - part) * y)).astype(int)
    return found


@pytest.mark.parametrize(("printer", "bits"), [("NEW", 12), ("OLD", 8)])
@pytest.mark.parametrize("form", ["1 1", "4 5", "drawn", "session"])
def test_dcmprscu(daemon: Daemon, tmp_path: Path, printer: str, bits: int, form: str) -> None:
    draw = random.Random(f"{fresh_seed()} {printer} {form}")
    folder = tmp_path / "scu"
    for name in ("database", "spool", "lut"):
        (folder / name).mkdir(parents=True)
    before = len(daemon.jobs("film"))
    with Tap(daemon.port) as tap:
        config = folder / "dcmpstat.cfg"
        config.write_text(DCMPSTAT.format(folder=folder, port=tap.port, formats=FORMATS, sizes="\\".join(SIZES)))
        columns, rows = (
            (4, 5) if form == "4 5" else (1, 1) if form == "1 1" else (draw.randint(1, 4), draw.randint(1, 5))
        )
        images = []
        for number in range(draw.randint(1, columns * rows)):
            values = ramp(draw, draw.randint(30, 300), draw.randint(30, 300), 12)
            images.append(str(image_file(folder / f"image{number}.dcm", values, 12, number)))
        asked = ["--layout", str(columns), str(rows), "--filmsize", draw.choice(SIZES)]
        asked += draw.choice([[], ["--landscape"], ["--portrait"]])
        asked += draw.choice([[], ["--border", draw.choice(["150", "20", "WHITE", "BLACK"])]])
        asked += draw.choice([[], ["--empty-image", draw.choice(["20", "WHITE", "BLACK"])]])
        asked += draw.choice([[], ["--magnification", draw.choice(["REPLICATE", "BILINEAR", "CUBIC"])]])
        asked += draw.choice([[], ["--img-polarity", "REVERSE"]])
        dcmtk("dcmpsprt", "-c", str(config), "-p", printer, *asked, *images, folder=folder)
        prints = [str(one) for one in (folder / "database").glob("SP_*.dcm")]
        assert len(prints) == 1
        sending = ["--session-print"] if form == "session" else []
        dcmtk("dcmprscu", "-c", str(config), "-p", printer, *sending, *prints, folder=folder)
    ((film,),) = films(tap.exchanges())
    assert len(film.pictures) == len(images)
    assert film.word(0x20100010, "") == f"STANDARD\\{columns},{rows}"
    assert stored_bits(tap) == {bits}
    job = daemon.ended("film", before + 1)[-1]
    assert (job["state"], job["calling_ae_title"]) == ("DONE", "CONSOLE"), job
    assert differences([film], made(job, ".pdf"), tmp_path / "seen", DPI) == []


def stored_bits(tap: Tap) -> set[int]:
    """Bits Stored of all images that went by."""
    found = set()
    for one in tap.exchanges():
        at = one.request.data.find(b"\x28\x00\x01\x01")
        if at >= 0:
            found.add(one.request.data[at + 8])
    return found


def test_print_client_prints_several_films(daemon: Daemon, tmp_path: Path) -> None:
    draw = random.Random(fresh_seed())
    before = len(daemon.jobs("film"))
    count, columns, rows = draw.randint(2, 4), draw.randint(1, 3), draw.randint(1, 3)
    files = []
    for number in range(count * columns * rows):
        file = tmp_path / f"image{number}"
        values = ramp(draw, 2 * draw.randint(15, 100), 2 * draw.randint(15, 100), 8)
        file.write_bytes(encoded(Source(values, 8).elements(), explicit=False))
        files.append(str(file))
    with Tap(daemon.port) as tap:
        called = ["print_client", "-c", "FILM", "-t", "CTN", "-f", str(count), "-i", f"STANDARD\\{columns},{rows}"]
        done = subprocess.run(
            [*called, "127.0.0.1", str(tap.port), *files], cwd=tmp_path, capture_output=True, timeout=60
        )
        assert b"N-ACTION Response, status success" in done.stdout, done.stdout[-2000:]
    printed: list[list[Film]] = list(films(tap.exchanges()))
    assert [len(film.pictures) for (film,) in printed] == [columns * rows] * count
    jobs = daemon.ended("film", before + count)[before:]
    assert len(jobs) == count
    for number, (job, film) in enumerate(zip(jobs, printed, strict=True)):
        assert differences(film, made(job, ".pdf"), tmp_path / f"seen{number}", DPI) == []
