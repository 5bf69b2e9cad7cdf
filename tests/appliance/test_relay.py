"""Films on a film imager: dcmprscp gets the pixels that the console sent, in a permissive and a restricted profile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from tests.appliance.print_rig import NetworkConsole
from tests.film_imager import PERMISSIVE, RESTRICTED, Imager
from tests.ipp_printer import until
from tests.serving import Serving

pytestmark = pytest.mark.peers("dcmtk")

TOML = """
[appliance]
state = "{state}"
disk_reserve_mb = 1
[listen]
port = 0
[access]
unknown_peers = "accept"
[printers.FILM]
output = "dicom"
peer = "DRYPIX"
{more}
"""


@pytest.fixture
def relay(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Serving, Imager]]:
    profile, *keys = getattr(request, "param", (PERMISSIVE,))
    imager = Imager(tmp_path / "imager", profile)
    imager.on()
    more = "\n".join(keys)
    more += f'\n[peers.DRYPIX]\nae_title = "IMAGER"\naddress = "127.0.0.1"\nport = {imager.port}'
    one = Serving(tmp_path, more, TOML).start()
    yield one, imager
    one.kill()
    imager.off()


def console(one: Serving, **more: Any) -> NetworkConsole:
    return NetworkConsole(None, one.port, **more)


def picture(bits: int, rows: int = 24, columns: int = 32, seed: int = 1, photometric: str = "MONOCHROME2") -> Dataset:
    item = Dataset()
    item.SamplesPerPixel, item.PhotometricInterpretation = 1, photometric
    item.Rows, item.Columns = rows, columns
    item.BitsAllocated, item.BitsStored, item.HighBit = (16 if bits > 8 else 8), bits, bits - 1
    item.PixelRepresentation = 0
    pixels = np.random.default_rng(seed).integers(0, 1 << bits, (rows, columns))
    item.add_new(0x7FE00010, "OW", pixels.astype("<u2" if bits > 8 else "u1").tobytes())
    return item


def samples(one: Dataset) -> np.ndarray:
    kind = "<u2" if one.BitsAllocated > 8 else "u1"
    return np.frombuffer(one.PixelData, kind, one.Rows * one.Columns).reshape(one.Rows, one.Columns)


def print_film(one: NetworkConsole, *pictures: Dataset, **film: Any) -> None:
    assert one.film_session().status == 0
    assert one.film_box(rf"STANDARD\1,{len(pictures)}", **film).status == 0
    for number, item in enumerate(pictures, 1):
        assert one.image_box(number, item).status == 0
    assert one.print_film().status == 0


@pytest.mark.parametrize("bits", [8, 12])
def test_a_permissive_imager_gets_the_same_pixels(relay: tuple[Serving, Imager], bits: int) -> None:
    one, imager = relay
    sent = [picture(bits, seed=1), picture(bits, seed=2)]
    print_film(console(one), *sent, BorderDensity="WHITE", Trim="YES")
    (job,) = one.all_ended()
    assert job["state"] == "DONE", job["error"]
    assert job["warnings"] == []
    assert [samples(found).tolist() for found in imager.images()] == [samples(item).tolist() for item in sent]
    (film,) = imager.films()
    box = film.FilmBoxContentSequence[0]
    assert (box.ImageDisplayFormat, box.FilmSizeID, box.Trim) == (r"STANDARD\1,2", "14INX17IN", "YES")
    assert box.BorderDensity == "WHITE"


@pytest.mark.parametrize("relay", [(RESTRICTED, "imager.bits = 8")], indirect=True)
def test_a_restricted_imager_gets_what_it_takes_and_the_rest_is_told(relay: tuple[Serving, Imager]) -> None:
    one, imager = relay
    sent = picture(12)
    print_film(console(one), sent, BorderDensity="WHITE", Trim="YES")
    (job,) = one.all_ended()
    assert job["state"] == "DONE", job["error"]
    assert any("the imager does not take all of" in warning and "Trim" in warning for warning in job["warnings"])
    (found,) = imager.images()
    assert found.BitsStored == 8
    assert np.array_equal(samples(found), np.floor(samples(sent) / 4095 * 255 + 0.5))


@pytest.mark.parametrize("relay", [(PERMISSIVE,), (RESTRICTED, "imager.bits = 8")], indirect=True)
def test_a_presentation_lut_goes_with_the_film_or_into_its_pixels(relay: tuple[Serving, Imager]) -> None:
    one, imager = relay
    at = console(one, more=("1.2.840.10008.5.1.1.23",))
    item = Dataset()
    item.add_new(0x00283002, "US", [4096, 0, 12])
    table = (np.arange(4096) ** 2 // 4095).astype("<u2")
    item.add_new(0x00283006, "OW", table.tobytes())
    lut = at.presentation_lut(PresentationLUTSequence=[item])
    assert lut.status == 0
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.1.23", lut.uid
    sent = picture(12)
    print_film(at, sent, ReferencedPresentationLUTSequence=[reference])
    (job,) = one.all_ended()
    assert job["state"] == "DONE", job["error"]
    (found,) = imager.images()
    if found.BitsStored == 12:
        assert np.array_equal(samples(found), samples(sent))
        (film,) = imager.films()
        (kept,) = film.PresentationLUTContentSequence[0].PresentationLUTSequence
        data = kept.LUTData if isinstance(kept.LUTData, bytes) else np.array(kept.LUTData, "<u2").tobytes()
        assert data == table.tobytes()
    else:
        assert np.array_equal(samples(found), np.floor(table[samples(sent)] / 4095 * 255 + 0.5))


def test_an_imager_that_is_off_gets_its_films_later_and_once(relay: tuple[Serving, Imager]) -> None:
    one, imager = relay
    imager.off()
    print_film(console(one), picture(8, seed=5))
    (job,) = one.until(lambda jobs: "does not answer" in jobs[0]["error"])
    assert job["state"] == "PENDING"
    imager.on()
    (job,) = one.all_ended(seconds=60)
    assert job["state"] == "DONE" and len(imager.films()) == 1


def test_a_session_of_films_is_relayed_film_by_film(relay: tuple[Serving, Imager]) -> None:
    one, imager = relay
    at = console(one)
    assert at.film_session().status == 0
    for seed in (1, 2, 3):
        assert at.film_box(r"STANDARD\1,1").status == 0
        assert at.image_box(1, picture(12, seed=seed)).status == 0
    assert at.print_session().status == 0
    (job,) = one.all_ended()
    assert job["state"] == "DONE", job["error"]
    assert len(imager.films()) == 3
    expected = [samples(picture(12, seed=seed)).tolist() for seed in (1, 2, 3)]
    assert [samples(found).tolist() for found in imager.images()] == expected


@pytest.mark.parametrize("relay", [(PERMISSIVE.replace("12Bit = true", "12Bit = false"),)], indirect=True)
def test_an_imager_of_eight_bits_that_nobody_configured_gets_eight(relay: tuple[Serving, Imager]) -> None:
    one, imager = relay
    print_film(console(one), picture(12))
    (job,) = one.all_ended()
    assert job["state"] == "DONE", job["error"]
    assert imager.images()[-1].BitsStored == 8


def test_an_imager_without_the_layout_is_a_failure_in_words(relay: tuple[Serving, Imager]) -> None:
    one, imager = relay
    at = console(one)
    assert at.film_session().status == 0
    assert at.film_box(r"STANDARD\5,5").status == 0
    assert at.image_box(1, picture(8)).status == 0
    assert at.print_film().status == 0
    (job,) = one.all_ended()
    assert job["state"] == "FAILURE" and "the imager refused the film box: 0106" in job["error"]
    assert imager.films() == []


def test_monochrome1_and_reverse_stay_what_they_are(relay: tuple[Serving, Imager]) -> None:
    one, imager = relay
    at = console(one)
    assert at.film_session().status == 0
    assert at.film_box(r"STANDARD\1,1").status == 0
    assert at.image_box(1, picture(12, photometric="MONOCHROME1"), Polarity="REVERSE").status == 0
    assert at.print_film().status == 0
    (job,) = one.all_ended()
    assert job["state"] == "DONE", job["error"]
    (found,) = imager.images()
    assert found.PhotometricInterpretation == "MONOCHROME1"
    assert np.array_equal(samples(found), samples(picture(12)))


@pytest.mark.parametrize("relay", [(PERMISSIVE, 'status_policy = "truthful"')], indirect=True)
def test_the_imagers_trouble_is_the_printers(relay: tuple[Serving, Imager]) -> None:
    one, imager = relay
    imager.off()
    print_film(console(one), picture(8))
    until(lambda: "PRINTER OFFLINE" in one.log.read_text() or "PRINTER DOWN" in one.log.read_text(), "nothing told")
