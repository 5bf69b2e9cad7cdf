"""Drawn studies from storescu, gdcmscu and Orthanc: what is on the discs is what went over the wire."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.judge.daemon import FOREIGN, Daemon, fresh_seed, made
from tests.judge.discs import differences, directory_complaints, instances_on, unpacked, volume_complaints
from tests.judge.orthanc import Orthanc
from tests.judge.part10 import Instance, Root, drawn_study, file_body, raw
from tests.judge.tap import Tap, stored
from tests.judge.wire import EXPLICIT, IMPLICIT

pytestmark = [
    pytest.mark.peers(
        "dcmtk", "libgdcm-tools", "orthanc", "dicom3tools", "xorriso", "genisoimage", "libarchive-tools", "p7zip-full"
    ),
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with Daemon(tmp_path_factory.mktemp("judge")) as one:
        yield one


def pixels_of(instances: list[Instance]) -> dict[str, bytes]:
    """Little-endian samples by SOP Instance UID, of even length."""
    found = {one.uid: raw(one.values, one.elements[0x00280101][1]) for one in instances}
    return {uid: samples + b"\0" * (len(samples) % 2) for uid, samples in found.items()}


def storescu(port: int, *arguments: str) -> None:
    done = subprocess.run(
        ["/usr/bin/storescu", "-v", "-aec", "BURN_CD", *arguments[:-1], "127.0.0.1", str(port), arguments[-1], "+sd"],
        capture_output=True,
        text=True,
        env=FOREIGN,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def send_plain(tap: Tap, folder: Path, draw: random.Random) -> None:
    storescu(tap.port, draw.choice(["-xe", "-xi", "-x="]), str(folder))


def send_by_gdcm(tap: Tap, folder: Path, draw: random.Random) -> None:
    # gdcmscu 3.0 crashes in its own destructor after the release, whoever it talks to: its exit status says nothing.
    files = sorted(map(str, folder.iterdir()))
    subprocess.run(
        ["gdcmscu", "--store", "--aetitle", "GDCM", "--call", "BURN_CD", "127.0.0.1", str(tap.port), *files],
        capture_output=True,
        timeout=60,
    )


def send_by_orthanc(tap: Tap, folder: Path, draw: random.Random) -> None:
    with Orthanc(folder.parent, tap.port, "BURN_CD") as orthanc:
        report = orthanc.send(sorted(folder.iterdir()))
    assert report["FailedInstancesCount"] == 0, report


COMPRESSORS = {
    "1.2.840.10008.1.2.4.70": (["/usr/bin/dcmcjpeg", "+e1"], "-xs"),
    "1.2.840.10008.1.2.4.80": (["/usr/bin/dcmcjpls", "+el"], "-xt"),
    "1.2.840.10008.1.2.4.90": (["gdcmconv", "--j2k"], "-xv"),
    "1.2.840.10008.1.2.5": (["/usr/bin/dcmcrle"], "-xr"),
}


def send_compressed(tap: Tap, folder: Path, draw: random.Random) -> None:
    for number, file in enumerate(sorted(folder.iterdir())):
        syntax = list(COMPRESSORS)[number % len(COMPRESSORS)]
        command, option = COMPRESSORS[syntax]
        packed = folder.parent / "packed" / syntax
        packed.mkdir(parents=True, exist_ok=True)
        subprocess.run([*command, str(file), str(packed / file.name)], check=True, capture_output=True, timeout=60)
        assert file_body(packed / file.name)[0] == syntax
    for syntax, (_, option) in COMPRESSORS.items():
        storescu(tap.port, option, str(folder.parent / "packed" / syntax))


SENDERS = {
    "storescu": (send_plain, None),
    "storescu, compressed": (send_compressed, EXPLICIT),
    "gdcmscu": (send_by_gdcm, None),
    "Orthanc": (send_by_orthanc, None),
}


@pytest.mark.parametrize("sender", SENDERS)
def test_a_drawn_study_is_on_the_disc_as_it_was_sent(daemon: Daemon, tmp_path: Path, sender: str) -> None:
    draw = random.Random(f"{fresh_seed()} {sender}")
    before = len(daemon.jobs("disc"))
    send, transfer = SENDERS[sender]
    # GDCM's JPEG 2000 encoder gives up on images of a few pixels.
    least = 8 if transfer is None else 40
    study = drawn_study(draw, Root.drawn(draw), 1, draw.randint(5, 24), transfer=transfer, least=least)
    for number, one in enumerate(draw.sample(study, len(study))):
        one.write(tmp_path / "in" / f"{number}.dcm")
    with Tap(daemon.port) as tap:
        send(tap, tmp_path / "in", draw)
    sent = stored(tap)
    assert [one.status for one in sent] == [0] * len(study)
    assert {one.transfer for one in sent} <= {EXPLICIT, IMPLICIT, *COMPRESSORS}
    (job,) = daemon.ended("disc", before + 1)[before:]
    assert (job["state"], job["info"], job["ae_title"]) == ("DONE", "NORMAL", "BURN_CD"), job
    iso = made(job, ".iso")
    disc, complaints = unpacked(iso, tmp_path / "disc")
    complaints += [*differences(disc, sent, pixels_of(study), tmp_path), *directory_complaints(disc, tmp_path)]
    assert complaints + list(volume_complaints(iso, disc)) == []
    assert (disc / "README.TXT").is_file() and (disc / "INDEX.HTM").is_file()
    in_the_store = dict(map(file_body_by_uid, (daemon.state / "store").glob("??/*")))
    for each in sent:
        assert in_the_store[each.uid] == (each.transfer, each.data), "the store has it bit for bit"


def file_body_by_uid(file: Path) -> tuple[str, tuple[str, bytes]]:
    """SOP Instance UID of a stored file's meta information, and its transfer syntax and data set."""
    content = file.read_bytes()
    at = content.index(b"\x02\x00\x03\x00UI", 132)
    size = int.from_bytes(content[at + 6 : at + 8], "little")
    return content[at + 8 : at + 8 + size].decode().strip("\0"), file_body(file)


