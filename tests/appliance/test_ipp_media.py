"""A console asks for film or for paper, and the printer takes it from the tray that has it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.appliance.print_rig import NetworkConsole
from tests.appliance.test_ipp import TOML, console
from tests.ipp_printer import IppPrinter, until
from tests.printing.console import image
from tests.serving import Serving

pytestmark = [
    pytest.mark.peers("cups-ipp-utils", "avahi-daemon", "dbus"),
    pytest.mark.skipif(os.getuid() != 0, reason="avahi needs root"),
]
A4 = "MEMBER collection media-size { MEMBER integer x-dimension 21000 MEMBER integer y-dimension 29700 }"
TWO_TRAYS = f"""
ATTR resolution pwg-raster-document-resolution-supported 100dpi
ATTR keyword pwg-raster-document-type-supported sgray_8
ATTR keyword media-col-supported media-size,media-type,media-source
ATTR keyword media-supported iso_a4_210x297mm
ATTR keyword media-default iso_a4_210x297mm
ATTR keyword media-ready iso_a4_210x297mm,iso_a4_210x297mm
ATTR collection media-size-supported {{ MEMBER integer x-dimension 21000 MEMBER integer y-dimension 29700 }}
ATTR keyword media-type-supported stationery,transparency
ATTR keyword media-source-supported main,by-pass-tray
ATTR collection media-col-default {{ {A4} MEMBER keyword media-type stationery }}
ATTR collection media-col-ready {{ {A4} MEMBER keyword media-type stationery MEMBER keyword media-source main }},
    {{ {A4} MEMBER keyword media-type transparency MEMBER keyword media-source by-pass-tray }}
"""


@pytest.fixture(scope="module")
def printer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IppPrinter]:
    """Paper and clear film of one size."""
    folder = tmp_path_factory.mktemp("printer")
    (folder / "trays.conf").write_text(TWO_TRAYS)
    one = IppPrinter(folder / "printer", "", ("-a", str(folder / "trays.conf")))
    try:
        yield one.start()
    finally:
        one.stop()


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory, printer: IppPrinter) -> Iterator[Serving]:
    one = Serving(tmp_path_factory.mktemp("appliance"), f'url = "{printer.url}"', TOML).start()
    yield one
    one.kill()


@pytest.mark.parametrize(
    ("medium", "taken", "told"),
    [
        (None, "stationery", []),  # as long as nobody has looked, an office printer is one of paper
        ("CLEAR FILM", "transparency", []),
        ("PAPER", "stationery", []),
        ("BLUE FILM", "transparency", ["BLUE FILM is not loaded in iso_a4_210x297mm: printed on CLEAR FILM"]),
    ],
)
def test_a_film_comes_out_of_the_tray_that_has_its_medium(
    appliance: Serving, printer: IppPrinter, medium: str | None, taken: str, told: list[str]
) -> None:
    before = len(printer.sheets)
    send(console(appliance), medium)
    job = appliance.all_ended(before + 1)[-1]
    assert job["state"] == "DONE", job
    assert [warning for warning in job["warnings"] if "loaded" in warning] == told
    until(lambda: len(printer.sheets) == before + 1, "not one sheet")
    assert f"media-type={taken}" in printer.sheets[-1].with_suffix(".env").read_text()


def send(one: NetworkConsole, medium: str | None) -> None:
    session = {} if medium is None else {"MediumType": medium}
    assert one.film_session(**session).status == 0
    one.film_box(FilmSizeID="A4")
    assert one.image_box(1, image(8, 8)).status == 0
    assert one.print_film().status == 0
