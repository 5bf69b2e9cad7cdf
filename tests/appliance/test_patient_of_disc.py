"""Whose disc it is: told to the person who asks for one job, and to nobody else."""

from __future__ import annotations

import json
from pathlib import Path

from pynetdicom import AE

from tests.appliance.test_patient_clues import public
from tests.instances import CT, instance, written
from tests.serving import Serving, serving

ELSA = {"PatientName": "GRUENEWALD^ELSA", "PatientID": "4711-0815", "PatientBirthDate": "19540321"}
OTTO = {"PatientName": "KANARIENVOGEL^OTTO", "PatientID": "4711-0815", "PatientBirthDate": "19610102"}
SECRETS = ("GRUENEWALD", "KANARIENVOGEL", "4711-0815", "19540321", "19610102")


def store(running: Serving, *files: Path) -> None:
    caller = AE("CT1")
    caller.add_requested_context(CT, "1.2.840.10008.1.2.1")
    association = caller.associate("127.0.0.1", running.port, ae_title="BURN_CD")
    assert [association.send_c_store(file).Status for file in files] == [0] * len(files)
    association.release()


def test_a_disc_says_whose_it_is_to_who_asks_for_it_alone(tmp_path: Path) -> None:
    files = written(tmp_path / "in", instance(1, study=1, **ELSA), instance(2, study=1, **ELSA))
    with serving(tmp_path) as running:
        store(running, *files)
        (job,) = running.all_ended()
        told = running.gravure("job", job["id"]).stdout
        lists = [running.gravure("job", job["id"], "--json").stdout]
        lists += [running.gravure(*words).stdout for words in (("jobs",), ("jobs", "--json"), ("peers", "--json"))]
        found = running.gravure("jobs", "--search", "GRUENEWALD", "--json").stdout
        running.stop()
        without_daemon = running.gravure("job", job["id"]).stdout
    study = instance(1, study=1).StudyInstanceUID
    line = f"patient:              GRUENEWALD^ELSA, Patient ID 4711-0815, born 19540321, study {study}"
    assert told.splitlines().count(line) == without_daemon.splitlines().count(line) == 1
    assert json.loads(found) == []
    for secret in SECRETS:
        assert not any(secret in one for one in lists)
        assert secret not in public(running)


def test_a_disc_that_is_held_for_two_names_shows_both(tmp_path: Path) -> None:
    files = written(tmp_path / "in", instance(1, study=1, **ELSA), instance(1, study=2, **OTTO))
    with serving(tmp_path) as running:
        store(running, *files)
        (job,) = running.until(lambda jobs: [one["held"] for one in jobs] == [True])
        told = running.gravure("job", job["id"]).stdout
    patients = [one for one in told.splitlines() if one.startswith("patient:")]
    assert len(patients) == 2 and "GRUENEWALD^ELSA" in patients[0] and "KANARIENVOGEL^OTTO" in patients[1]
    assert "19540321" in patients[0] and "19610102" in patients[1]
