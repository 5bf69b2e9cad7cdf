"""A disc job, from a request to verified media: plan, stage, directory, content, image, read back.

What cannot be done is said before anything is copied. Every step can be done again from the start: the work folder is
the job's own, and nothing leaves it before it is whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .content import front_page, readme
from .content.readme import Imprint
from .dicomdir import DirectoryEntry, Icon, write_dicomdir
from .iso import write_iso
from .part10 import scan_file
from .plan import PlanInstance, TooLarge, TooManyVolumes, VolumePlan, plan
from .profiles import EXPLICIT_VR_LITTLE_ENDIAN, MEDIA, PROFILES, Profile, medium_problem
from .record_bodies import parse_keys, text_of
from .records import (
    PATIENT_ID,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    STUDY_INSTANCE_UID,
    for_patient_discs,
    record_type,
)
from .request import DiscInstance, DiscRequest
from .store import file_head
from .transcode import CannotTranscode, bound_bytes, transcode
from .verify import NotVerified, verify

Progress = Callable[[float, str], None]
FileName = tuple[str, ...]

EXTRAS_BOUND_BYTES = 16 * 1024
"""README.TXT (about 1 KiB) on every volume."""
ICON_BYTES = 64 * 64 + 256
"""What an icon adds to the record of its series, at most."""
FRONT_PAGE_SERIES_BYTES = 1024
"""INDEX.HTM grows by a line a series, and one a study; texts are at most 64 characters a value."""


class DiscError(Exception):
    """A disc that cannot be made as it was asked for.

    Attributes:
        info: Execution Status Info (2100,0030), a Defined Term of PS3.3 C.22.1.
        hold: whether a person can decide what becomes of it; else the job has failed.
    """

    def __init__(self, words: str, info: str, *, hold: bool = False) -> None:
        super().__init__(words)
        self.info = info
        self.hold = hold


@dataclass(frozen=True, slots=True)
class DiscResult:
    """What a disc job made."""

    files: tuple[Path, ...]
    """One image, archive or folder for each volume."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Staged:
    path: Path
    sha256: str
    keys: bytes
    transfer_syntax_uid: str


def make_disc(request: DiscRequest, folder: Path, progress: Progress = lambda _d, _s: None) -> DiscResult:
    """Make the media of one request.

    Args:
        request: what is to be made.
        folder: the job's own work folder; what an earlier try left in it is removed.
        progress: hears (0 to 1, step).

    Raises:
        DiscError: it cannot be made as asked.
        OSError: the disk is full or failing.
    """
    if problem := medium_problem(request.profile, request.medium):
        raise DiscError(problem, "NOT_SUPPORTED")
    profile, medium = PROFILES[request.profile], MEDIA[request.medium]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    progress(0.0, "planning")
    for_patients = [one for one in request.instances if for_patient_discs(one.sop_class_uid)]
    instances: dict[str, DiscInstance] = {}
    for one in for_patients:
        instances.setdefault(one.sop_instance_uid, one)  # never two records of one UID: the first one is kept
    left_out = len(request.instances) - len(for_patients)
    warnings = [f"{left_out} objects that belong to no patient were left out"] if left_out else []
    if not instances:
        raise DiscError("there is nothing to put on a disc", "NO_INSTANCE")
    planned = [_plan_instance(one, profile) for one in instances.values()]
    extras = ((readme.NAME, EXTRAS_BOUND_BYTES), (front_page.NAME, _by_series_bound(planned, request.icons)))
    try:
        volumes = plan(planned, medium, extras, joliet=request.joliet, split=request.split)
    except TooLarge as failure:
        raise DiscError(str(failure), "INST_OVERSIZED", hold=True) from failure
    except TooManyVolumes as failure:
        raise DiscError(str(failure), "SET_OVERSIZED", hold=True) from failure
    files = []
    for volume in volumes:
        share = 1 / len(volumes)
        start = (volume.number - 1) * share

        def told(done: float, step: str, start: float = start, share: float = share) -> None:
            progress(start + done * share, step)

        files.append(_make_volume(request, profile, volume, instances, folder / f"V{volume.number}", told, warnings))
    if len(volumes) > 1:
        warnings.insert(0, f"{len(volumes)} volumes of {medium.name}")
    return DiscResult(tuple(files), tuple(dict.fromkeys(warnings)))


