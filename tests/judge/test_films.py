"""Films drawn at random, printed over a bare socket: size, cells and greys of the PDFs, as poppler reads them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.judge.console import Console, Source
from tests.judge.daemon import DPI, Daemon, fresh_seed, made
from tests.judge.films import FILM_BOX, SESSION, SIZES_MM, differences, films
from tests.judge.tap import Tap
from tests.judge.wire import EXPLICIT, IMPLICIT, Elements

pytestmark = pytest.mark.peers("poppler-utils")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("judge")) as one:
        yield one


def drawn_samples(draw: random.Random, kind: str, rows: int, columns: int, bits: int, samples: int) -> NDArray[Any]:
    """Flat, a slanted ramp, or noise."""
    full = (1 << bits) - 1
    noise = np.random.default_rng(draw.randrange(1 << 30))
    if kind == "flat":
        return np.tile(noise.integers(0, full + 1, samples), (rows, columns, 1))
    if kind == "noise":
        return noise.integers(0, full + 1, (rows, columns, samples))
    y, x = np.linspace(0, 1, rows)[:, None, None], np.linspace(0, 1, columns)[None, :, None]
    corners = noise.uniform(0, full, (2, 2, samples))
    ramp = (corners[0, 0] * (1 - x) + corners[0, 1] * x) * (1 - y) + (corners[1, 0] * (1 - x) + corners[1, 1] * x) * y
    rounded: NDArray[Any] = np.round(ramp).astype(int)
    return rounded


def drawn_image(draw: random.Random, cell_mm: tuple[float, float], color: bool) -> Source:
    """An image for a cell of this width and height."""
    kind = draw.choice(["flat", "ramp", "ramp", "noise"])
    bits = 8 if color else draw.choice([8, 10, 12, 12, 16])
    box: Elements = {}
    rows, columns = draw.randint(9, 400), draw.randint(9, 400)
    if kind == "noise":  # only where nothing is interpolated can it be judged sample for sample
        box[0x20100060] = ("CS", "NONE")
        columns, rows = (draw.randint(1, int(edge / 25.4 * DPI)) for edge in cell_mm)
    elif draw.random() < 0.6:
        box[0x20100060] = ("CS", draw.choice(["REPLICATE", "BILINEAR", "CUBIC"]))
    aspect = ""
    if kind != "noise" and draw.random() < 0.2:
        aspect = f"{draw.randint(1, 3)}\\{draw.randint(1, 3)}"
    if kind != "noise" and not aspect and draw.random() < 0.3:
        box[0x20200030] = ("DS", f"{draw.uniform(0.3, 1) * min(cell_mm[0], cell_mm[1] * columns / rows):.2f}")
    if draw.random() < 0.6:
        box[0x20200020] = ("CS", draw.choice(["NORMAL", "REVERSE"]))
    stored = drawn_samples(draw, kind, rows, columns, bits, 3 if color else 1)
    if color:
        box.pop(0x20200020, None)
        return Source(stored, 8, "RGB", draw.choice([0, 1]), box, aspect)
    return Source(stored, bits, draw.choice(["MONOCHROME1", "MONOCHROME2"]), 0, box, aspect)


def drawn_film(draw: random.Random) -> tuple[str, Elements]:
    """An Image Display Format and attributes of a film box."""
    kind = draw.choice(["STANDARD", "STANDARD", "ROW", "COL"])
    counts = [draw.randint(1, 4), draw.randint(1, 5)]
    if kind != "STANDARD":
        counts = [draw.randint(1, 4) for _ in range(draw.randint(1, 4))]
    film: Elements = {0x20100050: ("CS", draw.choice(sorted(SIZES_MM)))}
    if draw.random() < 0.5:
        film[0x20100040] = ("CS", draw.choice(["PORTRAIT", "LANDSCAPE"]))
    for tag in (0x20100100, 0x20100110):  # Border and Empty Image Density
        if draw.random() < 0.6:
            film[tag] = ("CS", draw.choice(["BLACK", "WHITE", str(draw.randint(20, 300))]))
    return f"{kind}\\{','.join(map(str, counts))}", film


def cells_of(form: str, film: Elements) -> list[tuple[float, float]]:
    """Width and height of each cell in mm, as the console itself knows them."""
    width, height = SIZES_MM[film[0x20100050][1]]
    if film.get(0x20100040, ("", ""))[1] == "LANDSCAPE":
        width, height = height, width
    kind, _, numbers = form.partition("\\")
    counts = [int(one) for one in numbers.split(",")]
    if kind == "STANDARD":
        return [(width / counts[0], height / counts[1])] * (counts[0] * counts[1])
    if kind == "ROW":
        return [(width / count, height / len(counts)) for count in counts for _ in range(count)]
    return [(width / len(counts), height / count) for count in counts for _ in range(count)]


def compose(console: Console, draw: random.Random, color: bool) -> str:
    """One drawn film with drawn images in any order, some cells empty; the film box."""
    form, attributes = drawn_film(draw)
    cells = cells_of(form, attributes)
    film, boxes = console.create_film(form, attributes)
    assert len(boxes) == len(cells)
    positions = draw.sample(range(1, len(boxes) + 1), draw.randint((len(boxes) + 1) // 2, len(boxes)))
    for position in positions:
        source = drawn_image(draw, cells[position - 1], color)
        assert console.set_image(boxes[position - 1], position, source) == 0x0000, (form, position, source.box)
    return film


@pytest.mark.parametrize("round_", range(8))
def test_drawn_films_are_what_was_printed(daemon: Daemon, tmp_path: Path, round_: int) -> None:
    draw = random.Random(fresh_seed() + round_)
    before = len(daemon.jobs("film"))
    color = draw.random() < 0.3
    with Tap(daemon.port) as tap:
        console = Console(
            tap.port, color=color, transfer=draw.choice([IMPLICIT, EXPLICIT]), fragment=draw.choice([500, 9000, 16000])
        )
        console.create_session()
        if whole := draw.random() < 0.4:
            for _ in range(draw.randint(2, 4)):
                compose(console, draw, color)
            assert console.act(SESSION, console.session).status == 0
        else:
            assert console.act(FILM_BOX, compose(console, draw, color)).status == 0
        console.peer.release()
    (printed,) = films(tap.exchanges())
    assert whole == (len(printed) > 1)
    job = daemon.ended("film", before + 1)[-1]
    assert (job["state"], job["info"], job["ae_title"], job["calling_ae_title"]) == ("DONE", "NORMAL", "FILM", "JUDGE")
    assert differences(printed, made(job, ".pdf"), tmp_path / "seen", DPI) == []


def test_at_254_dpi_every_edge_lies_within_a_tenth_of_a_millimetre(tmp_path: Path) -> None:
    draw = random.Random(fresh_seed())
    with Daemon(tmp_path, dpi=254) as daemon, Tap(daemon.port) as tap:
        console = Console(tap.port)
        console.create_session()
        form = f"STANDARD\\{draw.randint(1, 4)},{draw.randint(1, 5)}"
        film, boxes = console.create_film(
            form, {0x20100050: ("CS", "8INX10IN"), 0x20100100: ("CS", "WHITE"), 0x20100110: ("CS", "BLACK")}
        )
        for position, box in enumerate(boxes[:-1] or boxes, 1):
            grey = np.full((draw.randint(10, 90), draw.randint(10, 90), 1), draw.randint(20, 230))
            assert console.set_image(box, position, Source(grey, 8)) == 0
        assert console.act(FILM_BOX, film).status == 0
        console.peer.release()
        (job,) = daemon.ended("film", 1)
    (printed,) = films(tap.exchanges())
    assert differences(printed, made(job, ".pdf"), tmp_path / "seen", 254) == []
