"""A child process that can do no harm: memory, time and file limits, and a seccomp filter (Linux).

The filter is a short BPF program over system call numbers: no sockets, no execution, no tracing, no mounting, no
modules. It is a deny list with ENOSYS-like answers (EPERM), because decoders and numpy use whatever else the C library
chooses; what must not happen is that hostile pixels talk to the network or start a program.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import resource
import signal
import struct

log = logging.getLogger("gravure.children")

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 38, 4, 22
SECCOMP_MODE_FILTER = 2
_ALLOW, _ERRNO_EPERM, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_LD_ABS, _JEQ, _JGE, _RET = 0x20, 0x15, 0x35, 0x06

# Denied system calls by number; columns x86_64, aarch64 (linux/arch/*/unistd). None: the architecture has none.
DENIED: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "io_uring_setup": (425, 425),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
}

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}


def filter_program(machine: str) -> bytes:
    """The BPF program for a machine; empty where the machine is none that the table knows."""
    if machine not in _ARCHITECTURES:
        return b""
    audit, column = _ARCHITECTURES[machine]
    numbers = sorted(number for row in DENIED.values() if (number := row[column]) is not None)
    code: list[tuple[int, int, int, int]] = [
        (_LD_ABS, 0, 0, 4),  # seccomp_data.arch
        (_JEQ, 1, 0, audit),
        (_RET, 0, 0, _KILL),
        (_LD_ABS, 0, 0, 0),  # seccomp_data.nr
    ]
    if machine == "x86_64":
        code += [(_JGE, 0, 1, 0x40000000), (_RET, 0, 0, _KILL)]  # the x32 numbers are another door to the same calls
    for number in numbers:
        code += [(_JEQ, 0, 1, number), (_RET, 0, 0, _ERRNO_EPERM)]
    code.append((_RET, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *line) for line in code)


def limit(memory_bytes: int, cpu_s: int) -> None:
    """Resource limits of this process: address space, processor time, no core file, a bounded number of files."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def die_with_parent() -> None:
    """End this process when the one that started it ends, however that ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() == 1 and os.environ.get("GRAVURE_PARENT") != "1":
        raise SystemExit("the appliance is gone")


def lock_down() -> bool:
    """Install the filter for the rest of this process's life. False where the kernel or the machine has none: the
    resource limits hold all the same, and the log says so."""
    libc = ctypes.CDLL(None, use_errno=True)
    program = filter_program(platform.machine())
    if not program:
        log.warning("no system call filter for this machine", extra={"machine": platform.machine()})
        return False
    code = ctypes.create_string_buffer(program, len(program))
    fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, fprog, 0, 0) != 0:
        log.warning("the system call filter was refused", extra={"error": os.strerror(ctypes.get_errno())})
        return False
    return True
