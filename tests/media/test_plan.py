"""Plans: exact sizes, whole studies first, and never more than the medium holds (property tests)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.iso import write_iso
from media.iso_size import image_sectors
from media.plan import PlanInstance, TooLarge, TooManyVolumes, plan, volume_sectors
from media.profiles import MEDIA, PROFILES, RESERVE_SECTORS, Medium

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def one(name: str, size: int = 100_000, study: str = "S1", series: str = "", patient: str = "P") -> PlanInstance:
    return PlanInstance(name, patient, study, series or f"{study}.1", size, 600)


SIZES = st.integers(0, 3_000_000)
INSTANCES = st.lists(st.tuples(SIZES, st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60).map(
    lambda rows: [
        one(str(at), size, f"S{study}", f"S{study}.{series}") for at, (size, study, series) in enumerate(rows)
    ]
)


@given(INSTANCES, st.integers(2_000, 6_000), st.booleans())
def test_no_volume_is_larger_than_the_medium_and_nothing_is_lost(
    instances: list[PlanInstance], capacity: int, joliet: bool
) -> None:
    medium = Medium("TEST", capacity + RESERVE_SECTORS)
    volumes = plan(instances, medium, ((("README.TXT",), 1000),), joliet=joliet)
    placed = [file.instance.name for volume in volumes for file in volume.files]
    assert sorted(placed) == sorted(instance.name for instance in instances)
    for number, volume in enumerate(volumes, 1):
        assert volume.sectors <= capacity
        assert (volume.number, volume.of) == (number, len(volumes))
        assert volume.files, "no empty volume"
        assert len({file.file_id for file in volume.files}) == len(volume.files)


def test_a_study_that_fits_on_an_empty_volume_is_not_divided() -> None:
    instances = [one(f"a{at}", study="A") for at in range(40)] + [one(f"b{at}", study="B") for at in range(40)]
    first, second = plan(instances, Medium("TEST", 3_200 + RESERVE_SECTORS))
    assert {file.instance.study for file in first.files} == {"A"}
    assert {file.instance.study for file in second.files} == {"B"}


def test_a_study_that_does_not_fit_is_divided_by_series_first() -> None:
    instances = [one(f"{series}{at}", study="A", series=f"A.{series}") for series in range(3) for at in range(30)]
    volumes = plan(instances, Medium("TEST", 3_300 + RESERVE_SECTORS))
    assert len(volumes) == 2
    homes = {file.instance.series: volume.number for volume in volumes for file in volume.files}
    assert all(homes[file.instance.series] == volume.number for volume in volumes for file in volume.files)


def test_mingled_series_come_together() -> None:
    instances = [one(str(at), series=f"S1.{at % 2}") for at in range(6)]
    (volume,) = plan(instances, MEDIA["CD-80"])
    assert [file.instance.name for file in volume.files] == ["0", "2", "4", "1", "3", "5"]


def test_an_instance_larger_than_the_medium_is_named() -> None:
    with pytest.raises(TooLarge, match="huge"):
        plan([one("small"), one("huge", 900_000_000)], MEDIA["CD-80"])


def test_several_volumes_only_where_they_are_allowed() -> None:
    instances = [one(str(at), 300_000_000, study=str(at)) for at in range(4)]
    assert len(plan(instances, MEDIA["CD-80"])) == 2
    with pytest.raises(TooManyVolumes, match="2 are needed"):
        plan(instances, MEDIA["CD-80"], split=False)


def test_media_keep_300_sectors_free() -> None:
    assert MEDIA["CD-80"].usable_sectors == 360_000 - 300
    assert MEDIA["CD-74"].usable_sectors == 333_000 - 300


def test_every_profile_names_media_that_exist() -> None:
    for profile in PROFILES.values():
        assert profile.media <= MEDIA.keys()


@given(
    st.lists(st.tuples(st.sampled_from([0, 1, 2047, 2048, 2049, 70_000]), st.integers(0, 4)), max_size=80),
    st.booleans(),
)
def test_the_computed_size_is_the_image_s(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]], joliet: bool
) -> None:
    folder = tmp_path_factory.mktemp("iso")
    files: list[tuple[tuple[str, ...], Path]] = []
    for at, (size, branch) in enumerate(rows):
        source = folder / str(at)
        source.write_bytes(bytes(size))
        files.append((("DICOM", f"PA{branch:06d}", f"ST{at % 3:06d}", "SE000001", f"IM{at:06d}"), source))
    readme = folder / "readme"
    readme.write_bytes(b"x")
    files.append((("README.TXT",), readme))
    write_iso(files, folder / "iso", volume_id="TEST", now=NOW, joliet=joliet)
    computed = image_sectors(((path, source.stat().st_size) for path, source in files), joliet=joliet)
    assert (folder / "iso").stat().st_size == computed * 2048


def test_a_large_folder_is_computed_right(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 10)
    files = [(("DICOM", "PA000001", "ST000001", f"SE{at // 500:06d}", f"IM{at:06d}"), source) for at in range(3000)]
    write_iso(files, tmp_path / "iso", volume_id="TEST", now=NOW)
    assert (tmp_path / "iso").stat().st_size == 2048 * image_sectors((path, 10) for path, _ in files)


def test_the_same_content_is_the_same_image(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x" * 5000)
    for name in ("a", "b"):
        write_iso([(("DICOM", "IM000001"), source)], tmp_path / name, volume_id="TEST", now=NOW)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_bound_of_a_volume_counts_its_directory() -> None:
    (volume,) = plan([one("a", 0)], MEDIA["CD-80"])
    assert volume.sectors == volume_sectors(volume.files, (), joliet=False)
    assert volume.sectors > image_sectors([(volume.files[0].file_id, 0)])
