"""Dialogue records: what a console engineer asks first. Who called, what was offered, accepted, refused and why, and
what was answered. One JSON line an association, kept for days, without patient data: no data set is ever looked at.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .associate import AssociateRequest, ContextResult

log = logging.getLogger("gravure.association")

RECENT_BYTES = 4 * 1024 * 1024
"""Records in memory."""
DAY_BYTES = 32 * 1024 * 1024
"""Records of one day on disk. What a flood of associations would add stays in memory, as far as it goes."""

RESULTS = {0: "accepted", 1: "not allowed for this peer", 3: "SOP class not offered", 4: "no common transfer syntax"}


@dataclass(slots=True)
class Dialogue:
    """What happened on one association."""

    id: str
    began: float
    address: str
    calling_ae_title: str = ""
    called_ae_title: str = ""
    peer: str | None = None
    implementation_class_uid: str = ""
    implementation_version_name: str = ""
    maximum_length: int = 0
    rejected: str = ""
    contexts: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    messages_left_out: int = 0
    bytes_received: int = 0
    ended: float | None = None
    ending: str = ""
    last_said: tuple[str, str, int | None, str] | None = None
    """Message, SOP Class, status and comment of the last of `messages`."""

    def proposed(self, request: AssociateRequest, results: list[ContextResult]) -> None:
        """Note the contexts and what became of them."""
        self.maximum_length = request.maximum_length
        self.contexts = [
            {
                "id": context.context_id,
                "abstract_syntax": context.abstract_syntax,
                # In one piece: a hostile peer proposes thousands, and one by one they take four times as much memory.
                "transfer_syntaxes": "\\".join(context.transfer_syntaxes),
                "result": RESULTS.get(result.result, str(result.result)),
                "accepted": result.transfer_syntax or None,
            }
            for context, result in zip(request.contexts, results, strict=True)
        ]

    def message(self, now: float, name: str, sop_class_uid: str, status: int | None, comment: str, most: int) -> None:
        """Note one message; the same one again is counted in its line."""
        said = name, sop_class_uid, status, comment
        if said == self.last_said:
            last = self.messages[-1]
            last["count"] += 1
            last["until"] = now
            return
        if len(self.messages) >= most:
            self.messages_left_out += 1
            return
        self.last_said = said
        self.messages.append(
            {
                "at": now,
                "until": now,
                "message": name,
                "sop_class": sop_class_uid,
                "status": status,
                "comment": comment,
                "count": 1,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as it is kept and shown: times in RFC 3339, statuses as four hexadecimal digits."""
        return {
            "id": self.id,
            "began": _time(self.began),
            "ended": None if self.ended is None else _time(self.ended),
            "ending": self.ending,
            "address": self.address,
            "calling_ae_title": self.calling_ae_title,
            "called_ae_title": self.called_ae_title,
            "peer": self.peer,
            "implementation_class_uid": self.implementation_class_uid,
            "implementation_version_name": self.implementation_version_name,
            "maximum_length": self.maximum_length,
            "rejected": self.rejected,
            "contexts": [{**one, "transfer_syntaxes": one["transfer_syntaxes"].split("\\")} for one in self.contexts],
            "messages": [
                {
                    **one,
                    "at": _time(one["at"]),
                    "until": _time(one["until"]),
                    "status": None if one["status"] is None else f"{one['status']:04X}",
                }
                for one in self.messages
            ],
            "messages_left_out": self.messages_left_out,
            "bytes_received": self.bytes_received,
        }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().isoformat(timespec="milliseconds")


class DialogueLog:
    """Keeps dialogue records: the newest in memory, all of them in one file a day.

    Args:
        folder: where the files are; None keeps them in memory only.
        keep: how many stay in memory.
        keep_days: how many days' files stay.
        wall: the wall clock, seconds since the epoch.
    """

    def __init__(
        self, folder: Path | None, keep: int = 200, keep_days: int = 14, wall: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._keep_days = keep_days
        self._wall = wall
        self._keep = keep
        self._recent: deque[bytes] = deque()
        self._recent_bytes = 0
        self._day = ""
        self._fd = -1
        self._room = 0
        """Bytes that the day's file may still take; negative when it said that it is full."""
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._recent.extend(newest_lines(folder, keep, _day(wall())))
            self._recent_bytes = sum(map(len, self._recent))

    def began(self, association_id: str, address: str) -> Dialogue:
        """A new record."""
        return Dialogue(association_id, self._wall(), address)

    def ended(self, dialogue: Dialogue, ending: str) -> None:
        """Keep a record. A failing disk costs the record, never the association."""
        dialogue.ended = self._wall()
        dialogue.ending = ending
        self.keep(dialogue.to_dict())

    def keep(self, record: dict[str, Any]) -> None:
        """Keep a record that is complete: see `ended`."""
        line = json.dumps(record, ensure_ascii=True).encode("ascii") + b"\n"
        self._recent.append(line)
        self._recent_bytes += len(line)
        while len(self._recent) > self._keep or self._recent_bytes > RECENT_BYTES:
            self._recent_bytes -= len(self._recent.popleft())
        if self._folder is None:
            return
        try:
            self._open_today(self._folder)
            if self._room < len(line):
                if self._room >= 0:
                    log.warning("the dialogue records of a day are full", extra={"bytes": DAY_BYTES})
                self._room = -1
                return
            self._room -= os.write(self._fd, line)
        except OSError as failure:
            log.warning("a dialogue record could not be kept", extra={"error": failure.strerror})

    def _open_today(self, folder: Path) -> None:
        day = _day(self._wall())
        if day == self._day:
            return
        self.close()
        self._fd = os.open(folder / f"{day}.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._day = day
        length = os.fstat(self._fd).st_size
        if length and os.pread(self._fd, 1, length - 1) != b"\n":
            os.write(self._fd, b"\n")  # behind a line that a crash cut short
        self._room = DAY_BYTES - length
        for old in _by_age(folder, day)[: -self._keep_days]:
            old.unlink(missing_ok=True)

    def recent(self) -> Iterator[dict[str, Any]]:
        """The newest records, oldest first; those of an earlier start too."""
        return _records(list(self._recent))

    def close(self) -> None:
        """Close the day's file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd, self._day = -1, ""


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d")


def _by_age(folder: Path, today: str) -> list[Path]:
    """The files of days, the oldest first, today's last. Those dated ahead are older than all others: they were written
    before the clock was set back. In 1970, these are all but the one that is being written."""
    return sorted(folder.glob("*.jsonl"), key=lambda file: (file.stem <= today, file.stem))


def newest_lines(folder: Path, most: int, today: str) -> list[bytes]:
    """The newest lines on disk, oldest first, as far as they would stay in memory; `today` is a day as its file's name
    has it."""
    found: list[bytes] = []
    room = RECENT_BYTES
    for file in reversed(_by_age(folder, today)):
        with file.open("rb") as stream:
            length = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, length - room))
            lines = stream.read(room).splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            del lines[-1]  # cut short by a crash
        if length > room:
            del lines[:1]  # its beginning lies further back
        found[:0] = lines[-(most - len(found)) :]
        room -= length
        if len(found) >= most or room <= 0:
            break
    return found


def _records(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue  # garbled by a failing disk


def read_records(folder: Path, most: int = 200) -> list[dict[str, Any]]:
    """The newest records on disk, oldest first: what `gravure peers` shows while no daemon runs.

    Raises:
        PermissionError: they are not for this user.
    """
    os.scandir(folder).close()  # `glob` says of a folder that it may not read that nothing is in it
    return list(_records(newest_lines(folder, most, _day(time.time()))))
