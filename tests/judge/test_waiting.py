"""Consoles that wait for their Print Job, and consoles that wait for nothing: own bytes, and dcmjs-dimse."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.judge import dcmjs
from tests.judge.console import Console, Source
from tests.judge.daemon import DPI, Daemon, fresh_seed, made
from tests.judge.films import FILM_BOX, PRINT_JOB, SESSION, differences, films
from tests.judge.tap import Tap
from tests.judge.wire import EXPLICIT, IMPLICIT, number, text

pytestmark = pytest.mark.peers("poppler-utils")

EVENTS = {1: "PENDING", 2: "PRINTING", 3: "DONE", 4: "FAILURE"}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("judge")) as one:
        yield one


@pytest.fixture(scope="module")
def dimse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dcmjs.installed(tmp_path_factory.mktemp("dimse"))


def flat(draw: random.Random, bits: int = 12) -> Source:
    return Source(np.full((draw.randint(5, 300), draw.randint(5, 300), 1), draw.randrange(1 << bits)), bits)


def printed(console: Console, draw: random.Random) -> tuple[str, str]:
    """A film of one image is sent to print: its film box and its Print Job."""
    console.create_session()
    film, (box,) = console.create_film("STANDARD\\1,1", {})
    assert console.set_image(box, 1, flat(draw)) == 0
    answer = console.act(FILM_BOX, film)
    assert answer.status == 0
    return film, console.job_of(answer)


def in_order(states: list[str]) -> list[str]:
    """States as they changed."""
    return [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state]


@pytest.mark.parametrize("transfer", [IMPLICIT, EXPLICIT])
@pytest.mark.parametrize("answering", ["at once", "late"])
def test_a_waiting_console_hears_every_state_while_it_keeps_asking(
    daemon: Daemon, tmp_path: Path, transfer: str, answering: str
) -> None:
    draw = random.Random(f"{fresh_seed()} {transfer} {answering}")
    before = len(daemon.jobs("film"))
    with Tap(daemon.port) as tap:
        console = Console(tap.port, transfer=transfer, print_job=True, answer_events=answering == "at once")
        _, job = printed(console, draw)
        states = []
        while [number(event.command[0x00001002]) for event in console.peer.events][-1:] not in ([3], [4]):
            ours = [console.ask_job(job) for _ in range(draw.randint(1, 3))]  # several asked before the first answer
            for identifier in ours:
                states.append(console.state_of(identifier))
            console.peer.answer_all()
        assert console.state_of(console.ask_job(job)) == "DONE"
        console.peer.release()
        later = Console(tap.port, transfer=transfer, print_job=True)
        assert later.state_of(later.ask_job(job)) == "DONE", "and any association hears of it afterwards"
        later.peer.release()
    heard = [number(event.command[0x00001002]) for event in console.peer.events]
    assert heard == [1, 2, 3]
    for event in console.peer.events:
        assert text(event.command[0x00000002]) == PRINT_JOB
        assert text(event.command[0x00001000]) == job
        assert event.context == console.peer.contexts[PRINT_JOB][0]
    changes = in_order(states)
    assert changes == [state for state in EVENTS.values() if state in changes], "states only go forward"
    assert set(changes) <= {"PENDING", "PRINTING", "DONE"}
    assert later.peer.events == []
    (film,) = films(tap.exchanges())
    made_of = daemon.ended("film", before + 1)[-1]
    assert differences(film, made(made_of, ".pdf"), tmp_path / "seen", DPI) == []


def test_a_console_without_print_job_hears_nothing(daemon: Daemon) -> None:
    draw = random.Random(fresh_seed())
    before = len(daemon.jobs("film"))
    with Tap(daemon.port) as tap:
        console = Console(tap.port)
        console.create_session()
        film, (box,) = console.create_film("STANDARD\\1,1", {})
        assert console.set_image(box, 1, flat(draw)) == 0
        assert console.act(FILM_BOX, film).status == 0
        daemon.ended("film", before + 1)
        assert console.delete(SESSION, console.session) == 0
        console.peer.release()
    assert tap.events() == []


@pytest.mark.parametrize("leaving", ["delete and abort", "delete and release", "abort", "cut the line"])
def test_who_leaves_at_once_still_gets_the_film(daemon: Daemon, tmp_path: Path, leaving: str) -> None:
    draw = random.Random(f"{fresh_seed()} {leaving}")
    before = len(daemon.jobs("film"))
    with Tap(daemon.port) as tap:
        console = Console(tap.port, print_job=draw.random() < 0.5)
        console.create_session()
        film, boxes = console.create_film(f"STANDARD\\{draw.randint(1, 3)},{draw.randint(1, 3)}", {})
        for position, box in enumerate(boxes, 1):
            assert console.set_image(box, position, flat(draw)) == 0
        assert console.act(FILM_BOX, film).status == 0
        if leaving.startswith("delete"):
            assert console.delete(FILM_BOX, film) == 0
            assert console.delete(SESSION, console.session) == 0
        if leaving.endswith("release"):
            console.peer.release()
        elif leaving.endswith("abort"):
            console.peer.abort()
        else:
            console.peer.socket.close()
        (wanted,) = films(tap.exchanges())
        job = daemon.ended("film", before + 1)[-1]
    assert job["state"] == "DONE"
    assert differences(wanted, made(job, ".pdf"), tmp_path / "seen", DPI) == []


@pytest.mark.parametrize(("mode", "syntax"), [("wait", EXPLICIT), ("wait", IMPLICIT), ("delete", EXPLICIT)])
def test_a_console_on_dcmjs_dimse(daemon: Daemon, dimse: Path, tmp_path: Path, mode: str, syntax: str) -> None:
    draw = random.Random(f"{fresh_seed()} {mode} {syntax}")
    before = len(daemon.jobs("film"))
    columns, rows, bits = draw.randint(1, 3), draw.randint(1, 3), draw.choice([8, 12])
    width, height = 2 * draw.randint(10, 100), 2 * draw.randint(10, 100)
    ramps = [
        (np.arange(height)[:, None] * (1 << bits) // (2 * height) + np.arange(width) * shade // width).ravel().tolist()
        for shade in (draw.randrange(1 << (bits - 1)) for _ in range(columns * rows))
    ]
    with Tap(daemon.port) as tap:
        heard = dcmjs.talk(
            dimse,
            {
                "port": tap.port, "syntax": syntax, "mode": mode, "format": f"STANDARD\\{columns},{rows}",
                "size": draw.choice(["14INX17IN", "8INX10IN", "A4"]), "values": ramps,
                "columns": width, "rows": height, "bits": bits,
            },
        )  # fmt: skip
        (wanted,) = films(tap.exchanges())
        job = daemon.ended("film", before + 1)[-1]
    assert [line["status"] for line in heard if "status" in line].count(0) == sum("status" in line for line in heard)
    assert len(wanted[0].pictures) == columns * rows
    assert (job["state"], job["calling_ae_title"]) == ("DONE", "DCMJS")
    assert differences(wanted, made(job, ".pdf"), tmp_path / "seen", DPI) == []
    if mode == "wait":
        assert [line["event"] for line in heard if "event" in line] == [1, 2, 3]
        assert {line["job"] for line in heard if "job" in line} == {heard_job(heard)}
        changes = in_order([line["state"] for line in heard if "state" in line])
        assert changes == [state for state in EVENTS.values() if state in changes]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_console_on_dcmjs_dimse_reads_the_configuration(daemon: Daemon, dimse: Path, syntax: str) -> None:
    heard = dcmjs.talk(dimse, {"port": daemon.port, "syntax": syntax, "mode": "configuration"})
    assert heard[0] == {"asked": "configuration", "status": 0}
    gray, color = heard[1]["PrinterConfigurationSequence"]
    assert (gray["SOPClassesSupported"][0], color["SOPClassesSupported"][0]) == (
        "1.2.840.10008.5.1.1.9",
        "1.2.840.10008.5.1.1.18",
    )
    assert {item["FilmSizeID"] for item in gray["MediaInstalledSequence"]} >= {"14INX17IN", "A4"}
    keys = ("FilmSizeID", "FilmOrientation", "PrinterResolutionID")
    (whole,) = (
        item
        for item in gray["SupportedImageDisplayFormatsSequence"]
        if [item[key] for key in keys] == ["14INX17IN", "LANDSCAPE", "STANDARD"]
        and item["ImageDisplayFormat"] == ["STANDARD", "1,1"]  # dcmjs takes the backslash for a separator
    )
    assert (whole["Rows"], whole["Columns"]) == (round(355.6 / 25.4 * DPI), round(431.8 / 25.4 * DPI))
    assert [float(one) for one in whole["PrinterPixelSpacing"]] == pytest.approx([25.4 / DPI] * 2)


def heard_job(heard: list[dict[str, object]]) -> object:
    """The Print Job that the answer to N-ACTION named."""
    return next(line["job"] for line in heard if "job" in line and "event" not in line)
