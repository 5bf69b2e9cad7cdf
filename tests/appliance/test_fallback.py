"""Printers that stand in for each other, and films that go to several: each film once, whatever breaks and when."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance import fallback, spool
from appliance.fallback import FOLDER, Silences, give, way_of
from appliance.spool import document_of, fill
from printing.page import FilmDocument, FilmPage, PageImage, PixelReference, Rectangle
from printing.terms import PRINT_JOB, PRINTER, PRINTER_INSTANCE, Command
from tests.appliance.print_rig import NetworkConsole
from tests.ipp_printer import IppPrinter, free_port, until
from tests.serving import Serving

TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
dpi = 50
{more}
[printers.SPARE]
folder = "spare"
dpi = 50
tone = "pvalue"
[inboxes.STORE]
"""


def off() -> str:
    """A printer that is off, as keys of the configuration."""
    return f'output = "ipp"\nurl = "ipp://127.0.0.1:{free_port()}/ipp/print"'


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """An appliance that the test starts with keys of its own for FILM."""
    one = Serving(tmp_path, "", TOML)
    yield one
    if one.process is not None and one.process.poll() is None:
        one.kill()


def begin(one: Serving, film: str) -> NetworkConsole:
    """Start with these keys of FILM, and call it."""
    one.config.write_text(TOML.format(state=one.state, more=film))
    one.start()
    return NetworkConsole(None, one.port)


def made(one: Serving, folder: str) -> list[str]:
    """Films in a folder of the state folder, by name."""
    return sorted(file.stem for file in (one.state / folder).glob("*.pdf"))


# -- the choice -------------------------------------------------------------------------------------------------------


def spooled(folder: Path) -> Path:
    """A job's folder with one image."""
    pixels = PixelReference("n0", 0, 4, 2, 2, 1, "MONOCHROME2", 0, 8, 8, 7)
    page = FilmPage("A4", "PORTRAIT", 210, 297, r"STANDARD\1,1", (PageImage(1, Rectangle(0, 0, 9, 9), pixels),))
    (folder / "from").mkdir(parents=True)
    (folder / "from" / "n0").write_bytes(b"1234")
    fill(folder / "job", folder / "from", FilmDocument((page,)), {})
    return folder / "job"


def test_a_film_goes_to_its_own_printer_until_it_was_given_to_another(tmp_path: Path) -> None:
    job = spooled(tmp_path)
    (job / "sent.json").write_text("{}")
    assert (way_of("FILM", job).printer, way_of("FILM", job).folder) == ("FILM", job)
    give(job, "SPARE", "it is off")
    way = way_of("FILM", job)
    assert (way.printer, way.folder, way.because) == ("SPARE", job / FOLDER, "it is off")
    assert document_of(way.folder) == document_of(job) and (way.folder / "n0").read_bytes() == b"1234"
    assert not (way.folder / "sent.json").exists(), "what one printer noted is nothing to the other"


