"""Whose disc is it: the rules that hold a job for a person."""

import pytest

from media.identity import Identity, conflict, patients, same_name


def one(
    patient_id: str = "1", name: str = "DOE^JANE", born: str = "19700101", study: str = "1.2", issuer: str = ""
) -> Identity:
    return Identity(patient_id, issuer, name, born, study)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("DOE^JANE", "Doe^Jane^^"),
        ("DOE^JANE", " DOE ^ JANE"),
        ("MÜLLER^ÉVA", "Muller^Eva"),
        ("Yamada^Tarou=山田^太郎", "YAMADA^TAROU"),
    ],
)
def test_one_person_written_twice(left: str, right: str) -> None:
    assert same_name(left) == same_name(right)


@pytest.mark.parametrize(("left", "right"), [("DOE^JANE", "DOE^JOHN"), ("DOE^JANE", "JANE^DOE"), ("", "DOE^JANE")])
def test_two_persons(left: str, right: str) -> None:
    assert same_name(left) != same_name(right)


@pytest.mark.parametrize(
    ("identities", "words"),
    [
        ([one(), one(study="1.3")], ""),
        ([one(), one(born="")], ""),
        ([one(), one(name="DOE^JOHN")], "different names"),
        ([one(""), one("", name="ROE^RICHARD", study="1.3")], "no Patient ID"),
        ([one(), one(born="19710101")], "birth dates"),
        ([one(), one("2")], "two Patient IDs"),
        ([one(), one("2", study="1.3")], "2 patients"),
        ([one(issuer="HOSP"), one()], ""),
        ([one(), one(study="1.3", issuer="HOSP"), one(issuer="HOSP")], ""),
        ([one(issuer="HOSP"), one(name="DOE^JOHN")], "different names"),
        ([one(issuer="HOSP"), one(issuer="CLINIC")], "two issuers"),
        ([one(issuer="HOSP"), one(study="1.3", issuer="CLINIC")], "2 patients"),
    ],
)
def test_conflicts_are_named_in_words(identities: list[Identity], words: str) -> None:
    reason = conflict(identities)
    assert (words in reason) if words else reason == ""


def test_a_reason_names_no_patient() -> None:
    reason = conflict([one(), one(name="DOE^JOHN")])
    assert "DOE" not in reason.upper().replace("DOES", "")


def test_patients_are_counted_by_id_and_issuer() -> None:
    assert patients([one(), one(name="X"), one("2")]) == [("1", ""), ("2", "")]
