"""Films that wait in the queue: the appliance's memory, all of its processes together, does not grow with them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bench.films import film_session, image_box, pictures, printed
from bench.process import pss_mb
from tests.serving import serving

FILMS, SIDE, IMAGES = 3, 2048, 12
MOST_MB = 400
TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
dpi = 300
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="this kernel does not say who shares memory")
def test_queued_films_wait_on_disk_and_not_in_memory(tmp_path: Path) -> None:
    images = [image_box(one, number + 1) for number, one in enumerate(pictures(SIDE))]
    with serving(tmp_path, toml=TOML) as one:
        assert one.process is not None
        seen = []
        for _ in range(FILMS):
            film_session(one.port, images, [], "STANDARD\\3,4")
            seen.append(pss_mb(one.process.pid))
        waiting = FILMS - printed(one.state)
        end = time.monotonic() + 60
        while printed(one.state) < FILMS:
            assert time.monotonic() < end, one.log.read_text()[-2000:]
            seen.append(pss_mb(one.process.pid))
            time.sleep(0.05)
    assert waiting > 0, "there was a queue"
    assert max(seen) < MOST_MB
    # A film has 96 MB of pixels, and all of them were here while the others waited.
    assert max(seen) < min(seen) + IMAGES * SIDE * SIDE * 2 / 1e6
