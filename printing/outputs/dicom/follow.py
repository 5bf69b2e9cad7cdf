"""What becomes of films that an imager has taken: its Print Jobs, followed to their end (PS3.4 H.4.5).

Events come on the association that printed; N-GET asks beside them, as many imagers have no events and some forget to
send them. An imager that answers is waited for as long as it takes: it may be out of film for days.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from printing.outputs import Hear, Left, NotDelivered, PossiblyDelivered, Stop
from printing.outputs.dicom.association import Line
from printing.outputs.dicom.note import Progress
from printing.terms import ExecutionStatus

POLL_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Between two questions; the last one for as long as it takes."""
MUTE_S = 20.0
"""An imager that named a Print Job and has not said a word of it for so long will not."""

NOTHING_SAID = (
    "the imager took the film and says nothing of its print job: whether it printed it is not known here"
    ' (an imager that never does: leave "print-job" out of imager.optional_classes)'
)


@dataclass(slots=True)
class Follower:
    """Waits for the ends of Print Jobs.

    Attributes:
        progress: which there are.
        hear: told how the printer is.
        stop: whether to go on.
        clock: monotonic, seconds.
        known: Print Jobs that the imager has said something of, or may have before we were started again.
    """

    progress: Progress
    hear: Hear
    stop: Callable[[], Stop]
    clock: Callable[[], float]
    known: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def follow(self, line: Line) -> None:
        """Wait on an open association until every Print Job has ended.

        Raises:
            NotDelivered: a Print Job failed: nothing of its films came out.
            PossiblyDelivered: the imager does not know a Print Job any more.
            Left: as `stop` said.
            Broken: the association ended.
        """
        began_s, asked = self.clock(), 0
        while self.progress.jobs:
            for uid in list(self.progress.jobs):
                self._ask(line, uid, self.clock() - began_s)
            if not self.progress.jobs:
                return
            if (state := line.printer()) is not None:
                self.hear(state)
            self._go_on()
            line.wait(POLL_S[min(asked, len(POLL_S) - 1)])
            asked += 1

    def _ask(self, line: Line, uid: str, waited_s: float) -> None:
        state = line.print_job(uid)
        if state is None:
            if uid in self.known:
                self.progress.doubt(self.progress.jobs[uid])
                raise PossiblyDelivered("possibly printed: the imager does not know its print job any more")
            if waited_s > MUTE_S:
                self.warnings.append(NOTHING_SAID)
                self.progress.out(uid)
            return
        self.known.add(uid)
        status, info = state
        if status is ExecutionStatus.DONE:
            self.progress.out(uid)
        elif status is ExecutionStatus.FAILURE:
            self.progress.refused(self.progress.jobs[uid])
            raise NotDelivered(f"the imager could not print the film: {info}", passing=False, info=info)

    def _go_on(self) -> None:
        wish = self.stop()
        if wish is Stop.LEAVE:
            raise Left
        if wish is Stop.CANCEL:
            raise PossiblyDelivered("the imager has the film, and cannot be told to leave it")