def test_studies_of_several_patients_are_discs_of_one_patient_each(daemon: Daemon, tmp_path: Path) -> None:
    draw = random.Random(fresh_seed())
    before = len(daemon.jobs("disc"))
    root = Root.drawn(draw)
    studies = [drawn_study(draw, root, number, draw.randint(2, 9)) for number in range(1, draw.randint(3, 5))]
    everything = [one for study in studies for one in study]
    for number, one in enumerate(draw.sample(everything, len(everything))):
        one.write(tmp_path / "in" / f"{number}.dcm")
    with Tap(daemon.port) as tap:
        send_plain(tap, tmp_path / "in", draw)
    jobs = daemon.ended("disc", before + len(studies))[before:]
    assert len(jobs) == len(studies)
    found = []
    for number, job in enumerate(jobs):
        disc, complaints = unpacked(made(job, ".iso"), tmp_path / f"disc{number}")
        on_it = instances_on(disc).keys()
        (study,) = {one.study for one in everything if one.uid in on_it}
        found.append(study)
        part = [one for one in stored(tap) if one.uid in {each.uid for each in everything if each.study == study}]
        complaints += [*differences(disc, part, pixels_of(everything), tmp_path), *directory_complaints(disc, tmp_path)]
        assert complaints == []
    assert sorted(found) == sorted(study[0].study for study in studies)


def test_a_held_disc_names_everything_that_is_doubtful(daemon: Daemon, tmp_path: Path) -> None:
    draw = random.Random(fresh_seed())
    before = len(daemon.jobs("disc"))
    study = drawn_study(draw, Root.drawn(draw), 1, 3)
    for number, one in enumerate(study):
        one.elements[0x00100010] = ("PN", "ONE^A" if number else "TWO^B")
        one.elements[0x00100020] = ("LO", "")
        one.write(tmp_path / "in" / f"{number}.dcm")
    one.elements[0x7FE00010] = (one.elements[0x7FE00010][0], bytes(len(one.elements[0x7FE00010][1])))
    one.write(tmp_path / "in" / "other.dcm")
    with Tap(daemon.port) as tap:
        storescu(tap.port, "-xe", str(tmp_path / "in"))
    assert [sent.status for sent in stored(tap)] == [0] * 4
    (job,) = daemon.ended("disc", before + 1, held=True)[before:]
    assert (job["state"], job["held"]) == ("PENDING", True)
    assert "different names" in job["hold_reason"] and "different content" in job["hold_reason"], job["hold_reason"]
    daemon.ask_plainly("cancel", job["id"])
    (job,) = daemon.ended("disc", before + 1)[before:]
    assert (job["state"], job["cancelled"], job["files"]) == ("FAILURE", True, [])
