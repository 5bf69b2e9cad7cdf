"""Kinds of consoles: profiles as data, and which of them a caller is.

A profile is a TOML file: which device it is and where that is known from, how the device is recognized (Implementation
Class UID and Version Name, calling AE title, address), and the keys of its personality. Those that we ship lie in
`peers.d`; `[access] profiles` names a folder of one's own.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from appliance.association.access import plain_address
from appliance.config import Config, quoted_values, read_toml
from appliance.personality import Layer, Personality, Resolved

log = logging.getLogger("gravure.print")

SHIPPED = Path(__file__).parent / "peers.d"
MOST_PROFILES = 1000
"""Files of one folder that are read."""


class BadProfile(Exception):
    """Console profiles that cannot be used: one line each, `file: key: what is wrong`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Caller(Protocol):
    """What is known of a console when it has associated."""

    id: str
    calling_ae_title: str
    peer_address: str
    peer: str | None
    implementation_class_uid: str
    implementation_version_name: str


class Recognition(BaseModel):
    """How a device is recognized: every key that is there must match; `*` and `?` stand for any text and any sign."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    address: str = ""
    """Host address or CIDR block."""
    ae_title: str = ""
    """Its calling AE title."""
    implementation_version_name: str = ""
    implementation_class_uid: str = ""

    @field_validator("address")
    @classmethod
    def _is_network(cls, value: str) -> str:
        if value:
            ipaddress.ip_network(value, strict=False)
        return value

    @model_validator(mode="after")
    def _is_something(self) -> Recognition:
        if not any(self.model_dump().values()):
            raise ValueError("nothing to recognize the device by")
        return self

    def exactness(self, caller: Caller) -> tuple[int, ...] | None:
        """None if the caller is no such device; else how exactly this says so: address before AE title before version
        before UID, and of each the longer one. The greater tuple wins."""
        texts = (
            (self.ae_title, caller.calling_ae_title),
            (self.implementation_version_name, caller.implementation_version_name),
            (self.implementation_class_uid, caller.implementation_class_uid),
        )
        if not all(fnmatchcase(text, pattern) for pattern, text in texts if pattern):
            return None
        network = ipaddress.ip_network(self.address, strict=False) if self.address else None
        if network is not None and not _is_in(caller.peer_address, network):
            return None
        return (-1 if network is None else network.prefixlen, *(_weight(pattern) for pattern, _ in texts))


def _is_in(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    here = plain_address(address)
    return here.version == network.version and here in network


def _weight(pattern: str) -> int:
    """Signs that must be there; without a wildcard it is the whole name, which is more."""
    plain = pattern.replace("*", "").replace("?", "")
    return 2 * len(plain) + (bool(pattern) and plain == pattern)


class Profile(BaseModel):
    """One kind of console."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    device: str
    """Maker and name."""
    version: str = ""
    """Of the device that this is known of."""
    known_from: str
    """The log, report or statement that says so."""
    recognized_by: Annotated[tuple[Recognition, ...], Field(min_length=1)]
    personality: Personality


@dataclass(frozen=True, slots=True)
class Found:
    """A profile and where it was read."""

    name: str
    """Name of its file, without the ending."""
    origin: str
    profile: Profile

    def exactness(self, caller: Caller) -> tuple[int, ...] | None:
        """The best of the ways in which the profile recognizes the caller."""
        ways = (way.exactness(caller) for way in self.profile.recognized_by)
        return max((way for way in ways if way is not None), default=None)


def read_profiles(folder: Path, origin: str) -> tuple[Found, ...]:
    """Every `*.toml` of a folder, by name.

    Args:
        folder: the folder; one that is not there has none.
        origin: what people read before the file's name.

    Raises:
        BadProfile: with every problem of every file.
    """
    problems: list[str] = []
    found: list[Found] = []
    for file in sorted(folder.glob("*.toml"))[:MOST_PROFILES]:
        try:
            tables = read_toml(file)
            problems += [f"{file}: {key}: {words}" for key, words in quoted_values(Profile, tables)]
            found.append(Found(file.stem, f"{origin}/{file.name}", Profile.model_validate(tables)))
        except ValidationError as failure:
            problems += [f"{file}: {line}" for line in _lines(failure)]
        except (OSError, ValueError) as failure:
            problems.append(f"{file}: cannot be read: {failure}")
    if problems:
        raise BadProfile(problems)
    return tuple(found)


def _lines(failure: ValidationError) -> Iterator[str]:
    for error in failure.errors():
        yield f"{'.'.join(map(str, error['loc']))}: {error['msg'].removeprefix('Value error, ')}"


@lru_cache(maxsize=1)
def shipped() -> tuple[Found, ...]:
    """The profiles that come with the appliance."""
    return read_profiles(SHIPPED, SHIPPED.name)


def own(config: Config) -> tuple[Found, ...]:
    """The profiles of `[access] profiles`.

    Raises:
        BadProfile: with every problem of every file; the folder is not there.
    """
    if config.access.profiles is None:
        return ()
    folder = config.folder(config.access.profiles)
    if not folder.is_dir():
        raise BadProfile([f"there is no folder {folder}"])
    return read_profiles(folder, str(folder))


def recognized(profiles: Iterable[Found], caller: Caller) -> Found | None:
    """The profile that recognizes a caller most exactly; of two that are equal, the first by name."""
    best: tuple[tuple[int, ...], Found] | None = None
    for one in profiles:
        exactness = one.exactness(caller)
        if exactness is not None and (best is None or exactness > best[0]):
            best = exactness, one
    return None if best is None else best[1]


class Personalities:
    """The personality of every dialogue.

    Args:
        config: the configuration.

    Raises:
        BadProfile: a profile of one's own cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._shipped = shipped()
        self._own = own(config)

    @property
    def profiles(self) -> tuple[Found, ...]:
        """All profiles, one's own first."""
        return (*self._own, *self._shipped)

    def resolved(self, printer: str, caller: Caller) -> Resolved:
        """The personality for a caller of a printer, and where each key comes from."""
        return Resolved.of(*self._layers(printer, caller))

    def of(self, printer: str, caller: Caller) -> Personality:
        """The personality for a caller of a printer; what is not the default is logged with its origin."""
        found = self.resolved(printer, caller)
        if lines := found.lines():
            log.info("personality", extra={"association": caller.id, "printer": printer, "keys": "; ".join(lines)})
        return found.personality

    def of_printer(self, printer: str) -> Resolved:
        """The personality for a caller that nobody knows."""
        return Resolved.of(self._table(printer))

    def of_peer(self, printer: str, peer: str) -> Resolved:
        """The personality for a peer of the configuration, as far as it is known before it calls."""
        return Resolved.of(self._table(printer), Layer(f"peers.{peer}", self._config.peers[peer].given()))

    def _table(self, printer: str) -> Layer:
        return Layer(f"printers.{printer}", self._config.printers[printer].given())

    def _layers(self, printer: str, caller: Caller) -> Iterator[Layer]:
        yield from _layer(recognized(self._shipped, caller))
        yield self._table(printer)
        yield from _layer(recognized(self._own, caller))
        peer = self._config.peers.get(caller.peer or "")
        if peer is not None:
            yield Layer(f"peers.{caller.peer}", peer.given())


def _layer(found: Found | None) -> Iterator[Layer]:
    if found is not None:
        keys: dict[str, Any] = found.profile.personality.given()
        yield Layer(found.origin, keys)
