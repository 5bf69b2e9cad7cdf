"""The log of arrivals: nothing that was promised is missing from it, whatever happens to who writes it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import arrivals
from appliance.arrivals import Arrival, ArrivalLog, Unsure, decode, encode, is_finished, log_files, prepare, read_lines
from tests.small_disk import small_disk_at

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def arrival(number: int, name: str = "DOE^JANE", keys: bytes = bytes(300)) -> Arrival:
    uids = (f"1.2.{number}", "1.3", "1.4")
    of_file = (f"00/{number}", 1000, 300, "1.2.840.10008.1.2.1", "DISC", "CT1", "a1")
    return Arrival(*of_file, "1.2.840.10008.5.1.4.1.1.2", *uids, "4711", "", name, "19700101", 1.5, keys)


def said(folder: Path) -> list[int]:
    """What all files say, by the number of each arrival."""
    return [
        int(one.file.partition("/")[2])
        for file in log_files(folder)
        for lines, _ in read_lines(file, 0)
        for one in lines
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    one = tmp_path / "arrivals"
    prepare(one)
    return one


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are soon full."""
    monkeypatch.setattr(arrivals, "FILE_BYTES", 8192)


@given(TEXTS, TEXTS, st.binary(max_size=200), st.floats(0, 1e11))
def test_a_line_says_what_it_was_made_of(name: str, title: str, keys: bytes, received: float) -> None:
    one = arrival(1, name, keys)._replace(calling_ae_title=title, received=received)
    line = encode(one)
    assert line.endswith(b"\n") and line.count(b"\n") == 1 and b"\0" not in line
    assert decode(line[:-1]) == one


def test_a_line_that_is_not_whole_is_none() -> None:
    line = encode(arrival(1, keys=b"\0"))[:-1]
    for length in range(len(line)):
        with pytest.raises(ValueError):
            decode(line[:length])
    for place in range(len(line)):
        broken = bytearray(line)
        broken[place] ^= 1
        try:
            assert decode(bytes(broken)) == arrival(1, keys=b"\0"), "another spelling of the same checksum"
            assert place < 8
        except ValueError:
            pass


def test_a_line_of_another_version_is_none_of_this_one() -> None:
    words = b'["00/1",1] 00'
    with pytest.raises(ValueError, match="another version"):
        decode(b"%08x %b" % (arrivals.zlib.crc32(words), words))


def test_what_cannot_be_written_down_is_not_promised(folder: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        ArrivalLog(folder).put(arrival(1, name="\udc80"))
    assert said(folder) == []


def test_reading_goes_on_where_it_stopped(folder: Path) -> None:
    log = ArrivalLog(folder)
    log.put(arrival(1))
    (file,) = log_files(folder)
    (([first], position),) = read_lines(file, 0)
    assert first == arrival(1) and list(read_lines(file, position)) == []
    log.put(arrival(2))
    (([second], end),) = read_lines(file, position)
    assert second == arrival(2) and list(read_lines(file, end)) == []
    log.close()


def test_a_full_file_is_followed_by_another_and_only_the_last_is_not_finished(folder: Path, short: None) -> None:
    log = ArrivalLog(folder)
    for number in range(40):
        log.put(arrival(number))
    files = log_files(folder)
    assert len(files) > 3 and all(file.stat().st_size == 8192 for file in files)
    assert [is_finished(file) for file in files] == [True] * (len(files) - 1) + [False]
    assert said(folder) == list(range(40))
    log.close()
    assert is_finished(files[-1])


def test_a_line_longer_than_a_file_and_longer_than_what_is_read_at_once(
    folder: Path, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "READ_BYTES", 512)
    log = ArrivalLog(folder)
    log.put(arrival(1))
    log.put(arrival(2, keys=b"\xab" * 20_000))
    log.put(arrival(3))
    assert said(folder) == [1, 2, 3]


@pytest.mark.parametrize("read_bytes", [700, 701, 1024, 4096])
def test_however_it_is_read_it_says_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch, read_bytes: int) -> None:
    monkeypatch.setattr(arrivals, "READ_BYTES", read_bytes)
    log = ArrivalLog(folder)
    for number in range(30):
        log.put(arrival(number, name="N" * number))
    assert said(folder) == list(range(30))


