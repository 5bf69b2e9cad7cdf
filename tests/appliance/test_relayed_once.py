"""Films relayed to dcmprscp, which is killed and started again at random: each is stored once, or a person is asked.
$GRAVURE_FILMS sets how many, $GRAVURE_SEED what happens."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset
from pydicom.errors import InvalidDicomError

from tests.appliance.test_printed_once import FILMS, SEED, Sender, jobs_of, rests
from tests.appliance.test_relay import TOML
from tests.film_imager import PERMISSIVE, Imager
from tests.serving import Serving

pytestmark = pytest.mark.peers("dcmtk")
PEER = '[peers.DRYPIX]\nae_title = "IMAGER"\naddress = "127.0.0.1"\nport = {}'
LIVES_S = (0.02, 0.05, 0.1, 0.3, 0.8)
"""s that dcmprscp lives once it listens: in some of them a film is in the middle of its dialogue."""


def stored(imager: Imager) -> tuple[list[int], int]:
    """Numbers of the films that dcmprscp stored, and how many it had no time to write to their end."""
    images = {one.SOPInstanceUID: one for one in whole(imager, "HG_*.dcm") if "PixelData" in one}
    films = [one.ImageBoxContentSequence for one in whole(imager, "SP_*.dcm") if "ImageBoxContentSequence" in one]
    shown = [box.ReferencedImageSequence[0].ReferencedSOPInstanceUID for (box,) in films]
    return [number_of(images[uid]) for uid in shown], len(list((imager.folder / "database").glob("SP_*.dcm"))) - len(
        shown
    )


def whole(imager: Imager, names: str) -> Iterator[Dataset]:
    """Files that can be read."""
    for file in sorted((imager.folder / "database").glob(names)):
        with suppress(InvalidDicomError, EOFError):
            yield pydicom.dcmread(file)


def until_stored(imager: Imager, most_s: float = 1.0) -> None:
    """Wait for a film to appear in the database: its N-ACTION is not answered yet."""
    folder, end = imager.folder / "database", time.monotonic() + most_s
    before = len(list(folder.glob("SP_*.dcm")))
    while len(list(folder.glob("SP_*.dcm"))) == before and time.monotonic() < end:
        time.sleep(0.0005)


def number_of(image: Any) -> int:
    """The number that four quarters show, as `test_printed_once.numbered` made them."""
    rows = memoryview(image.PixelData).cast("B", (image.Rows, image.Columns))
    found = [round((rows[image.Rows // 4 * y, image.Columns // 4 * x] - 20) / 30) for y in (1, 3) for x in (1, 3)]
    assert found[3] == 7 - found[0], found
    return found[0] + 8 * found[1] + 64 * found[2]


def test_each_film_is_stored_once_or_held_for_a_person(tmp_path: Path) -> None:
    print(f"GRAVURE_SEED={SEED} GRAVURE_FILMS={FILMS}")
    draw = random.Random(SEED)
    imager = Imager(tmp_path / "imager", PERMISSIVE)
    imager.on()
    serving = Serving(tmp_path, PEER.format(imager.port), TOML).start()
    sender = Sender(serving, random.Random(draw.random()))
    began_s, killed = time.monotonic(), 0
    try:
        sender.start()
        while sum(map(rests, jobs_of(serving))) < FILMS * 0.8 and killed < 3 * FILMS:
            assert sender.failure is None, sender.failure
            if draw.random() < 0.5:
                time.sleep(draw.choice(LIVES_S) + draw.uniform(0, 0.2))
            else:
                until_stored(imager)
            assert imager.process is not None
            imager.process.kill()
            imager.process.wait(10)
            killed += 1
            time.sleep(draw.uniform(0, 0.4))
            imager.on()
        sender.join(60)
        assert not sender.is_alive() and sender.failure is None
        jobs = serving.until(lambda jobs: len(jobs) >= FILMS and all(map(rests, jobs)), 120)
        time.sleep(1)  # a film too many would come now
        numbers, torn = stored(imager)
    finally:
        serving.kill()
        imager.off()
    print(f"{time.monotonic() - began_s:.0f} s; killed {killed} times; {len(numbers)} stored, {torn} torn")
    judge(jobs, sender, Counter(numbers), torn)


def judge(jobs: list[dict[str, Any]], sender: Sender, films: Counter[int], torn: int) -> None:
    """No film is lost, none twice."""
    assert sender.acknowledged.keys() == {job["uid"] for job in jobs}, "a film that was promised is lost"
    ends: Counter[str] = Counter()
    for job in jobs:
        count = films.pop(sender.acknowledged[job["uid"]], 0)
        if job["state"] == "DONE":
            kind, right = "done", count == 1
        else:
            kind, right = "held", job["held"] and count <= 1 and "possibly printed" in job["hold_reason"]
        ends[f"{kind}, {count} stored"] += 1
        assert right, (kind, count, job)
    print(dict(ends))
    assert not films, "films of nobody"
    assert torn <= ends["held, 0 stored"]
    assert ends["done, 1 stored"], "nothing came out: this tested nothing"
