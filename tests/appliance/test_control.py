"""The control socket and the command line on it: two consoles at once, no daemon, and nonsense."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from appliance import control
from appliance.cli import cli
from appliance.control import LINE_BYTES, SOCKET, ControlProblem, ControlServer, NotRunning, ask, socket_path, watch
from appliance.database import Database
from appliance.jobs import JobEvent, Jobs, NewJob


class Daemon:
    """A control server with a job table, on a loop of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.config = state / "gravure.toml"
        self.config.write_text(f'[appliance]\nstate = "{state}"\n[printers.FILM]\n')
        self.database = Database(state / "gravure.db")
        self.database.migrate()
        self.jobs = Jobs(self.database)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.do(self._start())

    async def _start(self) -> None:
        async def status(_: Any) -> dict[str, Any]:
            return {"level": "fine"}

        async def broken(_: Any) -> None:
            raise OSError("no such thing")

        self.server = ControlServer(self.state, self.jobs, {"status": status, "broken": broken})
        await self.server.start()

    def do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def close(self) -> None:
        if self.loop.is_running():
            self.do(self.server.close())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()

    def gravure(self, *arguments: str) -> tuple[int, str]:
        done = self.asked(*arguments)
        return done.exit_code, done.output

    def asked(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, [arguments[0], "--config", str(self.config), *arguments[1:]])


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    one = Daemon(tmp_path)
    yield one
    one.close()
    one.database.close()


def test_the_socket_is_for_the_service_group_alone(daemon: Daemon) -> None:
    assert stat.S_IMODE((daemon.state / SOCKET).stat().st_mode) == 0o660


def test_a_state_folder_may_lie_deeper_than_a_socket_address_is_long(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*(["a" * 60] * 3))
    deep.mkdir(parents=True)
    one = Daemon(deep)
    assert ask(deep, "status") == {"level": "fine"}
    one.close()


@pytest.mark.parametrize("do", ["cancel", "retry", "release"])
def test_of_two_consoles_at_once_one_wins_and_the_other_is_told(daemon: Daemon, do: str) -> None:
    job = daemon.jobs.create(NewJob("film", "FILM", held=do == "release", hold_reason="look"))
    if do == "retry":
        daemon.jobs.advance(job.id, JobEvent.CANCEL)
    answers: list[Any] = []

    def console() -> None:
        try:
            answers.append(ask(daemon.state, do, id=job.id, reason="I looked"))
        except ControlProblem as problem:
            answers.append(problem.kind)

    threads = [threading.Thread(target=console) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(type, answers), key=str) == [dict, str] and "illegal" in answers
    assert [event.event for event in daemon.jobs.events(job.id)].count(do) == 1


def test_what_cannot_be_answered_is_said(daemon: Daemon) -> None:
    for question, kind in [("nothing", "error"), ("broken", "error"), ("job", "unknown-job")]:
        with pytest.raises(ControlProblem) as problem:
            ask(daemon.state, question, id="no such job")
        assert problem.value.kind == kind and str(problem.value)


