"""The promises when things go wrong: kill -9, full disks, SIGTERM, lost databases; and the order of system calls."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

from appliance.jobs import ENDED, own_steps
from tests.instances import ARC, instance, written
from tests.serving import DEFAULT, FOREIGN, ROOT, STORESCU, Serving, serving, statuses
from tests.small_disk import small_disk_at

pytestmark = pytest.mark.peers("dcmtk")

SEED = int(os.environ.get("GRAVURE_SEED", "0")) or random.randrange(1 << 30)


def stored(one: Serving) -> dict[str, pydicom.Dataset]:
    """What lies in the store, by SOP Instance UID."""
    return {data_set.SOPInstanceUID: data_set for data_set in map(pydicom.dcmread, (one.state / "store").glob("??/*"))}


def on_discs(jobs: list[dict[str, object]], folder: Path) -> list[str]:
    """SOP Instance UIDs on all discs, as often as they stand there."""
    found = []
    for number, iso in enumerate(file for job in jobs for file in job["files"]):  # type: ignore[attr-defined]
        disc = folder / f"disc{number}"
        disc.mkdir()
        subprocess.run(["bsdtar", "-xf", iso, "-C", str(disc)], check=True)
        found += [str(pydicom.dcmread(file).SOPInstanceUID) for file in disc.glob("DICOM/**/IM*")]
    return found


@pytest.mark.peers("dcmtk", "libarchive-tools")
def test_kill_9_while_storing_loses_nothing_acknowledged_and_repeats_nothing(tmp_path: Path) -> None:
    print(f"GRAVURE_SEED={SEED}")
    draw = random.Random(SEED)
    files = written(tmp_path / "in", *(instance(number, side=64) for number in range(1, 161)))
    one = Serving(tmp_path).start()
    acknowledged: set[str] = set()
    try:
        rest = list(files)
        for _ in range(4):
            with (tmp_path / "sender.log").open("w") as log:
                sender = subprocess.Popen(
                    [STORESCU, "-v", "-aec", "BURN_CD", "127.0.0.1", str(one.port), *map(str, rest)],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=FOREIGN,
                )
                time.sleep(draw.uniform(0.02, 0.4))
                one.kill()
                sender.wait(30)
            count = (tmp_path / "sender.log").read_text().count("Received Store Response (Success)")
            acknowledged |= {f"{ARC}1.1.{files.index(file) + 1}" for file in rest[:count]}
            rest = rest[count:]
            one.start()
            assert acknowledged <= stored(one).keys()
            if not rest:
                break
        if rest:
            one.storescu(*rest)
        jobs = one.all_ended()
        assert all(job["state"] == "DONE" for job in jobs), jobs
        found = on_discs(jobs, tmp_path)
        assert sorted(found) == sorted(f"{ARC}1.1.{number}" for number in range(1, 161)), "each once, none missing"
        for uid, data_set in stored(one).items():
            sent = pydicom.dcmread(files[int(uid.rpartition(".")[2]) - 1])
            assert data_set == sent
    finally:
        one.kill()


@pytest.mark.peers("dcmtk", "libarchive-tools")
def test_a_second_content_holds_its_disc_through_kills_and_once(tmp_path: Path) -> None:
    print(f"GRAVURE_SEED={SEED}")
    draw = random.Random(SEED)
    study = [instance(number, side=64) for number in range(1, 31)]
    other = instance(7, side=64, PixelData=b"\1\2" * 4096)
    first, (second,) = written(tmp_path / "in", *study), written(tmp_path / "other", other)
    one = Serving(tmp_path).start()
    try:
        assert statuses(one.storescu(*first)) == ["Success"] * 30
        assert statuses(one.storescu(second)) == ["Success"]
        for _ in range(4):  # while the study is quiet, while the contents are compared, while the job is held
            time.sleep(draw.uniform(0, 1.5))
            one.kill()
            one.start()
        (job,) = one.until(lambda jobs: len(jobs) == 1 and jobs[0]["held"])
        assert "different content" in job["hold_reason"]
        one.gravure("release", job["id"], "--reason", "the first one")
        for _ in range(2):  # and what a person has decided stays decided
            time.sleep(draw.uniform(0, 0.5))
            one.kill()
            one.start()
        (job,) = one.until(lambda jobs: jobs[0]["held"] or jobs[0]["state"] == "DONE")
        assert job["state"] == "DONE", job
        assert sorted(on_discs([job], tmp_path)) == sorted(str(one.SOPInstanceUID) for one in study)
        (kept,) = (file for file in (tmp_path / "disc0").glob("DICOM/**/IM*") if pydicom.dcmread(file) == study[6])
        assert kept
    finally:
        one.kill()


def killed_at(one: Serving, number: int, step: str) -> bool:
    """kill -9 while a job, by its number, stands at a step. False where it went by unseen.

    The process is stopped first, and killed only if the job really stands there: no test of a step kills elsewhere.
    """
    assert one.process is not None
    end = time.monotonic() + 60
    with contextlib.closing(sqlite3.connect(f"file:{one.state}/gravure.db?mode=ro", uri=True)) as database:

        def now() -> str:
            row = database.execute("SELECT step FROM job WHERE number = ?", (number,)).fetchone()
            return row[0] if row else ""

        while (seen := now()) not in ENDED:
            assert time.monotonic() < end, f"the job stays at {seen!r}"
            if seen == step:
                one.process.send_signal(signal.SIGSTOP)
                if now() == step:
                    one.kill()
                    return True
                one.process.send_signal(signal.SIGCONT)
            time.sleep(0.0005)
    return False


TRIES = 8
"""A step may pass between two looks; then there is another job."""


@pytest.mark.peers("dcmtk", "libarchive-tools")
@pytest.mark.parametrize("step", own_steps("disc"))
def test_kill_9_at_each_step_of_a_disc_makes_one_disc(tmp_path: Path, step: str) -> None:
    one = Serving(tmp_path).start()
    try:
        for study in range(1, TRIES + 1):
            slices = (instance(number, study=study, side=128) for number in range(1, 101))
            one.storescu(*written(tmp_path / f"in{study}", *slices))
            if killed_at(one, study, step):
                break
        else:
            pytest.fail(f"never seen at {step}")
        one.start()
        jobs = one.all_ended(study)
        assert {job["state"] for job in jobs} == {"DONE"} and len(jobs) == study
        events = one.gravure("job", jobs[-1]["id"], "--json").stdout
        assert "recover" in {event["event"] for event in json.loads(events)["events"]}
        found = on_discs(jobs, tmp_path)
        assert len(found) == len(set(found)) == 100 * study
        assert len(list((one.state / "discs").glob("*.iso"))) == study
        assert not list((one.state / "discs").glob(".*"))
    finally:
        one.kill()


@pytest.mark.parametrize("step", own_steps("film"))
def test_kill_9_at_each_step_of_a_film_makes_one_film(tmp_path: Path, step: str) -> None:
    (image,) = written(tmp_path / "in", instance(1, side=512))
    one = Serving(tmp_path, toml=DEFAULT.replace("dpi = 100", "dpi = 300")).start()
    try:
        for count in range(1, TRIES + 1):
            printing = subprocess.Popen(
                [sys.executable, "-m", "appliance", "print", f"FILM@127.0.0.1:{one.port}", str(image)],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            killed = killed_at(one, count, step)
            printing.wait(60)
            if killed:
                break
        else:
            pytest.fail(f"never seen at {step}")
        one.start()
        jobs = one.all_ended(count)
        assert {job["state"] for job in jobs} == {"DONE"} and len(jobs) == count
        events = one.gravure("job", jobs[-1]["id"], "--json").stdout
        assert "recover" in {event["event"] for event in json.loads(events)["events"]}
        assert len(list((one.state / "films").glob("*.pdf"))) == count
        assert not list((one.state / "films").glob(".*")) and not any((one.state / "spool" / "films").iterdir())
    finally:
        one.kill()


def test_a_lost_database_is_made_again_from_the_files(tmp_path: Path) -> None:
    files = written(tmp_path / "in", *(instance(number) for number in range(1, 6)))
    one = Serving(tmp_path).start()
    try:
        one.storescu(*files, called="STORE")
        one.stop()
        for lost in ("gravure.db*", "store/arrivals/*"):
            for file in one.state.glob(lost):
                file.unlink()
        one.start()
        end = time.monotonic() + 20
        while "stored files were indexed again instances=5" not in one.log.read_text():
            assert time.monotonic() < end, one.log.read_text()
            time.sleep(0.1)
        again = one.storescu(*files, called="STORE")
        assert statuses(again) == ["Success"] * 5
        assert len(stored(one)) == 5, "one copy"
    finally:
        one.kill()


def test_a_damaged_database_is_set_aside(tmp_path: Path) -> None:
    one = Serving(tmp_path).start()
    try:
        one.storescu(*written(tmp_path / "in", instance()), called="STORE")
        one.stop()
        (one.state / "gravure.db").write_bytes(b"not a database at all" * 500)
        one.start()
        assert list(one.state.glob("gravure.db.damaged-*"))
        assert statuses(one.storescu(*written(tmp_path / "in", instance(2)), called="STORE")) == ["Success"]
    finally:
        one.kill()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk_at(tmp_path / "disk", "24m") as disk:
        yield disk


def test_a_full_disk_is_a700_and_recovers_by_itself(tmp_path: Path, small_disk: Path) -> None:
    files = written(tmp_path / "in", *(instance(number, side=512) for number in range(1, 61)))
    toml_folder = small_disk
    with serving(toml_folder) as one:
        done = one.storescu(*files, called="STORE")
        heard = statuses(done)
        taken = heard.count("Success")
        assert 5 < taken < 60
        assert "OutOfResources" in heard[taken] or "Out" in heard[taken] or "0xa700" in heard[taken].lower(), heard
        assert len(stored(one)) == taken
        status = one.gravure("status", check=False)  # 1 where the one that was refused would just have left the reserve
        assert (status.returncode, "no room for more films" in status.stdout) in {(1, True), (2, True)}, status
        echo = subprocess.run(["/usr/bin/echoscu", "-aec", "GRAVURE", "127.0.0.1", str(one.port)], env=FOREIGN)
        assert echo.returncode == 0, "a full disk is no reason not to answer"
        for file in list((one.state / "store").glob("??/*"))[:10]:
            file.unlink()
        time.sleep(0.2)
        more = one.storescu(files[-1], called="STORE")
        assert statuses(more) == ["Success"]


def test_sigterm_with_100_open_associations_takes_less_than_10_s(tmp_path: Path) -> None:
    from pynetdicom import AE

    one = Serving(tmp_path).start()
    ae = AE(ae_title="MANY")
    ae.add_requested_context("1.2.840.10008.1.1")
    associations = [ae.associate("127.0.0.1", one.port, ae_title="FILM") for _ in range(100)]
    try:
        assert all(each.is_established for each in associations)
        began = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - began < 10
    finally:
        for each in associations:
            each.abort()
        one.kill()


@pytest.mark.peers("dcmtk", "strace")
def test_the_response_leaves_only_after_the_fact_is_on_stable_storage(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    one = Serving(tmp_path)
    calls = "fsync,fdatasync,rename,renameat,sendto,write,pwrite64,openat"
    one.start(prefix=("strace", "-D", "-f", "-y", "-ttt", "-s", "64", "-e", f"trace={calls}", "-o", str(trace)))
    try:
        assert statuses(one.storescu(*written(tmp_path / "in", instance()), called="STORE")) == ["Success"]
    finally:
        assert one.process is not None
        one.process.terminate()
        one.process.wait(20)
    lines = [line for line in trace.read_text().splitlines() if "= ?" not in line]

    def first(pattern: str, after: int = 0) -> int:
        for number in range(after, len(lines)):
            if re.search(pattern, lines[number]):
                return number
        raise AssertionError(f"{pattern} not seen\n" + "\n".join(lines[-200:]))

    incoming = first(r"openat\(.*store/incoming/[0-9a-f]+\".*O_CREAT")
    synced = first(r"fsync\(\d+<[^>]*store/incoming/[0-9a-f]+>", incoming)
    renamed = first(r"rename.*store/incoming/.*store/[0-9a-f]{2}/", synced)
    folder = first(r"fsync\(\d+<[^>]*/store/[0-9a-f]{2}>", renamed)
    committed = first(r"fdatasync\(\d+<[^>]*/store/arrivals/[^>]*\.log>", folder)
    answered = first(r"sendto\(\d+<.*\\4\\0", committed)
    assert incoming < synced < renamed < folder < committed < answered
    # What begins with another byte is no PDU: the event loop writes a zero to itself.
    before = [line for line in lines[incoming:committed] if re.search(r'sendto\(\d+<[^>]*>, "\\[1-7]', line)]
    assert before == [], "nothing was said before the commit"


def test_another_user_can_read_neither_the_store_nor_the_database(tmp_path: Path) -> None:
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("changing the user needs root and setpriv")
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/pytest"):
            parent.chmod(0o755)
    with serving(tmp_path) as one:
        one.storescu(*written(tmp_path / "in", instance()), called="STORE")
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        for private in (one.state / "gravure.db", one.state / "store", one.state / "control.sock", one.state / "spool"):
            told = subprocess.run([*nobody, "cat", str(private)], capture_output=True, text=True)
            assert "Permission denied" in told.stderr, private
