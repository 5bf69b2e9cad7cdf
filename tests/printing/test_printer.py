"""Printer and Print Job as peers see them, PS3.3 C.13.8 and C.13.9; statuses and their weight."""

from __future__ import annotations

from datetime import datetime

import pytest

from printing import status, terms
from printing.elements import write
from printing.outputs.dicom.association import said
from printing.printer import (
    NORMAL,
    VRS,
    Printer,
    PrinterState,
    PrintJobView,
    asked_for,
    info_term,
    printer_event,
    printer_values,
    reported,
)
from printing.status import Refused, Remark, Verdict, is_warning
from printing.terms import ExecutionStatus, PrinterStatus
from tests.printing.console import decode

CALIBRATED = datetime(2026, 3, 4, 5, 6, 7)
JAM = PrinterState(PrinterStatus.FAILURE, "FILM JAM")
JOB = PrintJobView("1.2", ExecutionStatus.PENDING, "QUEUED", "HIGH", CALIBRATED, "FILM", "CONSOLE")


def test_c_13_9_1_has_108_terms() -> None:
    assert len(terms.STATUS_INFO_TERMS) == 108
    assert {"EMPTY A4 PAPR", "LOW 8X10 BLUE", "SUPPLY EMPTY", "PRINT BUFF FULL"} <= terms.STATUS_INFO_TERMS
    assert "NO SUPPLY" not in terms.STATUS_INFO_TERMS
    assert all(len(term) <= 16 for term in terms.STATUS_INFO_TERMS)


def test_h_4_5_2_1_and_h_4_6_2_1_event_type_ids() -> None:
    assert [one.event_type_id for one in ExecutionStatus] == [1, 2, 3, 4]
    assert [one.event_type_id for one in PrinterStatus] == [1, 2, 3]


@pytest.mark.parametrize("explicit", [True, False])
def test_h_4_6_2_2_printer_values(explicit: bool) -> None:
    printer = Printer("FILM", serial_number="7", software_versions="1.0", calibrated=CALIBRATED)
    found = decode(write(printer_values(printer, JAM), VRS, explicit), explicit)
    assert (found.PrinterStatus, found.PrinterStatusInfo, found.PrinterName) == ("FAILURE", "FILM JAM", "FILM")
    assert (found.DateOfLastCalibration, found.TimeOfLastCalibration) == ("20260304", "050607")
    assert (found.DeviceSerialNumber, found.SoftwareVersions) == ("7", "1.0")


def test_what_is_not_known_has_no_value() -> None:
    found = decode(write(printer_values(Printer(), NORMAL), VRS, True))
    assert len(found) == 9
    assert (found.DeviceSerialNumber, found.DateOfLastCalibration) == ("", "")


def test_h_4_5_2_2_print_job_values() -> None:
    found = decode(write(JOB.values(), VRS, True))
    assert (found.ExecutionStatus, found.ExecutionStatusInfo, found.PrintPriority) == ("PENDING", "QUEUED", "HIGH")
    assert (found.CreationDate, found.CreationTime) == ("20260304", "050607.000000")
    assert (found.PrinterName, found.Originator) == ("FILM", "CONSOLE")


def test_an_empty_list_of_attributes_is_all_of_them() -> None:
    assert asked_for(JOB.values(), ()) == (JOB.values(), ())
    known, unknown = asked_for(JOB.values(), (0x21000020, 0x00100010, 0x00100010))
    assert (list(known), unknown) == ([0x21000020], (0x00100010,))


def test_h_4_6_2_1_normal_has_no_data() -> None:
    assert printer_event(Printer("FILM"), NORMAL) is None
    assert printer_event(Printer("FILM"), JAM) == {0x21100020: "FILM JAM", 0x21100030: "FILM"}


@pytest.mark.parametrize(
    ("policy", "has_room", "heard"),
    [
        ("spooler", True, NORMAL),
        ("truthful", True, JAM),
        ("spooler", False, PrinterState(PrinterStatus.FAILURE, "PRINT BUFF FULL")),
        ("truthful", False, PrinterState(PrinterStatus.FAILURE, "PRINT BUFF FULL")),
    ],
)
def test_status_policies(policy: str, has_room: bool, heard: PrinterState) -> None:
    assert reported(JAM, policy, has_room) == heard


def test_only_terms_of_the_standard_are_said() -> None:
    assert info_term("INSUFFIC MEMORY") == "INSUFFIC MEMORY"
    assert info_term("no paper, sorry") == "UNKNOWN"


def test_a_printer_with_a_film_that_is_none() -> None:
    assert Printer(film_size_id="35CMX43CM").film_size().width_mm == 350
    with pytest.raises(ValueError, match="no film size"):
        Printer(film_size_id="HUGE").film_size()


@pytest.mark.parametrize(
    ("code", "warning"),
    [(0, False), (0x0107, True), (0x0116, True), (0xB605, True), (0x0106, False), (0xC603, False), (0x0213, False)],
)
def test_ps3_7_annex_c_warnings(code: int, warning: bool) -> None:
    assert is_warning(code) is warning


def test_remarks_come_to_one_status() -> None:
    assert Verdict.of(()) == Verdict()
    assert Verdict.of((Remark(0, "quiet"),)) == Verdict()
    remarks = (Remark(0x0107, "a", 1), Remark(0x0116, "b", 2), Remark(0x0116, "c", 3), Remark(0, "d", 4))
    assert Verdict.of(remarks) == Verdict(0x0116, "b", (2, 3))
    assert Verdict.of((*remarks, Remark(0xB605, "e", 5))) == Verdict(0xB605, "e", (5,))
    assert Verdict(0xC603, "f").success_only() == Verdict(0xC603, "f")


def test_a_refusal_has_words_of_its_own_or_the_statuses() -> None:
    assert Refused(0x0112).comment == status.MEANINGS[0x0112]
    assert Refused(0x0112, "gone").comment == "gone"


ANNEX_H = (
    "B600 B601 B602 B603 B604 B605 B609 B60A C600 C601 C602 C603 C605 C613 C616 C604"
    " 0105 0106 0110 0111 0112 0117 0118 0119 0120 0121 0122 0123 0124 0210 0211 0212 0213 0107 0116"
)
"""Every status that PS3.4 H.4 and PS3.7 Annex C know for printing, the retired one too."""


@pytest.mark.parametrize("code", ANNEX_H.split())
def test_every_status_of_an_imager_has_words(code: str) -> None:
    words = said(int(code, 16), "").removeprefix(code).strip()
    assert len(words) > 10 and words.isascii()
    assert said(int(code, 16), "its own") == f"{code} its own"


def test_a_status_that_nobody_knows_is_its_number() -> None:
    assert said(0xC777, "") == "C777"
