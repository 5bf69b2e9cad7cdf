"""The database: one engine, one writer at a time, numbered migrations.

SQLite by default, in WAL mode with synchronous FULL: a commit that returned survives a power cut. Statements are plain
SQL that is also right on PostgreSQL; what only SQLite needs stands in this file.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Self, TypeAlias
from urllib.parse import quote

from sqlalchemy import URL, Connection, Dialect, Engine, TextClause, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

import appliance.schema

BUSY_TIMEOUT_MS = 10_000
"""How long a statement waits for another process (the command line reads while the daemon writes), and how long a
transaction of ours waits, in all, while a program that takes no turns holds the file."""
LOOK_AGAIN_S = 0.02
"""Between two looks whether such a program has let go of the file."""


DATABASE_ERRORS = (SQLAlchemyError, sqlite3.Error)
"""What a statement raises when it fails, by whichever way it went."""


REMEMBER = text(
    "INSERT INTO memory (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


class DatabaseProblem(Exception):
    """The database cannot be used; the text says why and what to do."""


class DamagedDatabase(DatabaseProblem):
    """The file is no database, or a broken one. A full disk, a lock or a missing permission is no damage."""


class NewerDatabase(DatabaseProblem):
    """The database was written by a newer version of the appliance."""


def is_locked(failure: BaseException) -> bool:
    """Whether SQLite says that another program holds the file."""
    code = getattr(getattr(failure, "orig", failure), "sqlite_errorcode", 0)
    return (code & 0xFF) == sqlite3.SQLITE_BUSY


class Patience:
    """How long one transaction waits for a program that takes no turns (a backup, a shell of SQLite).

    Nobody keeps the writer's turn while he waits for it: otherwise those behind him would wait ten seconds each, one
    after the other. Waiting for one of ours has no end, for each of them comes to its own.

    Args:
        since_s: when whoever wants the transaction began to wait for it, monotonic; None is now.
    """

    __slots__ = ("_until_s",)

    def __init__(self, since_s: float | None) -> None:
        self._until_s = (time.monotonic() if since_s is None else since_s) + BUSY_TIMEOUT_MS / 1000

    def ends(self, failure: BaseException) -> bool:
        """Whether a transaction that could not begin for this reason is given up."""
        return not is_locked(failure) or time.monotonic() >= self._until_s


Arguments: TypeAlias = "Mapping[str, object] | Sequence[object]"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement in the driver's own words, and what makes of its parameters what the driver takes: SQLite's takes
    them by position, PostgreSQL's by name."""

    words: str
    of_names: Callable[[Mapping[str, object]], Arguments]
    of_row: Callable[[tuple[object, ...]], Arguments]
    """In the order in which the statement names them."""


def _prepare(dialect: Dialect, statement: TextClause) -> Prepared:
    compiled: Any = statement.compile(dialect=dialect)
    if compiled.positional:
        return Prepared(str(compiled), _in_order(compiled.positiontup), tuple)
    names = list(compiled.params)
    return Prepared(str(compiled), dict, lambda row: dict(zip(names, row, strict=True)))


def _in_order(names: Sequence[str]) -> Callable[[Mapping[str, object]], Arguments]:
    if len(names) > 1:
        in_order: Callable[[Mapping[str, object]], Arguments] = itemgetter(*names)
        return in_order
    return lambda values: [values[name] for name in names]


class FastTransaction:
    """The writer's turn without SQLAlchemy's way through each statement: for the one commit that a peer waits for a
    thousand times in a row (measured: a quarter of the time). Commits at the end of the block, rolls back on an
    exception.
    """

    __slots__ = ("_connection", "_cursor", "_database", "_patience")

    def __init__(self, database: Database, since_s: float | None = None) -> None:
        self._database = database
        self._patience = Patience(since_s)

    def __enter__(self) -> Self:
        while True:
            try:
                return self._begin()
            except DATABASE_ERRORS as failure:
                if self._patience.ends(failure):
                    raise
            time.sleep(LOOK_AGAIN_S)

    def _begin(self) -> Self:
        self._database.writer.__enter__()
        try:
            self._connection = self._database.fast_connection()
            self._cursor = self._connection.cursor()
            if self._database.is_sqlite:
                self._cursor.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._database.writer.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: object) -> None:
        try:
            self._cursor.close()  # a statement that was not read to its end would keep its snapshot
            if kind is None:
                try:
                    self._connection.commit()
                except BaseException:
                    self._connection.rollback()
                    raise
            else:
                self._connection.rollback()
        finally:
            self._database.writer.__exit__(None, None, None)

    def execute(self, statement: TextClause, values: Mapping[str, object]) -> Any:
        """Execute one statement; the driver's cursor, for `rowcount` and rows."""
        prepared = self._database.prepared(statement)
        self._cursor.execute(prepared.words, prepared.of_names(values))
        return self._cursor

    def insert(self, statement: TextClause, row: tuple[object, ...]) -> int | None:
        """Execute an INSERT of one row, its values in the order in which the statement names them: the new row's id;
        None where it says `ON CONFLICT … DO NOTHING` and there was one."""
        database, cursor = self._database, self._cursor
        prepared = database.prepared(statement)
        if database.is_sqlite:  # which is a fifth quicker without the clause (measured)
            cursor.execute(prepared.words, prepared.of_row(row))
            return cursor.lastrowid if cursor.rowcount else None
        cursor.execute(f"{prepared.words} RETURNING id", prepared.of_row(row))
        found = cursor.fetchone()
        return None if found is None else found[0]


