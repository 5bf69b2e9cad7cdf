"""The whole corpus through the daemon: what becomes of every storable file, and whether it is still itself.

The table says for each file that is not simply on a disc why; what is not in the table must be on a disc, with every
element and pixel that it came with.
"""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet
from pynetdicom import AE

from tests.corpus import CORPUS, manifest, needs_corpus
from tests.serving import DEFAULT, serving

pytestmark = [
    needs_corpus,
    pytest.mark.peers("dcmtk", "libarchive-tools", "dicom3tools", "xorriso"),
]

REFUSED = {
    # Deflated is not offered: 713 KB of it can hold 1.5 GB.
    "ct/CTImage_DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99.dcm": "context refused",
    # It has no Study Instance UID.
    "color/HTJ2K_08_RGB.dcm": "C001",
}
HELD = {
    "an instance came twice with different content": [
        # Its private numbers were not turned when somebody made it big endian.
        "ct/CTImage_BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
        # Another SOP class and two frames under the UID of OBXXXX1A.dcm.
        "us/OBXXXX1A_rle_2frame.dcm",
        # The same image without its Lossy Image Compression Method.
        "edge/JPEG2000-embedded-sequence-delimiter.dcm",
    ],
    # Images of four patients that somebody de-identified by emptying the Patient ID.
    "no Patient ID, and 4 different names": ["one disc of all of them"],
}
MISLABELLED = {
    # Called JPEG Lossless, but the stream is baseline JPEG, where decoders may differ; DCMTK's agrees with ours.
    "color/sample-op.dcm",
}
LOSSLESS = {
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.5",
    *(f"1.2.840.10008.1.2.4.{number}" for number in (57, 70, 80, 90, 201, 202)),
}


class Run:
    """What came of sending everything."""

    def __init__(self, folder: Path) -> None:
        self.refused: dict[str, str] = {}
        self.held: dict[str, str] = {}
        """Hold reason by job, before release."""
        toml = DEFAULT.replace("quiet_seconds = 1", "quiet_seconds = 5")
        with serving(folder, toml=toml) as one:
            for row in storable():
                if (status := sent(one.port, CORPUS / row["path"])) != "0000":
                    self.refused[row["path"]] = status
            time.sleep(7)  # the last study goes quiet
            jobs = one.until(
                lambda jobs: bool(jobs) and all(job["held"] or job["state"] in ("DONE", "FAILURE") for job in jobs), 240
            )
            for job in jobs:
                if job["held"]:
                    self.held[job["id"]] = job["hold_reason"]
                    one.gravure("release", job["id"], "--reason", "so that every file is looked at")
            self.jobs = one.all_ended(len(jobs), 240)
            with sqlite3.connect(one.state / "gravure.db") as database:
                rows = database.execute("SELECT sop_instance_uid, file FROM instance")
                self.stored = {uid: one.state / "store" / file for uid, file in rows}
            self.discs = []
            for number, job in enumerate(self.jobs):
                (iso,) = job["files"]
                disc = folder / f"disc{number}"
                disc.mkdir()
                subprocess.run(["bsdtar", "-xf", iso, "-C", str(disc)], check=True)
                self.discs.append((job, Path(iso), disc))
            self.on_disc = {
                str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID): file
                for _, _, disc in self.discs
                for file in disc.glob("DICOM/**/IM*")
            }


def sent(port: int, file: Path) -> str:
    """Send one file as it is; the status, or why there is none."""
    data_set = pydicom.dcmread(file, force=True)
    ae = AE(ae_title="CORPUS")
    ae.add_requested_context(data_set.SOPClassUID, data_set.file_meta.TransferSyntaxUID)
    association = ae.associate("127.0.0.1", port, ae_title="BURN_CD")
    try:
        if not association.accepted_contexts:
            return "context refused"
        return f"{association.send_c_store(file).Status:04X}"
    finally:
        association.release()


