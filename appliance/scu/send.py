"""C-STORE as SCU (PS3.4 Annex B): files and folders to a peer, as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from media.folder import PassedOver, instances_below
from media.request import DiscInstance

from .target import Answer, Target, associate

CONTEXTS = 128


def send(
    target: Target, paths: Sequence[Path], progress: Callable[[float, str], None] = lambda _d, _s: None
) -> list[Answer]:
    """Send every instance in files and folders; one answer each. Nothing is re-encoded: what the peer does not take in
    its transfer syntax is said so."""
    passed_over = PassedOver()
    instances = [one for one, _ in instances_below(paths, passed_over)]
    answers = [Answer(False, f"{words}: not sent") for words in passed_over.damaged]
    if not instances:
        return [*answers, Answer(False, "there is no DICOM instance in these files")]
    sent = 0
    for batch in _batches(instances):
        before = sent
        answers.extend(
            _send(target, batch, lambda done, before=before: progress((before + done) / len(instances), "sending"))  # type: ignore[misc]
        )
        sent += len(batch)
    return answers


def _batches(instances: Sequence[DiscInstance]) -> Iterator[list[DiscInstance]]:
    """As many instances as fit the 128 presentation contexts of one association, each pair in a context of its own."""
    batch: list[DiscInstance] = []
    pairs: set[tuple[str, str]] = set()
    for one in instances:
        pair = (one.sop_class_uid, one.transfer_syntax_uid)
        if pair not in pairs and len(pairs) == CONTEXTS:
            yield batch
            batch, pairs = [], set()
        batch.append(one)
        pairs.add(pair)
    yield batch


def _send(target: Target, batch: Sequence[DiscInstance], progress: Callable[[int], None]) -> Iterator[Answer]:
    pairs = dict.fromkeys((one.sop_class_uid, one.transfer_syntax_uid) for one in batch)
    association = associate(target, [(sop_class, (syntax,)) for sop_class, syntax in pairs])
    if isinstance(association, Answer):
        yield association
        return
    try:
        for number, one in enumerate(batch, 1):
            yield _store(association, one)
            progress(number)
    finally:
        association.release()


def _store(association: Any, one: DiscInstance) -> Answer:
    try:
        status = association.send_c_store(one.path)
    except RuntimeError:  # the peer has ended the association
        return Answer(False, f"{one.path}: not sent, the peer has ended the association")
    except (ValueError, AttributeError, OSError) as failure:
        return Answer(False, f"{one.path}: {failure}")
    if not status:
        return Answer(False, f"{one.path}: no answer")
    # B000, B006, B007: stored, with a note (PS3.4 B.2.3).
    taken = status.Status == 0x0000 or status.Status & 0xF000 == 0xB000
    return Answer(taken, f"{one.path}: {status.Status:04X}{_words(status)}")


def _words(status: Any) -> str:
    """What the peer says of its status; where it says nothing, what the standard calls it (PS3.4 B.2.3)."""
    from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS as NAMES

    words = str(status.get("ErrorComment") or "") or NAMES.get(status.Status, ("", ""))[1]
    return f" {words}" if words else ""
