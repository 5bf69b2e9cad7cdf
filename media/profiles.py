"""Media application profiles (PS3.11) and media (PS3.12), as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .records import KeyTable

SECTOR_BYTES = 2048
RESERVE_SECTORS = 300
"""Left free on every medium: 150 sectors of padding, the run-out of track-at-once writing, and a margin."""

EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_JPEG = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 70))
_J2K = (f"1.2.840.10008.1.2.4.{number}" for number in (90, 91))


@dataclass(frozen=True, slots=True)
class Profile:
    """One application profile.

    Attributes:
        identifier: as PS3.11 writes it.
        section: of PS3.11.
        transfer_syntaxes: what instances on it may be encoded in.
        media: the media that it may stand on, keys of MEDIA.
        key_table: the table of additional DICOMDIR keys.
    """

    identifier: str
    section: str
    transfer_syntaxes: frozenset[str]
    media: frozenset[str]
    key_table: KeyTable


@dataclass(frozen=True, slots=True)
class Medium:
    """One kind of medium: its name, and its sectors of 2048 bytes."""

    name: str
    sectors: int

    @property
    def usable_sectors(self) -> int:
        """What a plan may fill."""
        return self.sectors - RESERVE_SECTORS


# The smaller of the - and + formats, so that a plan fits whatever lies in the drive.
MEDIA: Mapping[str, Medium] = {
    one.name: one
    for one in (
        Medium("CD-21", 94_500),
        Medium("CD-74", 333_000),
        Medium("CD-80", 360_000),
        Medium("DVD", 2_295_104),
        Medium("DVD-DL", 4_171_712),
        Medium("BD", 11_826_176),  # BD-R and BD-RE, 25 GB, with defect management
        Medium("BD-DL", 23_652_352),
        # A stick or a download has no size of its own; what one folder tree should hold at most.
        Medium("USB", 15_000_000),
    )
}

_UNCOMPRESSED = frozenset({EXPLICIT_VR_LITTLE_ENDIAN})
_WITH_JPEG = _UNCOMPRESSED | frozenset(_JPEG)
_WITH_J2K = _UNCOMPRESSED | frozenset(_J2K)
_CDS = frozenset({"CD-21", "CD-74", "CD-80"})
_DVDS = frozenset({"DVD", "DVD-DL"})
_BDS = frozenset({"BD", "BD-DL"})

PROFILES: Mapping[str, Profile] = {
    one.identifier: one
    for one in (
        Profile("STD-GEN-CD", "D", _UNCOMPRESSED, _CDS, "D.3-2"),
        Profile("STD-GEN-BD", "D", _UNCOMPRESSED, _BDS, "D.3-2"),
        Profile("STD-GEN-DVD-JPEG", "H", _WITH_JPEG, _DVDS, "H.3-2"),
        Profile("STD-GEN-DVD-J2K", "H", _WITH_J2K, _DVDS, "H.3-2"),
        Profile("STD-GEN-USB-JPEG", "J", _WITH_JPEG, frozenset({"USB"}), "H.3-2"),
        Profile("STD-GEN-USB-J2K", "J", _WITH_J2K, frozenset({"USB"}), "H.3-2"),
        Profile("STD-GEN-BD-JPEG", "L", _WITH_JPEG, _BDS, "H.3-2"),
        Profile("STD-GEN-BD-J2K", "L", _WITH_J2K, _BDS, "H.3-2"),
    )
}


def sectors(size_bytes: int) -> int:
    """Sectors that a file of this size takes."""
    return -(-size_bytes // SECTOR_BYTES)


def medium_problem(profile: str, medium: str) -> str:
    """Why a profile cannot be written to a medium, and what can; empty where it can."""
    known = PROFILES.get(profile)
    if known is None:
        return f"there is no profile {profile}; there are {', '.join(PROFILES)}"
    if medium not in known.media:
        return f"{profile} stands on {', '.join(sorted(known.media))}, not on {medium}"
    return ""
