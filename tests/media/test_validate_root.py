"""Records that stand beside PATIENT: hanging protocols, palettes, implants (PS3.3 §F.5.31, §F.5.36 to §F.5.39).

Others make the directories; what they wrote is right, and without any one key it is wrong. It is DCMTK's dcmmkdir but
for assemblies and groups of implants, whose records it exchanges (3.6.7); pydicom leaves out four keys of a hanging
protocol.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.fileset import FileSet
from pydicom.uid import ExplicitVRLittleEndian

from media.directory_reader import read_dicomdir
from media.records import ROOT_RECORD_KEYS
from media.validate import validate
from media.validation_directory import check_directory
from media.validation_report import Findings

BY_PYDICOM = ("IMPLANT ASSY", "IMPLANT GROUP")
CODE = Dataset()
CODE.CodeValue, CODE.CodingSchemeDesignator, CODE.CodeMeaning = "T1", "99TEST", "Test"
DEFINITION = Dataset()
DEFINITION.Modality, DEFINITION.ProcedureCodeSequence = "CT", []
DEFINITION.ReasonForRequestedProcedureCodeSequence = []

INSTANCES: dict[str, tuple[str, dict[str, object]]] = {
    "HANGING PROTOCOL": (
        "1.2.840.10008.5.1.4.38.1",
        {
            "HangingProtocolName": "CHEST",
            "HangingProtocolDescription": "two by one",
            "HangingProtocolLevel": "SITE",
            "HangingProtocolCreator": "radiology",
            "HangingProtocolCreationDateTime": "20260304050607",
            "HangingProtocolDefinitionSequence": [DEFINITION],
            "NumberOfPriorsReferenced": 0,
            "HangingProtocolUserIdentificationCodeSequence": [],
        },
    ),
    "PALETTE": ("1.2.840.10008.5.1.4.39.1", {"ContentLabel": "HOT", "ContentDescription": ""}),
    "IMPLANT": (
        "1.2.840.10008.5.1.4.43.1",
        {"Manufacturer": "maker", "ImplantName": "hip", "ImplantSize": "12", "ImplantPartNumber": "7"},
    ),
    "IMPLANT ASSY": (
        "1.2.840.10008.5.1.4.44.1",
        {"ImplantAssemblyTemplateName": "hip", "Manufacturer": "maker", "ProcedureTypeCodeSequence": [CODE]},
    ),
    "IMPLANT GROUP": (
        "1.2.840.10008.5.1.4.45.1",
        {
            "ImplantTemplateGroupName": "hips",
            "ImplantTemplateGroupDescription": "all",
            "ImplantTemplateGroupIssuer": "us",
        },
    ),
}


def test_every_record_of_the_root_with_keys_is_here() -> None:
    assert set(INSTANCES) == {record for record, keys in ROOT_RECORD_KEYS.items() if keys}


@pytest.fixture(params=INSTANCES)
def disc(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """A folder with one such instance, and the DICOMDIR that others make for it."""
    uid, attributes = INSTANCES[request.param]
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = uid, "1.2.3.4"
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    if request.param in BY_PYDICOM:
        files = FileSet()
        files.ID = "OTHERS"
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        files.add(data)
        files.write(tmp_path)
    else:
        data.ensure_file_meta()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.save_as(tmp_path / "OBJECT", enforce_file_format=True)
        command = ["/usr/bin/dcmmkdir", "+id", tmp_path, "+D", tmp_path / "DICOMDIR", "+F", "OTHERS", "OBJECT"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return request.param, tmp_path


@pytest.mark.peers("dcmtk")
def test_what_others_write_is_right(disc: tuple[str, Path]) -> None:
    record, folder = disc
    tree = read_dicomdir((folder / "DICOMDIR").read_bytes())
    assert [one.record_type for one, _ in tree.walk()] == [record]
    (folder / "README.TXT").write_text("objects of no patient")
    assert [str(one) for one in validate(folder).findings] == []


@pytest.mark.peers("dcmtk")
def test_without_a_key_it_is_wrong(disc: tuple[str, Path]) -> None:
    record, folder = disc
    for key in ROOT_RECORD_KEYS[record]:
        tree = read_dicomdir((folder / "DICOMDIR").read_bytes())
        ((one, _),) = tree.walk()
        one.elements.pop(key.tag, None)
        found = Findings()
        check_directory(tree, None, found)
        said = [str(finding) for finding in found.sorted()]
        named = [words for words in said if key.keyword in words]
        assert len(said) == len(named) == (1 if key.type in "12" else 0), said
