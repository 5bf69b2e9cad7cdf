"""Whose disc is it? One patient per disc, and what stands in the way of saying so (IHE PDI; PS3.3 C.7.1.1).

About one disc in a thousand carries a wrong or a second patient. The rules here see only what the headers say, and
never decide: they name a conflict in words, and the job is held for a person.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Identity:
    """What one instance says of its patient, as decoded text."""

    patient_id: str
    issuer: str
    patient_name: str
    patient_birth_date: str
    study_instance_uid: str


def same_name(name: str) -> str:
    """A Patient's Name (PS3.5 §6.2.1) brought to one form: accents, case, spacing and empty components at the end
    are how one person is written twice; everything else is another person."""
    alphabetic = name.split("=")[0]
    components = [" ".join(part.split()) for part in alphabetic.split("^")]
    while components and not components[-1]:
        components.pop()
    folded = unicodedata.normalize("NFKD", "^".join(components)).casefold()
    return "".join(sign for sign in folded if not unicodedata.combining(sign)) or " ".join(name.split()).casefold()


def patients(identities: Iterable[Identity]) -> list[tuple[str, str]]:
    """The distinct patients by (Patient ID, issuer), in order of appearance."""
    return list(dict.fromkeys((one.patient_id, one.issuer) for one in identities))


def with_issuers(identities: Iterable[Identity]) -> list[Identity]:
    """The same, with the Issuer of Patient ID (0010,0021) of the others where one has none: it is Type 3, and a report
    in a study often lacks it. Where the others have two, nobody knows which."""
    found = list(identities)
    issuers: dict[str, set[str]] = defaultdict(set)
    for one in found:
        if one.issuer and one.patient_id:
            issuers[one.patient_id].add(one.issuer)
    only = {patient_id: min(names) for patient_id, names in issuers.items() if len(names) == 1}
    return [one if one.issuer else replace(one, issuer=only.get(one.patient_id, "")) for one in found]


def conflict(identities: Iterable[Identity]) -> str:
    """Why these instances may not go on one disc without a person's word; empty where nothing stands in the way.

    Patient data do not stand in the reason: it is shown in lists and logs.
    """
    identities = with_issuers(identities)
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    births: dict[tuple[str, str], set[str]] = defaultdict(set)
    studies: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for one in identities:
        key = (one.patient_id, one.issuer)
        names[key].add(same_name(one.patient_name))
        if one.patient_birth_date:
            births[key].add(one.patient_birth_date)
        studies[one.study_instance_uid].add(key)
    if any(len(found) > 1 for found in studies.values()):
        return "one study carries two Patient IDs, or one of two issuers; check whose study it is"
    if len(names) > 1:
        return f"{len(names)} patients on one disc; make one disc for each"
    for key, found in names.items():
        if len(found) > 1:
            if not key[0]:
                return f"no Patient ID, and {len(found)} different names; check whose images these are"
            return f"one Patient ID, but {len(found)} different names; check whose images these are"
    if any(len(found) > 1 for found in births.values()):
        return "one Patient ID, but different birth dates; check whose images these are"
    return ""