@pytest.mark.parametrize("step", range(8))
def test_whatever_step_a_crash_comes_after_it_is_given_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Links, fsyncs and the rename, one after the other: what is left is one way or the other, and can be given."""
    job = spooled(tmp_path)
    steps = 0

    class Crash(BaseException):
        pass

    def broken(real: Any) -> Any:
        def one(*arguments: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps > step:
                raise Crash
            return real(*arguments)

        return one

    with monkeypatch.context() as crashing:
        crashing.setattr(spool, "link", broken(spool.link))
        crashing.setattr(spool, "sync", broken(spool.sync))
        crashing.setattr(spool.os, "fsync", broken(os.fsync))
        crashing.setattr(fallback.Path, "rename", broken(Path.rename))
        try:
            give(job, "SPARE", "it is off")
        except Crash:
            pass
    assert steps == min(step + 1, 9), "every step was tried"
    assert way_of("FILM", job).printer == "FILM"
    give(job, "SPARE", "it is off")
    assert way_of("FILM", job).printer == "SPARE" and document_of(job / FOLDER)


def test_silence_counts_from_the_first_film_that_was_not_taken() -> None:
    now = 100.0
    silences = Silences(lambda: now)
    assert silences.seconds("A") == 0
    now += 7
    assert (silences.seconds("A"), silences.seconds("B")) == (7, 0)
    silences.ended("A")
    assert silences.seconds("A") == 0


# -- as a clinic sees it ----------------------------------------------------------------------------------------------


def test_a_printer_that_takes_nothing_is_stood_in_for_after_a_while(serving: Serving) -> None:
    console = begin(serving, f'{off()}\nfallback = "SPARE"\nfallback_after_seconds = 2\nstatus_policy = "truthful"')
    began_s = time.monotonic()
    assert all(console.whole_film().status == 0 for _ in range(3))
    jobs = serving.all_ended(3)
    assert 2 < time.monotonic() - began_s < 15, "neither at once nor each film anew"
    assert [job["state"] for job in jobs] == ["DONE"] * 3
    assert len(made(serving, "spare")) == 3 and not (serving.state / "films").exists()
    console.listen(lambda: console.told(PRINT_JOB).count(3) == 3)
    for job in jobs:
        assert job["ae_title"] == "FILM" and job["payload"]["printed_on"] == "SPARE"
        assert any("printed on SPARE because the printer at" in one for one in job["warnings"])
    record = json.loads(next((serving.state / "spare").glob("*.json")).read_bytes())
    assert (record["printer"], record["printed_on"]) == ("FILM", "SPARE")
    found = console.exchange(Command.N_GET, PRINTER, PRINTER_INSTANCE).data
    assert found is not None and found.PrinterStatus == "FAILURE", "its own printer is off, and is said to be"
    history = [one["detail"] for one in json.loads(serving.gravure("job", jobs[0]["id"], "--json").stdout)["events"]]
    assert any(detail.startswith("given to SPARE: the printer at") for detail in history)
    assert "printed on SPARE" in serving.gravure("jobs").stdout


def test_kill_9_at_any_moment_of_standing_in_prints_each_film_once(serving: Serving) -> None:
    draw = random.Random(int(os.environ.get("GRAVURE_SEED", "0")) or None)
    console = begin(serving, f'{off()}\nfallback = "SPARE"\nfallback_after_seconds = 0')
    sent = 0
    for _ in range(4):
        for _ in range(3):
            assert console.whole_film().status == 0
            sent += 1
        time.sleep(draw.uniform(0, 0.5))
        serving.kill()
        serving.start()
        console = NetworkConsole(None, serving.port)
    jobs = serving.all_ended(sent)
    assert {job["state"] for job in jobs} == {"DONE"} and len(jobs) == sent
    assert sorted(name.rpartition("-")[2] for name in made(serving, "spare")) == sorted(job["id"] for job in jobs)


def test_every_printer_of_a_film_gets_it_and_waits_for_no_other(serving: Serving) -> None:
    """The second printer is off, and the third wants to be asked; a crash changes nothing."""
    console = begin(
        serving,
        f'also = ["PAPER", "SPARE"]\n[printers.PAPER]\ndpi = 50\n{off()}\n[printers.ASKED]\nhold_films = true\n'
        '[peers.HERE]\nae_title = "CONSOLE"\naddress = "127.0.0.1"\nfilms_a_day = 5',
    )
    for _ in range(2):
        assert console.whole_film().status == 0
    console.listen(lambda: console.told(PRINT_JOB).count(3) == 2)
    jobs = serving.until(lambda jobs: [job["state"] for job in jobs].count("DONE") == 4)
    assert [job["ae_title"] for job in jobs] == ["FILM", "PAPER", "SPARE"] * 2
    assert {job["state"] for job in jobs if job["ae_title"] == "PAPER"} == {"PENDING"}
    serving.kill()
    serving.start()
    assert len(made(serving, "films")) == len(made(serving, "spare")) == 2
    paper = [job["id"] for job in jobs if job["ae_title"] == "PAPER"]
    shown = serving.gravure("jobs").stdout
    assert shown.count("also the film of") == 4 and f"{paper[0]} on PAPER" in shown
    asked = NetworkConsole(None, serving.port, called="ASKED")
    assert asked.whole_film().status == 0
    (held,) = [job for job in serving.asked() if job["ae_title"] == "ASKED"]
    assert held["held"] and held["state"] == "PENDING"
    # What is given up on one printer can be printed on another, and what was printed once more.
    serving.gravure("cancel", paper[0])
    again = serving.gravure("reprint", paper[0], "--printer", "SPARE", "--copies", "2").stdout
    assert f"once more the film of {paper[0]}" in again
    serving.gravure("reprint", jobs[0]["id"])
    serving.gravure("release", held["id"], "--reason", "seen")
    serving.until(lambda now: [job["state"] for job in now].count("DONE") == 7)
    assert len(made(serving, "films")) == 4 and len(made(serving, "spare")) == 3
    refused = serving.gravure("reprint", paper[1], check=False)
    assert refused.returncode == 1 and "must have ended" in refused.stderr
    nowhere = serving.gravure("reprint", paper[0], "--printer", "NOWHERE", check=False)
    assert nowhere.returncode == 1 and "no printer NOWHERE" in nowhere.stderr


# -- with a printer ---------------------------------------------------------------------------------------------------


@pytest.fixture
def printer(tmp_path: Path) -> Iterator[IppPrinter]:
    one = IppPrinter(tmp_path / "printer")
    try:
        yield one.start()
    finally:
        one.stop()


@pytest.mark.peers("cups-ipp-utils", "avahi-daemon", "dbus")
@pytest.mark.skipif(os.getuid() != 0, reason="avahi needs root")
def test_a_film_that_a_printer_may_have_is_given_to_no_other(serving: Serving, printer: IppPrinter) -> None:
    console = begin(serving, f'output = "ipp"\nurl = "{printer.url}"\nfallback = "SPARE"\nfallback_after_seconds = 0')
    printer.hold()
    assert console.whole_film().status == 0
    until(lambda: list((serving.state / "spool" / "films").glob("*/sent.json")), "no note")
    serving.kill()
    printer.off()
    serving.start()
    (job,) = serving.until(lambda jobs: "does not answer" in jobs[0]["error"])
    assert job["state"] == "PENDING" and not job["held"]
    printer.on()  # and knows nothing of what was before
    (job,) = serving.until(lambda jobs: jobs[0]["held"], seconds=60)
    assert "possibly printed" in job["hold_reason"]
    printer.let_go()
    serving.gravure("release", job["id"], "--reason", "the tray is empty")
    (job,) = serving.all_ended()
    assert job["state"] == "DONE" and "printed_on" not in job["payload"]
    assert len(printer.sheets) == 1 and made(serving, "spare") == []
