"""One SOP Instance UID with two contents: a disc that would need both waits for a person, as a File-set
has one file of each instance.

Bytes that differ may still be the same content in another encoding, so the two data sets are compared, decoded, in a
child process. Whoever releases a disc has seen what was known then; what comes later holds it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from appliance.children import ChildFailed, Children
from appliance.instances import InstanceIndex
from media.store import InstanceStore

log = logging.getLogger("gravure.discs")

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_S, WALL_S = 120, 300

SECOND_CONTENTS = "second_contents"
"""Key of a job's payload: what has been seen of them."""
DIFFERENT = "an instance came twice with different content; the first one would go on the disc"
NOT_COMPARED = "an instance came twice and the two cannot be compared; the first one would go on the disc"


@dataclass(frozen=True, slots=True)
class Found:
    """What a look found."""

    reason: str
    """Why a person must look; empty where nothing is new."""
    seen: tuple[int, ...]
    """Every second content that was found, for the next look."""


class SecondContents:
    """Second contents of the instances of a disc."""

    def __init__(self, index: InstanceIndex, store: InstanceStore, children: Children) -> None:
        self._index = index
        self._store = store
        self._children = children

    async def look(self, instances: Iterable[int], seen: Iterable[int] = ()) -> Found:
        """Look for them.

        Args:
            instances: rows of the index.
            seen: what an earlier look found, and a person knows of.
        """
        wanted, known = set(instances), set(seen)
        not_compared = set()
        for variant in await asyncio.to_thread(self._index.variants, wanted, "unknown"):
            if variant["id"] in known:
                continue
            try:
                same = await self._is_same(variant)
            except ChildFailed:
                log.warning("two contents of one instance cannot be compared", extra={"instance": variant["id"]})
                not_compared.add(variant["id"])
                continue
            await asyncio.to_thread(self._index.judge_variant, variant["id"], same=same)
        different = {one["id"] for one in await asyncio.to_thread(self._index.variants, wanted, "different")}
        reasons = (DIFFERENT if different - known else "", NOT_COMPARED if not_compared else "")
        return Found("; ".join(filter(None, reasons)), tuple(sorted(known | different | not_compared)))

    async def _is_same(self, variant: Mapping[str, Any]) -> bool:
        verdict = await self._children.run(
            "compare",
            {"left": str(self._store.path(variant["kept"])), "right": str(self._store.path(variant["file"]))},
            memory_bytes=MEMORY_BYTES,
            cpu_s=CPU_S,
            wall_s=WALL_S,
        )
        return bool(verdict["same"])
