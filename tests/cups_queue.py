"""A cupsd of our own on loopback, with a queue; nothing of the machine's own printing is touched."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.ipp_printer import free_port, until

FILES = """ServerRoot {folder}/root
RequestRoot {folder}/spool
CacheDir {folder}/cache
StateDir {folder}/state
DataDir /usr/share/cups
ServerBin /usr/lib/cups
TempDir {folder}/spool
AccessLog {folder}/access
ErrorLog {folder}/error
PageLog {folder}/page
Printcap {folder}/printcap
User lp
Group lp
SystemGroup root
"""
SERVER = """LogLevel info
Listen 127.0.0.1:{port}
Browsing Off
DefaultAuthType None
WebInterface No
PreserveJobHistory Yes
<Location />
Order allow,deny
Allow 127.0.0.1
</Location>
<Location /admin>
Allow 127.0.0.1
</Location>
<Policy default>
<Limit All>
Order allow,deny
Allow 127.0.0.1
</Limit>
</Policy>
"""


class CupsQueues:
    """cupsd; what comes out of a queue is at the printer that it leads to.

    It works as user lp, so its folder is not one of pytest's: another run of pytest closes those to everybody else.
    """

    def __init__(self) -> None:
        self.folder = folder = Path(tempfile.mkdtemp(prefix="gravure-cups-"))
        folder.chmod(0o755)
        self.port = free_port()
        for name in ("root", "spool", "cache", "state"):
            (folder / name).mkdir()
            shutil.chown(folder / name, "lp", "lp")
        (folder / "root" / "files.conf").write_text(FILES.format(folder=folder))
        (folder / "root" / "cupsd.conf").write_text(SERVER.format(port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> CupsQueues:
        root = self.folder / "root"
        command = ["cupsd", "-f", "-c", str(root / "cupsd.conf"), "-s", str(root / "files.conf")]
        with (self.folder / "cupsd.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        until(self._listens, "no cupsd")
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
        shutil.rmtree(self.folder)

    def add(self, name: str, device: str, model: str = "raw") -> str:
        """A queue; its URL."""
        where = ["-h", f"127.0.0.1:{self.port}"]
        command = ["lpadmin", *where, "-p", name, "-E", "-v", device, "-m", model]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return f"ipp://127.0.0.1:{self.port}/printers/{name}"

    def command(self, name: str, *arguments: str) -> str:
        """One of CUPS's own commands on this cupsd: cupsdisable, cancel, lpstat."""
        server = {**os.environ, "CUPS_SERVER": f"127.0.0.1:{self.port}"}
        return subprocess.run([name, *arguments], capture_output=True, text=True, env=server, check=True).stdout

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True
