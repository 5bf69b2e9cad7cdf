"""Instances made by code: small, valid, and as many as a test wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
ARC = "1.2.826.0.1.3680043.8.498."


def instance(number: int = 1, *, study: int = 1, series: int = 1, side: int = 32, **changes: Any) -> pydicom.Dataset:
    """A CT image of noise; the same numbers give the same instance."""
    data_set = pydicom.Dataset()
    data_set.SOPClassUID = CT
    data_set.SOPInstanceUID = f"{ARC}{study}.{series}.{number}"
    data_set.StudyInstanceUID = f"{ARC}{study}"
    data_set.SeriesInstanceUID = f"{ARC}{study}.{series}"
    data_set.PatientID = "4711"
    data_set.PatientName = "DOE^JANE"
    data_set.PatientBirthDate = "19700101"
    data_set.PatientSex = "O"
    data_set.StudyDate, data_set.StudyTime, data_set.StudyID = "20260101", "101010", str(study)
    data_set.Modality = "CT"
    data_set.SeriesNumber, data_set.InstanceNumber = series, number
    data_set.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data_set.Rows = data_set.Columns = side
    data_set.SamplesPerPixel = 1
    data_set.PhotometricInterpretation = "MONOCHROME2"
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit = 16, 12, 11
    data_set.PixelRepresentation = 0
    noise = np.random.default_rng(number + 1000 * study).integers(0, 4096, (side, side), dtype="<u2")
    data_set.add_new(0x7FE00010, "OW", noise.tobytes())
    for keyword, value in changes.items():
        setattr(data_set, keyword, value)
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    return data_set


def written(folder: Path, *data_sets: pydicom.Dataset) -> list[Path]:
    """The instances as files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, data_set in enumerate(data_sets):
        file = folder / f"{number:05d}.dcm"
        pydicom.dcmwrite(file, data_set, enforce_file_format=True)
        files.append(file)
    return files
