"""From quiet studies to a disc job: what goes on the disc, and what a person must look at first."""

from __future__ import annotations

import asyncio
import logging

from appliance.collector import Complete
from appliance.instances import InstanceIndex, Reception
from appliance.jobs import Job, Jobs, NewJob
from appliance.second_contents import SECOND_CONTENTS, SecondContents
from media.identity import conflict

log = logging.getLogger("gravure.discs")


class Discs:
    """Makes disc jobs of what the collector found complete."""

    def __init__(self, index: InstanceIndex, jobs: Jobs, second_contents: SecondContents) -> None:
        self._index = index
        self._jobs = jobs
        self._second_contents = second_contents

    async def order(self, complete: Complete) -> None:
        """One disc job of everything that these studies have brought to this station and no job has taken."""
        pending = await asyncio.to_thread(self._index.pending, [complete.ae_title])
        receptions = [one for _, one in pending if one.identity.study_instance_uid in complete.studies]
        if not receptions:
            return
        second = await self._second_contents.look(one.instance_id for one in receptions)
        # Both, for whoever releases the disc has to know everything that is doubtful about it.
        reason = "; ".join(filter(None, (conflict(one.identity for one in receptions), second.reason)))
        job = await asyncio.to_thread(self._create, complete, receptions, reason, second.seen)
        log.info(
            "disc ordered",
            extra={"job": job.id, "station": complete.ae_title, "instances": len(receptions), "held": bool(reason)},
        )

    def _create(
        self, complete: Complete, receptions: list[Reception], reason: str, second_contents: tuple[int, ...]
    ) -> Job:
        studies = sorted(complete.studies)
        earlier = {self._index.earlier_job(complete.ae_title, study) for study in studies} - {None}
        new = NewJob(
            kind="disc",
            ae_title=complete.ae_title,
            calling_ae_title=self._index.sender(receptions[-1]),
            payload={
                "studies": studies,
                "instances": len(receptions),
                "addendum_to": sorted(map(str, earlier)),
                **({SECOND_CONTENTS: list(second_contents)} if second_contents else {}),
            },
            held=bool(reason),
            hold_reason=reason,
        )
        return self._jobs.create(new, also=lambda connection, job: self._index.take(connection, receptions, job.id))
