"""The composition root: builds the rooms from one configuration, starts them in order, and stops them in order.

    async with Appliance(config) as running:
        print(running.dicom_port)

Start: state folder and its lock, database, what a crash left (recovery), workers, and only then the listeners: a peer
that gets a connection finds everything behind it. Stop is the other way round: no new connections, running messages
finish for a bounded time, workers stop where their recovery rule takes them up again.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import grp
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from appliance import __version__
from appliance.arrivals import Arrival
from appliance.association.dialogue import DialogueLog
from appliance.association.entity import Entity, Kind
from appliance.association.message import Association
from appliance.association.server import AssociationServer
from appliance.calibrations import Calibrations, calibrated
from appliance.capabilities import transfer_syntaxes
from appliance.children import Children
from appliance.clerk import Clerk
from appliance.collector import Collector
from appliance.config import Config, ConfigProblem
from appliance.control import Ask, ControlServer, ImpossibleRequest
from appliance.database import DamagedDatabase, Database, DatabaseProblem
from appliance.discs import Discs
from appliance.dispatch import Service, ServiceConversation
from appliance.events import Events
from appliance.files import FileOwner
from appliance.films import Films, NotKept
from appliance.instances import InstanceIndex, patients_of
from appliance.jobs import Jobs
from appliance.logs import tell_of_loop
from appliance.memory import calm_collector
from appliance.notify import address_of, feed_watchdog, inherited_sockets, notify
from appliance.outputs import output_of
from appliance.pages import Pages
from appliance.peers import BadProfile, Personalities
from appliance.performers import DiscPerformer, FilmPerformer
from appliance.policy import CannotStart, access_policy
from appliance.receivers import Receivers
from appliance.reception import WORDS, MakeService, Reception, door_of, entity, station_idle_s
from appliance.retention import Retention
from appliance.runner import Runner
from appliance.second_contents import SecondContents
from appliance.services.print import Bounds, PrintService, printer_of
from appliance.status import snapshot
from appliance.watch import Watch
from media.records import for_patient_discs
from printing.outputs import Output
from printing.printer import PrinterState

log = logging.getLogger("gravure")

DRAIN_S = 5.0
"""How long running messages may go on after SIGTERM; with what follows, the process is gone in under 10 s."""
LOOK_UP_S = 60.0
"""How often hosts of peers that were not found are looked up again."""
LOOK_S = 2.0
"""How long a status waits for what printers say of themselves."""
TAKE_STATE_S = 2.0
"""How long a start waits for what is left of an appliance that was killed."""
MOST_RECEIVERS = 4
"""One more costs 25 MB while it works, and four of them fill any disk that an edge machine has."""


class Appliance:
    """The appliance on the caller's event loop.

    Args:
        config: what it is to be; port 0 takes free ports.
        wall: the wall clock, seconds since the epoch.
        receivers: receiving processes beside this one, at most; only the program on its own has any.
    """

    def __init__(self, config: Config, wall: Callable[[], float] = time.time, receivers: int = 0) -> None:
        self.config = config
        self._most_receivers = receivers
        self.dicom_port = 0
        self.dicom_addresses: list[tuple[str, int]] = []
        self._wall = wall
        self._stack = contextlib.AsyncExitStack()
        self._services: dict[str, dict[str, MakeService]] = {}
        """By called AE title and word of `reception.WORDS`."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- start --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything; on return the listeners are open.

        Raises:
            CannotStart: another appliance has this state folder, it cannot be used, or an address cannot be had.
            OSError: the disk is full or failing.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _start(self) -> None:
        self._take_sockets()
        state = self._make_state()
        await self._take_state()
        self.owner = FileOwner(int(self.config.appliance.file_mode, 8), group_number(self.config.appliance.file_group))
        self.calibrations = Calibrations(state, self.owner)
        await asyncio.to_thread(self._open_database, state / "gravure.db")
        self._stack.callback(self.database.close)
        self.jobs = Jobs(self.database, self._wall, self.config.appliance.queue_depth)
        await asyncio.to_thread(self.jobs.recover)
        self._make_storage()
        await asyncio.to_thread(self._make_films, state)
        self.children = Children()
        self._stack.push_async_callback(self.children.close)
        self._make_runner()
        await self._make_collector()
        self._make_services()
        await self._make_watch()
        self._make_receivers()
        await self._listen(state)
        self._start_control(state)
        await self.control.start()
        self._stack.push_async_callback(self.control.close)
        self.runner.start()
        self._stack.push_async_callback(self.runner.close)
        self.retention = Retention(self.config, self.database, self.jobs, self.index, self.films.reprints, self._wall)
        self.retention.start()
        self._stack.push_async_callback(self.retention.close)
        self._adoption = asyncio.create_task(self._adopt_files())
        self._stack.callback(self._adoption.cancel)

    def _take_sockets(self) -> None:
        """Sockets that systemd opened: before anything is made, as who may call depends on where they listen."""
        self._inherited = inherited_sockets()
        for sock in self._inherited:
            self._stack.callback(sock.close)
        if self._inherited:
            try:
                self.config = self.config.listening_on([address_of(sock) for sock in self._inherited])
            except ConfigProblem as failure:
                raise CannotStart(str(failure)) from failure

    def _make_state(self) -> Path:
        state = self.config.state
        try:
            state.mkdir(parents=True, exist_ok=True, mode=0o750)
            for name in ("spool", "spool/discs"):
                (state / name).mkdir(exist_ok=True, mode=0o700)
            lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as failure:
            raise CannotStart(
                f"the state folder {state} cannot be used: {failure.filename}: {failure.strerror}"
            ) from failure
        self._stack.callback(os.close, lock)
        self._lock = lock
        return state

    async def _take_state(self) -> None:
        """Be the only appliance on the state folder. A receiver of one that was killed has its lock for a moment."""
        patience_s = asyncio.get_running_loop().time() + TAKE_STATE_S
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                if asyncio.get_running_loop().time() > patience_s:
                    raise CannotStart(f"another appliance runs on the state folder {self.config.state}") from None
            await asyncio.sleep(0.05)

    def _open_database(self, file: Path) -> None:
        """Open the database; a damaged one is set aside, and the index is made again from the stored files.

        Raises:
            CannotStart: it is not damaged, and yet cannot be used: a full disk, a lock, a newer version.
        """
        self._database_is_new = not file.exists()
        self.database = Database(file)
        try:
            try:
                self.database.check()
                self.database.migrate()
            except DamagedDatabase as failure:
                self.database.close()
                self._set_aside(file, failure)
                self._database_is_new = True
                self.database = Database(file)
                self.database.migrate()
        except DatabaseProblem as failure:
            self.database.close()
            raise CannotStart(str(failure)) from failure

    def _set_aside(self, file: Path, reason: Exception) -> None:
        """Move a damaged database out of the way. What it knew is found again in the files: see `Films.sweep` and
        `InstanceIndex.adopt`."""
        mark = f"damaged-{int(self._wall())}"
        for suffix in ("", "-wal", "-shm"):
            damaged = file.with_name(file.name + suffix)
            if damaged.exists():
                damaged.rename(file.with_name(f"{file.name}.{mark}{suffix}"))
        log.critical("the database is damaged: set aside", extra={"file": f"{file}.{mark}", "reason": reason})

    def _make_storage(self) -> None:
        self.reception = Reception(self.config, self._wall)
        self._stack.callback(self.reception.close)
        self.store, self.reserve = self.reception.store, self.reception.reserve
        self.index = InstanceIndex(self.database, self.store, self._wall)
        self.index.collected = frozenset(self.config.discs)
        self._found = list(self.store.files())
        self.clerk = Clerk(self.index, self.store)
        self._stack.callback(self.clerk.close)

    async def _adopt_files(self) -> None:
        """Index what a crash, or a lost database, left without a row; after `ready`, nobody waits for it."""
        await asyncio.to_thread(self.database.make_room)
        found, self._found = self._found, []
        adopted = await asyncio.to_thread(self.index.adopt, found)
        if adopted:
            log.warning("stored files were indexed again", extra={"instances": adopted})
        self.clerk.ended()

    def _make_films(self, state: Path) -> None:
        days = {key: min(table.reprint_days, table.keep_days) for key, table in self.config.printers.items()}
        self.films = Films(state / "spool", self.jobs, self.reserve.free_bytes, wall=self._wall, reprint_days=days)
        self.films.sweep(database_lost=self._database_is_new)

    def _make_runner(self) -> None:
        self.second_contents = SecondContents(self.index, self.store, self.children)
        self.runner = Runner(
            self.jobs,
            {
                "film": FilmPerformer(self.config, self.children, self._output, self.calibrations),
                "disc": DiscPerformer(
                    self.config, self.children, self.index, self.store, self.owner, self.second_contents
                ),
            },
            owner=secrets.token_hex(4),
            at_once={"film": max(1, len(self.config.printers))},
        )

    def _output(self, key: str) -> Output:
        """The output of a printer. Those that talk to a device tell how it is."""
        loop = asyncio.get_running_loop()

        def hear(state: PrinterState) -> None:
            loop.call_soon_threadsafe(self.watch.heard, key, state)

        return output_of(self.config, key, self.owner, hear)

    async def _make_collector(self) -> None:
        discs = Discs(self.index, self.jobs, self.second_contents)
        quiet_s = {key: table.quiet_seconds for key, table in self.config.discs.items()}
        self.collector = Collector(quiet_s, discs.order)
        self._stack.push_async_callback(self.collector.close)
        await self._collect_pending()

    async def _collect_pending(self) -> None:
        for ae_title, reception in await asyncio.to_thread(self.index.pending, self.config.discs):
            if for_patient_discs(reception.sop_class_uid):
                identity = reception.identity
                self.collector.arrived(
                    ae_title, identity.study_instance_uid, (identity.patient_id, identity.issuer), None
                )

    def _make_receivers(self) -> None:
        self.receivers = Receivers(
            self.config,
            self._most_receivers,
            self._arrived_elsewhere,
            self._association_closed,
            self._receiver_lost,
            inherited=self._lock,
        )
        self.reception.pace.others = self.receivers.busy

    def _arrived_elsewhere(self, station: str, study: str, patient: tuple[str, str], association: str | None) -> None:
        self.clerk.arrived()
        self.collector.arrived(station, study, patient, association)

    def _receiver_lost(self) -> None:
        """What it stored and could not tell us of is found in its log."""
        self._recount = asyncio.create_task(self._collect_pending())

    # -- services -----------------------------------------------------------------------------------------------

    def _make_services(self) -> None:
        self.events = Events(self.jobs)
        try:
            self._personalities = Personalities(self.config)
        except BadProfile as failure:
            raise CannotStart(f"access.profiles: {failure}") from failure
        make = {"printers": self._printing, "discs": self._storage, "inboxes": self._storage}
        made: dict[str, MakeService] = {}
        for title, kind, key in self.config.titles():
            place = f"{kind}.{key}"
            if place not in made:
                made[place] = make[kind](key)
            self._services.setdefault(title, {})[WORDS[kind]] = made[place]

    def _printing(self, key: str) -> MakeService:
        table = self.config.printers[key]
        own = printer_of(key, table, __version__)
        self.events.install(own, table.status_policy, self.films.has_room)
        limits = self.config.limits
        bounds = Bounds(limits.memory_bytes, limits.normalized_data_set_bytes)
        personalities = self._personalities

        def make(association: Association) -> Service:
            personality = personalities.of(key, association)
            printer = calibrated(own, table, self.calibrations.newest(key))
            self.events.calibrated(printer)
            also = {other: personalities.resolved(other, association).personality for other in table.also}
            return PrintService(
                association, printer, self.films, self.events, personality, bounds, self.reception.executor, also
            )

        return make

    async def _make_watch(self) -> None:
        self.watch = Watch(self.events, self.jobs, {key: self._output(key) for key in self.config.printers})
        self._stack.callback(self.watch.close)
        await self.watch.start()

    def _storage(self, key: str) -> MakeService:
        def arrived(arrival: Arrival) -> None:
            self.clerk.arrived()
            if for_patient_discs(arrival.sop_class_uid):
                self.collector.arrived(*arrival.of_study)

        return self.reception.service(key, arrived, self._association_closed)

    def _association_closed(self, association_id: str) -> None:
        self.collector.closed(association_id)
        self.clerk.ended()

    def _entities(self) -> list[Entity]:
        own = Entity(
            self.config.appliance.ae_title, Kind.ECHO, transfer_syntaxes(()), lambda _: ServiceConversation(())
        )
        return [
            own,
            *(
                entity(title, makers, self._idle_s(title), door_of(self.config, title))
                for title, makers in self._services.items()
            ),
        ]

    def _idle_s(self, title: str) -> Callable[[Association], float]:
        """The idle limit of whoever calls this title: of a printer by its personality, else that of the station."""
        printer = next((key for one, kind, key in self.config.titles() if one == title and kind == "printers"), None)
        station = station_idle_s(self.config, title)
        if printer is None:
            return station
        return lambda caller: self._personalities.resolved(printer, caller).personality.idle_seconds or station(caller)

    # -- listening ----------------------------------------------------------------------------------------------

    async def _listen(self, state: Path) -> None:
        policy = await asyncio.to_thread(access_policy, self.config)
        self.server = AssociationServer(
            self._entities(),
            access=policy,
            limits=self.config.limits,
            dialogues=DialogueLog(state / "dialogues", keep_days=self.config.limits.dialogue_days, wall=self._wall),
            any_called_ae=self.config.access.any_called_ae,
            elsewhere=self.receivers,
        )
        self.receivers.serve(self.server)
        if policy.left_out:
            looking = asyncio.create_task(self._look_up_peers())
            self._stack.callback(looking.cancel)
        for sock in self._inherited:
            await self.server.listen_socket(sock)
        if not self._inherited:
            port = self.config.listen.port
            # IPv4 first: "::" takes both families where it is alone, and its own where the other is taken.
            for address in sorted(self.config.listen.address, key=lambda one: ":" in one):
                try:
                    port = await self.server.listen(address, port)
                except OSError as failure:
                    raise CannotStart(f"{address} port {port} cannot be listened on: {failure.strerror}") from failure
        self._stack.push_async_callback(self._stop_listening)
        self.dicom_addresses = self.server.addresses()
        self.dicom_port = self.dicom_addresses[0][1]

    async def _look_up_peers(self) -> None:
        """Until every peer's host is found."""
        while self.server.access.left_out:
            await asyncio.sleep(LOOK_UP_S)
            self.server.access = await asyncio.to_thread(access_policy, self.config)
        log.info("all peers are known")

    async def _stop_listening(self) -> None:
        await asyncio.gather(self.server.close(DRAIN_S), self.receivers.close(DRAIN_S))
        self.server.dialogues.close()

    def _start_control(self, state: Path) -> None:
        async def status(_: Mapping[str, Any]) -> Any:
            await self.watch.look(LOOK_S)
            return await asyncio.to_thread(snapshot, self)

        async def peers(_: Mapping[str, Any]) -> Any:
            return [*self.server.dialogues.recent(), *(one.to_dict() for one in self.server.open_dialogues())]

        async def patients(request: Mapping[str, Any]) -> Any:
            return await asyncio.to_thread(patients_of, self.database, str(request.get("id")))

        async def reprint(request: Mapping[str, Any]) -> Any:
            return await asyncio.to_thread(self._reprint, request)

        pages = Pages(self.config, self.children, self.films, self._output, self.calibrations, self._wall)
        asks: dict[str, Ask] = {
            "status": status,
            "peers": peers,
            "patients": patients,
            "reprint": reprint,
            "chart": pages.chart,
            "testpage": pages.test_page,
            "calibrate": pages.calibrate,
        }
        self.control = ControlServer(state, self.jobs, asks, self.owner.group)

    def _reprint(self, request: Mapping[str, Any]) -> dict[str, Any]:
        printer = str(request.get("printer") or "")
        if printer and printer not in self.config.printers:
            raise ImpossibleRequest(f"there is no printer {printer}")
        try:
            return self.films.reprint(str(request.get("id")), printer, request.get("copies")).to_dict()
        except NotKept as failure:
            raise ImpossibleRequest(str(failure)) from failure

    @property
    def ready_line(self) -> str:
        """What `serve` prints when every listener is open."""
        address, port = self.dicom_addresses[0]
        shown = f"[{address}]" if ":" in address else address
        titles = sorted({self.config.appliance.ae_title, *(key for _, _, key in self.config.titles())})
        return f"ready dicom={shown}:{port} ae={','.join(titles)}"

    # -- stop ---------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Stop everything, listeners first."""
        await self._stack.aclose()


