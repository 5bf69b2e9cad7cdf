"""A film as PDF, PNG and TIFF at once: every file is listed, and they show the same pixels."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.appliance.print_rig import NetworkConsole
from tests.printing.console import image
from tests.serving import serving

MORE = """
[printers.PICTURES]
formats = ["png", "pdf", "tiff"]
dpi = 100
tone = "pvalue"
"""


@pytest.mark.peers("poppler-utils")
def test_two_films_in_three_formats(tmp_path: Path) -> None:
    with serving(tmp_path, MORE) as one:
        console = NetworkConsole(None, one.port, called="PICTURES")
        console.film_session()
        for first in (0, 100):
            console.film_box(FilmSizeID="8INX10IN")
            ramp = bytes((first + value) % 256 for value in range(200)) * 250
            assert console.image_box(1, image(250, 200, pixels=ramp)).status == 0
        assert console.print_session().status == 0
        (job,) = one.all_ended()
        assert job["state"] == "DONE"
    files = list(map(Path, job["files"]))
    ends = [file.name.partition(job["id"])[2] for file in files]
    assert ends == ["-1of2.png", "-2of2.png", ".pdf", "-1of2.tif", "-2of2.tif", ".json"]
    assert len({file.parent for file in files}) == 1 and {oct(file.stat().st_mode)[-3:] for file in files} == {"640"}
    assert sorted(files) == sorted(files[0].parent.iterdir())
    subprocess.run(["pdfimages", "-png", files[2], tmp_path / "page"], check=True)
    pages = [np.asarray(Image.open(file)) for file in sorted(tmp_path.glob("page-*.png"))]
    assert [page.shape for page in pages] == 2 * [(1000, 800)] and not np.array_equal(*pages)
    for number in (0, 1):
        for file in (files[number], files[3 + number]):
            with Image.open(file) as opened:
                assert np.array_equal(np.asarray(opened), pages[number])
    assert json.loads(files[-1].read_bytes())["film"]["pages"][1]["film_size_id"] == "8INX10IN"
