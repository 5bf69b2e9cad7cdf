"""A private Orthanc as sender: REST on a free port of 127.0.0.1, its storage in a folder of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.judge.daemon import FOREIGN


class Orthanc:
    """One Orthanc for the time of a test."""

    def __init__(self, folder: Path, port: int, called: str) -> None:
        """`port` and `called` are where and whom it stores to."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.http = free.getsockname()[1]
        self.log = folder / "orthanc.log"
        configuration = folder / "orthanc.json"
        configuration.write_text(
            json.dumps(
                {
                    "Name": "Judge",
                    "StorageDirectory": str(folder / "orthanc"),
                    "IndexDirectory": str(folder / "orthanc"),
                    "HttpPort": self.http,
                    "HttpBindAddresses": ["127.0.0.1"],
                    "RemoteAccessAllowed": False,
                    "AuthenticationEnabled": False,
                    "DicomServerEnabled": False,
                    "DicomAet": "ORTHANC",
                    "Plugins": [],
                    "DicomModalities": {"gravure": [called, "127.0.0.1", port]},
                }
            )
        )
        with self.log.open("w") as log:
            self.process = subprocess.Popen(["Orthanc", str(configuration)], stdout=log, stderr=log, env=FOREIGN)

    def __enter__(self) -> Orthanc:
        end = time.monotonic() + 30
        while True:
            try:
                self.ask("/system")
                return self
            except (urllib.error.URLError, ConnectionError):
                assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(20)

    def ask(self, path: str, body: bytes | None = None) -> Any:
        """GET, or POST where there is a body."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", body, timeout=60) as answer:
            return json.load(answer)

    def send(self, files: Iterable[Path]) -> Any:
        """Upload files and store all of them to the appliance; Orthanc's report."""
        uploaded = [self.ask("/instances", file.read_bytes())["ID"] for file in files]
        return self.ask("/modalities/gravure/store", json.dumps(uploaded).encode())
