"""Whose film it is, in the running appliance: operators see it, and no log, file name or process list does."""

from __future__ import annotations

import json
from pathlib import Path

from pydicom.sequence import Sequence

from printing.terms import ANNOTATION_BOX
from tests.appliance.print_rig import NetworkConsole
from tests.printing.console import data_set
from tests.serving import serving

SECRETS = ("Grünewald", "4711-0815", "19540321", "1.2.826.0.1.3680043.8.498.99", "Ward seven")


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
    dialogues = "".join(file.read_text() for file in (running.state / "dialogues").iterdir())
    names = "".join(str(path) for path in running.state.rglob("*"))
    for secret in SECRETS:
        assert secret in clues and secret in told
        for public in (running.log.read_text(), dialogues, peers, names):
            assert secret not in public
    assert job["id"] in found
