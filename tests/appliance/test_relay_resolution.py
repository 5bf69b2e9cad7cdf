"""A film imager whose own resolution is HIGH (PS3.3 C.13.13): what consoles hear of it, and what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt

from printing.printer import Medium, Printer, Takes
from printing.printer_configuration import DEFAULT_PRINTER_RESOLUTION_ID, configuration_values
from printing.terms import FILM_BOX, FILM_SESSION, GRAYSCALE_IMAGE_BOX, GRAYSCALE_META, PRINTER, PRINTER_CONFIGURATION
from tests.appliance.print_rig import NetworkConsole
from tests.serving import Serving, serving

TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[printers.FILM]
output = "dicom"
peer = "DRYPIX"
imager.optional_classes = []
[peers.DRYPIX]
ae_title = "IMAGER"
address = "127.0.0.1"
port = {more}
"""


class FineImager:
    """508 dpi as STANDARD, 1016 as HIGH, which it prints with unless it is told otherwise."""

    def __init__(self) -> None:
        self.films: list[Dataset] = []
        entity = AE("IMAGER")
        for one in (GRAYSCALE_META, PRINTER_CONFIGURATION):
            entity.add_supported_context(one)
        handlers: Any = [
            (evt.EVT_N_CREATE, self._create),
            (evt.EVT_N_GET, self._get),
            *((kind, lambda event: (0x0000, None)) for kind in (evt.EVT_N_SET, evt.EVT_N_ACTION)),
            (evt.EVT_N_DELETE, lambda event: 0x0000),
        ]
        self._server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port: int = self._server.socket.getsockname()[1]  # type: ignore[union-attr]

    def _create(self, event: Any) -> tuple[int, Dataset]:
        answer = Dataset()
        answer.AffectedSOPInstanceUID = event.request.AffectedSOPInstanceUID
        if event.request.AffectedSOPClassUID == FILM_BOX:
            self.films.append(event.attribute_list)
            box = Dataset()
            box.ReferencedSOPClassUID, box.ReferencedSOPInstanceUID = GRAYSCALE_IMAGE_BOX, generate_uid()
            answer.ReferencedImageBoxSequence = [box]
        return 0x0000, answer

    def _get(self, event: Any) -> tuple[int, Dataset]:
        answer = Dataset()
        if event.request.RequestedSOPClassUID == PRINTER:
            answer.PrinterStatus, answer.PrinterStatusInfo = "NORMAL", "NORMAL"
            return 0x0000, answer
        item, formats = Dataset(), []
        for name, spacing in (("HIGH", "0.025"), ("STANDARD", "0.05")):
            one = Dataset()
            one.PrinterResolutionID, one.PrinterPixelSpacing = name, [spacing, spacing]
            formats.append(one)
        item.SOPClassesSupported = [GRAYSCALE_META, FILM_SESSION, FILM_BOX]
        item.DefaultPrinterResolutionID, item.SupportedImageDisplayFormatsSequence = "HIGH", formats
        answer.PrinterConfigurationSequence = [item]
        return 0x0000, answer

    def off(self) -> None:
        self._server.shutdown()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[tuple[Serving, FineImager]]:
    imager = FineImager()
    try:
        with serving(tmp_path, str(imager.port), TOML) as one:
            one.gravure("status", check=False)  # it has been looked at
            yield one, imager
    finally:
        imager.off()


@pytest.mark.parametrize(
    ("asked", "answered", "sent"),
    [
        ({}, "HIGH", None),
        ({"RequestedResolutionID": "HIGH"}, "HIGH", None),
        ({"RequestedResolutionID": "STANDARD"}, "STANDARD", "STANDARD"),
    ],
)
def test_the_imagers_own_resolution_is_the_default(
    relay: tuple[Serving, FineImager], asked: dict[str, str], answered: str, sent: str | None
) -> None:
    one, imager = relay
    console = NetworkConsole(None, one.port)
    console.film_session()
    answer = console.film_box(**asked)
    assert answer.status == 0 and answer.data is not None and answer.data.RequestedResolutionID == answered
    assert console.image_box().status == 0 and console.print_film().status == 0
    (job,) = one.all_ended()
    assert (job["state"], job["warnings"]) == ("DONE", [])
    (film,) = imager.films
    assert film.get("RequestedResolutionID") == sent
    console.close()


def test_the_default_is_told_by_printer_configuration() -> None:
    takes = Takes((Medium("BLUE FILM", "14INX17IN"),), bit_depth=12, dpi=508, high_dpi=1016, resolution_id="HIGH")
    for found, default in ((takes, "HIGH"), (Takes(takes.media, dpi=508, resolution_id="HIGH"), "STANDARD")):
        (sequence,) = configuration_values(Printer().taking(found)).values()
        assert isinstance(sequence, tuple)
        for item in sequence:
            assert isinstance(item, dict) and item[DEFAULT_PRINTER_RESOLUTION_ID] == default
