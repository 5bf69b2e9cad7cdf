"""What receives instances: the store, a log of arrivals, and the service that fills them, for one process.

The appliance has one of these, and each of its receivers (`receivers`) has its own on the same folder.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from appliance import arrivals
from appliance.arrivals import Arrival, ArrivalLog
from appliance.association.entity import Door, Entity, Kind
from appliance.association.message import Association
from appliance.capabilities import transfer_syntaxes
from appliance.config import Config
from appliance.dispatch import Service, ServiceConversation
from appliance.services.storage import Pace, Reserve, Station, StorageService
from media.store import InstanceStore

STORE_THREADS = 8
"""Instances that are made durable at the same time; more of them wait (by trial: nothing gained beyond eight)."""

MakeService = Callable[[Association], Service]

WORDS = {"printers": "print", "discs": "store", "inboxes": "store"}
"""What a table of the configuration does, in the words of `capabilities`."""


def door_of(config: Config, title: str) -> Door:
    """Whom the tables behind a called AE title let in."""
    behind = [(kind, key) for called, kind, key in config.titles() if called == title]
    tables = {kind: getattr(config, kind)[key] for kind, key in behind}
    limits = [table.associations for table in tables.values() if table.associations]
    return Door(
        frozenset(f"{kind}.{key}" for kind, key in behind),
        {WORDS[kind]: frozenset(table.peers) for kind, table in tables.items() if table.peers},
        min(limits, default=0),
    )


def entity(
    ae_title: str,
    makers: Mapping[str, MakeService],
    idle_s: Callable[[Association], float] = lambda _: 0.0,
    door: Door | None = None,
) -> Entity:
    """One called AE title, with what makes its services, by word, the idle limit of an association, 0 for that of its
    kind, and whom it lets in."""
    kind = Kind.BOTH if len(makers) == 2 else Kind.PRINT if "print" in makers else Kind.STORAGE
    return Entity(
        ae_title,
        kind,
        transfer_syntaxes(makers),
        lambda association: ServiceConversation([make(association) for make in makers.values()]),
        idle_s=idle_s,
        door=door or Door(),
    )


def station_idle_s(config: Config, title: str) -> Callable[[Association], float]:
    """The idle limit of whoever calls a station or inbox by this title; 0 where it has none of its own."""
    limits_s = {
        called: getattr(config, kind)[key].idle_seconds for called, kind, key in config.titles() if kind != "printers"
    }
    station_s: float = limits_s.get(title, 0.0)
    return lambda _: station_s


class Reception:
    """Store, log of arrivals and Storage SCP of one process.

    Args:
        config: for the state folder and the disk reserve.
        wall: the wall clock, seconds since the epoch.
        prepared: another process of ours has prepared the store.
    """

    def __init__(self, config: Config, wall: Callable[[], float] = time.time, *, prepared: bool = False) -> None:
        self.store = InstanceStore(config.state / "store", prepared=prepared)
        folder = self.store.folder / arrivals.FOLDER
        if not prepared:
            arrivals.prepare(folder)
        self._log = ArrivalLog(folder, wall)
        disk = os.statvfs(config.state)
        wanted = config.appliance.disk_reserve_mb * 1_000_000
        self.reserve = Reserve(config.state, min(wanted, disk.f_blocks * disk.f_frsize // 20))
        self.executor = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="store")
        self.pace = Pace()

    def service(self, key: str, on_arrival: Callable[[Arrival], None], on_closed: Callable[[str], None]) -> MakeService:
        """What makes the Storage SCP of one association with a station."""
        station = Station(key, on_arrival, on_closed)
        return lambda association: StorageService(
            association, station, self.store, self._log, self.reserve, self.executor, self.pace
        )

    def close(self) -> None:
        """Finish what is being made durable."""
        self.executor.shutdown(wait=True)
        self._log.close()