def group_number(name: str) -> int:
    """The number of a group; -1 for none.

    Raises:
        CannotStart: there is no such group.
    """
    if not name:
        return -1
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise CannotStart(f"appliance.file_group: there is no group {name}") from None


def receivers_for(config: Config, processors: int) -> int:
    """How many receiving processes there may be beside the first one."""
    return (config.appliance.receiving_processes or min(processors, MOST_RECEIVERS)) - 1


async def _serve(config: Config) -> int:
    loop = asyncio.get_running_loop()
    tell_of_loop(loop)
    stop = asyncio.Event()
    for remark in config.remarks():
        log.warning("configuration", extra={"remark": remark})
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it: then the terminal may go
            loop.add_signal_handler(number, stop.set)
    appliance = Appliance(config, receivers=receivers_for(config, os.cpu_count() or 1))
    try:
        await appliance.start()
    except (CannotStart, OSError) as failure:
        log.critical("cannot start", extra={"reason": failure})
        return 1
    watchdog = asyncio.create_task(feed_watchdog())
    print(appliance.ready_line, flush=True)
    notify("READY=1")
    log.info("ready", extra={"state": config.state})
    await stop.wait()
    notify("STOPPING=1")
    log.info("stopping")
    watchdog.cancel()
    await appliance.close()
    return 0


def run(config: Config) -> int:
    """Run the appliance in the foreground until SIGTERM, SIGINT, or its terminal is closed. Returns the exit status."""
    os.umask(0o027)
    calm_collector()
    return asyncio.run(_serve(config))