def _plan_instance(one: DiscInstance, profile: Profile) -> PlanInstance:
    keys = parse_keys(one.keys)
    size = one.size
    if one.transfer_syntax_uid not in profile.transfer_syntaxes:
        try:
            size = bound_bytes(one.path, one.transfer_syntax_uid)
        except CannotTranscode as failure:
            raise DiscError(
                f"{one.sop_instance_uid}: {failure}; {profile.identifier} forbids it as it is",
                "INST_AP_CONFLICT",
                hold=True,
            ) from failure
    return PlanInstance(
        name=one.sop_instance_uid,
        patient=text_of(keys, PATIENT_ID),
        study=text_of(keys, STUDY_INSTANCE_UID),
        series=text_of(keys, SERIES_INSTANCE_UID),
        size_bytes=size,
        # A record holds some of the keys, in UTF-8 at worst; the three records above it are counted with each first
        # instance by the margin.
        directory_bytes=2 * len(one.keys) + 512,
    )


def _by_series_bound(planned: Sequence[PlanInstance], icons: bool) -> int:
    """What grows by the series: INDEX.HTM, and in the DICOMDIR the icons; a plan counts the rest of it by instances."""
    series_bytes = FRONT_PAGE_SERIES_BYTES + (ICON_BYTES if icons else 0)
    return EXTRAS_BOUND_BYTES + series_bytes * len({(one.patient, one.study, one.series) for one in planned})


def _icons(staged: Iterable[_Staged], warnings: list[str]) -> dict[str, Icon]:
    """Icons by Series Instance UID."""
    from .icons import NoIcon, icon_of  # numpy and Pillow, for those who want them

    images: dict[str, list[Path]] = {}
    for one in staged:
        keys = parse_keys(one.keys)
        if record_type(text_of(keys, SOP_CLASS_UID)) == "IMAGE":
            images.setdefault(text_of(keys, SERIES_INSTANCE_UID), []).append(one.path)
    found: dict[str, Icon] = {}
    for series, files in images.items():
        try:
            found[series] = icon_of(files)
        except NoIcon:
            pass
    if len(found) < len(images):
        warnings.append(f"DICOMDIR: {len(images) - len(found)} series without an icon, as their images cannot be shown")
    return found


def _make_volume(
    request: DiscRequest,
    profile: Profile,
    volume: VolumePlan,
    instances: Mapping[str, DiscInstance],
    folder: Path,
    progress: Progress,
    warnings: list[str],
) -> Path:
    stage = folder / "stage"
    stage.mkdir(parents=True)
    staged: dict[FileName, _Staged] = {}
    for number, planned in enumerate(volume.files):
        one = instances[planned.instance.name]
        staged[planned.file_id] = _stage(one, profile, stage / f"{number:07d}", warnings)
        if number % 64 == 0:
            progress(0.05 + 0.35 * number / len(volume.files), "staging")
    content = _content(request, volume, staged, stage, warnings)
    out = folder / ("disc" if request.output == "folder" else f"disc.{request.output}")
    files: dict[FileName, Path] = {("DICOMDIR",): content["DICOMDIR",], **content}
    files |= {path: one.path for path, one in staged.items()}
    progress(0.4, "imaging")
    _write(request, _file_set_id(request, volume), files, out, lambda done: progress(0.4 + 0.3 * done, "imaging"))
    progress(0.7, "verifying")
    expected = {path: one.sha256 for path, one in staged.items()}
    expected |= {path: _sha256(source) for path, source in content.items()}
    try:
        verify(out, {_as_read(path): value for path, value in expected.items()},
               lambda done: progress(0.7 + 0.3 * done, "verifying"))  # fmt: skip
    except NotVerified as failure:
        raise DiscError(f"the {request.output} was read back and is not right: {failure}", "MCD_FAILURE") from failure
    shutil.rmtree(stage)
    return out


def _as_read(path: FileName) -> FileName:
    return tuple(part.partition(";")[0].removesuffix(".") for part in path)


def _stage(one: DiscInstance, profile: Profile, target: Path, warnings: list[str]) -> _Staged:
    """Bring one instance to the stage: linked where it may stay as it is, re-encoded where the profile says so."""
    if one.transfer_syntax_uid not in profile.transfer_syntaxes:
        try:
            transcode(one.path, target)
        except CannotTranscode as failure:
            raise DiscError(f"{one.sop_instance_uid}: {failure}", "INST_AP_CONFLICT", hold=True) from failure
        header, _ = scan_file(target)
        warnings.append(f"instances of {one.transfer_syntax_uid} were re-encoded as Explicit VR Little Endian")
        return _Staged(target, _sha256(target), header.keys, EXPLICIT_VR_LITTLE_ENDIAN)
    if not one.clean:
        return _copied(one, target)
    try:
        os.link(one.path, target)
    except OSError as failure:
        if failure.errno not in (18, 31, 1):  # another file system, too many links, links forbidden
            raise
        shutil.copyfile(one.path, target)
    return _Staged(target, one.sha256 or _sha256(target), one.keys, one.transfer_syntax_uid)


