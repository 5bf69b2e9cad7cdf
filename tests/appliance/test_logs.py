"""Log lines: one an event, nothing of a peer unescaped."""

from __future__ import annotations

import asyncio
import io
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.logs import MOST_CHARACTERS, LineFormatter, escaped, set_up, tell_of_loop


def record(words: str = "association accepted", level: int = logging.INFO, **facts: object) -> logging.LogRecord:
    one = logging.makeLogRecord({"name": "gravure.test", "msg": words, "levelno": level, "levelname": "INFO", **facts})
    return one


def test_an_event_is_words_and_pairs() -> None:
    line = LineFormatter(journald=True).format(record(peer="192.0.2.1:104", ae_title="CT 1"))
    assert line == '<6>gravure.test: association accepted peer=192.0.2.1:104 ae_title="CT 1"'


@pytest.mark.parametrize(
    ("level", "priority"), [(logging.DEBUG, 7), (logging.WARNING, 4), (logging.ERROR, 3), (logging.CRITICAL, 2)]
)
def test_journald_gets_the_priority(level: int, priority: int) -> None:
    assert LineFormatter(journald=True).format(record(level=level)).startswith(f"<{priority}>")


def test_elsewhere_the_time_and_the_level_lead() -> None:
    stamp, level, name = LineFormatter(journald=False).format(record()).split()[:3]
    assert "T" in stamp and level == "info" and name == "gravure.test:"


@given(st.text(max_size=600))
def test_no_value_ends_a_line_or_moves_a_cursor(value: str) -> None:
    text = escaped(value)
    assert text.isascii() and text.isprintable()
    assert len(text) <= 2 + 12 * (MOST_CHARACTERS + 1)
    line = LineFormatter(journald=True).format(record(value, peer=value))
    assert len(line.splitlines()) == 1 and line.isascii()


def test_a_value_cannot_pretend_to_be_another_pair() -> None:
    assert escaped('X" level="fine') == '"X\\" level=\\"fine"'
    assert escaped("") == '""' and escaped("a=b") == '"a=b"'


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("first\nsecond \x1b[31m")
    except ValueError as failure:
        one = record(exc_info=(type(failure), failure, failure.__traceback__))
    line = LineFormatter(journald=True).format(one)
    assert len(line.splitlines()) == 1 and "\x1b" not in line and "ValueError" in line


def test_libraries_are_silent_and_the_level_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("gravure").level
    silenced = {name: logging.getLogger(name).level for name in ("pydicom", "pynetdicom", "PIL", "pycdlib", "asyncio")}
    said = logging.raiseExceptions
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    stream = io.StringIO()
    try:
        set_up("warning", stream)
        logging.getLogger("pynetdicom.acse").error("passcode 1234")
        logging.getLogger("gravure.x").info("not shown")
        logging.getLogger("gravure.x").warning("shown")
        assert "shown" in stream.getvalue() and "not shown" not in stream.getvalue()
        assert "1234" not in stream.getvalue()
    finally:
        root.handlers[:], root_level, gravure_level = before
        root.setLevel(root_level)
        logging.getLogger("gravure").setLevel(gravure_level)
        for name, level in silenced.items():
            logging.getLogger(name).setLevel(level)
        logging.raiseExceptions = said


def test_a_fault_that_nobody_caught_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    def break_down() -> None:
        raise RuntimeError("a fault of ours")

    async def run() -> None:
        tell_of_loop(asyncio.get_running_loop())
        asyncio.get_running_loop().call_soon(break_down)
        await asyncio.sleep(0.01)

    with caplog.at_level("ERROR", "gravure"):
        asyncio.run(run())
    (record,) = [one for one in caplog.records if one.name == "gravure"]
    line = LineFormatter(journald=True).format(record)
    assert line.startswith("<3>") and "a fault of ours" in line and "\n" not in line


def test_only_the_stream_that_journald_reads_has_priorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "journal").open("w+") as journal, (tmp_path / "terminal").open("w+") as terminal:
        here = (tmp_path / "journal").stat()
        monkeypatch.setenv("JOURNAL_STREAM", f"{here.st_dev}:{here.st_ino}")
        for stream, first in ((journal, "<6>"), (terminal, "2")):
            set_up(stream=stream)
            logging.getLogger("gravure.test").info("heard")
            stream.seek(0)
            assert stream.read().startswith(first)