def test_those_who_wait_for_a_sync_share_the_next_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ArrivalLog(folder)
    log.put(arrival(0))
    syncs = 0
    whole = os.fdatasync
    entered, go_on = threading.Event(), threading.Event()

    def counted(fd: int) -> None:
        nonlocal syncs
        syncs += 1
        if syncs == 1:
            entered.set()
            go_on.wait(10)
        whole(fd)

    monkeypatch.setattr(arrivals.os, "fdatasync", counted)
    threads = [threading.Thread(target=log.put, args=(arrival(number),)) for number in range(1, 9)]
    threads[0].start()
    assert entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(log._waiting) < 7:
        threading.Event().wait(0.01)
    go_on.set()
    for thread in threads:
        thread.join()
    assert sorted(said(folder)) == list(range(9)) and syncs == 2


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_sync_that_fails_is_told_to_all_who_waited_and_the_next_line_goes_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    log = ArrivalLog(folder)
    log.put(arrival(0))

    def fails(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    failures: list[BaseException] = []

    def put(number: int) -> None:
        try:
            log.put(arrival(number))
        except Unsure as failure:
            failures.append(failure)

    with monkeypatch.context() as failing:
        failing.setattr(arrivals.os, call, fails)
        threads = [threading.Thread(target=put, args=(number,)) for number in range(1, 5)]
        with log._turn:
            for thread in threads:
                thread.start()
            while len(log._waiting) < 4:
                threading.Event().wait(0.01)
        for thread in threads:
            thread.join()
    assert len(failures) == 4
    log.put(arrival(9))
    first, second = log_files(folder)
    assert is_finished(first) and not is_finished(second)
    assert {0, 9} <= set(said(folder))


def test_a_line_that_was_written_in_part_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ArrivalLog(folder)
    log.put(arrival(0))
    whole = os.pwrite
    with monkeypatch.context() as partly:
        partly.setattr(arrivals.os, "pwrite", lambda fd, words, at: whole(fd, words[:100], at))
        with pytest.raises(Unsure):
            log.put(arrival(1))
    log.put(arrival(2))
    assert said(folder) == [0, 2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk_at(tmp_path / "small", "1m") as disk:
        yield disk


def test_without_room_for_a_file_nothing_is_promised_and_nothing_stays(small_disk: Path) -> None:
    log = ArrivalLog(small_disk)
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            log.put(arrival(1))
        assert list(small_disk.iterdir()) == []


def test_on_a_disk_that_fills_up_a_file_that_is_there_is_written_to_its_end(small_disk: Path, short: None) -> None:
    log = ArrivalLog(small_disk)
    log.put(arrival(0))
    with pytest.raises(OSError, match="No space"), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    put = 0
    with pytest.raises(OSError, match="No space"):
        for number in range(1, 100):
            log.put(arrival(number))
            put = number
    assert put > 5 and said(small_disk) == list(range(put + 1))
    (small_disk / "filler").unlink()
    log.put(arrival(put + 1))
    assert said(small_disk) == list(range(put + 2))


def test_a_broken_line_costs_no_other(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = ArrivalLog(folder)
    for number in range(5):
        log.put(arrival(number))
    log.close()
    (file,) = log_files(folder)
    data = bytearray(file.read_bytes())
    data[data.index(b"1.2.2") + 3] ^= 1
    file.write_bytes(data)
    assert said(folder) == [0, 1, 3, 4]
    assert "a line of the log of arrivals is broken" in caplog.text


WRITER = """
import sys
from pathlib import Path
from appliance.arrivals import ArrivalLog
from tests.appliance.test_arrivals import arrival
log = ArrivalLog(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[3])):
    log.put(arrival(number))
    print(number, flush=True)
"""


def test_kill_9_leaves_every_line_that_was_promised(folder: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), "0", "100000"], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    promised = [int(writer.stdout.readline()) for _ in range(200)]
    writer.send_signal(signal.SIGKILL)
    promised += [int(line) for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    writer.wait(10)
    found = said(folder)
    assert found[: len(promised)] == promised and len(found) <= len(promised) + 1
    assert all(is_finished(file) for file in log_files(folder))


def test_a_file_that_was_not_finished_is_removed(folder: Path) -> None:
    (folder / "1.new").write_bytes(b"\0" * 100)
    prepare(folder)
    assert list(folder.iterdir()) == []


def test_read_while_others_write_every_line_is_read_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(first), str(first + 500)], stdout=subprocess.DEVNULL
        )
        for first in (0, 1000)
    ]
    positions: dict[str, int] = {}
    found: list[int] = []
    while True:
        over = all(writer.poll() is not None for writer in writers)
        for file in log_files(folder):
            for lines, position in read_lines(file, positions.get(file.name, 0)):
                found += [int(one.file.partition("/")[2]) for one in lines]
                positions[file.name] = position
        if over:
            break
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sorted(found) == [*range(500), *range(1000, 1500)]
    assert "broken" not in caplog.text
