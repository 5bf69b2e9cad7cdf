"""Whose film it is, in the running appliance: operators see it, and no log, file name or process list does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.sequence import Sequence

from printing.page import DOCUMENT
from printing.terms import ANNOTATION_BOX
from tests.appliance.print_rig import NetworkConsole
from tests.printing.console import data_set, image
from tests.serving import DEFAULT, Serving, serving

SECRETS = ("Grünewald", "4711-0815", "19540321", "1.2.826.0.1.3680043.8.498.99", "Ward seven")

CANARY = "KANARIENVOGEL"


def public(running: Serving) -> str:
    """What support is sent: the log, dialogue records, and every name below the state folder."""
    dialogues = "".join(file.read_text() for file in (running.state / "dialogues").iterdir())
    return running.log.read_text() + dialogues + "".join(str(path) for path in running.state.rglob("*"))


def test_clues_stand_in_the_films_record_and_nowhere_else(tmp_path: Path) -> None:
    name, number, birth_date, study, label = SECRETS
    with serving(tmp_path) as running:
        console = NetworkConsole(None, running.port, more=(ANNOTATION_BOX,))
        proposed = Sequence([data_set(StudyInstanceUID=study, PatientBirthDate=birth_date)])
        console.film_session(SpecificCharacterSet="ISO_IR 192", FilmSessionLabel=label, ProposedStudySequence=proposed)
        console.film_box(AnnotationDisplayFormatID="HEADER")
        console.annotation(1, number)
        console.image_box(1, None, SpecificCharacterSet="ISO_IR 192", PatientName=name)
        assert console.print_film().status == 0
        console.close()
        (job,) = running.all_ended()
        assert job["state"] == "DONE", job
        shown = running.gravure("job", job["id"], "--json").stdout
        found = running.gravure("jobs", "--search", name).stdout
        peers = running.gravure("peers", "--json").stdout
    record = next(Path(file) for file in job["files"] if file.endswith(".json"))
    clues = json.dumps(json.loads(record.read_text("utf-8"))["film"]["patient_clues"], ensure_ascii=False)
    told = json.dumps(json.loads(shown)["payload"]["patient_clues"], ensure_ascii=False)
    for secret in SECRETS:
        assert secret in clues and secret in told
        assert secret not in public(running) + peers
    assert job["id"] in found


def lose_pixels(folder: Path) -> None:
    for file in folder.iterdir():
        if file.suffix != ".json":
            file.write_bytes(b"")


def cut_document(folder: Path) -> None:
    text = (folder / DOCUMENT).read_bytes()
    (folder / DOCUMENT).write_bytes(text[: text.rindex(CANARY.encode()) + 4])


def name_for_a_number(folder: Path) -> None:
    """What a damaged document may come to: words that Python repeats when it cannot use them."""
    document = json.loads((folder / DOCUMENT).read_bytes())
    document["pages"][0]["images"][0]["pixels"]["rows"] = CANARY
    (folder / DOCUMENT).write_text(json.dumps(document))


@pytest.mark.parametrize("harm", [None, lose_pixels, cut_document, name_for_a_number])
def test_a_name_is_in_no_log_whether_the_film_comes_out_or_not(
    tmp_path: Path, harm: Callable[[Path], None] | None
) -> None:
    toml = DEFAULT.replace('tone = "pvalue"', 'tone = "pvalue"\nhold_films = true')
    with serving(tmp_path, toml=toml) as running:
        console = NetworkConsole(None, running.port, more=(ANNOTATION_BOX,))
        console.film_session(FilmSessionLabel=CANARY)
        console.film_box(AnnotationDisplayFormatID="HEADER")
        assert console.annotation(1, CANARY).status == 0
        console.image_box(1, image(PatientName=CANARY), PatientName=CANARY, PatientID=CANARY)
        assert console.print_film().status == 0
        (held,) = running.until(lambda jobs: len(jobs) == 1)
        assert CANARY not in public(running)
        (document,) = (running.state / "spool").rglob(DOCUMENT)
        assert CANARY in document.read_text()
        if harm is not None:
            harm(document.parent)
        running.gravure("release", held["id"], "--reason", "seen")
        (job,) = running.all_ended()
        console.close()
    assert job["state"] == ("DONE" if harm is None else "FAILURE"), job
    assert CANARY not in public(running)
