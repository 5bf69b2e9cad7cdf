"""Child processes for what is heavy or hostile: rendering, decoding, disc building.

A child is started by execution of `python -m appliance _child NAME`, never by fork of the caller. It reads one JSON
line for each piece of work and writes JSON lines: progress, then a result or an error. It stays warm for a while, then
is ended, so an idle appliance has none. Whatever happens to it (a crash, too much memory, too much time) is the
failure of the one job that it worked on; the next job gets a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.work import WORK

log = logging.getLogger("gravure.children")

WARM_S = 20.0
"""How long a child is kept for more work of its kind. It is this side that ends it: one that left by itself could be
given work that nobody would read."""
JOBS_PER_CHILD = 50
"""After so many pieces of work a child is replaced: what a decoder leaks is given back."""
LINE_BYTES = 64 * 1024 * 1024
STDERR_BYTES = 4096


class ChildFailed(Exception):
    """A piece of work that did not succeed.

    Attributes:
        kind: crash, memory, killed (by nobody here), timeout, disk, or error (the work itself said no).
        detail: in words; of an error, its own.
        facts: what an error said beside its words.
    """

    def __init__(self, kind: str, detail: str, facts: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.facts = facts or {}


class WorkRefused(Exception):
    """Raised by work that cannot be done, with words for the job and facts for its performer."""

    def __init__(self, words: str, **facts: Any) -> None:
        super().__init__(words)
        self.facts = facts


@dataclass(slots=True, eq=False)
class _Child:
    name: str
    process: asyncio.subprocess.Process
    limits: tuple[int, int]
    stderr: asyncio.Task[bytes]
    jobs: int = 0
    leaving: asyncio.TimerHandle | None = None


class Children:
    """Starts, keeps warm and ends child processes, on one event loop."""

    def __init__(self) -> None:
        self._idle: dict[str, list[_Child]] = {}
        self._all: set[_Child] = set()

    async def run(
        self,
        name: str,
        request: dict[str, Any],
        *,
        on_progress: Callable[[dict[str, Any]], None] = lambda _: None,
        memory_bytes: int,
        cpu_s: int,
        wall_s: float,
    ) -> dict[str, Any]:
        """Let a child do one piece of work.

        Args:
            name: a key of `work.WORK`.
            request: what to do.
            on_progress: hears `{"progress": 0–1, "step": …}` on the loop.
            memory_bytes: address space of the child.
            cpu_s: processor time for this piece of work.
            wall_s: time for this piece of work.

        Raises:
            ChildFailed: it was not done.
        """
        child = await self._take(name, (memory_bytes, cpu_s))
        try:
            result = await asyncio.wait_for(self._talk(child, request, on_progress), wall_s)
        except TimeoutError:
            await self._kill(child)
            raise ChildFailed("timeout", f"took longer than {wall_s:g} s") from None
        except ChildFailed as failure:
            if failure.kind in ("error", "disk"):
                self._put_back(child)
            else:
                await self._kill(child)
            raise
        except BaseException:
            await self._kill(child)
            raise
        self._put_back(child)
        return result

    async def _take(self, name: str, limits: tuple[int, int]) -> _Child:
        warm = self._idle.get(name, [])
        while warm:
            child = warm.pop()
            if child.leaving is not None:
                child.leaving.cancel()
            if child.process.returncode is None and child.limits == limits:
                return child
            self._dismiss(child)
        return await self._start(name, limits)

    async def _start(self, name: str, limits: tuple[int, int]) -> _Child:
        environment = {
            key: value
            for key, value in os.environ.items()
            if key in ("PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "DCMDICTPATH", "TMPDIR")
        } | {"PYTHONUNBUFFERED": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "appliance",
            "_child",
            name,
            str(limits[0]),
            str(limits[1]),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            env=environment | ({"PYTHONPATH": import_path()} if import_path() else {}),
        )
        assert process.stderr is not None
        child = _Child(name, process, limits, asyncio.create_task(_tail(process.stderr)))
        self._all.add(child)
        return child

    async def _talk(
        self, child: _Child, request: dict[str, Any], on_progress: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        stdin, stdout = child.process.stdin, child.process.stdout
        assert stdin is not None and stdout is not None
        child.jobs += 1
        with contextlib.suppress(ConnectionError):
            stdin.write(json.dumps(request).encode() + b"\n")
            await stdin.drain()
        while line := await stdout.readline():
            try:
                message = json.loads(line)
            except ValueError:
                continue  # a native library that prints to standard output
            if "result" in message:
                return dict(message["result"])
            if "error" in message:
                raise ChildFailed(message["kind"], message["error"], message.get("facts"))
            on_progress(message)
        code = await child.process.wait()
        detail = (await child.stderr).decode("utf-8", "replace").strip()
        if code == -signal.SIGXCPU:
            raise ChildFailed("timeout", "too much processor time")
        if "MemoryError" in detail or "bad_alloc" in detail:
            raise ChildFailed("memory", "too much memory")
        if code == -signal.SIGKILL:  # its own limits end it in other ways
            raise ChildFailed("killed", "too much memory for this machine, or killed by hand")
        log.error("a child process crashed", extra={"work": child.name, "exit": code, "detail": detail[-500:]})
        raise ChildFailed("crash", f"the {child.name} process ended with {code}")

    def _put_back(self, child: _Child) -> None:
        if child.jobs >= JOBS_PER_CHILD or child.process.returncode is not None:
            self._dismiss(child)
            return
        self._idle.setdefault(child.name, []).append(child)
        child.leaving = asyncio.get_running_loop().call_later(WARM_S, self._leave, child)

    def _leave(self, child: _Child) -> None:
        """Nothing came for it for a while."""
        self._idle[child.name].remove(child)
        self._dismiss(child)

    def _dismiss(self, child: _Child) -> None:
        """A child that has nothing in hand ends: no more work is coming."""
        if child.process.stdin is not None:
            child.process.stdin.close()
        self._all.discard(child)

    async def _kill(self, child: _Child) -> None:
        with contextlib.suppress(ProcessLookupError):
            child.process.kill()
        await child.process.wait()
        child.stderr.cancel()
        self._all.discard(child)

    async def close(self) -> None:
        """End every child."""
        for child in self._all:
            if child.leaving is not None:
                child.leaving.cancel()
        await asyncio.gather(*(self._kill(child) for child in list(self._all)))
        self._idle.clear()


def import_path() -> str:
    """PYTHONPATH of our child processes: a caller may have this package on a path of its own."""
    return os.pathsep.join(
        dict.fromkeys([str(Path(__file__).resolve().parents[1]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    ).strip(os.pathsep)


async def _tail(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while chunk := await stream.read(65536):
        kept = (kept + chunk)[-STDERR_BYTES:]
    return kept


# -- the child's side -----------------------------------------------------------------------------------------------


def child_main(name: str, memory_bytes: int, cpu_s: int) -> None:
    """What `python -m appliance _child` runs: take work until the appliance closes standard input."""
    from appliance.sandbox import die_with_parent, limit, lock_down

    die_with_parent()
    work = WORK[name]
    module, _, function = work.function.partition(":")
    perform = getattr(importlib.import_module(module), function)
    # Native libraries print where they like: what they say goes to standard error, the dialogue stays clean.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if work.sandbox:
        lock_down()

    def say(message: dict[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")

    while line := sys.stdin.readline():
        limit(memory_bytes, cpu_s)
        try:
            result = perform(json.loads(line), lambda done, step: say({"progress": done, "step": step}))
        except MemoryError:
            say({"error": "too much memory", "kind": "memory"})
        except WorkRefused as refused:
            say({"error": str(refused), "kind": "error", "facts": refused.facts})
        except OSError as failure:
            full = failure.errno in (28, 122)
            say({"error": failure.strerror or str(failure), "kind": "disk" if full else "error"})
        except Exception as failure:
            say({"error": f"{type(failure).__name__}: {failure}", "kind": "error"})
        else:
            say({"result": result})


__all__ = ["ChildFailed", "Children", "WorkRefused", "child_main"]
