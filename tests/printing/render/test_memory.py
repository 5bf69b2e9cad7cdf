"""A film needs the memory of a strip: measured in a process of its own, above what that had before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

MEASURED = """
import json, sys
from pathlib import Path
import numpy as np
from printing.job import render_document
from printing.page import FilmDocument, FilmPage, PageImage, PixelReference, Rectangle
from printing.render.finish import Finish
from printing.tone import Tone

def most_kib():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

folder, images, side, dpi, bits, color = Path(sys.argv[1]), *map(int, sys.argv[2:])
samples = 3 if color else 1
with (folder / "pixels").open("wb") as file:
    file.truncate(2 * side * side if not color else 3 * side * side)
    ramp = (np.arange(side) % 4096).astype("u1" if color else "<u2").tobytes()
    for _ in range(side * samples):
        file.write(ramp)
pixels = PixelReference("pixels", 0, len(ramp) * side * samples, side, side, samples, "RGB" if color else "MONOCHROME2",
                        1, 8 if color else 16, 8 if color else 12, 7 if color else 11)
columns, rows = (3, 4) if images == 12 else (1, 1)
cells = [Rectangle(355.6 / columns * (n % columns), 431.8 / rows * (n // columns), 355.6 / columns, 431.8 / rows)
         for n in range(images)]
page = FilmPage("14INX17IN", "PORTRAIT", 355.6, 431.8, "STANDARD\\\\1,1",
                tuple(PageImage(n + 1, cell, pixels) for n, cell in enumerate(cells)), color=bool(color))
Path("/proc/self/clear_refs").write_text("5")
idle = most_kib()
render_document(FilmDocument((page,)), folder, Finish(dpi, Tone("film"), bits), folder / "film.pdf")
print(json.dumps((most_kib() - idle) / 1024))
"""


@pytest.mark.parametrize(
    ("images", "side", "dpi", "bits", "color", "most_mb"),
    [(12, 2048, 300, 8, 0, 40), (1, 4096, 600, 8, 0, 80), (1, 2048, 600, 8, 1, 80)],
)
def test_rendering_needs_strips_and_no_whole_copies(
    tmp_path: Path, images: int, side: int, dpi: int, bits: int, color: int, most_mb: float
) -> None:
    # A 14×17 in film at 600 dpi has 86 MB of grey, and three times that of colour.
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path, *map(str, (images, side, dpi, bits, color))],
        capture_output=True,
        text=True,
        env={"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin"},
        check=True,
    )
    assert 0 < json.loads(done.stdout) < most_mb
