"""Second opinions on grey: the GSDF in decimals of our own, DCMTK's display functions, DCMTK's Presentation LUTs.

`dcmdspfn` computes the luminance of each P-value of a hardcopy; `dcmp2pgm` renders an image through a Presentation LUT,
LIN OD included, for a film of 0.20 to 3.00 OD on 2000 and 10 cd/m². DCMTK takes the lowest value of LIN OD for the
lowest density, whatever the Photometric Interpretation; here it stays black in MONOCHROME2, as PS3.4 H.4.9.1 has it: a
Presentation LUT is not intended to alter the appearance of pixel values that Photometric Interpretation and Polarity
specify. The curve is the same one, seen from its other end.
"""

from __future__ import annotations

import math
import subprocess
from array import array
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from printing import grayscale
from printing.grayscale import Viewing
from printing.page import PresentationLUT

# PS3.14 §7.1 as printed: a to m of log10 L(j) = (a + c·x + e·x² + g·x³ + m·x⁴) / (1 + b·x + d·x² + f·x³ + h·x⁴ + k·x⁵).
A, B, C, D = (Decimal(text) for text in ("-1.3011877", "-2.5840191E-2", "8.0242636E-2", "-1.0320229E-1"))
E, F, G, H = (Decimal(text) for text in ("1.3646699E-1", "2.8745620E-2", "-2.5468404E-2", "-3.1978977E-3"))
K, M = Decimal("1.2992634E-4"), Decimal("1.3635334E-3")
TOLERANCE_OD = 0.0015


def luminance(j: Decimal) -> Decimal:
    x = j.ln()
    above = A + C * x + E * x**2 + G * x**3 + M * x**4
    return Decimal(10) ** (above / (1 + B * x + D * x**2 + F * x**3 + H * x**4 + K * x**5))


def index(light: Decimal) -> Decimal:
    low, high = Decimal(1), Decimal(1023)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if luminance(middle) < light else (low, middle)
    return low


def density(p_value: float, viewing: Viewing) -> float:
    """PS3.14 §7.2, by halves."""
    light, ambient = Decimal(viewing.illumination_cd_m2), Decimal(viewing.reflected_ambient_light_cd_m2)
    ends = [
        index(ambient + light * Decimal(10) ** (Decimal(-one) / 100))
        for one in (viewing.max_density_centi_od, viewing.min_density_centi_od)
    ]
    seen = luminance(ends[0] + Decimal(p_value) * (ends[1] - ends[0])) - ambient
    return float(-(seen / light).log10())


@settings(max_examples=60)
@given(st.integers(0, 499), st.integers(1, 500), st.integers(1, 65535), st.integers(0, 3992), st.floats(0.001, 0.999))
def test_ps3_14_7_2_every_film_that_the_function_can_show(
    lowest: int, highest: int, illumination: int, ambient: int, p_value: float
) -> None:
    viewing = Viewing(lowest, highest, illumination, ambient)
    darkest, brightest = (ambient + illumination * 10 ** (-one / 100) for one in (highest, lowest))
    assume(lowest < highest and darkest >= 0.05 and brightest <= 3993)
    assume(brightest - darkest > 1e-3 * brightest)  # else no number tells the densities of its P-values apart
    with localcontext() as context:
        context.prec = 30
        for p in (0.0, p_value, 1.0):
            assert abs(grayscale.p_value_density(p, viewing) - density(p, viewing)) < TOLERANCE_OD


@pytest.mark.peers("dcmtk")
@pytest.mark.parametrize(
    ("viewing", "tolerance"),
    [
        (Viewing(20, 300, 2000, 10), TOLERANCE_OD),
        (Viewing(20, 320, 2000, 10), TOLERANCE_OD),
        (Viewing(5, 210, 150, 0), TOLERANCE_OD),
        (Viewing(17, 280, 4000, 25), TOLERANCE_OD),
        # The standard's second formula, by which DCMTK finds the ends, is this far from the first one here.
        (Viewing(20, 400, 2000, 10), 0.007),
    ],
)
def test_ps3_14_7_2_dcmtk_has_the_same_densities(tmp_path: Path, viewing: Viewing, tolerance: float) -> None:
    out = tmp_path / "gsdf.txt"
    ends = (viewing.min_density_centi_od / 100, viewing.max_density_centi_od / 100)
    light, ambient = viewing.illumination_cd_m2, viewing.reflected_ambient_light_cd_m2
    subprocess.run(
        ["/usr/bin/dcmdspfn", "+Io", *map(str, ends), "+Ca", str(ambient), "+Ci", str(light), "+Og", out],
        check=True,
        capture_output=True,
    )
    rows = [line.split() for line in out.read_text().splitlines() if line[:1].isdigit()]
    assert len(rows) == 256
    for level, seen in rows:
        theirs = -math.log10((float(seen) - ambient) / light)
        assert abs(grayscale.p_value_density(int(level) / 255, viewing) - theirs) < tolerance, level


# -- Presentation LUTs -----------------------------------------------------------------------------------------------