def storable() -> list[dict[str, str]]:
    return [row for row in manifest() if row["storable"] == "yes"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    yield Run(tmp_path_factory.mktemp("corpus"))


def test_what_is_refused_is_what_the_table_says(run: Run) -> None:
    assert run.refused == REFUSED


def test_what_is_held_is_held_for_a_reason_of_the_table(run: Run) -> None:
    reasons = list(run.held.values())
    for words, causes in HELD.items():
        assert sum(words in reason for reason in reasons) == len(causes), run.held
    assert len(reasons) == sum(map(len, HELD.values()))


def test_everything_else_is_on_a_disc(run: Run) -> None:
    assert [job["state"] for job in run.jobs] == ["DONE"] * len(run.jobs), run.jobs
    missing = [
        row["path"]
        for row in storable()
        if row["path"] not in REFUSED and uid_of(row) not in run.on_disc and for_patients(row)
    ]
    assert missing == []


def for_patients(row: dict[str, str]) -> bool:
    """Hanging protocols, palettes and implants belong to no patient: kept, and never on a patient's disc."""
    return not row["sop_class_uid"].startswith(
        ("1.2.840.10008.5.1.4.38", "1.2.840.10008.5.1.4.39", "1.2.840.10008.5.1.4.43")
    )


def uid_of(row: dict[str, str]) -> str:
    return str(pydicom.dcmread(CORPUS / row["path"], stop_before_pixels=True, force=True).SOPInstanceUID)


def test_the_store_holds_every_element_that_was_sent(run: Run) -> None:
    """(The sender decodes and encodes, so bytes cannot be compared here.)"""
    seen: set[str] = set()
    for row in storable():
        uid = uid_of(row)
        if row["path"] in REFUSED or uid in seen:
            continue  # the first one of a UID is kept
        seen.add(uid)
        assert run.stored[uid].read_bytes()[:132] == b"\0" * 128 + b"DICM"
        sent, kept = pydicom.dcmread(CORPUS / row["path"], force=True), pydicom.dcmread(run.stored[uid])
        for data_set in (sent, kept):
            for tag in [tag for tag in data_set.keys() if tag.element == 0]:  # noqa: SIM118 (group lengths)
                del data_set[tag]
        assert kept == sent, row["path"]


def test_pixels_on_disc_are_the_manifest_s(run: Run) -> None:
    checked = 0
    first: dict[str, dict[str, str]] = {}
    for row in storable():
        if row["path"] not in REFUSED:
            first.setdefault(uid_of(row), row)
    for uid, row in first.items():
        gray = row["samples"] == "1" and row["photometric"].startswith("MONOCHROME")
        if row["path"] in MISLABELLED:
            continue
        if row["pixel_sha256"] and gray and row["transfer_syntax_uid"] in LOSSLESS:
            pixels = pydicom.dcmread(run.on_disc[uid]).pixel_array
            plain = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<")))
            assert hashlib.sha256(plain.tobytes()).hexdigest()[:32] == row["pixel_sha256"], row["path"]
            checked += 1
    assert checked > 50


def test_every_file_on_a_disc_is_explicit_vr_little_endian_with_a_zero_preamble(run: Run) -> None:
    for file in run.on_disc.values():
        assert file.read_bytes()[:128] == b"\0" * 128
        assert pydicom.dcmread(file, stop_before_pixels=True).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


def errors(program: str, file: Path) -> list[str]:
    done = subprocess.run([program, str(file)], capture_output=True, text=True, errors="replace")
    return sorted({line for line in (done.stderr + done.stdout).splitlines() if line.startswith("Error")})


def test_dcdirdmp_and_dcmdump_read_every_dicomdir(run: Run) -> None:
    for job, _, disc in run.discs:
        done = subprocess.run(["dcdirdmp", str(disc / "DICOMDIR")], capture_output=True, text=True, errors="replace")
        assert done.returncode == 0 and "Error" not in done.stderr, (job, done.stderr)
        dumped = subprocess.run(
            ["/usr/bin/dcmdump", "-q", "+P", "DirectoryRecordType", str(disc / "DICOMDIR")],
            capture_output=True,
            text=True,
        )
        assert dumped.returncode == 0
        leaves = sum(
            1
            for line in dumped.stdout.splitlines()
            if not any(f"[{one}" in line for one in ("PATIENT", "STUDY", "SERIES"))
        )
        assert leaves == len(list(disc.glob("DICOM/**/IM*")))


def test_pydicom_reads_every_disc_as_a_file_set(run: Run) -> None:
    for _, _, disc in run.discs:
        files = {instance.path for instance in FileSet(disc / "DICOMDIR")}
        assert len(files) == len(list(disc.glob("DICOM/**/IM*")))


def test_xorriso_reads_every_image_with_names_of_level_1(run: Run) -> None:
    for _, iso, disc in run.discs:
        listed = subprocess.run(
            ["xorriso", "-indev", str(iso), "-find", "/", "-type", "f"], capture_output=True, text=True, check=True
        ).stdout
        assert listed.count("'/") == sum(1 for file in disc.rglob("*") if file.is_file())


def new_errors(before: Path, after: Path) -> list[str]:
    return [line for line in errors("dciodvfy", after) if line not in errors("dciodvfy", before)]


# A decompressed colour image has no Planar Configuration error of its own, and dciodvfy names lossy attributes once the
# image admits that it was lossy.
ADMITTED = ("LossyImageCompression",)


def test_dciodvfy_finds_no_new_error_in_any_instance(run: Run) -> None:
    worse: dict[str, Any] = {}
    for uid, file in run.on_disc.items():
        found = [line for line in new_errors(run.stored[uid], file) if not any(word in line for word in ADMITTED)]
        if found:
            worse[uid] = found
    assert worse == {}