LOG_BYTES = 8_300_000
"""Length of the write-ahead log: it begins anew after two thousand pages (`wal_autocheckpoint`)."""


class Database:
    """A connection pool and the writer's turn.

    Args:
        where: the path of a SQLite file, or an SQLAlchemy URL.
        read_only: for the command line beside a daemon that is not running.
    """

    def __init__(self, where: Path | str, *, read_only: bool = False) -> None:
        url = _url(where, at_rest=read_only and isinstance(where, Path) and _is_at_rest(where))
        sqlite_file = url.get_backend_name() == "sqlite"
        self.writer = threading.Lock()
        """The writer's turn: SQLite lets whoever finds the file locked sleep in steps of up to 100 ms instead."""
        self._fast: Any = None
        self._driver: Any = None
        """What `_fast` is in the driver's terms: asked for once, as it takes SQLAlchemy three calls."""
        if sqlite_file:
            self.engine: Engine = create_engine(
                url,
                poolclass=QueuePool,
                pool_size=4,
                max_overflow=12,
                connect_args={"check_same_thread": False},
                hide_parameters=True,  # they are patients' names, and an error's words go to the log
            )
            event.listen(self.engine, "connect", _sqlite_read_only if read_only else _sqlite_durable)
            event.listen(self.engine, "begin", _sqlite_begin_immediate if not read_only else _sqlite_begin)
        else:
            self.engine = create_engine(url, pool_size=4, max_overflow=12, hide_parameters=True)
        self.prepared = cache(partial(_prepare, self.engine.dialect))
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        postgresql = self.engine.dialect.name == "postgresql"
        self._types = {" BLOB": " BYTEA", " SERIAL ": " BIGSERIAL "} if postgresql else {" SERIAL ": " INTEGER "}
        """Where a type of the schema has another name here."""
        self.for_update = " FOR UPDATE" if postgresql else ""
        """Ends a SELECT whose row is about to be changed. On SQLite every transaction is the only writer anyway."""
        self.skip_locked = " FOR UPDATE SKIP LOCKED" if postgresql else ""
        """Ends a SELECT that takes a job from a queue which other appliances take from too."""

    @contextmanager
    def transaction(self, since_s: float | None = None) -> Iterator[Connection]:
        """The writer's turn: commits at the end of the block, rolls back on an exception.

        Args:
            since_s: see `Patience`.
        """
        patience = Patience(since_s)
        while True:
            with contextlib.ExitStack() as turn:
                turn.enter_context(self.writer)
                try:
                    connection = turn.enter_context(self.engine.begin())
                except DATABASE_ERRORS as failure:
                    if patience.ends(failure):
                        raise
                else:
                    yield connection
                    return
            time.sleep(LOOK_AGAIN_S)

    def fast_transaction(self, since_s: float | None = None) -> FastTransaction:
        """See `FastTransaction`, and `Patience` for its argument. Each statement is `prepared` once."""
        return FastTransaction(self, since_s)

    def fast_connection(self) -> Any:
        """The driver's connection that writers take in turn."""
        if self._fast is None:
            self._fast = self.engine.raw_connection()
            self._driver = self._fast.driver_connection
            if self.is_sqlite:
                self._driver.execute(AT_ONCE).close()
        return self._driver

    def make_room(self) -> None:
        """Let the write-ahead log have its full length before anybody waits for it: a commit that makes its file longer
        waits for the file system's journal too, twice as long (measured on ext4). Nothing of it stays: what filled the
        log is rolled back. On a full disk the log is as long as it is.
        """
        if not self.is_sqlite:
            return
        with (
            contextlib.suppress(*DATABASE_ERRORS),
            self.writer,
            contextlib.closing(self.engine.raw_connection()) as one,
        ):
            cursor: Any = one.cursor()
            cursor.execute("PRAGMA cache_size = 8")  # what does not fit into the cache is spilled into the log
            try:
                cursor.execute(AT_ONCE)
                cursor.execute("BEGIN IMMEDIATE")
                cursor.execute("INSERT INTO memory (name, value) VALUES ('room', zeroblob(?))", (LOG_BYTES,))
            finally:
                one.rollback()
                cursor.execute("PRAGMA cache_size = -4000")
                cursor.execute(_patient())
                one.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading, beside whoever writes."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection

    def check(self) -> None:
        """Look whether the file is whole.

        Raises:
            DamagedDatabase: it is not.
            DatabaseProblem: that cannot be found out now: it is locked, the disk is full, we may not read it.
        """
        if not self.is_sqlite:
            return
        try:
            with self.read() as connection:
                found = connection.execute(text("PRAGMA quick_check(1)")).scalar()
        except DBAPIError as failure:
            raise _problem(failure) from failure
        if found != "ok":
            raise DamagedDatabase(f"the database is damaged: {found}")

    def migrate(self) -> None:
        """Bring the schema to this version, one numbered step after the other, each in its own transaction.

        Raises:
            NewerDatabase: the database was written by a newer version.
            DatabaseProblem: it cannot be written.
        """
        try:
            self._migrate()
        except DBAPIError as failure:
            raise _problem(failure) from failure

    def _migrate(self) -> None:
        with self.transaction() as connection:
            connection.execute(
                text("CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL)")
            )
            done = {row.number for row in connection.execute(text("SELECT number FROM migration"))}
        known = migrations()
        if done - known.keys():
            raise NewerDatabase(
                f"the database is of a newer version (step {max(done)}, this version knows {max(known)});"
                " install that version again or restore a backup"
            )
        for number in sorted(known.keys() - done):
            name = known[number]
            statements = importlib.import_module(f"appliance.schema.{name}").STATEMENTS
            with self.transaction() as connection:
                for statement in statements:
                    for ours, theirs in self._types.items():
                        statement = statement.replace(ours, theirs)
                    connection.execute(text(statement))
                connection.execute(
                    text("INSERT INTO migration (number, name) VALUES (:number, :name)"),
                    {"number": number, "name": name},
                )

    def remember(self, name: str, value: str) -> None:
        """Keep one value for the next start."""
        with self.transaction() as connection:
            connection.execute(REMEMBER, {"name": name, "value": value})

    def recall(self, name: str) -> str | None:
        """A value that was remembered."""
        with self.read() as connection:
            found = connection.execute(text("SELECT value FROM memory WHERE name = :name"), {"name": name}).scalar()
        return None if found is None else str(found)

    def close(self) -> None:
        """Close every connection."""
        if self._fast is not None:
            self._fast.close()
            self._fast = self._driver = None
        self.engine.dispose()


