"""What the command line says where all is well: one appliance, asked as a field engineer asks it after installing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner
from pynetdicom import AE, evt

from appliance.cli import cli
from tests.instances import CT, instance, written
from tests.serving import ROOT, Serving, serving

DEFLATED = "1.2.840.10008.1.2.1.99"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("cli")) as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return written(tmp_path / "in", *(instance(number) for number in (1, 2, 3)))


def peer(one: Serving, ae_title: str) -> str:
    return f"{ae_title}@127.0.0.1:{one.port}"


def alone(*arguments: object) -> str:
    """A command that needs no daemon and no configuration."""
    command = [sys.executable, "-m", "appliance", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout


def test_echo_is_answered(one: Serving) -> None:
    assert f"FILM at 127.0.0.1:{one.port} answers 0000" in one.gravure("echo", peer(one, "FILM")).stdout


def test_sent_files_and_folders_are_kept(one: Serving, files: list[Path]) -> None:
    said = one.gravure("send", peer(one, "STORE"), str(files[0].parent)).stdout
    assert said.splitlines()[-1] == "3 of 3 instances taken"
    kept = {pydicom.dcmread(file).SOPInstanceUID for file in (one.state / "store").glob("??/*")}
    assert kept == {pydicom.dcmread(file).SOPInstanceUID for file in files}


@pytest.mark.parametrize(
    ("status", "comment", "words"),
    [(0xA700, "tray full\r\x1b[2J", "A700 tray full"), (0xA700, "", "A700 Refused"), (0xC123, "", "C123")],
)
def test_a_file_that_is_refused_is_named_with_status_and_comment_or_the_standards_words(
    files: list[Path], status: int, comment: str, words: str
) -> None:
    def answer(_: evt.Event) -> pydicom.Dataset:
        answered = pydicom.Dataset()
        answered.Status = status
        if comment:
            answered.ErrorComment = comment
        return answered

    other = AE("OTHER")
    other.add_supported_context(CT)
    server = other.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, answer)])
    try:
        called = f"OTHER@127.0.0.1:{server.server_address[1]}"
        done = CliRunner().invoke(cli, ["send", called, str(files[0])])
    finally:
        server.shutdown()
    assert done.exit_code == 1 and f"{files[0]}: {words}" in done.stdout and "\x1b" not in done.stdout


def test_a_peer_that_hangs_up_is_told_for_each_file(files: list[Path]) -> None:
    def hang_up(event: evt.Event) -> int:
        event.assoc.abort()
        return 0xC000

    other = AE("OTHER")
    other.add_supported_context(CT)
    server = other.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, hang_up)])
    try:
        called = f"OTHER@127.0.0.1:{server.server_address[1]}"
        done = CliRunner().invoke(cli, ["send", called, *map(str, files)])
    finally:
        server.shutdown()
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert all(str(file) in done.stdout for file in files) and "0 of 3 instances taken" in done.stdout


def test_printed_images_become_a_film_and_peers_tells_of_it(one: Serving, files: list[Path]) -> None:
    before = len(one.asked())
    said = one.gravure("print", "--layout", "2x1", peer(one, "FILM"), *map(str, files)).stdout
    assert said.strip() == "FILM took 2 films"
    jobs = one.all_ended(before + 2)[before:]
    assert [job["state"] for job in jobs] == ["DONE", "DONE"]
    for job in jobs:
        (pdf,) = (Path(file) for file in job["files"] if file.endswith(".pdf"))
        assert pdf.read_bytes().startswith(b"%PDF-")
    told = one.gravure("peers", "--most", "1").stdout
    assert "GRAVURE at 127.0.0.1 → FILM" in told and told.endswith("    released\n")
    assert "Basic Grayscale Print Management Meta SOP Class" in told and "accepted: 1.2.840.10008.1.2" in told
    assert [line.split() for line in told.splitlines()].count(["N_ACTION_RQ", "0000"]) == 2, told


def test_peers_says_what_was_offered_and_not_taken(one: Serving) -> None:
    caller = AE("ODD")
    caller.add_requested_context(CT, DEFLATED)
    association = caller.associate("127.0.0.1", one.port, ae_title="STORE")
    association.abort()
    told = one.gravure("peers", "--most", "1").stdout
    assert "ODD at" in told and f"no common transfer syntax: {DEFLATED}\n" in told


def test_a_film_without_a_network(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "film.pdf"
    assert alone("film", "--dpi", 50, "-o", out, *files).strip() == f"{out}: 1 film"
    assert out.read_bytes().startswith(b"%PDF-")


def test_a_disc_without_a_network_is_found_fine(files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "disc.iso"
    alone("disc", files[0].parent, "-o", out)
    assert alone("validate", out).splitlines()[-1] == f"{out}: fine"


def test_the_conformance_statement_is_the_one_in_the_docs() -> None:
    printed = (ROOT / "docs/generated/conformance.md").read_text()
    assert alone("conformance", "--format", "md").strip() == printed.partition("\n")[2].strip()
