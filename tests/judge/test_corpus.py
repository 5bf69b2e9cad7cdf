"""Every storable file of the corpus by storescu: refused, held or on a disc as the table says, and unchanged.

Syntaxes that DCMTK does not know go out over a bare socket. What really left for the appliance is read off the wire.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet

from tests.judge.daemon import CORPUS, FOREIGN, Daemon, made
from tests.judge.discs import as_file, changed, dumped, instances_on, tree, unpacked
from tests.judge.part10 import file_body, image_file
from tests.judge.tap import Stored, Tap, stored
from tests.judge.wire import EXPLICIT, IMPLICIT, Elements, Peer

MANIFEST = CORPUS / "manifest.csv"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.peers("dcmtk", "dicom3tools", "libarchive-tools", "p7zip-full", "xorriso"),
]

REFUSED = {
    "ct/CTImage_DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99.dcm": "context",
    "color/HTJ2K_08_RGB.dcm": "C001",  # it has no Study Instance UID
}
"""No context: deflated is not offered. Else the status."""

SECOND = {
    "ct/CTImage_BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",  # private numbers not turned
    "us/OBXXXX1A_rle_2frame.dcm",  # another SOP class and two frames under the UID of OBXXXX1A.dcm
    "edge/JPEG2000-embedded-sequence-delimiter.dcm",  # the same without Lossy Image Compression Method
}
"""Another content under a UID that came before: kept aside, and the disc is held."""

NO_PATIENT = ("1.2.840.10008.5.1.4.38", "1.2.840.10008.5.1.4.39", "1.2.840.10008.5.1.4.43")
"""Hanging protocols, palettes and implants: on no patient's disc."""

OPTIONS = {
    IMPLICIT: "-xi",
    EXPLICIT: "-xe",
    "1.2.840.10008.1.2.2": "-xb",
    "1.2.840.10008.1.2.5": "-xr",
    "1.2.840.10008.1.2.4.50": "-xy",
    "1.2.840.10008.1.2.4.51": "-xx",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.81": "-xu",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.4.91": "-xw",
}
"""What storescu is told to propose."""


@cache
def rows() -> tuple[dict[str, str], ...]:
    """The storable files of the manifest."""
    with MANIFEST.open(newline="", encoding="utf-8") as stream:
        return tuple(row for row in csv.DictReader(stream) if row["storable"] == "yes")


def bare(port: int, file: Path, row: dict[str, str]) -> None:
    """C-STORE of a file's own bytes over a bare socket."""
    syntax, body = file_body(file)
    peer = Peer(port, "BURN_CD", [(row["sop_class_uid"], syntax)])
    uid = str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)
    command: Elements = {
        0x00000002: ("UI", row["sop_class_uid"]), 0x00000100: ("US", 1), 0x00000700: ("US", 0), 0x00001000: ("UI", uid)
    }  # fmt: skip
    if row["sop_class_uid"] in peer.contexts:
        peer.ask(row["sop_class_uid"], command, body)
    peer.release()


