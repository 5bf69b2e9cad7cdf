"""The judge is not blind: a right film and a right disc pass, and each small damage to them is seen."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.judge.console import Console, Source
from tests.judge.daemon import DPI, Daemon, fresh_seed, made
from tests.judge.discs import file_differences
from tests.judge.films import FILM_BOX, Film, Pixels, films, page_differences, page_sizes_mm, pages
from tests.judge.part10 import Root, drawn_study, raw
from tests.judge.tap import Stored, Tap

pytestmark = pytest.mark.peers("poppler-utils", "dcmtk")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Film, Pixels, tuple[float, float]]]:
    """A film of a flat image, a ramp, one pixel for pixel and an empty cell; its page; its size in mm."""
    draw = random.Random(fresh_seed())
    folder = tmp_path_factory.mktemp("judge")
    y, x = np.arange(200)[:, None, None], np.arange(300)[None, :, None]
    noise = np.random.default_rng(draw.randrange(1 << 30)).integers(0, 256, (120, 90, 1))
    sources = (
        Source(np.full((100, 80, 1), draw.randint(40, 200)), 8),
        Source(y * 10 + x * 6, 12),
        Source(noise, 8, box={0x20100060: ("CS", "NONE")}),
    )
    with Daemon(folder) as daemon, Tap(daemon.port) as tap:
        console = Console(tap.port)
        console.create_session()
        film, boxes = console.create_film(
            "STANDARD\\2,2", {0x20100050: ("CS", "8INX10IN"), 0x20100110: ("CS", "150"), 0x20100100: ("CS", "WHITE")}
        )
        for position, source in enumerate(sources, 1):
            assert console.set_image(boxes[position - 1], position, source) == 0
        assert console.act(FILM_BOX, film).status == 0
        console.peer.release()
        (job,) = daemon.ended("film", 1)
    ((printed,),) = films(tap.exchanges())
    (page,) = pages(made(job, ".pdf"), folder / "seen")
    ((width, height),) = page_sizes_mm(made(job, ".pdf"), 1)
    yield printed, page, (width, height)


def test_the_right_page_is_right(seen: tuple[Film, Pixels, tuple[float, float]]) -> None:
    assert page_differences(*seen, DPI) == []


def _one_grey_more(page: Pixels) -> Pixels:
    page[250, 200] += 1  # in the middle of the flat image
    return page


def _one_pixel_of_noise(page: Pixels) -> Pixels:
    page[750, 200] ^= 1
    return page


def _a_brighter_ramp(page: Pixels) -> Pixels:
    page[230:270, 580:620] += 4
    return page


def _a_grey_empty_cell(page: Pixels) -> Pixels:
    page[510:990, 410:790] += 3
    return page


DAMAGES: dict[str, Callable[[Pixels], Pixels]] = {
    "mirrored": lambda page: page[:, ::-1],
    "upside down": lambda page: page[::-1],
    "inverted": lambda page: 255 - page,
    "two pixels to the right": lambda page: np.roll(page, 2, 1),
    "two pixels down": lambda page: np.roll(page, 2, 0),
    "cells exchanged": lambda page: np.roll(page, page.shape[1] // 2, 1),
    "one grey more at one place": _one_grey_more,
    "one bit of one pixel": _one_pixel_of_noise,
    "a part of a ramp": _a_brighter_ramp,
    "an empty cell": _a_grey_empty_cell,
    "a line too few": lambda page: page[:-2],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_page_is_seen(seen: tuple[Film, Pixels, tuple[float, float]], damage: str) -> None:
    film, page, size = seen
    assert page_differences(film, DAMAGES[damage](page.copy()), size, DPI) != []


def test_a_page_of_another_size_is_seen(seen: tuple[Film, Pixels, tuple[float, float]]) -> None:
    film, page, (width, height) = seen
    assert page_differences(film, page, (width + 0.2, height), DPI) != []


def test_each_damage_to_an_instance_is_seen(tmp_path: Path) -> None:
    draw = random.Random(fresh_seed())
    (one,) = drawn_study(draw, Root.drawn(draw), 1, 1, transfer="1.2.840.10008.1.2.1")
    file = one.write(tmp_path / "IM000001")
    content = bytearray(file.read_bytes())
    content[:128] = bytes(128)
    file.write_bytes(content)
    sent = Stored(one.uid, one.transfer, one.data(), 0)
    pixels = raw(one.values, one.elements[0x00280101][1])
    assert [*file_differences(file, sent, pixels, tmp_path)] == []

    def complaints(at: int, **other: Any) -> int:
        damaged = bytearray(content)
        damaged[at] ^= 1
        file.write_bytes(damaged)
        return len([*file_differences(file, replace(sent, **other), pixels, tmp_path)])

    name = content.index(b"JUDGED^1")
    assert complaints(0) == 1, "the preamble"
    assert complaints(name) == 2, "a name: its bytes and what dcmdump reads"
    assert complaints(len(content) - 1) == 3, "a pixel: its bytes, what dcmdump reads and the pixels"