def _copied(one: DiscInstance, target: Path) -> _Staged:
    """A file of somebody else's: the data set stays, preamble and meta become ours."""
    with one.path.open("rb") as source, target.open("wb") as out:
        source.seek(one.data_offset)
        out.write(file_head(one.sop_class_uid, one.sop_instance_uid, one.transfer_syntax_uid))
        shutil.copyfileobj(source, out, 1 << 20)
    return _Staged(target, _sha256(target), one.keys, one.transfer_syntax_uid)


def _content(
    request: DiscRequest,
    volume: VolumePlan,
    staged: Mapping[FileName, _Staged],
    stage: Path,
    warnings: list[str],
) -> dict[FileName, Path]:
    """DICOMDIR, README.TXT and INDEX.HTM of one volume."""
    directory = stage / "DICOMDIR"
    icons = _icons(staged.values(), warnings) if request.icons else None
    with directory.open("wb") as out:
        supplied = write_dicomdir(
            (DirectoryEntry(path, one.keys, one.transfer_syntax_uid) for path, one in staged.items()),
            file_set_id=_file_set_id(request, volume),
            file_set_uid=_uid(f"{request.seed}/{volume.number}"),
            out=out,
            now=request.now,
            key_table=PROFILES[request.profile].key_table,
            icons=icons,
        )
    warnings.extend(f"DICOMDIR only: {one.in_words()}" for one in supplied[:50])
    if len(supplied) > 50:
        warnings.append(f"DICOMDIR only: {len(supplied) - 50} further values were supplied")
    imprint = Imprint(
        request.institution,
        request.language,
        request.profile,
        request.version,
        request.now,
        volume.number,
        volume.of,
        request.addendum,
    )
    made: dict[FileName, Path] = {
        ("DICOMDIR",): directory,
        readme.NAME: stage / "README.TXT",
        front_page.NAME: stage / "INDEX.HTM",
    }
    made[readme.NAME].write_bytes(readme.readme(imprint))
    page = front_page.front_page(imprint, (parse_keys(one.keys) for one in staged.values()))
    made[front_page.NAME].write_bytes(page)
    return made


def _file_set_id(request: DiscRequest, volume: VolumePlan) -> str:
    """The File-set ID of a volume; on ISO 9660 it is the Volume Identifier too (PS3.12 F.1.1)."""
    suffix = f"_{volume.number}" if volume.of > 1 else ""
    return request.file_set_id[: 16 - len(suffix)] + suffix


def _uid(seed: str) -> str:
    """A UID of the 2.25 arc (PS3.5 §B.2), always the same for the same seed."""
    return f"2.25.{uuid.UUID(bytes=hashlib.sha256(seed.encode()).digest()[:16], version=4).int}"


def _write(
    request: DiscRequest,
    volume_id: str,
    files: Mapping[FileName, Path],
    out: Path,
    progress: Callable[[float], None],
) -> None:
    if request.output == "iso":
        write_iso(files.items(), out, volume_id=volume_id, now=request.now, joliet=request.joliet, progress=progress)
    elif request.output == "zip":
        _write_zip(files, out, request, progress)
    else:
        for number, (path, source) in enumerate(files.items()):
            target = out.joinpath(*path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            progress(number / len(files))


def _write_zip(
    files: Mapping[FileName, Path], out: Path, request: DiscRequest, progress: Callable[[float], None]
) -> None:
    """A ZIP File-set (PS3.12 Annex V): stored, not deflated; images do not get smaller, and readers are simpler."""
    # A ZIP knows the years 1980 to 2107: a machine whose clock has not been set yet makes discs all the same.
    date = min(max(request.now.timetuple()[:6], (1980, 1, 1, 0, 0, 0)), (2107, 12, 31, 23, 59, 58))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for number, (path, source) in enumerate(files.items()):
            entry = zipfile.ZipInfo("/".join(path), date)
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as target, source.open("rb") as data:
                shutil.copyfileobj(data, target, 1 << 20)
            progress(number / len(files))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
