"""A disc of the files in a folder, without a daemon: what `gravure disc` does."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from .elements import Unparsable
from .identity import Identity, conflict, same_name, with_issuers
from .instance import InstanceHeader
from .job import DiscError, DiscResult, make_disc
from .part10 import says_instance, scan_file
from .records import for_patient_discs
from .request import DiscInstance, DiscRequest
from .sameness import same_content


class SeveralPatients(Exception):
    """More than one patient, and nobody said that there shall be more than one disc.

    Attributes:
        patients: how each names itself.
    """

    def __init__(self, patients: Sequence[str]) -> None:
        super().__init__(f"{len(patients)} patients")
        self.patients = tuple(patients)


@dataclass(slots=True)
class PassedOver:
    """What `instances_below` found and did not yield."""

    foreign: int = 0
    """Files that are no DICOM, a DICOMDIR among them."""
    links: int = 0
    """Links, devices and the like."""
    damaged: list[str] = field(default_factory=list)
    """DICOM files, and files that cannot be read: each with its reason."""


def instances_below(
    paths: Iterable[Path], passed_over: PassedOver | None = None
) -> Iterator[tuple[DiscInstance, InstanceHeader]]:
    """Every DICOM instance in files and folders, in order of their names.

    Links are not followed: a folder that somebody hands over may lead anywhere.

    Args:
        paths: files and folders.
        passed_over: is told of everything else.
    """
    passed_over = passed_over if passed_over is not None else PassedOver()
    for path in paths:
        for file in _files(path, passed_over):
            try:
                header, meta = scan_file(file)
            except OSError as failure:
                passed_over.damaged.append(f"{file}: {failure.strerror}")
                continue
            except Unparsable as failure:
                if says_instance(file):
                    passed_over.damaged.append(f"{file}: {failure}")
                else:
                    passed_over.foreign += 1
                continue
            yield (
                DiscInstance(
                    path=file.absolute(),
                    size=file.stat().st_size,
                    data_offset=meta.data_offset,
                    sop_class_uid=header.sop_class_uid,
                    sop_instance_uid=header.sop_instance_uid,
                    transfer_syntax_uid=meta.transfer_syntax_uid,
                    keys=header.keys,
                    clean=False,
                ),
                header,
            )


def _files(path: Path, passed_over: PassedOver) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    unread: list[OSError] = []
    for folder, folders, names in os.walk(path, onerror=unread.append):
        folders.sort()
        passed_over.links += sum((Path(folder) / name).is_symlink() for name in folders)
        for name in sorted(names):
            file = Path(folder) / name
            if file.is_symlink() or not file.is_file():
                passed_over.links += 1
            elif name.upper() == "DICOMDIR":
                passed_over.foreign += 1
            else:
                yield file
    passed_over.damaged += [f"{failure.filename}: {failure.strerror}" for failure in unread]


def build_disc(
    paths: Sequence[Path],
    out: Path,
    *,
    profile: str = "STD-GEN-CD",
    medium: str = "CD-80",
    split: bool = False,
    joliet: bool = False,
    icons: bool = False,
    institution: str = "",
    language: str = "en",
    version: str = "",
    now: datetime | None = None,
    progress: Callable[[float, str], None] = lambda _d, _s: None,
) -> DiscResult:
    """Build disc images of the DICOM files below some paths.

    Args:
        paths: files and folders.
        out: the image; its suffix says what is made: .iso, .zip, or none for a folder. Several volumes become
            `out-1of3.iso` and so on.
        profile: media application profile.
        medium: key of `profiles.MEDIA`.
        split: several patients become one disc each, instead of an error.
        joliet: add the Joliet tree, of the same names.
        icons: add a small picture of each series to the DICOMDIR.
        institution: for README.TXT and INDEX.HTM.
        language: of what people read.
        version: of the program, for the same.
        now: the time that stands on the disc; default: the clock.
        progress: hears (0 to 1, step).

    Raises:
        SeveralPatients: more than one, and not `split`.
        DiscError: the disc cannot be made, a file cannot be read, or two are one instance with two contents.
        OSError: the disk is full or the folder of `out` is not there.
    """
    progress(0.0, "reading")
    found: list[DiscInstance] = []
    whose: list[Identity] = []
    seen: dict[str, DiscInstance] = {}
    passed_over = PassedOver()
    without_patient = 0
    for instance, header in instances_below(paths, passed_over):
        if not for_patient_discs(header.sop_class_uid):
            without_patient += 1
            continue
        first = seen.setdefault(instance.sop_instance_uid, instance)
        if first is not instance:
            _compare(first, instance)
            continue
        found.append(instance)
        whose.append(
            Identity(
                header.patient_id,
                header.issuer,
                header.patient_name,
                header.patient_birth_date,
                header.study_instance_uid,
            )
        )
    if passed_over.damaged:
        # A disc that lacks an image looks like a whole one to whoever gets it.
        raise DiscError(
            "\n".join(
                ["these files cannot be read; repair them, or take them away and run again:", *passed_over.damaged]
            ),
            "PROC_FAILURE",
        )
    groups: dict[tuple[str, str, str], list[DiscInstance]] = {}
    identities: dict[tuple[str, str, str], list[Identity]] = {}
    for instance, identity in zip(found, with_issuers(whose), strict=True):
        # Without an ID only the name can tell two patients apart.
        key = (identity.patient_id, identity.issuer, "" if identity.patient_id else same_name(identity.patient_name))
        groups.setdefault(key, []).append(instance)
        identities.setdefault(key, []).append(identity)
    if not groups:
        raise DiscError("there is no DICOM instance of a patient in these files", "NO_INSTANCE")
    if len(groups) > 1 and not split:
        raise SeveralPatients([_named(ones[0]) for ones in identities.values()])
    for ones in identities.values():
        if reason := conflict(ones):
            raise DiscError(reason, "CHECK_MCD_OP")
    targets = []
    for number, instances in enumerate(groups.values()):
        share = 1 / len(groups)
        base = _numbered(out, number + 1, len(groups), "patient")
        result = _one_patient(
            instances,
            base,
            DiscRequest(
                instances=(),
                profile=profile,
                medium=medium,
                file_set_id="GRAVURE",
                now=now or datetime.now().astimezone(),
                seed=_seed(instances),
                output={".iso": "iso", ".zip": "zip"}.get(out.suffix.lower(), "folder"),
                joliet=joliet,
                icons=icons,
                language=language,
                institution=institution,
                version=version,
            ),
            lambda done, step, number=number, share=share: progress((number + done) * share, step),  # type: ignore[misc]
        )
        targets.append(result)
    warnings = [one for made in targets for one in made.warnings]
    return DiscResult(
        tuple(file for result in targets for file in result.files),
        tuple(dict.fromkeys((*_left_out(passed_over, without_patient), *warnings))),
    )


def _left_out(passed_over: PassedOver, without_patient: int) -> Iterator[str]:
    for count, what in (
        (passed_over.foreign, "files that are no DICOM images"),
        (passed_over.links, "links and devices"),
        (without_patient, "objects that belong to no patient"),
    ):
        if count:
            yield f"left out: {count} {what}"


def _compare(first: DiscInstance, again: DiscInstance) -> None:
    """Two files of one UID are one instance if they say the same, in whatever transfer syntax."""
    try:
        same = same_content(first.path, again.path)
    except Exception:
        same = False
    if not same:
        raise DiscError(
            f"{first.path} and {again.path} have one SOP Instance UID and different content; take one away",
            "DUPL_REF_INST",
        )


def _named(identity: Identity) -> str:
    return f"{identity.patient_id or '(no ID)'}: {identity.patient_name or '(no name)'}"


def _seed(instances: Sequence[DiscInstance]) -> str:
    return hashlib.sha256("\n".join(sorted(one.sop_instance_uid for one in instances)).encode()).hexdigest()


def _one_patient(
    instances: list[DiscInstance], out: Path, request: DiscRequest, progress: Callable[[float, str], None]
) -> DiscResult:
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=".gravure-") as work:
        made = make_disc(replace(request, instances=tuple(instances)), Path(work) / "work", progress)
        files = []
        for number, source in enumerate(made.files, 1):
            target = _numbered(out, number, len(made.files))
            if target.is_dir():
                shutil.rmtree(target)
            source.rename(target)
            files.append(target)
    return DiscResult(tuple(files), made.warnings)


def _numbered(out: Path, number: int, of: int, what: str = "") -> Path:
    if of == 1:
        return out
    return out.with_name(f"{out.stem}-{what}{number}of{of}{out.suffix}")
