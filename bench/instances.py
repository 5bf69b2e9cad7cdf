"""Instances drawn from numbers: CT slices with the header that a CT writes, at any size."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

CT = "1.2.840.10008.5.1.4.1.1.2"
ROOT = "1.2.826.0.1.3680043.8.498.77"


def ct_slice(number: int, side: int, series: int = 1, study: int = 1) -> Dataset:
    """One slice; the pixels are noise, which no file system compresses."""
    one = Dataset()
    one.SpecificCharacterSet = "ISO_IR 100"
    one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    one.SOPClassUID = CT
    one.SOPInstanceUID = f"{ROOT}.{study}.{series}.{number}"
    one.StudyDate = one.SeriesDate = one.AcquisitionDate = one.ContentDate = "20260302"
    one.StudyTime = one.SeriesTime = "101112"
    one.AcquisitionTime = one.ContentTime = f"1012{number % 60:02d}"
    one.AccessionNumber, one.Modality, one.Manufacturer = "A4711", "CT", "GRAVURE BENCH"
    one.InstitutionName, one.StationName = "CLINIC", "CT1"
    one.StudyDescription, one.SeriesDescription = "THORAX", "AXIAL 1.0"
    one.ManufacturerModelName = "NUMBERS"
    one.PatientName, one.PatientID, one.PatientBirthDate, one.PatientSex = "DOE^JANE", f"P{study}", "19700101", "F"
    one.BodyPartExamined, one.SliceThickness, one.KVP = "CHEST", "1.0", "120"
    one.DataCollectionDiameter, one.DeviceSerialNumber, one.SoftwareVersions = "500", "1234", "1.0"
    one.ProtocolName, one.ReconstructionDiameter = "THORAX ROUTINE", "350"
    one.GantryDetectorTilt, one.TableHeight, one.RotationDirection = "0", "150", "CW"
    one.ExposureTime, one.XRayTubeCurrent, one.Exposure, one.FilterType = "500", "200", "100", "BODY"
    one.ConvolutionKernel, one.PatientPosition = "STANDARD", "HFS"
    one.StudyInstanceUID, one.SeriesInstanceUID = f"{ROOT}.{study}", f"{ROOT}.{study}.{series}"
    one.StudyID, one.SeriesNumber, one.AcquisitionNumber, one.InstanceNumber = "1", str(series), "1", str(number)
    one.ImagePositionPatient = ["-175", "-175", f"{number * 1.0:.1f}"]
    one.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    one.FrameOfReferenceUID, one.SliceLocation = f"{ROOT}.{study}.9", f"{number * 1.0:.1f}"
    block = one.private_block(0x0009, "GRAVURE BENCH", create=True)
    for offset in range(60):
        block.add_new(offset, "LO" if offset % 3 else "DS", str(offset * 10))
    one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
    one.Rows = one.Columns = side
    one.PixelSpacing = ["0.7", "0.7"]
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
    one.WindowCenter, one.WindowWidth, one.RescaleIntercept, one.RescaleSlope = "40", "400", "-1024", "1"
    one.add_new(0x7FE00010, "OW", os.urandom(2 * side * side))
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID, one.file_meta.MediaStorageSOPInstanceUID = CT, one.SOPInstanceUID
    return one


def write_slices(folder: Path, count: int, side: int, *, per_folder: int = 0, first: int = 1) -> list[Path]:
    """So many slices as files, `per_folder` of them a series and a folder, all in one where that is 0."""
    files = []
    for index in range(count):
        series = index // per_folder + 1 if per_folder else 1
        where = folder / f"{series:04d}" if per_folder else folder
        where.mkdir(parents=True, exist_ok=True)
        buffer = BytesIO()
        dcmwrite(buffer, ct_slice(index + first, side, series), enforce_file_format=True)
        file = where / f"{index + first:06d}"
        file.write_bytes(buffer.getvalue())
        files.append(file)
    return files