_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def _problem(failure: DBAPIError) -> DatabaseProblem:
    """What a driver's error means. Only SQLite's own word makes it damage: whoever hears that sets the file aside."""
    code = getattr(failure.orig, "sqlite_errorcode", 0) & 0xFF  # the lower byte is the kind, the rest says where
    if code in _DAMAGE:
        return DamagedDatabase(f"the database is damaged: {failure.orig}")
    return DatabaseProblem(f"the database cannot be used now: {failure.orig}")


def migrations() -> dict[int, str]:
    """The steps that this version knows, by number: modules `schema/s0001_name.py` with a tuple STATEMENTS."""
    names = [module.name for module in pkgutil.iter_modules(appliance.schema.__path__)]
    return {int(name[1:5]): name for name in names}


AT_ONCE = "PRAGMA busy_timeout=0"


def _patient() -> str:
    return f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}"


def _sqlite_durable(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see below: the driver's own is deferred
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "wal_autocheckpoint=2000",
        "cache_size=-4000",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _url(where: Path | str, *, at_rest: bool) -> URL:
    """The SQLAlchemy URL of a file, whatever its name, or of a URL."""
    if isinstance(where, str) and "://" in where:
        return make_url(where)
    if at_rest:
        file = f"file:{quote(os.path.abspath(where))}"
        return URL.create("sqlite", database=file, query={"immutable": "1", "uri": "true"})
    return URL.create("sqlite", database=str(where))


def _is_at_rest(file: Path) -> bool:
    """Whether a file can be read only as it lies there: SQLite wants to make files beside it, and this user may not.
    Without a log beside it the file has everything."""
    return not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()


def _sqlite_read_only(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}").close()
    connection.execute("PRAGMA query_only=ON").close()


def _sqlite_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _sqlite_begin_immediate(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot be upgraded while another one writes: begin as a writer.
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        # Whoever has the writer's turn and finds the file locked gives the turn back: see `Patience`.
        connection.exec_driver_sql(AT_ONCE)
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(_patient())
