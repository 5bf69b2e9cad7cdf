"""Child processes: whatever one does, it is the failure of one piece of work and of nothing else."""

from __future__ import annotations

import asyncio
import os
import platform
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from appliance import children as children_room
from appliance.children import ChildFailed, Children
from appliance.performers import MOST_KILLED, disc_failure
from appliance.runner import Failed, Retryable
from appliance.sandbox import DENIED, filter_program
from appliance.work import WORK, Work

WORKS = """
import ctypes, os, resource, socket, subprocess, sys, time
from appliance.children import WorkRefused
def perform(request, progress):
    do = request["do"]
    if do == "answer":
        progress(0.5, "half")
        print("a library that prints to standard output")
        return {"pid": os.getpid(), "echo": request["say"]}
    if do == "refuse":
        raise WorkRefused("not this one", info="NO_INSTANCE", hold=True)
    if do == "crash":
        os.abort()
    if do == "kill":
        os.kill(os.getpid(), 9)
    if do == "memory":
        return {"length": len(bytearray(4_000_000_000))}
    if do == "spin":
        while True: pass
    if do == "sleep":
        time.sleep(600)
    if do == "full":
        raise OSError(28, "No space left on device")
    if do == "bug":
        return {}["nothing"]
    if do == "socket":
        socket.socket()
    if do == "execute":
        subprocess.run(["/bin/true"])
    if do == "fork":
        os.execv("/bin/true", ["true"])
    if do == "ptrace":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(16, os.getppid(), 0, 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if do == "write":
        open(request["file"], "w").write("x")
    if do == "limits":
        return {"core": resource.getrlimit(resource.RLIMIT_CORE)[0], "files": sorted(os.listdir("/proc/self/fd"))}
    return {}
"""
MEMORY = 1024 * 1024 * 1024


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`run(body)` calls `body(do)` on a loop; `do(what, **facts)` is one piece of work in the sandbox."""
    (tmp_path / "works_of_the_test.py").write_text(textwrap.dedent(WORKS))
    (tmp_path / "sitecustomize.py").write_text(
        "from appliance.work import WORK, Work\n"
        "WORK['test'] = Work('works_of_the_test:perform')\n"
        "WORK['open'] = Work('works_of_the_test:perform', sandbox=False)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).resolve().parents[2]}")
    monkeypatch.setitem(WORK, "test", Work("works_of_the_test:perform"))

    def call(body: Callable[[Callable[..., Awaitable[dict[str, Any]]]], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            children = Children()

            async def do(
                what: str, name: str = "test", wall_s: float = 20, cpu_s: int = 20, **facts: Any
            ) -> dict[str, Any]:
                return await children.run(
                    name,
                    {"do": what, **facts},
                    on_progress=heard.append,
                    memory_bytes=MEMORY,
                    cpu_s=cpu_s,
                    wall_s=wall_s,
                )

            heard: list[dict[str, Any]] = []
            do.children = children  # type: ignore[attr-defined]
            try:
                return await body(do)
            finally:
                await children.close()

        return asyncio.run(main())

    return call


def test_a_child_answers_and_stays_warm_for_the_next_piece(run: Callable[..., Any]) -> None:
    async def body(do: Any) -> None:
        first, second = await do("answer", say="é\n"), await do("answer", say=2)
        assert first["echo"] == "é\n" and second["echo"] == 2
        assert first["pid"] == second["pid"] != os.getpid()

    run(body)


def test_work_that_comes_when_a_child_is_about_to_leave_is_done(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is this side that ends idle children: none leaves with work in hand, and nothing of it is kept."""
    monkeypatch.setattr(children_room, "WARM_S", 0.05)

    async def body(do: Any) -> None:
        seen = []
        for pause_s in (0.0, 0.049, 0.05, 0.0501, 0.051, 0.3):
            seen.append((await do("answer", say=1))["pid"])
            await asyncio.sleep(pause_s)
        children = do.children
        assert len(set(seen)) >= 2, "an idle child is ended"
        assert not children._all and not any(children._idle.values())
        async with asyncio.timeout(10):
            while any(Path(f"/proc/{pid}").exists() for pid in seen):
                await asyncio.sleep(0.02)

    run(body)


@pytest.mark.parametrize(
    ("what", "kind", "facts"),
    [
        ("refuse", "error", {"info": "NO_INSTANCE", "hold": True}),
        ("crash", "crash", {}),
        ("memory", "memory", {}),
        ("kill", "killed", {}),
        ("full", "disk", {}),
        ("bug", "error", {}),
    ],
)
def test_what_goes_wrong_has_a_kind_and_harms_nothing_after_it(
    run: Callable[..., Any], what: str, kind: str, facts: dict[str, Any]
) -> None:
    async def body(do: Any) -> None:
        with pytest.raises(ChildFailed) as failure:
            await do(what)
        assert failure.value.kind == kind and failure.value.facts == facts and failure.value.detail
        assert (await do("answer", say=1))["echo"] == 1

    run(body)


@pytest.mark.parametrize(("what", "limits"), [("sleep", {"wall_s": 0.8}), ("spin", {"cpu_s": 1, "wall_s": 30})])
def test_time_ends_for_a_child_whether_it_works_or_sleeps(
    run: Callable[..., Any], what: str, limits: dict[str, Any]
) -> None:
    async def body(do: Any) -> None:
        with pytest.raises(ChildFailed) as failure:
            await do(what, **limits)
        assert failure.value.kind == "timeout"

    run(body)


def test_cancelled_work_ends_its_child(run: Callable[..., Any]) -> None:
    async def body(do: Any) -> None:
        pid = (await do("answer", say=1))["pid"]
        task = asyncio.create_task(do("sleep"))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not Path(f"/proc/{pid}").exists()

    run(body)


@pytest.mark.skipif(not filter_program(platform.machine()), reason="the filter has no table for this machine")
@pytest.mark.parametrize("what", ["socket", "execute", "fork", "ptrace"])
def test_a_sandboxed_child_can_neither_talk_nor_start_nor_trace_anything(run: Callable[..., Any], what: str) -> None:
    async def body(do: Any) -> None:
        with pytest.raises(ChildFailed) as failure:
            await do(what)
        assert failure.value.kind == "error"
        assert "permitted" in failure.value.detail
        if what in ("socket", "execute"):
            await do(what, name="open")  # the same work without the filter: it is the filter that forbids

    run(body)


def test_a_child_leaves_no_core_and_inherits_no_file(run: Callable[..., Any], tmp_path: Path) -> None:
    async def body(do: Any) -> None:
        with (tmp_path / "secret").open("w"):
            found = await do("limits")
        assert found["core"] == 0
        assert len(found["files"]) <= 6

    run(body)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_names_every_denied_call_of_the_machine(machine: str) -> None:
    column = ["x86_64", "aarch64"].index(machine)
    numbers = {row[column] for row in DENIED.values()} - {None}
    program = filter_program(machine)
    compared = {
        int.from_bytes(program[at + 4 : at + 8], "little")
        for at in range(0, len(program), 8)
        if program[at : at + 2] == b"\x15\x00"
    }
    assert numbers <= compared and filter_program("riscv64") == b""


def test_a_disc_whose_process_was_killed_is_made_again_but_not_for_ever() -> None:
    """The kernel kills whom it finds when memory is short; the disc itself may be small."""
    killed = ChildFailed("killed", "too much memory for this machine, or killed by hand")
    for attempts in range(MOST_KILLED):
        assert isinstance(disc_failure(killed, attempts), Retryable)
    last = disc_failure(killed, MOST_KILLED)
    assert isinstance(last, Failed) and last.info == "INSUFFIC_MEMORY"
