"""The control socket: how the command line talks to the daemon. `<state>/control.sock`, one JSON line each way.

A request is `{"do": name, …}`; the answer is `{"ok": …}`, or `{"error": words, "kind": …}`. `watch` goes on answering,
one line for every change of a job.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from appliance.jobs import IllegalTransition, Job, JobEvent, Jobs, NoSuchJob

log = logging.getLogger("gravure.control")

LINE_BYTES = 256 * 1024
Ask = Callable[[Mapping[str, Any]], Awaitable[Any]]


SOCKET = "control.sock"


@contextlib.contextmanager
def socket_path(state: Path) -> Iterator[str]:
    """The socket's path in a form that fits an AF_UNIX address (108 bytes), however deep the state folder is."""
    fd = os.open(state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}/{SOCKET}"
    finally:
        os.close(fd)


class NotRunning(Exception):
    """No daemon answers on the socket, or none that answers in time."""


class NoReason(Exception):
    """A held job was to be released without a reason."""


class ControlProblem(Exception):
    """The daemon said no.

    Attributes:
        kind: unknown-job, illegal, or error.
    """

    def __init__(self, words: str, kind: str) -> None:
        super().__init__(words)
        self.kind = kind


class ImpossibleRequest(Exception):
    """Raised by what is asked: it cannot be done; says why, in words for a person."""


