"""What an output to imagers notes of a document, and when another printer may have it."""

from __future__ import annotations

from pathlib import Path

from printing.outputs.dicom.imager import PROPERTIES
from printing.outputs.dicom.note import NAME, Progress


def test_a_document_that_was_refused_as_a_whole_leaves_no_note(tmp_path: Path) -> None:
    progress = Progress(tmp_path / NAME, "")
    progress.doubt([0, 1])
    assert PROPERTIES.may_have(tmp_path)
    progress.refused([0, 1])
    assert not PROPERTIES.may_have(tmp_path)


def test_a_document_of_which_a_film_came_out_is_this_imagers_for_good(tmp_path: Path) -> None:
    progress = Progress(tmp_path / NAME, "")
    progress.doubt([0])
    progress.taken([0], "")
    progress.doubt([1])
    progress.refused([1])
    assert PROPERTIES.may_have(tmp_path)
    found = Progress(tmp_path / NAME, "")
    assert (found.done, found.doubtful, found.jobs) == ({0}, [], {})


def test_a_print_job_whose_end_is_not_known_keeps_the_note_until_it_failed(tmp_path: Path) -> None:
    progress = Progress(tmp_path / NAME, "")
    progress.doubt([0])
    progress.taken([0], "1.2.3")
    assert Progress(tmp_path / NAME, "").jobs == {"1.2.3": [0]}
    progress.refused([0])
    assert not PROPERTIES.may_have(tmp_path)
