"""Consoles that know film alone print on paper that nobody calibrated: B605, and their films all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.judge.console import Console, Source
from tests.judge.daemon import DPI, Daemon, made
from tests.judge.films import FILM_BOX, pages
from tests.judge.part10 import image_file
from tests.judge.tap import Tap
from tests.judge.test_consoles import DCMPSTAT, dcmtk
from tests.judge.wire import decoded, number

B605 = 0xB605
MIN_DENSITY, MAX_DENSITY = 0x20100120, 0x20100130
GREYS = {0: 24, 64: 65, 128: 115, 192: 177, 255: 255}
"""P-value → sRGB on paper of 0.05 to 2.10 OD at 150 cd/m²: at 3.00 OD black would be 4."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("judge")) as one:
        yield one


@pytest.mark.peers("poppler-utils")
@pytest.mark.parametrize("at", ["film", "image"])
def test_max_density_3_is_answered_b605_and_black_is_that_of_the_paper(daemon: Daemon, tmp_path: Path, at: str) -> None:
    before = len(daemon.jobs("film"))
    console = Console(daemon.port, called="PAPER", print_job=True)
    console.create_session()
    wanted = {MIN_DENSITY: ("US", 20), MAX_DENSITY: ("US", 300)}
    film, created, status = console.propose_film(
        "STANDARD\\1,1", {0x20100050: ("CS", "8INX10IN"), **(wanted if at == "film" else {})}
    )
    assert status == (B605 if at == "film" else 0)
    assert number(created[MAX_DENSITY]) == 210, "what is used is answered"
    assert number(created[MIN_DENSITY]) == (20 if at == "film" else 5)
    source = Source(np.array([[[one] for one in GREYS]]), 8, box={0x20100060: ("CS", "REPLICATE")})
    if at == "image":
        source.box.update({MAX_DENSITY: ("US", 300)})
    (box,) = (item[0x00081155].decode().strip("\0") for item in created[0x20100510])
    assert console.set_image(box, 1, source) == (B605 if at == "image" else 0)
    assert console.act(FILM_BOX, film).status == 0
    console.peer.release()
    job = daemon.ended("film", before + 1)[-1]
    assert (job["state"], job["ae_title"]) == ("DONE", "PAPER")
    assert any("210 used" in warning for warning in job["warnings"]), job["warnings"]
    (page,) = pages(made(job, ".pdf"), tmp_path / "seen")
    height, width = page.shape[:2]
    seen = [int(page[height // 2, int((at + 0.5) * width / len(GREYS)), 0]) for at in range(len(GREYS))]
    # The lightest density of the film that asked for 0.20 OD is its white; its mid-greys are a little darker.
    assert abs(seen[-1] - 255) <= 1 and abs(int(page[5, 5, 0]) - seen[0]) <= 1
    if at == "image":
        assert all(abs(one - grey) <= 1 for one, grey in zip(seen, GREYS.values(), strict=True)), seen
    else:
        assert abs(seen[0] - 30) <= 1, "10 ** -(2.10 - 0.20) as sRGB"


@pytest.mark.peers("dcmtk", "poppler-utils")
def test_dcmprscu_prints_on_in_spite_of_b605(daemon: Daemon, tmp_path: Path) -> None:
    before = len(daemon.jobs("film"))
    for name in ("database", "spool", "lut"):
        (tmp_path / name).mkdir()
    with Tap(daemon.port) as tap:
        config = tmp_path / "dcmpstat.cfg"
        written = DCMPSTAT.format(folder=tmp_path, port=tap.port, formats="1,1", sizes="8INX10IN")
        config.write_text(written.replace("Aetitle = FILM", "Aetitle = PAPER\nMaxDensity = 300\nMinDensity = 20"))
        file = image_file(tmp_path / "image.dcm", np.zeros((40, 40, 1), int), 12, 1)
        asked = ["--layout", "1", "1", "--filmsize", "8INX10IN", "--max-density", "300"]
        dcmtk("dcmpsprt", "-c", str(config), "-p", "NEW", *asked, str(file), folder=tmp_path)
        (stored,) = (tmp_path / "database").glob("SP_*.dcm")
        dcmtk("dcmprscu", "-c", str(config), "-p", "NEW", str(stored), folder=tmp_path)
    statuses = [
        one.response.status
        for one in tap.exchanges()
        if one.response is not None and MAX_DENSITY in decoded(one.request.data, True)
    ]
    assert statuses == [B605]
    job = daemon.ended("film", before + 1)[-1]
    (page,) = pages(made(job, ".pdf"), tmp_path / "seen")
    assert set(np.unique(page)) == {GREYS[0]}
    assert page.shape[0] == pytest.approx(254 / 25.4 * DPI, abs=1)
