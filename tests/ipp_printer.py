"""An office printer: ippeveprinter on loopback, with a bus and an avahi of its own, and a lid that a test can open."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import stat
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO
from urllib.request import urlopen

from printing.ipp.client import IppClient

BUS = """<busconfig><type>system</type><listen>unix:path={bus}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow receive_sender="*" eavesdrop="true"/><allow send_type="method_call"/></policy></busconfig>"""
AVAHI = "[server]\nallow-interfaces=lo\nuse-ipv6=no\nhost-name=film\n[wide-area]\nenable-wide-area=no\n"

# What the printer runs for each job: it says what `say` holds, waits while there is a `hold`, and takes the sheet out.
COMMAND = """\
#!/bin/sh
cd {folder}
n=$(ls out/*.env 2>/dev/null | wc -l)
while :; do
    if [ -f say ]; then cat say >&2; rm -f say; fi
    [ -f abort ] && exit 1
    [ -f hold ] || break
    sleep 0.05
done
env | grep ^IPP_ | sort > out/$n.env
cp "$1" out/.part && mv out/.part out/$n.$(basename "$CONTENT_TYPE")
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class IppPrinter:
    """Sheets come out in `out/` as they were sent, with the attributes of their jobs beside them.

    Args:
        folder: all that it keeps.
        formats: document formats that it reads; empty where its own options say.
        options: more of ippeveprinter's own.
    """

    def __init__(self, folder: Path, formats: str = "application/pdf", options: Sequence[str] = ()) -> None:
        self.folder = folder
        self.formats = formats
        self.options = options
        (folder / "out").mkdir(parents=True)
        (folder / "spool").mkdir()
        self.command = folder / "print.sh"
        self.command.write_text(textwrap.dedent(COMMAND).format(folder=folder))
        self.command.chmod(self.command.stat().st_mode | stat.S_IXUSR)
        self.port = free_port()
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._printer: subprocess.Popen[bytes] | None = None
        self._turn: IO[str] | None = None
        self._environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder}/bus"}

    @property
    def url(self) -> str:
        return f"ipp://127.0.0.1:{self.port}/ipp/print"

    def _help(self, *command: str | Path) -> None:
        with (self.folder / f"{Path(command[0]).name}.log").open("wb") as log:
            self._helpers.append(subprocess.Popen(command, env=self._environment, stdout=log, stderr=subprocess.STDOUT))

    def start(self) -> IppPrinter:
        """Plug it in."""
        if not self._helpers:
            # There is one avahi on a machine, and tests run side by side.
            self._turn = (Path(tempfile.gettempdir()) / "gravure-test-avahi.lock").open("w")
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            (self.folder / "bus.conf").write_text(BUS.format(bus=self.folder / "bus"))
            (self.folder / "avahi.conf").write_text(AVAHI)
            self._help("dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork", "--nopidfile")
            until(lambda: (self.folder / "bus").exists(), "no bus")
            self._help(
                *("avahi-daemon", "-f", self.folder / "avahi.conf"),
                *("--no-drop-root", "--no-chroot", "--no-rlimits"),
            )
            until(lambda: b"startup complete" in (self.folder / "avahi-daemon.log").read_bytes(), "no avahi")
        self.on()
        return self

    def on(self) -> None:
        """Switch it on."""
        with (self.folder / "printer.log").open("ab") as log:
            self._printer = subprocess.Popen(
                [
                    *("ippeveprinter", "-r", "off", "-n", "localhost", "-p", str(self.port), "-k", "-v"),
                    *(
                        "-d",
                        self.folder / "spool",
                        "-c",
                        self.command,
                        *(("-f", self.formats) if self.formats else ()),
                        *self.options,
                        "Film",
                    ),
                ],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(self._listens, "the printer does not listen")

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def off(self) -> None:
        """Pull the plug."""
        if self._printer is not None:
            os.killpg(self._printer.pid, signal.SIGKILL)  # with the command that it runs for a job
            self._printer.wait()
            self._printer = None

    def stop(self) -> None:
        """The end of everything that was started."""
        self.off()
        for one in reversed(self._helpers):
            one.terminate()
            one.wait(10)
        if self._turn is not None:
            self._turn.close()

    def hold(self) -> None:
        """From now on sheets stay inside."""
        (self.folder / "hold").touch()

    def let_go(self) -> None:
        """And now they come out."""
        (self.folder / "hold").unlink(missing_ok=True)

    def say(self, line: str) -> None:
        """Something happens to it: `STATE: +media-empty-error`, for one."""
        unfinished = self.folder / ".say"
        unfinished.write_text(line + "\n")
        unfinished.rename(self.folder / "say")

    def load(self, media: str, sheets: int, kind: str = "stationery") -> None:
        """Put paper into its main tray, on the page that it has for this; the other tray stays without any."""
        form = f"size1={media}&type1={kind}&level1={sheets}&size3=&level3=-2"
        with urlopen(f"http://127.0.0.1:{self.port}/media?{form}", timeout=10) as page:
            page.read()

    def happens(self, *lines: str) -> None:
        """Somebody else's job, in which something happens to the printer; then it is idle again."""
        client = IppClient(self.url, "somebody")
        job = client.create_job("another", {})
        self.hold()
        client.send_document(job, self.command, "application/pdf")
        for line in lines:
            self.say(line)
            until(lambda: not (self.folder / "say").exists(), "nothing happened")
        self.let_go()
        until(lambda: client.job_attributes(job)["job-state"][0] == 9, "the other job does not end")

    def requests(self) -> int:
        """How often it was asked for anything."""
        return (self.folder / "printer.log").read_bytes().count(b" POST /ipp/print")

    def abort(self) -> None:
        """It gives up every job from now on."""
        (self.folder / "abort").touch()

    @property
    def sheets(self) -> list[Path]:
        """What came out, in order."""
        out = (file for file in (self.folder / "out").iterdir() if file.suffix != ".env")
        return sorted(out, key=lambda file: int(file.stem))


def until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)
