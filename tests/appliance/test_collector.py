"""The quiet rule: when a study is complete."""

from appliance.collector import Complete, QuietStudies

JANE = ("1", "")
JOHN = ("2", "")


def quiet() -> QuietStudies:
    return QuietStudies({"BURN_CD": 30.0})


def test_a_study_is_complete_after_silence_and_the_association_s_end() -> None:
    studies = quiet()
    studies.arrived("BURN_CD", "1.2", JANE, "a1", 100.0)
    assert studies.complete(1000.0) == []
    assert studies.next_due_s() is None
    studies.closed("a1")
    assert studies.next_due_s() == 130.0
    assert studies.complete(129.9) == []
    assert studies.complete(130.0) == [Complete("BURN_CD", frozenset({"1.2"}))]
    assert studies.complete(131.0) == []


def test_a_late_instance_starts_the_silence_again() -> None:
    studies = quiet()
    studies.arrived("BURN_CD", "1.2", JANE, None, 100.0)
    studies.arrived("BURN_CD", "1.2", JANE, None, 120.0)
    assert studies.complete(149.0) == []
    assert studies.complete(150.0)


def test_studies_of_one_patient_share_a_disc_and_other_patients_do_not() -> None:
    studies = quiet()
    studies.arrived("BURN_CD", "1.2", JANE, None, 100.0)
    studies.arrived("BURN_CD", "1.3", JANE, None, 110.0)
    studies.arrived("BURN_CD", "1.4", JOHN, None, 100.0)
    assert studies.complete(130.0) == [Complete("BURN_CD", frozenset({"1.4"}))]
    assert studies.complete(140.0) == [Complete("BURN_CD", frozenset({"1.2", "1.3"}))]


def test_one_study_under_two_patient_ids_is_one_order() -> None:
    studies = quiet()
    studies.arrived("BURN_CD", "1.2", JANE, None, 100.0)
    studies.arrived("BURN_CD", "1.2", JOHN, None, 100.0)
    studies.arrived("BURN_CD", "1.3", JOHN, None, 100.0)
    assert studies.complete(130.0) == [Complete("BURN_CD", frozenset({"1.2", "1.3"}))]


def test_an_inbox_collects_nothing() -> None:
    studies = quiet()
    assert not studies.arrived("STORE", "1.2", JANE, None, 100.0)
    assert studies.next_due_s() is None


def test_stations_do_not_wait_for_each_other() -> None:
    studies = QuietStudies({"BURN_CD": 30.0, "BURN_DVD": 5.0})
    studies.arrived("BURN_CD", "1.2", JANE, None, 100.0)
    studies.arrived("BURN_DVD", "1.2", JANE, None, 100.0)
    assert studies.complete(105.0) == [Complete("BURN_DVD", frozenset({"1.2"}))]
