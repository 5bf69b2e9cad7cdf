"""C-ECHO as SCU (PS3.4 Annex A): can this peer be reached, and does it know us?"""

from __future__ import annotations

import time

from .target import UNCOMPRESSED, Answer, Target, associate

VERIFICATION = "1.2.840.10008.1.1"


def echo(target: Target) -> Answer:
    """Associate, C-ECHO, release."""
    began = time.monotonic()
    association = associate(target, [(VERIFICATION, UNCOMPRESSED)])
    if isinstance(association, Answer):
        return association
    status = association.send_c_echo()
    association.release()
    took_ms = (time.monotonic() - began) * 1000
    where = f"{target.ae_title} at {target.host}:{target.port}"
    if not status:
        return Answer(False, f"{where} accepts an association, but does not answer C-ECHO")
    return Answer(status.Status == 0x0000, f"{where} answers {status.Status:04X} in {took_ms:.0f} ms")