@pytest.mark.parametrize("line", [b"no json\n", b"[]\n", b"x" * (LINE_BYTES + 10) + b"\n", b"\xff\xfe\n", b""])
def test_nonsense_ends_its_own_connection_and_nothing_else(daemon: Daemon, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as sock, socket_path(daemon.state) as path:
        sock.settimeout(5)
        sock.connect(path)
        try:
            sock.sendall(line)
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(100) == b""
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert ask(daemon.state, "status") == {"level": "fine"}


def test_a_watcher_sees_every_change(daemon: Daemon) -> None:
    changes = watch(daemon.state)
    assert next(changes) == {"ok": []}
    job = daemon.jobs.create(NewJob("film", "FILM"))
    daemon.jobs.advance(job.id, JobEvent.CANCEL)
    assert [next(changes)["event"] for _ in range(2)] == ["submit", "cancel"]
    changes.close()  # type: ignore[attr-defined]
    end = time.monotonic() + 10
    while daemon.server._watchers:
        assert time.monotonic() < end, "a watcher that went away is still told"
        time.sleep(0.02)


async def _untold(daemon: Daemon) -> bool:
    await asyncio.sleep(0.02)
    return not all(queue.empty() for queue in daemon.server._watchers)


def test_a_script_watches_jobs_line_by_line(daemon: Daemon) -> None:
    ended, waiting = (daemon.jobs.create(NewJob("film", "FILM")) for _ in range(2))
    daemon.jobs.advance(ended.id, JobEvent.CANCEL)
    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(daemon.asked, "jobs", "--watch", "--json", "--search", "FILM")
        end = time.monotonic() + 10
        while not daemon.server._watchers:
            assert time.monotonic() < end, "nobody watches"
            time.sleep(0.02)
        daemon.jobs.create(NewJob("disc", "BURN_CD"))
        daemon.jobs.advance(waiting.id, JobEvent.CANCEL)
        last = daemon.jobs.get(waiting.id).to_dict()
        while daemon.do(_untold(daemon)):
            assert time.monotonic() < end, "a change is not told"
        daemon.close()
        watched = watching.result(10)
    # Design §1.2: 3 is an appliance that is not reached, and a script must not take its end for an end of work.
    assert (watched.exit_code, watched.stderr) == (3, "gravure has ended: there is nothing more to watch\n")
    shown = [json.loads(line) for line in watched.stdout.splitlines()]
    assert [(one["id"], one["cancelled"]) for one in shown] == [(waiting.id, False), (waiting.id, True)]
    assert shown[-1] == last


def test_jobs_are_read_without_a_daemon_and_changed_only_with_one(daemon: Daemon) -> None:
    job = daemon.jobs.create(NewJob("film", "FILM", calling_ae_title="CT1"))
    with_daemon = daemon.gravure("jobs", "--json"), daemon.gravure("job", job.id, "--json")
    daemon.close()
    with pytest.raises(NotRunning):
        ask(daemon.state, "status")
    assert (daemon.gravure("jobs", "--json"), daemon.gravure("job", job.id, "--json")) == with_daemon
    (row,) = json.loads(with_daemon[0][1])
    assert row["id"] == job.id and row["calling_ae_title"] == "CT1" and row["state"] == "PENDING"
    assert [event["event"] for event in json.loads(with_daemon[1][1])["events"]] == ["submit"]
    changes = (("cancel", job.id), ("retry", job.id), ("release", job.id, "--reason", "x"), ("reprint", job.id))
    for command in (*changes, ("status",)):
        assert daemon.gravure(*command)[0] == 3, command
    assert daemon.jobs.get(job.id).state == "PENDING"


def test_the_commands_change_jobs_and_say_so(daemon: Daemon) -> None:
    job = daemon.jobs.create(NewJob("disc", "BURN_CD", held=True, hold_reason="two names"))
    assert "two names" in daemon.gravure("jobs")[1]
    assert daemon.gravure("release", job.id)[0] == 2  # a reason must be given
    assert daemon.gravure("release", job.id, "--reason", "  ") == (1, "a job is released for a reason: say which\n")
    assert daemon.gravure("release", job.id, "--reason", "the same woman")[0] == 0
    assert daemon.jobs.get(job.id).release_reason == "the same woman"
    assert daemon.gravure("release", job.id, "--reason", "again")[0] == 1
    assert daemon.gravure("cancel", job.id)[0] == 0 and "CANCELLED" in daemon.gravure("jobs")[1]
    assert daemon.gravure("retry", job.id)[0] == 0
    assert daemon.gravure("job", "nothing")[0] == 1
    assert daemon.gravure("jobs", "--search", "no such word", "--json")[1].strip() == "[]"


def test_no_state_folder_is_no_job(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(f'[appliance]\nstate = "{tmp_path / "nowhere"}"\n')
    assert CliRunner().invoke(cli, ["jobs", "--config", str(config), "--json"]).output.strip() == "[]"
    assert CliRunner().invoke(cli, ["job", "--config", str(config), "x"]).exit_code == 1


def test_a_daemon_that_hangs_is_said_and_jobs_are_read_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, daemon: Daemon
) -> None:
    job = daemon.jobs.create(NewJob("film", "FILM"))
    daemon.do(daemon.server.close())
    monkeypatch.setattr(control, "PATIENCE_S", 0.2)
    with socket.socket(socket.AF_UNIX) as silent, socket_path(daemon.state) as path:
        silent.bind(path)
        silent.listen()
        assert daemon.gravure("cancel", job.id) == (3, "gravure runs, but has not answered for 0.2 s\n")
        assert daemon.gravure("status")[0] == 3
        status, shown = daemon.gravure("jobs")
        assert status == 0 and job.id in shown


def test_what_the_daemon_cannot_answer_is_critical(daemon: Daemon) -> None:
    async def broken(_: Any) -> None:
        raise OSError("the disk is gone")

    daemon.server._asks["status"] = daemon.server._asks["peers"] = broken
    assert daemon.gravure("status") == (2, "OSError: the disk is gone\n")
    assert daemon.gravure("peers") == (1, "OSError: the disk is gone\n")
