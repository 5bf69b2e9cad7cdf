"""A print console over a bare socket: sessions, films and images from its own bytes."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.judge.films import (
    COLOR_BOX,
    COLOR_META,
    FILM_BOX,
    GRAY_BOX,
    GRAY_META,
    N_ACTION,
    N_CREATE,
    N_DELETE,
    N_GET,
    N_SET,
    PRINT_JOB,
    SESSION,
)
from tests.judge.wire import EXPLICIT, Elements, Message, Peer, decoded, text

_numbers = itertools.count(1)


def new_uid() -> str:
    """A UID of the 2.25 root."""
    return f"2.25.{secrets.randbits(96)}{next(_numbers)}"


@dataclass(frozen=True)
class Source:
    """An image as a console has it: stored values (rows, columns, samples) and how to read them."""

    stored: NDArray[Any]
    bits: int
    photometric: str = "MONOCHROME2"
    planar: int = 0
    box: Elements = field(default_factory=dict)
    """Polarity, magnification and so on of the image box."""
    aspect: str = ""

    def elements(self) -> Elements:
        """The item of the Basic Grayscale or Color Image Sequence."""
        rows, columns, samples = self.stored.shape
        pixels = np.moveaxis(self.stored, 2, 0) if self.planar else self.stored
        found: Elements = {
            0x00280002: ("US", samples),
            0x00280004: ("CS", self.photometric),
            0x00280010: ("US", rows),
            0x00280011: ("US", columns),
            0x00280100: ("US", 16 if self.bits > 8 else 8),
            0x00280101: ("US", self.bits),
            0x00280102: ("US", self.bits - 1),
            0x00280103: ("US", 0),
            0x7FE00010: ("OW", pixels.astype("<u2" if self.bits > 8 else "u1").tobytes()),
        }
        if samples == 3:
            found[0x00280006] = ("US", self.planar)
        if self.aspect:
            found[0x00280034] = ("IS", self.aspect)
        return found


class Console:
    """One association to a printer with one of the meta classes, and Print Job if it wants events."""

    def __init__(
        self,
        port: int,
        *,
        color: bool = False,
        transfer: str = EXPLICIT,
        print_job: bool = False,
        fragment: int = 16000,
        answer_events: bool = True,
        called: str = "FILM",
    ) -> None:
        self.meta, self.box = (COLOR_META, COLOR_BOX) if color else (GRAY_META, GRAY_BOX)
        contexts = [(self.meta, transfer)] + ([(PRINT_JOB, transfer)] if print_job else [])
        self.peer = Peer(port, called, contexts, fragment=fragment, answer_events=answer_events)
        assert len(self.peer.contexts) == len(contexts)
        self.session = new_uid()

    def create_session(self, **attributes: Any) -> None:
        """N-CREATE of the film session, without attributes."""
        command: Elements = {
            0x00000002: ("UI", SESSION), 0x00000100: ("US", N_CREATE), 0x00001000: ("UI", self.session)
        }  # fmt: skip
        assert self.peer.ask(self.meta, command).status == 0

    def create_film(self, form: str, attributes: Elements) -> tuple[str, list[str]]:
        """N-CREATE of a film box: its UID and those of its image boxes."""
        uid, created, status = self.propose_film(form, attributes)
        assert status == 0, f"{status:04X}"
        return uid, [text(item[0x00081155]) for item in created[0x20100510]]

    def propose_film(self, form: str, attributes: Elements) -> tuple[str, dict[int, Any], int]:
        """N-CREATE of a film box: its UID, what was answered, and the status."""
        uid = new_uid()
        data: Elements = {
            0x20100010: ("ST", form),
            0x20100500: ("SQ", [{0x00081150: ("UI", SESSION), 0x00081155: ("UI", self.session)}]),
            **attributes,
        }
        command: Elements = {0x00000002: ("UI", FILM_BOX), 0x00000100: ("US", N_CREATE), 0x00001000: ("UI", uid)}
        answer = self.peer.ask(self.meta, command, data)
        return uid, decoded(answer.data, self.peer.explicit(self.meta)), answer.status

    def set_image(self, box: str, position: int, source: Source) -> int:
        """N-SET of an image box; the status."""
        sequence = 0x20200110 if self.box == GRAY_BOX else 0x20200111
        data: Elements = {
            0x20200010: ("US", position), sequence: ("SQ", [source.elements()]), **source.box
        }  # fmt: skip
        return self.peer.ask(self.meta, self._on(N_SET, self.box, box), data).status

    def act(self, sop_class: str, uid: str) -> Message:
        """N-ACTION print."""
        return self.peer.ask(self.meta, {**self._on(N_ACTION, sop_class, uid), 0x00001008: ("US", 1)})

    def delete(self, sop_class: str, uid: str) -> int:
        """N-DELETE; the status."""
        return self.peer.ask(self.meta, self._on(N_DELETE, sop_class, uid)).status

    def job_of(self, answer: Message) -> str:
        """The Print Job that an N-ACTION made: Referenced Print Job Sequence (2100,0500)."""
        (item,) = decoded(answer.data, self.peer.explicit(self.meta))[0x21000500]
        assert text(item[0x00081150]) == PRINT_JOB
        return text(item[0x00081155])

    def ask_job(self, job: str) -> int:
        """N-GET of the Print Job, sent only; its message ID."""
        return self.peer.send(PRINT_JOB, self._on(N_GET, PRINT_JOB, job))

    def state_of(self, identifier: int) -> str:
        """Execution Status in the response to `ask_job`."""
        answer = self.peer.response(identifier)
        assert answer.status == 0
        return text(decoded(answer.data, self.peer.explicit(PRINT_JOB))[0x21000020])

    @staticmethod
    def _on(command_field: int, sop_class: str, uid: str) -> Elements:
        return {0x00000003: ("UI", sop_class), 0x00000100: ("US", command_field), 0x00001001: ("UI", uid)}
