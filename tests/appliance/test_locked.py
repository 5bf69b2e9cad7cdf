"""The database held by a program that takes no turns: no sender waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from appliance import Appliance, Config
from appliance.database import Database
from tests.instances import CT, instance, written

HOLD = """
import sqlite3, sys
one = sqlite3.connect(sys.argv[1], isolation_level=None)
one.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
one.rollback()
print("let go", flush=True)
"""
PATIENCE_S = 2.0
SENDERS = 6


@contextlib.contextmanager
def held(file: Path) -> Iterator[subprocess.Popen[str]]:
    """A write transaction of another program on the database; it ends when its standard input is closed."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.wait(10)


def let_go(holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None and holder.stdout is not None
    holder.stdin.close()
    assert holder.stdout.readline() == "let go\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.database.BUSY_TIMEOUT_MS", PATIENCE_S * 1000)


def stored(port: int, file: Path) -> tuple[int, float]:
    """What a sender hears, and after how many seconds."""
    caller = AE("CT1")
    caller.dimse_timeout = 60
    caller.add_requested_context(CT, "1.2.840.10008.1.2.1")
    association = caller.associate("127.0.0.1", port, ae_title="BURN_CD")
    began_s = time.monotonic()
    status = association.send_c_store(file).Status
    took_s = time.monotonic() - began_s
    association.release()
    return status, took_s


def echoed(port: int) -> float:
    """How long a C-ECHO takes."""
    caller = AE("CT1")
    caller.add_requested_context(Verification)
    began_s = time.monotonic()
    association = caller.associate("127.0.0.1", port, ae_title="GRAVURE")
    assert association.send_c_echo().Status == 0
    association.release()
    return time.monotonic() - began_s


def config(state: Path) -> Config:
    tables = {"appliance": {"state": str(state), "disk_reserve_mb": 1}, "listen": {"port": 0}}
    return Config.from_dict({**tables, "discs": {"BURN_CD": {"quiet_seconds": 0}}})


def test_senders_do_not_notice_and_all_is_entered_when_it_is_let_go(
    tmp_path: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.clerk.AGAIN_S", 0.5)
    first, *files = written(tmp_path / "in", *(instance(number) for number in range(SENDERS + 1)))

    async def run() -> None:
        async with Appliance(config(tmp_path / "state")) as running:
            port = running.dicom_port
            # Its disc is ordered, made and hashed meanwhile: the appliance's own writers wait, too.
            assert (await asyncio.to_thread(stored, port, first))[0] == 0x0000
            with held(tmp_path / "state" / "gravure.db") as holder:
                answers = await asyncio.gather(*(asyncio.to_thread(stored, port, file) for file in files))
                assert await asyncio.to_thread(echoed, port) < PATIENCE_S / 2, "the loop waits for another program"
                await asyncio.sleep(1.5 * PATIENCE_S)  # the clerk gives up once
                assert len(kept(running)) <= 1
                let_go(holder)
            assert {status for status, _ in answers} == {0x0000}
            assert max(took_s for _, took_s in answers) < PATIENCE_S / 2, answers
            end_s = time.monotonic() + 10
            while kept(running) != set(running.store.files()):
                assert time.monotonic() < end_s, "nobody asks, and yet it is entered"
                await asyncio.sleep(0.1)
            assert len(kept(running)) == len(files) + 1

    asyncio.run(run())


def kept(running: Appliance) -> set[str]:
    with running.database.read() as connection:
        return set(connection.exec_driver_sql("SELECT file FROM instance").scalars())


def test_both_ways_of_writing_wait_and_then_give_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.database.BUSY_TIMEOUT_MS", 300)
    database = Database(tmp_path / "gravure.db")
    database.migrate()
    with held(tmp_path / "gravure.db") as holder:
        for way in (database.transaction, database.fast_transaction):
            began_s = time.monotonic()
            with pytest.raises(Exception, match="database is locked"), way():
                pass
            assert 0.3 <= time.monotonic() - began_s < 2
            began_s = time.monotonic()
            with pytest.raises(Exception, match="database is locked"), way(began_s - 1):
                pass
            assert time.monotonic() - began_s < 0.25, "it has waited elsewhere"
        let_go(holder)
    database.remember("a", "b")
    assert database.recall("a") == "b"
    database.close()