class Run:
    """What came of sending everything, once."""

    def __init__(self, folder: Path) -> None:
        self.outcome: dict[str, str] = {}
        """Path → "0000", another status, or "context"."""
        self.sent: dict[str, Stored] = {}
        """Path → what went over the wire."""
        self.first: dict[str, str] = {}
        """SOP Instance UID → path of the file that had it first."""
        with Daemon(folder, quiet=4) as daemon:
            for row in rows():
                self._send(daemon, row)
            self._last(daemon, folder)
            jobs = daemon.ended("disc", 1, held=True, seconds=120)
            self.held = [job["hold_reason"] for job in jobs if job["held"]]
            for job in jobs:
                if job["held"]:
                    daemon.ask_plainly("release", job["id"], "--reason", "to see what is on it")
            self.jobs = [job for job in daemon.ended("disc", len(jobs), seconds=120) if job["id"] != self.last]
            self.store = [file_body(file) for file in (daemon.state / "store").glob("??/*")]
        self.discs: list[Path] = []
        self.complaints: list[str] = []
        self.on_disc: dict[str, Path] = {}
        for number, job in enumerate(self.jobs):
            disc, complaints = unpacked(made(job, ".iso"), folder / f"disc{number}")
            self.discs.append(disc)
            self.complaints += complaints
            found = instances_on(disc)
            self.complaints += [f"{uid} is on two discs" for uid in found.keys() & self.on_disc.keys()]
            self.on_disc |= found

    def _last(self, daemon: Daemon, folder: Path) -> None:
        """A study of its own: once its disc is asked for, all that came before have been quiet for long enough."""
        file = image_file(folder / "last.dcm", np.zeros((8, 8, 1), int), 8, 1)
        command = ["/usr/bin/storescu", "-xe", "-aet", "LAST", "-aec", "BURN_CD", "127.0.0.1", str(daemon.port)]
        subprocess.run([*command, str(file)], check=True, env=FOREIGN, timeout=60)
        jobs = daemon.until("disc", lambda jobs: any(job["calling_ae_title"] == "LAST" for job in jobs), 60)
        self.last = next(job["id"] for job in jobs if job["calling_ae_title"] == "LAST")

    def _send(self, daemon: Daemon, row: dict[str, str]) -> None:
        file = CORPUS / row["path"]
        with Tap(daemon.port) as tap:
            option = OPTIONS.get(row["transfer_syntax_uid"])
            if option is None:
                bare(tap.port, file, row)
            else:
                command = ["/usr/bin/storescu", "-R", option, "-aec", "BURN_CD", "127.0.0.1", str(tap.port), str(file)]
                subprocess.run(command, env=FOREIGN, capture_output=True, timeout=60)
        went = stored(tap)
        if not went:
            self.outcome[row["path"]] = "context"
            return
        (one,) = went
        self.outcome[row["path"]] = f"{one.status:04X}"
        self.sent[row["path"]] = one
        if one.status == 0:
            self.first.setdefault(one.uid, row["path"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    yield Run(tmp_path_factory.mktemp("judge"))


def test_every_file_has_the_status_of_the_table(run: Run) -> None:
    assert run.outcome == {row["path"]: REFUSED.get(row["path"], "0000") for row in rows()}


def test_what_is_held_has_a_reason_of_the_table(run: Run) -> None:
    twice = [words for words in run.held if "different content" in words]
    assert len(twice) == len(SECOND)
    others = [words for words in run.held if words not in twice]
    assert len(others) == 1 and "no Patient ID" in others[0], others


def test_everything_else_is_on_one_disc(run: Run) -> None:
    assert {job["state"] for job in run.jobs} == {"DONE"}
    by_path = {row["path"]: row for row in rows()}
    wanted = {uid for uid, path in run.first.items() if not by_path[path]["sop_class_uid"].startswith(NO_PATIENT)}
    assert run.on_disc.keys() == wanted
    assert run.complaints == []


def test_the_store_has_every_data_set_bit_for_bit(run: Run) -> None:
    aside = {path for path in SECOND if path in run.sent}
    wanted = {path: (run.sent[path].transfer, run.sent[path].data) for path in {*run.first.values(), *aside}}
    assert [path for path, body in wanted.items() if body not in run.store] == []
    assert len(run.store) == len(wanted) + 1, "and each once, beside the last one"


FOLLOWS = ("(0028,0004)", "(0028,2110)")
"""Photometric Interpretation and Lossy Image Compression have to follow when pixels are decompressed."""


def differences(file: Path, sent: Stored, original: Path) -> Iterator[str]:
    """A file on a disc against what was sent: bits, elements or, where it was decompressed, elements and pixels."""
    transfer, body = file_body(file)
    if transfer != EXPLICIT or file.read_bytes()[:128] != bytes(128):
        yield f"transfer syntax {transfer}, or a preamble"
    if sent.transfer == EXPLICIT:
        if body != sent.data:
            yield "not bit for bit"
    elif sent.transfer == IMPLICIT:
        if dumped(file) != dumped(original):
            yield "dcmdump sees other elements"
    else:
        for words in changed(pydicom.dcmread(file), pydicom.dcmread(original)):
            if not words.startswith(FOLLOWS):
                yield words


def test_every_instance_on_a_disc_is_what_was_sent(run: Run, tmp_path: Path) -> None:
    found: dict[str, list[str]] = {}
    for uid, file in run.on_disc.items():
        sent = run.sent[run.first[uid]]
        if said := list(differences(file, sent, as_file(sent, tmp_path / "sent.dcm"))):
            found[run.first[uid]] = said
    assert found == {}


def test_lossless_pixels_are_those_of_the_file(run: Run) -> None:
    lossy = {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81, 91, 203)}
    checked = 0
    differing = []
    by_path = {row["path"]: row for row in rows()}
    for uid, file in run.on_disc.items():
        path = run.first[uid]
        if run.sent[path].transfer in lossy or by_path[path]["pydicom_pixels"] != "ok":
            continue
        ours, theirs = (pydicom.dcmread(one).pixel_array for one in (file, CORPUS / path))
        checked += 1
        if not np.array_equal(ours, theirs):
            differing.append(path)
    assert checked > 60
    assert differing == []


SUMMARY = "Error - Dicom dataset contains invalid data values for Value Representations"


def test_dicom3tools_and_pydicom_read_every_directory(run: Run) -> None:
    said: list[tuple[str, str]] = []
    for disc in run.discs:
        for program in ("dcdirdmp", "dciodvfy"):
            done = subprocess.run([program, str(disc / "DICOMDIR")], capture_output=True, timeout=60)
            lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
            said += [(disc.parent.name, line) for line in lines if line.startswith("Error")]
        listed = {str(Path(one.path).relative_to(disc)) for one in FileSet(disc / "DICOMDIR")}
        if listed != {file for file in tree(disc / "DICOMDIR").values() if file}:
            said.append((disc.parent.name, "pydicom lists other files"))
    their_own = {disc for disc, line in said if "999.999." in line}  # UIDs that files have come with
    assert [one for one in said if "999.999." not in one[1] and one != (one[0], SUMMARY)] == []
    assert {disc for disc, line in said if line == SUMMARY} <= their_own
