"""The database: migrations, durability, and what is damage and what is not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.dialects.postgresql import pg8000, psycopg
from sqlalchemy.exc import SQLAlchemyError

from appliance.config import Config
from appliance.daemon import Appliance, CannotStart
from appliance.database import (
    DATABASE_ERRORS,
    LOG_BYTES,
    DamagedDatabase,
    Database,
    DatabaseProblem,
    NewerDatabase,
    _prepare,
    migrations,
)
from tests.small_disk import small_disk_at


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    one = Database(tmp_path / "gravure.db")
    one.migrate()
    yield one
    one.close()


def schema(database: Database) -> list[tuple[str, str]]:
    with database.read() as connection:
        return sorted(tuple(row) for row in connection.execute(text("SELECT name, sql FROM sqlite_master")))


@pytest.mark.parametrize("done", range(len(migrations()) + 1))
def test_any_earlier_version_becomes_this_one(tmp_path: Path, done: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Database(tmp_path / "whole.db")
    whole.migrate()
    known = migrations()
    earlier = {number: known[number] for number in sorted(known)[:done]}
    one = Database(tmp_path / "earlier.db")
    with monkeypatch.context() as patched:
        patched.setattr("appliance.database.migrations", lambda: earlier)
        one.migrate()
    one.migrate()
    one.migrate()
    assert schema(one) == schema(whole)


def test_a_newer_database_is_refused_and_left_alone(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO migration VALUES (999, 's0999_future')"))
    before = schema(database)
    with pytest.raises(NewerDatabase, match="newer version"):
        database.migrate()
    assert schema(database) == before


def test_commits_are_on_stable_storage(database: Database) -> None:
    with database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    with database.fast_transaction():
        cursor = database._fast.cursor()
        assert cursor.execute("PRAGMA synchronous").fetchone()[0] == 2


@pytest.mark.parametrize("damage", ["no database", "a broken page", "half of it"])
def test_damage_is_found(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "gravure.db"
    one = Database(file)
    one.migrate()
    with one.transaction() as connection:
        for number in range(200):
            connection.execute(text("INSERT INTO memory VALUES (:n, :v)"), {"n": f"{number}", "v": "x" * 500})
    one.close()
    data = bytearray(file.read_bytes())
    if damage == "no database":
        data[:16] = b"This is no base."
    elif damage == "a broken page":
        for page in range(2, len(data) // 4096):
            data[page * 4096 : page * 4096 + 64] = os.urandom(64)
    else:
        del data[len(data) // 2 :]
    file.write_bytes(data)
    with pytest.raises(DamagedDatabase):
        Database(file).check()


def test_a_locked_database_is_no_damaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gravure.db"
    one = Database(file)
    one.migrate()
    one.close()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("appliance.database.BUSY_TIMEOUT_MS", 50)
    locked = Database(file)
    try:
        with pytest.raises(DatabaseProblem) as problem:
            locked.check()
            locked.migrate()
        assert not isinstance(problem.value, DamagedDatabase)
    finally:
        holder.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk_at(tmp_path / "small", "400k") as disk:
        yield disk


def test_a_full_disk_is_no_damage(small_disk: Path) -> None:
    one = Database(small_disk / "gravure.db")
    with pytest.raises(OSError, match="No space"), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    with pytest.raises(DatabaseProblem) as problem:
        one.check()
        one.migrate()
    assert not isinstance(problem.value, DamagedDatabase)
    (small_disk / "filler").unlink()
    one.migrate()
    one.make_room()  # which finds none, and is no fault
    one.remember("a", "b")
    assert one.recall("a") == "b"
    one.close()


async def start(state: Path) -> None:
    config = Config.from_dict({"appliance": {"state": str(state)}, "listen": {"port": 0}})
    async with Appliance(config):
        pass


def test_an_appliance_does_not_start_on_what_it_does_not_understand_and_leaves_it_there(tmp_path: Path) -> None:
    import asyncio

    asyncio.run(start(tmp_path))
    one = Database(tmp_path / "gravure.db")
    with one.transaction() as connection:
        connection.execute(text("INSERT INTO migration VALUES (999, 's0999_future')"))
    one.close()
    with pytest.raises(CannotStart, match="newer version"):
        asyncio.run(start(tmp_path))
    assert not list(tmp_path.glob("*damaged*"))


def test_no_value_of_a_failed_statement_reaches_a_log(database: Database) -> None:
    with pytest.raises(SQLAlchemyError) as failure, database.transaction() as connection:
        connection.execute(text("INSERT INTO memory VALUES (:n, :v)"), {"n": "DOE^JANE", "v": None})
    assert "DOE" not in str(failure.value)


def test_both_ways_of_writing_fail_with_errors_of_the_same_family(database: Database) -> None:
    broken = text("INSERT INTO nowhere VALUES (:n)")
    with pytest.raises(DATABASE_ERRORS), database.transaction() as connection:
        connection.execute(broken, {"n": 1})
    with pytest.raises(DATABASE_ERRORS), database.fast_transaction() as fast:
        fast.execute(broken, {"n": 1})
    database.remember("after", "all")
    assert database.recall("after") == "all"


@pytest.mark.parametrize("dialect", [sqlite_dialect.dialect, psycopg.dialect, pg8000.dialect])
def test_a_row_is_given_to_the_driver_as_it_wants_it(dialect: Any) -> None:
    insert = text("INSERT INTO memory (value, name) VALUES (:value, :name) ON CONFLICT (name) DO NOTHING")
    prepared = _prepare(dialect(), insert)
    by_name = "%(" in prepared.words
    assert prepared.of_row(("v", "n")) == ({"value": "v", "name": "n"} if by_name else ("v", "n"))
    assert prepared.of_names({"name": "n", "value": "v"}) == prepared.of_row(("v", "n"))


def test_an_inserted_row_has_its_id_and_one_that_was_there_has_none(database: Database) -> None:
    insert = text("INSERT INTO memory (value, name) VALUES (:value, :name) ON CONFLICT (name) DO NOTHING")
    with database.fast_transaction() as fast:
        assert fast.insert(insert, ("v", "n")) is not None
        assert fast.insert(insert, ("w", "n")) is None
    assert database.recall("n") == "v"


def test_a_failed_block_leaves_nothing(database: Database) -> None:
    for way in (database.transaction, database.fast_transaction):
        with pytest.raises(ZeroDivisionError), way() as connection:
            connection.execute(text("INSERT INTO memory VALUES (:n, :v)"), {"n": "a", "v": "b"})
            raise ZeroDivisionError
    assert database.recall("a") is None


def test_the_log_has_its_length_at_once_and_holds_nothing(database: Database, tmp_path: Path) -> None:
    database.make_room()
    assert (tmp_path / "gravure.db-wal").stat().st_size > LOG_BYTES
    assert database.recall("room") is None
    database.remember("a", "b")
    database.close()
    assert (tmp_path / "gravure.db").stat().st_size < 1_000_000