def composite(sop_class_uid: str, instance: str, series: str, modality: str) -> Dataset:
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID, data.Modality = sop_class_uid, f"1.2.3.{instance}", modality
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3", f"1.2.3.{series}"
    data.PatientID = data.PatientName = "1"
    data.PatientBirthDate = data.PatientSex = data.StudyDate = data.StudyTime = ""
    data.AccessionNumber = data.StudyID = data.ReferringPhysicianName = ""
    data.InstanceNumber = data.SeriesNumber = "1"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = sop_class_uid
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    return data


def every_value(bits: int) -> Dataset:
    """An image that has each stored value once."""
    data = composite("1.2.840.10008.5.1.4.1.1.7", "1", "10", "OT")
    data.ConversionType, data.SamplesPerPixel, data.PhotometricInterpretation = "WSD", 1, "MONOCHROME2"
    data.Rows, data.Columns = (1 << bits) // 16, 16
    data.BitsAllocated, data.BitsStored, data.HighBit = (8 if bits == 8 else 16), bits, bits - 1
    data.PixelRepresentation = 0
    data.add_new(0x7FE00010, "OW", np.arange(1 << bits, dtype="u1" if bits == 8 else "<u2").tobytes())
    return data


def presented(image: Dataset, lut: PresentationLUT | None, inverse: bool) -> Dataset:
    """A softcopy presentation state that does nothing but this (PS3.3 A.33.1)."""
    data = composite("1.2.840.10008.5.1.4.1.1.11.1", "2", "20", "PR")
    data.ContentLabel, data.ContentDescription, data.ContentCreatorName = "GREY", "", ""
    data.PresentationCreationDate, data.PresentationCreationTime = "20260101", "000000"
    reference, series, area = Dataset(), Dataset(), Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedImageSequence = image.SeriesInstanceUID, Sequence([reference])
    area.DisplayedAreaTopLeftHandCorner, area.PresentationSizeMode = [1, 1], "SCALE TO FIT"
    area.DisplayedAreaBottomRightHandCorner, area.PresentationPixelAspectRatio = [image.Columns, image.Rows], [1, 1]
    data.ReferencedSeriesSequence, data.DisplayedAreaSelectionSequence = Sequence([series]), Sequence([area])
    if lut is not None and lut.table is not None:
        item = Dataset()
        item.add_new(0x00283002, "US", [len(lut.table), 0, lut.bits])
        item.add_new(0x00283006, "OW", array("H", lut.table).tobytes())
        data.PresentationLUTSequence = Sequence([item])
    else:
        data.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    return data


@pytest.mark.peers("dcmtk")
@pytest.mark.parametrize(("bits", "entries"), [(8, 256), (12, 4096)])
@pytest.mark.parametrize("kind", ["identity", "reverse", "soft", "hard", "steps"])
def test_c_11_4_dcmtk_gives_the_same_p_values(tmp_path: Path, bits: int, entries: int, kind: str) -> None:
    curves = {
        "soft": [round(4095 * math.sqrt(at / (entries - 1))) for at in range(entries)],
        "hard": [round(4095 * (at / (entries - 1)) ** 3) for at in range(entries)],
        "steps": [at * 16 // entries * 273 for at in range(entries)],
    }
    lut = PresentationLUT(None, tuple(curves[kind]), 12) if kind in curves else None
    image = every_value(bits)
    image.save_as(tmp_path / "image.dcm", enforce_file_format=True)
    presented(image, lut, kind == "reverse").save_as(tmp_path / "state.dcm", enforce_file_format=True)
    command = ["/usr/bin/dcmp2pgm", "-p", "state.dcm", "image.dcm", "out.pgm"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    theirs = np.asarray(Image.open(tmp_path / "out.pgm")).ravel().astype(int)
    ours = np.array(grayscale.codes(grayscale.p_value_table(bits, kind == "reverse", lut)), int)
    assert len(theirs) == len(ours) and np.abs(theirs - ours).max() <= 1  # it cuts where we round


@pytest.mark.peers("dcmtk")
@pytest.mark.parametrize("bits", [8, 12])
def test_c_11_4_dcmtk_has_the_same_curve_of_linear_density(tmp_path: Path, bits: int) -> None:
    image = every_value(bits)
    image.save_as(tmp_path / "image.dcm", enforce_file_format=True)
    state = presented(image, None, False)
    state.PresentationLUTShape = "LIN OD"
    state.save_as(tmp_path / "state.dcm", enforce_file_format=True)
    command = ["/usr/bin/dcmp2pgm", "-p", "state.dcm", "image.dcm", "out.pgm"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    theirs = np.asarray(Image.open(tmp_path / "out.pgm")).ravel().astype(int)
    lut = PresentationLUT("LIN OD")
    ours = np.array(grayscale.codes(grayscale.p_value_table(bits, False, lut, Viewing(20, 300, 2000, 10))), int)
    assert ours[0] == 0 and ours[-1] == 255, "MONOCHROME2: the lowest value is black, Dmax"
    assert np.abs(theirs - ours[::-1]).max() <= 1  # it cuts where we round
    other = np.array(grayscale.codes(grayscale.p_value_table(bits, False, lut, Viewing(20, 320, 2000, 10))), int)
    assert np.abs(theirs - other[::-1]).max() > 2, "a film of other densities is told apart"
