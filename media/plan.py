"""Which instance goes on which volume: whole studies first, then series, then instances; sizes as arithmetic.

Nothing is copied to find out that it does not fit. Each volume is a File-set of its own, complete with directory,
README and front page (PS3.11 J.2.1.1 note: a File-set never spans media), and an instance is never split.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from .file_ids import FileIDs
from .iso_size import image_sectors
from .profiles import Medium, sectors

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanInstance:
    """What a plan needs of one instance."""

    name: str
    """The caller's name for it."""
    patient: str
    study: str
    series: str
    size_bytes: int
    """As it will lie on the medium; an upper bound where it has to be re-encoded."""
    directory_bytes: int
    """An upper bound of what the DICOMDIR needs for it."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """One instance and its place."""

    instance: PlanInstance
    file_id: Path


@dataclass(frozen=True, slots=True)
class VolumePlan:
    """One volume of a disc job."""

    number: int
    of: int
    files: tuple[PlannedFile, ...]
    sectors: int
    """An upper bound of the image's size; exact but for DICOMDIR and re-encoded instances."""


class TooLarge(Exception):
    """An instance that fits on no empty medium (INST_OVERSIZED)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"an instance is larger than the medium: {name}")
        self.name = name


class TooManyVolumes(Exception):
    """The instances do not fit on one medium, and splitting was not allowed (SET_OVERSIZED)."""

    def __init__(self, volumes: int) -> None:
        super().__init__(f"does not fit on one medium, {volumes} are needed")
        self.volumes = volumes


DIRECTORY_FIXED_BYTES = 2048
"""File Meta Information and File-set identification of a DICOMDIR (about 600 bytes)."""


class _Volume:
    """A volume being filled: sizes are added up, and the exact layout is computed when it gets close to full."""

    def __init__(self, capacity: int, extras: Sequence[tuple[Path, int]], joliet: bool) -> None:
        self._capacity = capacity
        self._extras = extras
        self._joliet = joliet
        self.instances: list[PlanInstance] = []
        self._rough = 0

    def add(self, instances: Sequence[PlanInstance]) -> bool:
        """Take these instances if they all fit."""
        # An instance never needs more than its sectors, 96 bytes of directory records (two trees), its part of
        # DICOMDIR, and three folders of its own: with that rough sum far from the limit there is nothing to compute.
        rough = self._rough + sum(sectors(one.size_bytes) + sectors(one.directory_bytes) + 8 for one in instances)
        if rough + 4096 > self._capacity and self._exact([*self.instances, *instances]) > self._capacity:
            return False
        self.instances.extend(instances)
        self._rough = rough
        return True

    def _exact(self, instances: Sequence[PlanInstance]) -> int:
        return volume_sectors(place(instances), self._extras, joliet=self._joliet)


def place(instances: Iterable[PlanInstance]) -> Iterator[PlannedFile]:
    """File IDs by counter, in order."""
    ids = FileIDs()
    for one in instances:
        yield PlannedFile(one, ids.of(one.patient, one.study, one.series))


def volume_sectors(files: Iterable[PlannedFile], extras: Sequence[tuple[Path, int]], *, joliet: bool) -> int:
    """Sectors of a volume's image, its DICOMDIR by the upper bound."""
    listed = list(files)
    directory = DIRECTORY_FIXED_BYTES + sum(one.instance.directory_bytes for one in listed)
    everything = [(one.file_id, one.instance.size_bytes) for one in listed]
    return image_sectors([*everything, (("DICOMDIR",), directory), *extras], joliet=joliet)


def plan(
    instances: Sequence[PlanInstance],
    medium: Medium,
    extras: Sequence[tuple[Path, int]] = (),
    *,
    joliet: bool = False,
    split: bool = True,
) -> tuple[VolumePlan, ...]:
    """Spread instances over as many volumes as they need.

    Args:
        instances: in the order in which they shall stand.
        medium: what each volume goes on.
        extras: (path, size in bytes) of what every volume carries beside its instances.
        joliet: whether images have the Joliet tree too.
        split: whether several volumes are allowed.

    Raises:
        TooLarge: an instance fits on no empty medium.
        TooManyVolumes: more than one volume, and `split` is False.
    """
    capacity = medium.usable_sectors
    volumes = [_Volume(capacity, extras, joliet)]

    def fresh() -> _Volume:
        if volumes[-1].instances:
            volumes.append(_Volume(capacity, extras, joliet))
        return volumes[-1]

    def fit(group: Sequence[PlanInstance], smaller: Sequence[str]) -> None:
        if volumes[-1].add(group) or fresh().add(group):
            return
        if not smaller:
            raise TooLarge(group[0].name)
        for part in _parts(group, smaller[0]):
            fit(part, smaller[1:])

    for study in _parts(_gathered(instances), "study"):
        fit(study, ("series", "name"))
    if len(volumes) > 1 and not split:
        raise TooManyVolumes(len(volumes))
    return tuple(
        _volume_plan(number, len(volumes), volume.instances, extras, joliet) for number, volume in enumerate(volumes, 1)
    )


def _volume_plan(
    number: int, of: int, instances: Sequence[PlanInstance], extras: Sequence[tuple[Path, int]], joliet: bool
) -> VolumePlan:
    files = tuple(place(instances))
    return VolumePlan(number, of, files, volume_sectors(files, extras, joliet=joliet))


def _gathered(instances: Sequence[PlanInstance]) -> list[PlanInstance]:
    """The instances with each patient's studies, each study's series and each series' instances together, in order of
    first appearance."""
    order: dict[tuple[str, ...], int] = {}
    for one in instances:
        for key in ((one.patient,), (one.patient, one.study), (one.patient, one.study, one.series)):
            order.setdefault(key, len(order))
    return sorted(
        instances,
        key=lambda one: (
            order[one.patient,],
            order[one.patient, one.study],
            order[one.patient, one.study, one.series],
        ),
    )


def _parts(instances: Sequence[PlanInstance], by: str) -> list[list[PlanInstance]]:
    if by == "name":
        return [[one] for one in instances]
    keys = ("patient", "study") if by == "study" else ("patient", "study", "series")
    return [list(group) for _, group in groupby(instances, key=lambda one: tuple(getattr(one, key) for key in keys))]