class ControlServer:
    """Answers on the control socket.

    Args:
        state: the state folder; the socket in it has mode 0660, for the service group.
        jobs: the job table.
        asks: other things that can be asked, by name: status, peers.
    """

    def __init__(self, state: Path, jobs: Jobs, asks: Mapping[str, Ask], group: int = -1) -> None:
        self._state = state
        self._path = state / SOCKET
        self._group = group
        self._jobs = jobs
        self._asks: dict[str, Ask] = {
            "jobs": self._list,
            "job": self._job,
            "cancel": self._cancel,
            "retry": self._retry,
            "release": self._release,
            **asks,
        }
        self._server: asyncio.Server | None = None
        self._watchers: set[asyncio.Queue[dict[str, Any]]] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        jobs.subscribe(self._heard)

    async def start(self) -> None:
        """Open the socket."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o117)
        try:
            with socket_path(self._state) as path:
                self._server = await asyncio.start_unix_server(self._serve, path, limit=LINE_BYTES)
        finally:
            os.umask(before)
        if self._group >= 0:
            os.chown(self._path, -1, self._group)

    async def close(self) -> None:
        """Close the socket and take it away."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._talk(reader, writer)
        finally:
            self._connections.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                request = json.loads(line)
                if request.get("do") == "watch":
                    await self._watch(reader, writer)
                    return
                writer.write(json.dumps(await self._answer(request)).encode() + b"\n")
                await writer.drain()
        except (ValueError, ConnectionError, asyncio.LimitOverrunError):
            pass  # whoever talks to this socket is of the service group: no harm, no answer
        finally:
            writer.close()

    async def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        ask = self._asks.get(str(request.get("do")))
        if ask is None:
            return {"error": "nothing of that name can be asked", "kind": "error"}
        try:
            return {"ok": await ask(request)}
        except NoSuchJob as failure:
            return {"error": f"there is no job {failure}", "kind": "unknown-job"}
        except (IllegalTransition, ImpossibleRequest, NoReason) as failure:
            return {"error": str(failure), "kind": "illegal"}
        except ControlProblem as failure:
            return {"error": str(failure), "kind": failure.kind}
        except Exception as failure:
            log.exception("a control request failed", extra={"request": request.get("do")})
            return {"error": f"{type(failure).__name__}: {failure}", "kind": "error"}

    async def _list(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        jobs = await asyncio.to_thread(self._jobs.list, search=str(request.get("search", "")))
        return [job.to_dict() for job in jobs]

    async def _job(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(describe, self._jobs, str(request.get("id")))

    async def _cancel(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return await self._advance(request, JobEvent.CANCEL, reason=str(request.get("reason") or "cancelled by hand"))

    async def _retry(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return await self._advance(request, JobEvent.RETRY)

    async def _release(self, request: Mapping[str, Any]) -> dict[str, Any]:
        reason = str(request.get("reason") or "").strip()
        if not reason:
            raise NoReason("a job is released for a reason: say which")
        return await self._advance(request, JobEvent.RELEASE, reason=reason)

    async def _advance(self, request: Mapping[str, Any], event: JobEvent, **facts: Any) -> dict[str, Any]:
        job = await asyncio.to_thread(self._jobs.advance, str(request.get("id")), event, **facts)
        return job.to_dict()

    def _heard(self, job: Job, event: JobEvent) -> None:
        if self._watchers:
            self._loop.call_soon_threadsafe(self._tell, {"event": event.value, "job": job.to_dict()})

    def _tell(self, change: dict[str, Any]) -> None:
        for queue in self._watchers:
            if queue.qsize() < 1000:
                queue.put_nowait(change)

    async def _watch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._watchers.add(queue)
        # Whoever closes his side has seen enough, also while nothing happens.
        gone = asyncio.ensure_future(reader.read())
        gone.add_done_callback(lambda _: queue.put_nowait({}))
        try:
            writer.write(json.dumps({"ok": await self._list({})}).encode() + b"\n")
            while not gone.done():
                await writer.drain()
                if change := await queue.get():
                    writer.write(json.dumps(change).encode() + b"\n")
        finally:
            gone.cancel()
            self._watchers.discard(queue)


def describe(jobs: Jobs, job_id: str) -> dict[str, Any]:
    """One job with its history.

    Raises:
        NoSuchJob: there is none of this id.
    """
    from appliance.jobs import rfc3339

    history = [
        {"at": rfc3339(one.at), "event": one.event, "state": one.state, "step": one.step, "detail": one.detail}
        for one in jobs.events(job_id)
    ]
    return jobs.get(job_id).to_dict() | {"events": history}


# -- the command line's side ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def _connected(state: Path, timeout_s: float | None) -> Iterator[Any]:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout_s)
    try:
        try:
            with socket_path(state) as path:
                sock.connect(path)
        except (FileNotFoundError, ConnectionRefusedError) as failure:
            raise NotRunning("gravure is not running") from failure
        except PermissionError as failure:
            raise PermissionError(failure.errno, failure.strerror, str(state / SOCKET)) from failure
        with sock.makefile("rwb") as stream:
            yield stream
    finally:
        sock.close()


PATIENCE_S = 30.0
"""How long the command line waits for an answer."""


def ask(state: Path, do: str, timeout_s: float | None = None, **facts: Any) -> Any:
    """Ask the daemon that keeps this state folder.

    Raises:
        NotRunning: no daemon answers.
        ControlProblem: it said no.
    """
    timeout_s = timeout_s or PATIENCE_S
    try:
        with _connected(state, timeout_s) as stream:
            stream.write(json.dumps({"do": do, **facts}).encode() + b"\n")
            stream.flush()
            line = stream.readline()
    except TimeoutError:
        raise NotRunning(f"gravure runs, but has not answered for {timeout_s:g} s") from None
    except ConnectionError:
        line = b""
    if not line:
        raise NotRunning("gravure is stopping")
    answer = json.loads(line)
    if "error" in answer:
        raise ControlProblem(answer["error"], answer["kind"])
    return answer["ok"]


def is_running(state: Path) -> bool:
    """Whether a daemon keeps this state folder, as far as this user may know."""
    try:
        with _connected(state, PATIENCE_S):
            return True
    except (NotRunning, NotADirectoryError):
        return False
    except OSError:  # there is one that is not for this user, or one that hangs
        return True


def watch(state: Path) -> Iterator[dict[str, Any]]:
    """Every change of a job, for as long as the daemon runs; first `{"ok": all jobs}`.

    Raises:
        NotRunning: no daemon answers, or the one that did has ended.
    """
    with _connected(state, None) as stream, contextlib.suppress(ConnectionError):
        stream.write(b'{"do": "watch"}\n')
        stream.flush()
        for line in stream:
            yield json.loads(line)
    raise NotRunning("gravure has ended: there is nothing more to watch")
