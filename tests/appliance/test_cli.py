"""What the command line says where something is wrong: words and the next step, a status, and never a traceback."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance import Appliance, Config
from appliance.association.dialogue import DialogueLog
from appliance.cli import cli
from appliance.cli.common import Progress
from appliance.database import Database
from appliance.jobs import Jobs, NewJob
from appliance.policy import CannotStart
from tests.corpus import CORPUS, needs_corpus
from tests.instances import instance, written
from tests.serving import ROOT


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of an appliance that does not run."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.delenv("GRAVURE_CONFIG", raising=False)
    return tmp_path / "gravure"


def gravure(*arguments: object) -> Result:
    done = CliRunner().invoke(cli, [str(one) for one in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


NOBODY = "NOBODY@127.0.0.1:1"
NOWHERE = "NOBODY@nowhere.invalid:104"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("status",), 3, "not running"),
        (("cancel", "x"), 3, "not running"),
        (("retry", "x"), 3, "not running"),
        (("release", "x", "--reason", "seen"), 3, "not running"),
        (("jobs", "--watch"), 3, "not running"),
        (("job", "x"), 1, "there is no job x"),
        (("peers",), 0, "nobody has called yet"),
        (("echo", "SOMEBODY"), 2, "AETITLE@HOST:PORT"),
        (("echo", NOBODY), 1, "does not answer"),
        (("echo", NOWHERE), 1, "nowhere.invalid"),
        (("send", NOWHERE, "{in}"), 1, "nowhere.invalid"),
        (("print", NOWHERE, "{in}/i0000.dcm"), 1, "nowhere.invalid"),
        (("disc", "{in}", "-o", "{out}/disc.img"), 2, ".iso or .zip"),
        (("disc", "{in}", "-o", "{out}/none/disc.iso"), 2, "there is no folder"),
        (("disc", "{in}", "-o", "{out}/disc.iso", "--medium", "DVD"), 2, "CD-74, CD-80, not on DVD"),
        (("disc", "{in}", "-o", "{out}/disc.iso", "--profile", "CD"), 2, "STD-GEN-CD, "),
        (("film", "{in}/i0000.dcm", "-o", "{out}/none/film.pdf"), 2, "there is no folder"),
        (("serve", "--config", "{in}/i0000.dcm", "--port", "104"), 2, "without a configuration file"),
        (("serve", "--config", "{out}/none.toml"), 1, "none.toml: cannot be read"),
    ],
    ids=lambda one: " ".join(map(str, one)).replace("/", "|") if isinstance(one, tuple) else None,
)
def test_what_is_wrong_is_said(
    arguments: tuple[str, ...], status: int, words: str, state: Path, tmp_path: Path
) -> None:
    folder = written(tmp_path / "in", instance(1))[0].rename(tmp_path / "in" / "i0000.dcm").parent
    done = gravure(*(one.replace("{in}", str(folder)).replace("{out}", str(tmp_path)) for one in arguments))
    assert done.exit_code == status, done.output
    assert words in done.output and "Traceback" not in done.output


@pytest.mark.parametrize("command", [("jobs",), ("job", "x")])
def test_a_database_that_is_none_is_said(command: tuple[str, ...], state: Path) -> None:
    state.mkdir(parents=True)
    (state / "gravure.db").write_text("no database" * 1000)
    done = gravure(*command)
    assert done.exit_code == 1 and "gravure.db cannot be read" in done.output


def test_who_may_not_ask_is_told_whom_to_be(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state.mkdir(parents=True)

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied", str(state))

    monkeypatch.setattr(os, "open", refuse)  # root, who runs tests too, may open everything
    done = gravure("status")
    assert done.exit_code == 1 and "group" in done.output and str(state) in done.output


def test_without_a_daemon_jobs_are_read_from_the_database(state: Path) -> None:
    state.mkdir(parents=True)
    database = Database(state / "gravure.db")
    database.migrate()
    facts = {"films": 2, "patient_clues": [{"where": "label", "what": "DOE"}]}
    job = Jobs(database).create(NewJob("film", "FILM", held=True, hold_reason="look at the tray", payload=facts))
    database.close()
    shown = gravure("jobs").output
    assert job.id in shown and "HELD" in shown and "look at the tray" in shown
    (row,) = json.loads(gravure("jobs", "--json").output)
    assert row["id"] == job.id and row["held"]
    one = gravure("job", job.id).output
    assert "films:                2" in one and "where label, what DOE" in one and "{" not in one


def test_a_release_says_why(state: Path) -> None:
    done = gravure("release", "x")
    assert done.exit_code == 2 and "--reason" in done.output


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    async def start(port: int) -> None:
        listen = {"address": "127.0.0.1", "port": port}
        await Appliance(Config.from_dict({"appliance": {"state": str(tmp_path)}, "listen": listen})).start()

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotStart) as failure:
        asyncio.run(start(port := taken.getsockname()[1]))
    assert f"127.0.0.1 port {port}" in str(failure.value) and "in use" in str(failure.value)


@pytest.mark.parametrize("command", ["send", "print"])
def test_what_goes_to_a_peer_shows_how_far_it_is(
    command: str, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[float] = []

    class Shown(Progress):
        def __call__(self, done: float, step: str = "") -> None:
            shown.append(done)

    monkeypatch.setattr("appliance.cli.network.Progress", Shown)
    files = written(tmp_path / "in", instance(1), instance(2))

    async def run() -> Result:
        tables = {"appliance": {"state": str(tmp_path / "state")}, "listen": {"port": 0}}
        async with Appliance(Config.from_dict(tables)) as running:
            called = {"send": "STORE", "print": "FILM"}[command]
            return await asyncio.to_thread(gravure, command, f"{called}@127.0.0.1:{running.dicom_port}", *files)

    done = asyncio.run(run())
    assert done.exit_code == 0, done.output
    assert shown == [0.5, 1]


@needs_corpus
def test_a_disc_of_several_patients_names_them_and_makes_none(state: Path, tmp_path: Path) -> None:
    files = [CORPUS / "mr" / "MR_small.dcm", CORPUS / "ct" / "CT_small.dcm"]
    done = gravure("disc", *files, "-o", tmp_path / "disc.iso")
    assert done.exit_code == 2 and "--split" in done.output and not (tmp_path / "disc.iso").exists()
    assert gravure("disc", *files, "-o", tmp_path / "disc.iso", "--split").exit_code == 0
    assert {file.name for file in tmp_path.glob("*.iso")} == {"disc-patient1of2.iso", "disc-patient2of2.iso"}


@pytest.mark.parametrize("command", ["film", "disc"])
def test_what_is_made_takes_the_place_of_no_device(command: str, tmp_path: Path) -> None:
    file = written(tmp_path / "in", instance(1))[0]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    for place in (pipe, tmp_path / "link"):
        done = gravure(command, file, "-o", place)
        assert done.exit_code == 2 and "a device or a pipe" in done.output, done.output
    assert pipe.is_fifo()


def test_a_pipe_is_no_disc(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = gravure("validate", tmp_path / "pipe")
    assert done.exit_code == 2 and "neither a folder nor a file" in done.output


@pytest.mark.parametrize("command", [("status",), ("jobs",), ("job", "x"), ("peers",), ("cancel", "x")])
def test_a_state_folder_that_is_none_is_said(command: tuple[str, ...], state: Path) -> None:
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text("a file")
    done = gravure(*command)
    assert done.exit_code == 1 and f"{state}: Not a directory" in done.output


@pytest.mark.parametrize("port", [0, 65536, 99999])
def test_a_port_that_there_is_not_is_said(port: int, state: Path) -> None:
    done = gravure("echo", f"NOBODY@127.0.0.1:{port}")
    assert done.exit_code == 2 and "from 1 to 65535" in done.output


@pytest.mark.parametrize("most", ["0", "-1"])
def test_as_many_associations_as_there_may_be(most: str) -> None:
    assert gravure("peers", "--most", most).exit_code == 2


def test_a_terminal_of_another_alphabet_and_a_full_disk_are_no_fault(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "appliance", "--help"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert b"?" not in done.stdout and not done.stderr
    command[-1:] = ["film", "--help"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    assert b"IMAGE?" in done.stdout and not done.stderr
    with Path("/dev/full").open("wb") as full:
        command[-2:] = ["conformance"]
        ended = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 1 and ended.stderr.strip() == b"No space left on device"


def test_what_a_peer_says_moves_no_cursor(state: Path) -> None:
    log = DialogueLog(state / "dialogues")
    one = log.began("a1", "192.0.2.1")
    one.calling_ae_title, one.implementation_version_name = "CT", "\x1b[2J\r\x07\x9b\u202eEVIL"
    log.ended(one, "released")
    log.close()
    for command in (("peers",), ("peers", "--json")):
        shown = gravure(*command).output
        assert "EVIL" in shown and not set(shown) & set("\x1b\r\x07\x9b\u202e")
    assert json.loads(shown)[0]["implementation_version_name"] == one.implementation_version_name


@pytest.fixture
def anywhere() -> Iterator[Path]:
    """A folder that other users may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed")
def test_who_may_read_the_state_folder_reads_jobs_without_a_daemon(anywhere: Path) -> None:
    state = anywhere / "state? of #1"
    state.mkdir(mode=0o755)
    (anywhere / "gravure.toml").write_text(f'[appliance]\nstate = "{state}"\n')
    database = Database(state / "gravure.db")
    database.migrate()
    job = Jobs(database).create(NewJob("film", "FILM"))
    database.close()
    (state / "gravure.db").chmod(0o644)
    (state / "dialogues").mkdir(mode=0o700)
    as_reader = ("setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", sys.executable, "-m", "appliance")

    def ask(command: str) -> subprocess.CompletedProcess[str]:
        asked = [*as_reader, command, "--config", str(anywhere / "gravure.toml")]
        return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)

    shown = ask("jobs")
    assert shown.returncode == 0 and job.id in shown.stdout, shown.stderr
    assert sorted(one.name for one in state.iterdir()) == ["dialogues", "gravure.db"]
    refused = ask("peers")
    assert refused.returncode == 1 and f"{state}/dialogues is for its own user alone: ask as root" in refused.stderr
