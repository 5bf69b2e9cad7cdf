"""From quiet studies to a disc job: what goes on the disc, and what a person must look at first."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from appliance.children import ChildFailed, Children
from appliance.collector import Complete
from appliance.instances import InstanceIndex, Reception
from appliance.jobs import Job, Jobs, NewJob
from media.identity import conflict
from media.store import InstanceStore

log = logging.getLogger("gravure.discs")

COMPARE_MEMORY_BYTES = 1024 * 1024 * 1024
COMPARE_CPU_S, COMPARE_WALL_S = 120, 300

SECOND_CONTENT = "an instance came twice with different content; the first one would go on the disc"
NOT_COMPARED = "an instance came twice and the two cannot be compared; the first one would go on the disc"


class Discs:
    """Makes disc jobs of what the collector found complete."""

    def __init__(self, index: InstanceIndex, store: InstanceStore, jobs: Jobs, children: Children) -> None:
        self._index = index
        self._store = store
        self._jobs = jobs
        self._children = children

    async def order(self, complete: Complete) -> None:
        """One disc job of everything that these studies have brought to this station and no job has taken."""
        pending = await asyncio.to_thread(self._index.pending, [complete.ae_title])
        receptions = [one for _, one in pending if one.identity.study_instance_uid in complete.studies]
        if not receptions:
            return
        instances = {one.instance_id for one in receptions}
        # Both, for whoever releases the disc has to know everything that is doubtful about it.
        reasons = (conflict(one.identity for one in receptions), await self._second_content(instances))
        reason = "; ".join(filter(None, reasons))
        job = await asyncio.to_thread(self._create, complete, receptions, reason)
        log.info(
            "disc ordered",
            extra={"job": job.id, "station": complete.ae_title, "instances": len(receptions), "held": bool(reason)},
        )

    def _create(self, complete: Complete, receptions: list[Reception], reason: str) -> Job:
        studies = sorted(complete.studies)
        earlier = {self._index.earlier_job(complete.ae_title, study) for study in studies} - {None}
        new = NewJob(
            kind="disc",
            ae_title=complete.ae_title,
            calling_ae_title=self._index.sender(receptions[-1]),
            payload={"studies": studies, "instances": len(receptions), "addendum_to": sorted(map(str, earlier))},
            held=bool(reason),
            hold_reason=reason,
        )
        return self._jobs.create(new, also=lambda connection, job: self._index.take(connection, receptions, job.id))

    async def _second_content(self, instances: Iterable[int]) -> str:
        """Why a UID with two contents holds the disc; empty where there is none."""
        wanted = set(instances)
        for variant in await asyncio.to_thread(self._index.variants, wanted, "unknown"):
            try:
                verdict = await self._children.run(
                    "compare",
                    {
                        "left": str(self._store.path(variant["kept"])),
                        "right": str(self._store.path(variant["file"])),
                    },
                    memory_bytes=COMPARE_MEMORY_BYTES,
                    cpu_s=COMPARE_CPU_S,
                    wall_s=COMPARE_WALL_S,
                )
            except ChildFailed:
                log.warning("two contents of one instance cannot be compared", extra={"instance": variant["id"]})
                return NOT_COMPARED
            await asyncio.to_thread(self._index.judge_variant, variant["id"], same=verdict["same"])
        if await asyncio.to_thread(self._index.variants, wanted, "different"):
            return SECOND_CONTENT
        return ""
