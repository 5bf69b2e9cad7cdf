"""Icons of series (PS3.3 §F.5.3, §F.7), as DCMTK reads them from the DICOMDIR."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from media.icons import SIDE, NoIcon, icon_of
from media.job import ICON_BYTES, make_disc
from tests.appliance.test_discs_end_to_end import the_disc, unpacked
from tests.instances import instance, written
from tests.media.test_job import request_of
from tests.serving import DEFAULT, Serving, statuses

HALF = SIDE // 2


def halves(dark: int, bright: int, rows: int = 128, columns: int = 128) -> NDArray[Any]:
    """An image, dark on the left and bright on the right."""
    pixels = np.full((rows, columns), dark, "<u2")
    pixels[:, columns // 2 :] = bright
    return pixels


def gray(number: int = 1, pixels: NDArray[Any] | None = None, **changes: Any) -> Any:
    pixels = halves(100, 1100) if pixels is None else pixels
    rows, columns = pixels.shape
    return instance(number, Rows=rows, Columns=columns, PixelData=pixels.tobytes(), **changes)


def shown(folder: Path, *data_sets: Any) -> NDArray[Any]:
    icon = icon_of(written(folder, *data_sets))
    assert (icon.rows, icon.columns) == (SIDE, SIDE)
    return np.frombuffer(icon.pixels, np.uint8).reshape(SIDE, SIDE)


@pytest.mark.parametrize(
    ("changes", "left", "right"),
    [
        ({}, 0, 255),
        ({"PhotometricInterpretation": "MONOCHROME1"}, 255, 0),
        ({"WindowCenter": 600.5, "WindowWidth": 2001}, 63, 191),  # -400 to 1600
        ({"WindowCenter": [600.5, 40], "WindowWidth": [2001, 400]}, 63, 191),
        ({"WindowCenter": -399.5, "WindowWidth": 2001, "RescaleSlope": 1, "RescaleIntercept": -1000}, 63, 191),
        ({"WindowCenter": "", "WindowWidth": ""}, 0, 255),
    ],
)
def test_an_icon_shows_what_the_image_shows(tmp_path: Path, changes: dict[str, Any], left: int, right: int) -> None:
    found = shown(tmp_path, gray(**changes))
    assert set(found[:, :HALF].flat) == {left} and set(found[:, HALF:].flat) == {right}


def test_it_keeps_its_proportions_with_black_around(tmp_path: Path) -> None:
    found = shown(tmp_path, gray(pixels=halves(1000, 1000, 100, 50) + halves(0, 1000, 100, 50)))
    assert not found[:, :16].any() and not found[:, 48:].any() and not found[:, 16:32].any()
    assert set(found[:, 32:48].flat) == {255}


def test_the_middle_image_of_a_series_and_the_middle_frame_of_an_image(tmp_path: Path) -> None:
    flipped = halves(1100, 100)
    found = shown(tmp_path / "series", gray(1, flipped), gray(2), gray(3, flipped))
    assert not found[:, :HALF].any()
    frames = gray(1, flipped, NumberOfFrames=3)
    frames.PixelData = flipped.tobytes() + halves(100, 1100).tobytes() + flipped.tobytes()
    assert np.array_equal(shown(tmp_path / "frames", frames), found)


def test_colour_becomes_grey(tmp_path: Path) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, HALF:] = (255, 0, 0)
    data = instance(SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, Rows=64, Columns=64)
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelData = 8, 8, 7, pixels.tobytes()
    found = shown(tmp_path, data)
    assert set(found[:, :HALF].flat) == {0} and set(found[:, HALF:].flat) == {76}


@pytest.mark.parametrize("broken", [{"PixelData": b"\0\0"}, {"Rows": 65535, "Columns": 65535}, {"BitsAllocated": 7}])
def test_what_cannot_be_shown_has_no_icon(tmp_path: Path, broken: dict[str, Any]) -> None:
    with pytest.raises(NoIcon):
        icon_of(written(tmp_path, instance(**broken)))


def icons_by_dcmtk(directory: Path, folder: Path) -> list[NDArray[Any]]:
    """What dcmdump finds in the DICOMDIR as pixels."""
    folder.mkdir()
    command = ["/usr/bin/dcmdump", "+W", folder, directory]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.count("IconImageSequence") == len(list(folder.iterdir()))
    return [np.fromfile(file, np.uint8).reshape(SIDE, SIDE) for file in sorted(folder.iterdir())]


@pytest.mark.peers("dcmtk", "dicom3tools")
@pytest.mark.parametrize("profile", ["STD-GEN-CD", "STD-GEN-DVD-JPEG"])
def test_a_disc_has_one_for_each_series_that_others_read(tmp_path: Path, profile: str) -> None:
    files = written(tmp_path / "in", gray(1, series=1), gray(2, series=1), gray(1, halves(1100, 100), series=2))
    for file in files:  # lossless JPEG: decoded for the CD, kept on the DVD
        subprocess.run(["/usr/bin/dcmcjpeg", "+e1", file, file], check=True)
    no_picture = instance(series=3, SOPClassUID="1.2.840.10008.5.1.4.1.1.66", ContentDate="20260101", ContentTime="10")
    written(tmp_path / "in" / "raw", no_picture)
    medium = "DVD" if "DVD" in profile else "CD-80"
    request = request_of(tmp_path / "in", output="folder", icons=True, profile=profile, medium=medium)
    result = make_disc(request, tmp_path / "work")
    assert not any("icon" in warning for warning in result.warnings)
    directory = result.files[0] / "DICOMDIR"
    first, second = icons_by_dcmtk(directory, tmp_path / "icons")
    assert set(first[:, :HALF].flat) == {0} and set(first[:, HALF:].flat) == {255}
    assert np.array_equal(second, first[:, ::-1])
    said = subprocess.run(["dciodvfy", directory], capture_output=True, text=True)
    assert "Error" not in said.stdout + said.stderr
    said = subprocess.run(["dcdirdmp", directory], capture_output=True, text=True)
    assert "Error" not in said.stdout + said.stderr
    plain = make_disc(request_of(tmp_path / "in", output="folder", profile=profile, medium=medium), tmp_path / "plain")
    grown = directory.stat().st_size - (plain.files[0] / "DICOMDIR").stat().st_size
    assert 2 * SIDE * SIDE < grown <= 2 * ICON_BYTES


def test_a_series_that_cannot_be_shown_is_told_and_on_the_disc(tmp_path: Path) -> None:
    written(tmp_path / "in", instance(PixelData=b"\0\0"))
    result = make_disc(request_of(tmp_path / "in", output="folder", icons=True), tmp_path / "work")
    assert "DICOMDIR: 1 series without an icon, as their images cannot be shown" in result.warnings
    assert len(list(result.files[0].glob("DICOM/**/IM*"))) == 1


@pytest.mark.peers("dcmtk", "libarchive-tools")
def test_a_disc_station_makes_them_in_its_child(tmp_path: Path) -> None:
    one = Serving(tmp_path, toml=DEFAULT.replace("quiet_seconds = 1", "quiet_seconds = 1\nicons = true")).start()
    try:
        assert statuses(one.storescu(*written(tmp_path / "in", gray()))) == ["Success"]
        disc = unpacked(the_disc(one), tmp_path / "disc")
    finally:
        one.kill()
    (icon,) = icons_by_dcmtk(disc / "DICOMDIR", tmp_path / "icons")
    assert set(icon[:, :HALF].flat) == {0} and set(icon[:, HALF:].flat) == {255}
