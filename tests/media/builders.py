"""Small instances in every encoding, for the tests of this room."""

from __future__ import annotations

import io

from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from media.instance import InstanceHeader

IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
CT, SR, PR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.11.1"


def instance(sop_class_uid: str = CT, **attributes: object) -> Dataset:
    """A small instance; keywords replace or add attributes, None takes one out."""
    values: dict[str, object] = {
        "SOPClassUID": sop_class_uid,
        "SOPInstanceUID": "1.2.3.4",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "PatientID": "P1",
        "PatientName": "Doe^Jane",
        "PatientBirthDate": "19700101",
        "Modality": "CT",
        "SeriesNumber": "3",
        "InstanceNumber": "7",
    }
    values.update(attributes)
    made = Dataset()
    for keyword, value in values.items():
        if value is not None:
            setattr(made, keyword, value)
    return made


def encode(data: Dataset, transfer_syntax_uid: str = EXPLICIT, **how: bool) -> bytes:
    out = DicomBytesIO()
    out.is_implicit_VR = transfer_syntax_uid == IMPLICIT
    out.is_little_endian = transfer_syntax_uid != BIG_ENDIAN
    if how.get("undefined_lengths"):
        for element in data:
            if element.VR == "SQ":
                element.is_undefined_length = True
                for item in element.value:
                    item.is_undefined_length_sequence_item = True
    write_dataset(out, data)
    return out.getvalue()


def keys_of(header: InstanceHeader) -> Dataset:
    return dcmread(io.BytesIO(header.keys), force=True)
