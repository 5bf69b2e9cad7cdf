"""`gravure disc` as a program: what it leaves behind, and what it says beside its disc."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pydicom
from pydicom.uid import ImplicitVRLittleEndian

from tests.instances import instance, written

GRAVURE = (sys.executable, "-P", "-m", "appliance")


def test_what_libraries_say_of_values_is_not_repeated(tmp_path: Path) -> None:
    made = instance(1, PatientBirthDate="19700101", SpecificCharacterSet="ISO_IR 203")
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    (tmp_path / "in").mkdir()
    pydicom.dcmwrite(tmp_path / "in" / "one", made, enforce_file_format=True)
    data = (tmp_path / "in" / "one").read_bytes()
    (tmp_path / "in" / "one").write_bytes(data.replace(b"19700101", b"01.01.70"))
    command = (*GRAVURE, "disc", tmp_path / "in", "-o", tmp_path / "disc.iso")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Warning" not in done.stderr and "01.01.70" not in done.stderr, done.stderr


def test_a_disc_that_is_stopped_leaves_no_images_behind(tmp_path: Path) -> None:
    written(tmp_path / "in", *(instance(number, side=512) for number in range(1, 200)))
    before = set(os.listdir(tmp_path))
    running = subprocess.Popen((*GRAVURE, "disc", tmp_path / "in", "-o", tmp_path / "disc.iso"))
    try:
        for _ in range(3000):
            if set(os.listdir(tmp_path)) - before:
                break
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 128 + signal.SIGTERM
    finally:
        running.kill()
    assert set(os.listdir(tmp_path)) == before
