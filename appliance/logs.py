"""Logs: one line an event, in words and key=value pairs; no patient data, and nothing of a peer unescaped.

Under systemd each line begins with its priority (`<6>`), which journald takes off; elsewhere with time and level. The
facts of an event come in `extra`: `log.info("association accepted", extra={"peer": …})`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any, TextIO

MOST_CHARACTERS = 256
"""A value is cut here: peers choose how long theirs are."""

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def escaped(value: object) -> str:
    """One value as it may stand in a line: control, format and non-ASCII signs as escapes, quoted where needed."""
    text = str(value)
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS] + "…"
    plain = text.encode("unicode_escape").decode("ascii")
    if plain and all(sign.isalnum() or sign in "._-:/+^@" for sign in plain):
        return plain
    return '"' + plain.replace('"', '\\"') + '"'


class LineFormatter(logging.Formatter):
    """An event as one line."""

    def __init__(self, *, journald: bool) -> None:
        super().__init__()
        self._journald = journald

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        facts = " ".join(f"{key}={escaped(value)}" for key, value in _facts(record).items())
        words = record.getMessage().encode("unicode_escape").decode("ascii")
        line = f"{record.name}: {words}" + (f" {facts}" if facts else "")
        if record.exc_info:
            line += " traceback=" + escaped_traceback(self.formatException(record.exc_info))
        if self._journald:
            return f"<{_PRIORITIES.get(record.levelno, 5)}>{line}"
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}"
        return f"{stamp} {record.levelname.lower()} {line}"


def _facts(record: logging.LogRecord) -> Mapping[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _OWN}


def escaped_traceback(text: str) -> str:
    """A traceback in one line: where, and what; the values in its message are ours to escape too."""
    return '"' + text.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def tell_of_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Log what nobody caught on an event loop as any other fault of ours; asyncio's own logger is silent here."""

    def tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failure = context.get("exception")
        fault = (type(failure), failure, failure.__traceback__) if isinstance(failure, BaseException) else None
        logging.getLogger("gravure").error(
            "a fault that nobody caught", extra={"of": context["message"]}, exc_info=fault
        )

    loop.set_exception_handler(tell)


def _is_journal(stream: TextIO) -> bool:
    """Whether journald reads this stream. What a service manager started hands its JOURNAL_STREAM on to everybody, a
    desktop to each of its terminals: what counts is that the stream is the one which is named there."""
    try:
        here = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file at all
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{here.st_dev}:{here.st_ino}"


def set_up(level: str = "info", stream: TextIO | None = None) -> None:
    """Send our events to standard error, and silence the libraries: they log values of data sets and passcodes."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(journald=_is_journal(handler.stream)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("gravure").setLevel(level.upper())
    silence_libraries()
    logging.raiseExceptions = False


def silence_libraries() -> None:
    """What libraries log and warn of quotes values of data sets, names and dates of birth among them."""
    for library in ("pydicom", "pynetdicom", "PIL", "pycdlib", "asyncio"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    if not sys.warnoptions:  # somebody looks for them
        warnings.simplefilter("ignore")
