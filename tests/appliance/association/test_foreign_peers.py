"""Foreign requestors on the acceptor: DCMTK's echoscu and storescu, and pynetdicom, as they are."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import UserIdentityNegotiation

from appliance.association.message import Ending, Request, Response
from tests.appliance.association.acceptor import Acceptor, accepting
from tests.appliance.association.peer import CT_IMAGE_STORAGE, GRAYSCALE_META, PRINTER, PRINTER_INSTANCE, VERIFICATION

ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}


def serve(tmp_path: Path, foreign: Callable[[Acceptor], None], **options: object) -> Acceptor:
    """Run foreign code in a thread beside the acceptor."""

    async def run() -> Acceptor:
        async with accepting(tmp_path, **options) as acceptor:  # type: ignore[arg-type]
            await asyncio.to_thread(foreign, acceptor)
        return acceptor

    return asyncio.run(run())


def dcmtk(acceptor: Acceptor, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A DCMTK program by its full path, on the acceptor's port."""
    name, *options = arguments
    files = [one for one in options if one.endswith(".dcm")]
    rest = [one for one in options if not one.endswith(".dcm")]
    command = [f"/usr/bin/{name}", *rest, "127.0.0.1", str(acceptor.port), *files]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT)


def instance(file: Path, syntax: UID, rows: int = 64) -> Path:
    """A small CT file."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = CT_IMAGE_STORAGE, generate_uid(entropy_srcs=[file.name])
    data.PatientName, data.Rows, data.Columns, data.BitsAllocated = "A^B", rows, rows, 16
    data.PixelData = bytes(rows * rows * 2)
    data["PixelData"].VR = "OW"
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = syntax, data.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta = meta
    dcmwrite(file, data, enforce_file_format=True)
    return file


# What echoscu is told, its exit status and what it says.
ECHOES = (
    (("-aec", "GRAVURE"), 0, "Received Echo Response (Success)"),
    (("-aec", "FILM"), 0, "Received Echo Response (Success)"),
    (("-aec", "SPOOL", "--repeat", "20"), 0, "Received Echo Response (Success)"),
    (("-aec", "FILM", "-pts", "38"), 0, "Received Echo Response (Success)"),
    (("-aec", "FILM", "-ppc", "128"), 0, "Received Echo Response (Success)"),
    (("-aec", "FILM", "--max-pdu", "4096"), 0, "Received Echo Response (Success)"),
    (("-aec", "FILM", "--abort"), 0, "Aborting Association"),
    (("-aec", "NOBODY"), 1, "Called AE Title Not Recognized"),
)


@pytest.mark.peers("dcmtk")
@pytest.mark.parametrize(("arguments", "status", "words"), ECHOES, ids=[" ".join(one[0]) for one in ECHOES])
def test_echoscu(arguments: tuple[str, ...], status: int, words: str, tmp_path: Path) -> None:
    def foreign(acceptor: Acceptor) -> None:
        done = dcmtk(acceptor, "echoscu", "-v", *arguments)
        assert done.returncode == status and words in done.stdout + done.stderr, done.stdout + done.stderr

    acceptor = serve(tmp_path, foreign)
    assert len(acceptor.opened) == (1 if status == 0 else 0)
    if "--abort" in arguments:
        assert acceptor.endings == [Ending.ABORTED_BY_PEER]


@pytest.mark.peers("dcmtk")
@pytest.mark.parametrize("maximum", ("4096", "131072"))
def test_storescu(maximum: str, tmp_path: Path) -> None:
    files = [
        str(instance(tmp_path / f"{number}.dcm", syntax, rows))
        for number, (syntax, rows) in enumerate(
            ((ExplicitVRLittleEndian, 8), (ImplicitVRLittleEndian, 64), (ExplicitVRLittleEndian, 600))
        )
    ]

    def foreign(acceptor: Acceptor) -> None:
        done = dcmtk(
            acceptor, "storescu", "-v", "-aec", "STORE", "--max-pdu", maximum, "--max-send-pdu", maximum, *files
        )
        assert done.returncode == 0, done.stdout + done.stderr

    acceptor = serve(tmp_path, foreign)
    assert [one.size > 600 * 600 * 2 for one in acceptor.served] == [False, False, True]
    assert acceptor.endings == [Ending.RELEASED]


def test_pynetdicom_prints_asks_and_hears_events(tmp_path: Path) -> None:
    heard: list[int] = []

    async def answer(request: Request) -> Response:
        if request.sop_class_uid == PRINTER:
            return Response(0x0000, None, b"\x10\x21\x10\x00\x06\x00\x00\x00NORMAL")
        return Response(0x0000, "1.2.3.4" if request.sop_instance_uid is None else None)

    def foreign(acceptor: Acceptor) -> None:
        acceptor.answer = answer
        entity = AE("CONSOLE")
        entity.add_requested_context(GRAYSCALE_META, ImplicitVRLittleEndian)
        entity.add_requested_context(VERIFICATION)
        who = UserIdentityNegotiation()
        who.user_identity_type, who.primary_field, who.secondary_field = 2, b"name", b"passcode"
        who.positive_response_requested = True

        def event_handler(event: evt.Event) -> tuple[int, None]:
            heard.append(int(event.event_type or 0))
            return 0x0000, None

        association = entity.associate(
            "127.0.0.1",
            acceptor.port,
            ae_title="FILM",
            ext_neg=[who],
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, event_handler)],
        )
        assert association.is_established
        assert association.acceptor.user_identity is not None
        assert association.acceptor.maximum_length == 131072
        status, got = association.send_n_get(
            [Tag(0x21100010), Tag(0x21100020)], PRINTER, PRINTER_INSTANCE, meta_uid=GRAYSCALE_META
        )
        assert status.Status == 0x0000 and got is not None and got.PrinterStatus == "NORMAL"
        session = Dataset()
        session.NumberOfCopies = 1
        status, _ = association.send_n_create(session, "1.2.840.10008.5.1.1.1", meta_uid=GRAYSCALE_META)
        assert status.Status == 0x0000
        (ours,) = acceptor.opened
        printer = ours.accepted(GRAYSCALE_META)
        assert printer is not None
        sent = asyncio.run_coroutine_threadsafe(
            ours.send_event_report(printer, PRINTER, PRINTER_INSTANCE, 2, None), loops[0]
        )
        assert sent.result(30) == 0x0000
        assert association.send_c_echo().Status == 0x0000
        association.release()
        assert association.is_released

    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> Acceptor:
        async with accepting(tmp_path) as acceptor:
            loops.append(asyncio.get_running_loop())
            await asyncio.to_thread(foreign, acceptor)
        return acceptor

    acceptor = asyncio.run(run())
    assert heard == [2] and acceptor.endings == [Ending.RELEASED]


def test_pynetdicom_reads_a_rejection(tmp_path: Path) -> None:
    def foreign(acceptor: Acceptor) -> None:
        entity = AE("CONSOLE")
        entity.add_requested_context(VERIFICATION)

        def pdu_handler(event: evt.Event) -> None:
            heard.append(event.pdu)
            came.set()

        association = entity.associate(
            "127.0.0.1", acceptor.port, ae_title="NOBODY", evt_handlers=[(evt.EVT_PDU_RECV, pdu_handler)]
        )
        # Not `is_rejected`: an answer that comes before pynetdicom looks whether it is connected counts as an abort.
        assert came.wait(30) and not association.is_established
        (rejected,) = heard
        assert (rejected.result, rejected.source, rejected.reason_diagnostic) == (1, 1, 7)

    heard: list[Any] = []
    came = threading.Event()
    serve(tmp_path, foreign)
