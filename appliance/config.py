"""The configuration: one TOML file, read once, never rewritten, held as one frozen value.

The table key of a service is its AE title. `Config.load` either returns a configuration that the daemon can run on, or
raises with every problem at once, each with the key that it stands at; `gravure check` prints the same list.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from appliance.association.access import SERVICES
from appliance.association.limits import MIB, Limits
from appliance.personality import Personality
from media.content.words import README, known_language
from media.profiles import PROFILES, medium_problem
from printing import film_size
from printing.annotation import MOST_BOXES
from printing.display_format import MOST_IMAGE_BOXES
from printing.media_name import paper_of
from printing.outputs.dicom.habits import OPTIONAL_ATTRIBUTES, OPTIONAL_CLASSES, OptionalClass
from printing.render.sheet import Scaling
from printing.terms import MEDIUM_TYPES

SYSTEM_FILE = Path("/etc/gravure/gravure.toml")
OPEN_TO_ALL = "this opens the appliance to a network: name the [peers] that may call, or set access.unknown_peers"


class ConfigProblem(Exception):
    """A configuration that cannot be run on.

    Attributes:
        problems: one line each, `file: key: what is wrong`.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _ae_title(value: str) -> str:
    title = value.strip(" ")
    if not 1 <= len(title) <= 16 or not all(32 <= ord(sign) < 127 and sign != "\\" for sign in title):
        raise ValueError("an AE title is 1 to 16 characters of the default repertoire, without backslash")
    return title


def _format_id(value: str) -> str:
    if not re.fullmatch(r"[A-Z0-9_][A-Z0-9_ ]{0,15}", value, re.ASCII):
        raise ValueError("an Annotation Display Format ID is 1 to 16 capitals, digits, blanks and underscores")
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


OWN_FOLDERS = frozenset({"calibrations", "dialogues", "spool", "store"})
"""Of the state folder: what lies there is not for people."""


def _folder(value: str) -> str:
    if value in ("", ".", "..") or "\0" in value or ".." in Path(value).parts:
        raise ValueError("a folder below the state folder, or an absolute path")
    if Path(value).parts[0] in OWN_FOLDERS:
        raise ValueError(f"{Path(value).parts[0]} is a folder of the appliance's own")
    return value


AETitle = Annotated[str, AfterValidator(_ae_title)]
Folder = Annotated[str, AfterValidator(_folder)]
AnnotationFormatID = Annotated[str, AfterValidator(_format_id)]
PlainText = Annotated[str, Field(max_length=64, pattern=r"^[ -\[\]-~]*$")]
"""A Long String (LO) of the default repertoire."""
Place = Literal["top left", "top center", "top right", "bottom left", "bottom center", "bottom right"]
Days = Annotated[float, Field(ge=0, le=36500)]


class Table(BaseModel):
    """A table of the file: frozen, and a key that it does not know is a problem."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ApplianceTable(Table):
    """Who we are and where we keep things."""

    state: str = ""
    """State folder. Default: $STATE_DIRECTORY, else the XDG state folder."""
    ae_title: AETitle = "GRAVURE"
    """Who we are when we call others; as a called title it answers C-ECHO only."""
    institution: str = ""
    """On README.TXT, labels and web content."""
    language: str = "en"
    """Of discs and console: en, fr, de. Any other is a remark of `gravure check`, and English."""
    file_mode: str = "0640"
    """Mode of files made for people, octal."""
    file_group: str = ""
    """Group of files made for people; default: the group that the daemon runs in."""
    disk_reserve_mb: Annotated[int, Field(ge=0)] = 512
    """Free space, in MB, that no incoming instance or film may touch; a twentieth of a smaller disk."""
    fonts: tuple[str, ...] = ()
    """Font files (TrueType) for annotations in scripts that the built-in ones lack; these have Latin, Greek, Cyrillic,
    Arabic, Hebrew, Chinese, Japanese and Korean."""
    receiving_processes: Annotated[int, Field(ge=1, le=16)] | None = None
    """Processes that receive studies at the same time. Default: one a processor, four at most; the second one is
    started when two associations store at once, and ends when none does."""
    queue_depth: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Waiting jobs of one printer or disc station; more are refused."""


class ListenTable(Table):
    """Where DICOM peers reach us."""

    address: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ("127.0.0.1",)
    """Address or list of addresses, IPv6 too. Socket activation (gravure.socket) has addresses and a port of its own:
    they count then."""
    port: Annotated[int, Field(ge=0, le=65535)] = 11112
    """TCP port; 0 takes a free one."""


class ConsoleTable(Table):
    """The technicians' pages. This version has none yet: the keys are read, and nothing listens."""

    address: str = "127.0.0.1"
    """Address."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """TCP port."""


class AccessTable(Table):
    """Peers that stand in no [peers] table."""

    unknown_peers: Literal["accept", "echo-only", "reject"] | None = None
    """Default: accept while we listen on loopback alone, reject elsewhere."""
    any_called_ae: str | None = None
    """AE title of the service that answers for unknown called AE titles."""
    profiles: Folder | None = None
    """Folder of console profiles (TOML) of one's own, relative to the state folder; they win over those we ship."""


class CustomFormat(Table):
    """One CUSTOM\\i display format: boxes in percent of the film, in Image Box Position order."""

    boxes: tuple[tuple[float, float, float, float], ...]
    """(x, y, width, height) of each box, in percent of the film's width and height, from the top left."""


def _omitted(keywords: tuple[str, ...]) -> tuple[str, ...]:
    for keyword in keywords:
        if keyword not in OPTIONAL_ATTRIBUTES:
            raise ValueError(f"{keyword} is none of {', '.join(sorted(OPTIONAL_ATTRIBUTES))}")
    return keywords


Term = Annotated[str, Field(pattern=r"^[A-Z0-9_][A-Z0-9_ ]{0,15}$")]
"""A Defined Term (CS)."""


class ImagerTable(Table):
    """Output dicom: what the imager takes, and how it wants to be asked."""

    bits: Literal[8, 12] = 12
    """The most bits of a pixel that it takes; deeper ones are scaled, with their Presentation LUT baked in."""
    implicit_only: bool = False
    """Propose Implicit VR Little Endian alone, for old imagers."""
    optional_classes: tuple[OptionalClass, ...] = tuple(OPTIONAL_CLASSES)
    """What is proposed beside the meta classes: presentation-lut (else it is baked in), annotation (else annotations
    are not on the film), print-job (else a film that the imager has taken is done). None for imagers that take the
    meta class alone."""
    omit: Annotated[tuple[str, ...], AfterValidator(_omitted)] = ()
    """Attributes that it must not see, by keyword, such as Trim or RequestedDecimateCropBehavior; the job says what was
    left out."""
    prints: Literal["film", "session"] = "film"
    """What it is asked to print: each film, or the session with all of its films."""
    association_per_film: bool = False
    """A new association for each film."""
    own_uids: bool = False
    """Propose no UIDs: it gives its own. Those that it gives anyway are used in any case."""
    film_sizes: dict[Term, Term] = Field(default_factory=dict)
    """What it calls films, by Film Size ID: `{ 35CMX43CM = "14INX17IN" }`."""
    medium_types: dict[Term, Term] = Field(default_factory=dict)
    """What it calls media, by Medium Type."""


PeerKeys = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Associations = Annotated[int, Field(ge=0, le=10_000)]


class PrinterTable(Personality):
    """A virtual film printer."""

    output: Literal["folder", "ipp", "dicom", "archive", "raw"] = "folder"
    """Where films go: `folder`; `ipp`, an IPP Everywhere printer or a CUPS queue; `dicom`, a film imager; `archive`, a
    PACS; `raw`, a printer on TCP port 9100."""
    peer: str = ""
    """Outputs dicom and archive: the imager or the PACS, a key of [peers]."""
    archive_as: Literal["secondary-capture", "pdf"] = "secondary-capture"
    """Output archive: what a film becomes; a multi-frame Secondary Capture of P-values, or an Encapsulated PDF."""
    unidentified: Literal["hold", "send"] = "hold"
    """Output archive: a film that is nobody's, as far as the console said, waits for a person, or is sent under a
    Patient ID of its own, FILM- and the number of the job."""
    imager: ImagerTable = Field(default_factory=ImagerTable)
    """Output dicom: a table of its own, below."""
    url: str = ""
    """Output ipp: ipp://host:port/path, or ipps:// with TLS. Output raw: socket://host:port."""
    verify_certificate: bool = True
    """Output ipp with ipps: whether the printer's certificate must be one that this machine trusts."""
    media: str = ""
    """Outputs ipp and raw: media name (PWG 5101.1), such as iso_a3_297x420mm. Default: what lies in the IPP printer;
    raw: a page is as large as its film."""
    scaling: Scaling = "fit"
    """Outputs ipp and raw, films on paper of another size: made smaller until they `fit`, with the scale below; kept in
    `true` size, with their edges lost; or a `poster`, in true size on several sheets."""
    margin_mm: Annotated[float, Field(ge=0, le=50)] = 5.0
    """Output raw: what the printer cannot print on at each edge of the paper. An IPP printer says it itself."""
    format: Literal["pdf", "postscript", "pwg"] = "pdf"
    """Output raw: what the printer reads."""
    formats: Annotated[tuple[Literal["pdf", "png", "tiff"], ...], Field(min_length=1, max_length=3)] = ("pdf",)
    """Output folder: what files are made of a film. PDF has all films of a print and can be searched; PNG and TIFF have
    one a file."""
    folder: Folder = "films"
    """Output folder: where the files go, relative to the state folder."""
    aliases: tuple[AETitle, ...] = ()
    """Other called AE titles that mean this one."""
    peers: PeerKeys = ()
    """Keys of [peers]: who may call this printer. None: everybody whom [access] and [peers] let in."""
    associations: Associations = 0
    """Open associations with this printer; more are rejected with 2/3/2. 0: as many as [limits] has."""
    dpi: Annotated[int, Field(ge=50, le=600)] = 300
    """Printer resolution."""
    high_dpi: Annotated[int, Field(ge=50, le=600)] | None = None
    """Resolution of films that ask for HIGH (Requested Resolution ID). Default: twice `dpi`, at most 600. An output
    that has one resolution keeps to it."""
    tone: Literal["pvalue", "film", "paper", "calibrated"] = "film"
    """How P-values become samples: `pvalue` leaves them, for calibrated screens; `film` gives the relative luminance of
    the film on its viewbox, `paper` that of office paper, in sRGB; `calibrated` gives the code values that this printer
    prints with the densities of the GSDF, as `gravure calibrate` measured them."""
    black_point: bool = True
    """Tones film and paper: the darkest density is black, as the screen or the paper has a black of its own."""
    bits: Literal[8, 16] = 8
    """Of a grey sample. 12-bit images keep their bits in 16; the files are two to three times as large."""
    configuration_information: Literal["apply", "keep"] = "apply"
    """Contrast, gamma, window and density in Configuration Information, as known imagers understand them: `apply` them
    to images without a Presentation LUT, or `keep` them with the film alone."""
    status_policy: Literal["spooler", "truthful"] = "spooler"
    """Printer Status: NORMAL while we can accept work, or the real one."""
    keep_days: Days = 7
    """How long films are kept."""
    reprint_days: Days = 1
    """How long the images of films that came out are kept for `gravure reprint`, at most `keep_days`; less when the
    disk fills up."""
    also: Annotated[tuple[AETitle, ...], BeforeValidator(_listed)] = ()
    """Other keys of [printers] that get each film too, as a job of its own; their own `also` does not matter."""
    fallback: str = ""
    """Another key of [printers], which gets the films while this printer takes none; its own `fallback` does not
    matter."""
    fallback_after_seconds: Annotated[float, Field(ge=0, le=604800)] = 300
    """How long this printer must have taken none before."""
    film_size_id: str = "14INX17IN"
    """Film size where the console names none."""
    illumination: Annotated[int, Field(ge=1, le=65535)] = 2000
    """L0 of the viewbox, cd/m². With tone paper the default is office light, 150."""
    reflected_ambient_light: Annotated[int, Field(ge=0, le=65535)] = 10
    """La, cd/m². With tone paper the default is 0."""
    min_density: Annotated[int, Field(ge=0, le=499)] = 20
    """Minimum density, in 1/100 OD. With tone paper or calibrated the default is what the paper has."""
    max_density: Annotated[int, Field(ge=1, le=500)] = 300
    """Maximum density, in 1/100 OD. With tone paper or calibrated the default is what the paper has."""
    border_density: str = "BLACK"
    """Where the console names none: BLACK, WHITE or a number in 1/100 OD."""
    empty_image_density: str = "BLACK"
    """Where the console names none: BLACK, WHITE or a number in 1/100 OD."""
    slides: tuple[int, int] = (5, 6)
    """Columns and rows of SLIDE on a portrait film."""
    superslides: tuple[int, int] = (4, 5)
    """Columns and rows of SUPERSLIDE on a portrait film."""
    custom: dict[str, CustomFormat] = Field(default_factory=dict)
    """CUSTOM\\i display formats, by i."""
    manufacturer: PlainText = "Gravure"
    """What consoles read as the printer's Manufacturer: some print on makes that they know alone."""
    model: PlainText = "Gravure film printer"
    """What they read as its model name."""
    serial_number: PlainText = ""
    """What they read as its serial number."""
    annotations: dict[AnnotationFormatID, tuple[Place, ...]] = Field(default_factory=dict)
    """More Annotation Display Format IDs beside HEADER, FOOTER, LABEL and ANNOTATION: where each annotation stands."""


IdleSeconds = Annotated[float, Field(ge=0, le=7 * 86400)]


class DiscTable(Table):
    """A disc station: what is stored here becomes a disc when its study is complete."""

    profile: str = "STD-GEN-CD"
    """Media application profile (PS3.11)."""
    medium: str = "CD-80"
    """Medium: CD-74, CD-80, DVD, DVD-DL, BD …; its capacity less 300 sectors is used."""
    output: Literal["iso", "zip", "folder"] = "iso"
    """What is made."""
    folder: Folder = "discs"
    """Folder of the images, relative to the state folder."""
    aliases: tuple[AETitle, ...] = ()
    """Other called AE titles that mean this one."""
    peers: PeerKeys = ()
    """Keys of [peers]: who may call this station. None: everybody whom [access] and [peers] let in."""
    associations: Associations = 0
    """Open associations with this station; more are rejected with 2/3/2. 0: as many as [limits] has."""
    quiet_seconds: Annotated[float, Field(ge=0, le=86400)] = 30
    """Silence after which a study is complete."""
    keep_days: Days = 14
    """How long instances and images are kept."""
    idle_seconds: IdleSeconds = 0
    """Silence after which an association with this station is ended; 0: as [limits] has it."""
    joliet: bool = False
    """A Joliet tree beside that of ISO 9660 level 1: the same short names, without `;1`."""
    icons: bool = False
    """A small picture of each series in the DICOMDIR (Icon Image Sequence), for readers that show one. Every profile
    allows it; it costs the decoding of one image a series."""


class InboxTable(Table):
    """Stored and kept for a while, nothing made of it."""

    keep_days: Days = 3
    """How long instances are kept."""
    idle_seconds: IdleSeconds = 0
    """Silence after which an association with this inbox is ended; 0: as [limits] has it."""
    aliases: tuple[AETitle, ...] = ()
    """Other called AE titles that mean this one."""
    peers: PeerKeys = ()
    """Keys of [peers]: who may call this inbox. None: everybody whom [access] and [peers] let in."""
    associations: Associations = 0
    """Open associations with this inbox; more are rejected with 2/3/2. 0: as many as [limits] has."""


class PeerTable(Personality):
    """A device that we know. The key of the table is a name of ours."""

    ae_title: AETitle
    """Its AE title; it is known by this and its address together. "*" is whoever calls from these addresses."""
    address: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Host, CIDR block or a list; empty is any address."""
    port: Annotated[int, Field(ge=1, le=65535)] = 104
    """For calling it."""
    allow: tuple[str, ...] = ("echo", "store", "print")
    """What it may use: echo, store, print."""


SERVICE_TABLES = ("printers", "discs", "inboxes")


class Config(Table):
    """The whole configuration."""

    appliance: ApplianceTable = Field(default_factory=ApplianceTable)
    listen: ListenTable = Field(default_factory=ListenTable)
    console: ConsoleTable = Field(default_factory=ConsoleTable)
    access: AccessTable = Field(default_factory=AccessTable)
    printers: dict[AETitle, PrinterTable] = Field(default_factory=dict)
    discs: dict[AETitle, DiscTable] = Field(default_factory=dict)
    inboxes: dict[AETitle, InboxTable] = Field(default_factory=dict)
    peers: dict[str, PeerTable] = Field(default_factory=dict)
    limits: Limits = Field(default_factory=Limits)

    @classmethod
    def default(cls) -> Self:
        """The built-in defaults: one printer, one disc station, one inbox, loopback."""
        return cls.from_dict({})

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any], file: str = "configuration") -> Self:
        """A configuration from tables as TOML gives them.

        Raises:
            ConfigProblem: with every problem.
        """
        given = dict(tables)
        if twice := [f"{file}: {line}" for line in _same_titles(given)]:
            raise ConfigProblem(twice)
        if all(given.get(kind, {}) == {} for kind in SERVICE_TABLES):
            given |= {"printers": {"FILM": {}}, "discs": {"BURN_CD": {}}, "inboxes": {"STORE": {}}}
        quoted = dict(quoted_values(cls, given))
        found = [f"{key}: {words}" for key, words in quoted.items()]
        try:
            config = cls.model_validate(given)
        except ValidationError as failure:
            found += [line for line in _lines(failure) if line.partition(": ")[0] not in quoted]
            raise ConfigProblem([f"{file}: {line}" for line in found]) from failure
        if found:
            raise ConfigProblem([f"{file}: {line}" for line in found])
        if problems := [f"{file}: {line}" for line in config.problems()]:
            raise ConfigProblem(problems)
        return config

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The configuration of this machine: `path`, else $GRAVURE_CONFIG, /etc/gravure/gravure.toml, the defaults.

        Raises:
            ConfigProblem: the file cannot be read, or with every problem in it.
        """
        file = config_file(path)
        if file is None:
            return cls.default()
        try:
            tables = read_toml(file)
        except OSError as failure:
            raise ConfigProblem([f"{file}: cannot be read: {failure.strerror}"]) from failure
        except ValueError as failure:
            raise ConfigProblem([f"{file}: not TOML: {failure}"]) from failure
        return cls.from_dict(tables, str(file))

    @property
    def state(self) -> Path:
        """The state folder."""
        if self.appliance.state:
            return Path(self.appliance.state).expanduser().absolute()
        if from_systemd := os.environ.get("STATE_DIRECTORY"):
            return Path(from_systemd.partition(":")[0])
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "gravure"

    @property
    def unknown_peers(self) -> str:
        """What becomes of unknown peers."""
        if self.access.unknown_peers is not None:
            return self.access.unknown_peers
        return "accept" if all(map(is_loopback, self.listen.address)) else "reject"

    def listening_on(self, addresses: Sequence[str]) -> Self:
        """The same configuration where systemd has opened the sockets, on these addresses: they are what peers reach us
        by, so they stand for `listen.address` in every decision, and on the way to a receiving process.

        Raises:
            ConfigProblem: they open the appliance to a network, and nothing says who may call.
        """
        inherited = self.model_copy(update={"listen": self.listen.model_copy(update={"address": tuple(addresses)})})
        if inherited._is_open_to_all():
            raise ConfigProblem([f"the inherited socket on {', '.join(addresses)}: {OPEN_TO_ALL}"])
        return inherited

    def _is_open_to_all(self) -> bool:
        """Whether a network reaches us and nothing says who of it may call."""
        loopback = all(map(is_loopback, self.listen.address))
        return not loopback and not self.peers and self.access.unknown_peers is None

    def folder(self, relative: str) -> Path:
        """A folder of the configuration as a path."""
        return self.state / relative

    def host_of(self, peer: str) -> str | None:
        """The host of a peer that can be called; None where there is none."""
        table = self.peers.get(peer)
        return None if table is None else next((one for one in table.address if "/" not in one), None)

    def titles(self) -> Iterator[tuple[str, str, str]]:
        """(called AE title, kind of table, key) of every title and alias."""
        for kind in SERVICE_TABLES:
            for key, table in getattr(self, kind).items():
                for title in (key, *table.aliases):
                    yield title, kind, key

    def problems(self) -> list[str]:
        """What is wrong between tables; what is wrong in one value has been found before."""
        found: list[str] = []
        found += self._state_problems()
        found += self._listen_problems()
        taken: dict[tuple[str, bool], str] = {}
        for title, kind, key in self.titles():
            place = f"{kind}.{key}"
            other = taken.setdefault((title, kind == "printers"), place)
            if other != place:
                found.append(f"{place}: the AE title {title} stands in {other} too")
            if title == self.appliance.ae_title:
                found.append(f"{place}: {title} is appliance.ae_title, which answers C-ECHO only")
        any_called = self.access.any_called_ae
        if any_called is not None and any_called not in {title for title, _, _ in self.titles()}:
            found.append(f"access.any_called_ae: there is no service {any_called}")
        for key, peer in self.peers.items():
            if peer.ae_title == "*" and not peer.address:
                found.append(f'peers.{key}.address: "*" needs addresses; to let everybody in, set access.unknown_peers')
            for word in peer.allow:
                if word not in SERVICES:
                    found.append(f"peers.{key}.allow: {word} is none of {', '.join(sorted(SERVICES))}")
            for address in peer.address:
                if not _may_be_address(address):
                    found.append(f"peers.{key}.address: {address} is no host, address or CIDR block")
        for kind in SERVICE_TABLES:
            for key, table in getattr(self, kind).items():
                for peer_key in table.peers:
                    if peer_key not in self.peers:
                        found.append(f"{kind}.{key}.peers: there is no [peers.{peer_key}]")
        for key, station in self.discs.items():
            found += [f"discs.{key}.{line}" for line in _disc_problems(station)]
        found += [f"limits.{line}" for line in _limit_problems(self.limits)]
        if not re.fullmatch(r"0?[4-7][0-7]{2}", self.appliance.file_mode):
            found.append("appliance.file_mode: three octal digits, such as 0640; the appliance itself must read it")
        for key, printer in self.printers.items():
            found += [f"printers.{key}.{line}" for line in _printer_problems(printer)]
            found += [f"printers.{key}.{line}" for line in self._other_printers(key, printer)]
            if printer.output in ("dicom", "archive") and self.host_of(printer.peer) is None:
                found.append(
                    f"printers.{key}.peer: output {printer.output} needs a key of [peers] whose address is a host"
                )
            elif self._comes_back(key):
                found.append(f"printers.{key}.peer: {printer.peer} is this appliance: its films come back for ever")
        return found

    def remarks(self) -> Iterator[str]:
        """What a person should know and put right, though the appliance runs on it."""
        if known_language(self.appliance.language) is None:
            yield (
                f"appliance.language: {self.appliance.language!r} is none of {', '.join(README)}: discs are in English"
            )
        first: dict[tuple[str, frozenset[str]], str] = {}
        for key, peer in self.peers.items():
            other = first.setdefault((peer.ae_title, frozenset(peer.address)), key)
            if other != key:
                yield f"peers.{key}: nobody: {peer.ae_title} at this address is peers.{other}, which stands before"
        for key, printer in self.printers.items():
            yield from (f"printers.{key}.{line}" for line in _printer_remarks(printer))

    def _comes_back(self, key: str) -> bool:
        """Whether films that a printer relays come back to it, over other printers of ours maybe."""
        of_title = {title: one for title, kind, one in self.titles() if kind == "printers"}
        seen: set[str] = set()
        while key not in seen:
            seen.add(key)
            printer = self.printers[key]
            peer = self.peers.get(printer.peer)
            if printer.output != "dicom" or peer is None or peer.port != self.listen.port:
                return False
            host = self.host_of(printer.peer) or ""
            if not (host in ("localhost", *self.listen.address) or is_loopback(host)):
                return False
            called = of_title.get(peer.ae_title) or of_title.get(self.access.any_called_ae or "")
            if called is None:
                return False
            key = called
        return True

    def _other_printers(self, key: str, printer: PrinterTable) -> Iterator[str]:
        for where, others in (("also", printer.also), ("fallback", filter(None, (printer.fallback,)))):
            for other in others:
                if other == key:
                    yield f"{where}: {other} is this printer itself"
                elif other not in self.printers:
                    yield f"{where}: there is no [printers.{other}]"
        if len(set(printer.also)) < len(printer.also):
            yield "also: a printer stands there twice"
        quotas = (printer.films_a_day, *(peer.films_a_day for peer in self.peers.values()))
        if any(quotas) and printer.keep_days < 1:
            yield "keep_days: at least 1 where films are counted by the day (films_a_day)"

    def _state_problems(self) -> Iterator[str]:
        try:
            state = self.state
        except RuntimeError:  # ~somebody whom nobody knows, or no home for the default
            yield "appliance.state: there is no such home folder: name a folder"
            return
        if "\0" in str(state):
            yield "appliance.state: no folder can have this name"

    def _listen_problems(self) -> Iterator[str]:
        if not self.listen.address:
            yield "listen.address: no address"
        seen: set[ipaddress.IPv4Address | ipaddress.IPv6Address] = set()
        for address in self.listen.address:
            try:
                one = ipaddress.ip_address(address.partition("%")[0])
            except ValueError:
                yield f"listen.address: {address} is not an IP address"
                return
            if one in seen:
                yield f"listen.address: {address} stands there twice"
            seen.add(one)
        for one in seen:
            if one.is_unspecified and any(other.version == one.version for other in seen - {one}):
                yield f"listen.address: {one} is every address of its kind: name it alone, or the others"
        if self._is_open_to_all():
            yield f"listen.address: {OPEN_TO_ALL}"


def _same_titles(tables: Mapping[str, Any]) -> Iterator[str]:
    """Tables whose keys are one AE title, as outer spaces do not count: only one of them would be left."""
    for kind in SERVICE_TABLES:
        table = tables.get(kind)
        keys = [key.strip(" ") for key in table] if isinstance(table, Mapping) else []
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            yield f"{kind}.{key}: stands there twice, as outer spaces do not count"


LIMITS: Mapping[str, tuple[float, float]] = {
    "contexts": (1, 128),
    "associate_bytes": (4096, 16 * MIB),
    "pdu_bytes": (4096, 16 * MIB),
    "pdu_tolerated_bytes": (4096, 1024 * MIB),
    "command_bytes": (1024, 16 * MIB),
    "memory_bytes": (1, 64 * MIB),
}
"""Bounds of bounds: what a peer of today needs at least, and what an item, or a board, can hold. All others are more
than 0, and a number."""


def _limit_problems(limits: Limits) -> Iterator[str]:
    for bound in dataclasses.fields(limits):
        value = getattr(limits, bound.name)
        least, most = LIMITS.get(bound.name, (0, math.inf))
        if not value > 0 or not math.isfinite(value):
            yield f"{bound.name}: must be a number above 0"
        elif not least <= value <= most:
            yield f"{bound.name}: from {least:.0f} to {most:.0f}"
    if limits.pdu_tolerated_bytes < limits.pdu_bytes:
        yield "pdu_tolerated_bytes: less than pdu_bytes, which is what peers are told"


USED_BY: Mapping[str, tuple[str, ...]] = {
    "folder": ("folder",),
    "formats": ("folder",),
    "url": ("ipp", "raw"),
    "media": ("ipp", "raw"),
    "scaling": ("ipp", "raw"),
    "verify_certificate": ("ipp",),
    "format": ("raw",),
    "margin_mm": ("raw",),
    "peer": ("dicom", "archive"),
    "imager": ("dicom",),
    "archive_as": ("archive",),
    "unidentified": ("archive",),
}
"""Key of a printer → the outputs that it means something to."""
LEAST_ROOM_MM = 20.0
"""Between the margins of a paper."""
URLS: Mapping[str, tuple[str, str]] = {
    "ipp": (r"ipps?://[^/\s]+(/\S*)?", "ipp://host/path or ipps://host/path"),
    "raw": (r"socket://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?", "socket://host:9100"),
}
"""Output → what its url looks like, in signs and in words."""


def _output_problems(printer: PrinterTable) -> Iterator[str]:
    for key, outputs in USED_BY.items():
        if key in printer.model_fields_set and printer.output not in outputs:
            yield f"{key}: output {printer.output} has no use for it, {' and '.join(outputs)} have"
    if printer.output in URLS:
        pattern, words = URLS[printer.output]
        if not _is_url(printer.url, pattern):
            yield f"url: output {printer.output} needs {words}"
    if len(set(printer.formats)) < len(printer.formats):
        yield "formats: one of them stands there twice"
    if printer.output == "raw":
        if not printer.media and "scaling" in printer.model_fields_set:
            yield "scaling: output raw needs media too, the paper that lies in the printer"
        if printer.bits > 8 and printer.format != "pdf":
            yield f"bits: {printer.format} has 8"
        paper = paper_of(printer.media)
        if paper is not None and 2 * printer.margin_mm + LEAST_ROOM_MM > min(paper.width_mm, paper.height_mm):
            yield f"margin_mm: nothing of {printer.media} is left"


def _is_url(text: str, pattern: str) -> bool:
    try:
        return re.fullmatch(pattern, text, re.ASCII) is not None and urlsplit(text).port != 0
    except ValueError:  # a port that there is not
        return False


def _printer_problems(printer: PrinterTable) -> Iterator[str]:
    for key in ("border_density", "empty_image_density"):
        value = getattr(printer, key)
        if value not in ("BLACK", "WHITE") and not (value.isdigit() and int(value) <= 500):
            yield f"{key}: BLACK, WHITE or a density from 0 to 500 in 1/100 OD"
    yield from _output_problems(printer)
    if printer.media and paper_of(printer.media) is None:
        yield "media: a name with its size, such as iso_a4_210x297mm"
    if film_size.parse(printer.film_size_id) is None:
        yield f"film_size_id: none of {', '.join(film_size.FILM_SIZES)}"
    if printer.min_density >= printer.max_density:
        yield "min_density: not below max_density"
    for key, places in printer.annotations.items():
        if not 1 <= len(places) <= MOST_BOXES:
            yield f"annotations.{key}: 1 to {MOST_BOXES} places"
    for key in ("slides", "superslides"):
        columns, rows = getattr(printer, key)
        if min(columns, rows) < 1 or columns * rows > MOST_IMAGE_BOXES:
            yield f"{key}: columns and rows, of {MOST_IMAGE_BOXES} cells at most"
    for number, custom in printer.custom.items():
        if not re.fullmatch(r"[1-9][0-9]{0,3}", number, re.ASCII):
            yield f"custom.{number}: the key is the number of the format, from 1 to 9999"
        if not 1 <= len(custom.boxes) <= MOST_IMAGE_BOXES:
            yield f"custom.{number}.boxes: 1 to {MOST_IMAGE_BOXES} boxes"
        for x, y, width, height in custom.boxes:
            if min(x, y) < 0 or min(width, height) <= 0 or x + width > 100.001 or y + height > 100.001:
                yield f"custom.{number}.boxes: a box lies outside of the film"


def _printer_remarks(printer: PrinterTable) -> Iterator[str]:
    if printer.high_dpi is not None and printer.high_dpi < printer.dpi:
        yield f"high_dpi: below dpi, {printer.dpi}: no film is HIGH"
    for size in printer.imager.film_sizes:
        if film_size.parse(size) is None:
            yield f"imager.film_sizes: {size} is no Film Size ID: no film has it"
    for medium in printer.imager.medium_types:
        if medium not in MEDIUM_TYPES:
            yield f"imager.medium_types: {medium} is none of {', '.join(MEDIUM_TYPES)}: no film has it"


def _disc_problems(station: DiscTable) -> Iterator[str]:
    if station.profile not in PROFILES:
        yield f"profile: {medium_problem(station.profile, station.medium)}"
    elif problem := medium_problem(station.profile, station.medium):
        yield f"medium: {problem}"


def _may_be_address(address: str) -> bool:
    """An address, a CIDR block, or a name that a lookup at the start may find."""
    try:
        ipaddress.ip_network(address, strict=False)
    except ValueError:
        return re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?", address) is not None and not re.fullmatch(
            r"[0-9.]+", address
        )
    return True


def is_loopback(address: str) -> bool:
    """Whether an address reaches this machine alone."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def config_file(path: Path | None = None) -> Path | None:
    """The file that `Config.load` reads; None where the built-in defaults are taken."""
    if path is not None:
        return path
    if from_environment := os.environ.get("GRAVURE_CONFIG"):
        return Path(from_environment)
    return SYSTEM_FILE if SYSTEM_FILE.exists() else None


def read_toml(file: Path) -> dict[str, Any]:
    """A file of TOML; one with the mark that some editors of Windows put before it, too.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no TOML, with the line in words.
    """
    raw = file.read_bytes()
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as failure:
        line = failure.object[: failure.start].count(b"\n") + 1
        raise ValueError(f"not written in UTF-8 (at line {line})") from failure


def quoted_values(kind: Any, value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(key, what it must be) of every text where the table has nothing but numbers, or true and false.

    pydantic would take `"300"` for 300 and `"no"` for false; its strict mode is of no use, as it takes no lists for
    tuples either. A key that may be a text too, as the densities, is left to its own check.
    """
    if isinstance(value, str):
        if words := QUOTED.get(_plain_kinds(kind)):
            yield key, words
    elif isinstance(value, Mapping):
        fields = _fields(kind)
        for name, one in value.items():
            inner = fields.get(name) if fields else next(iter(get_args(kind)[1:]), None)
            yield from quoted_values(inner, one, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        inside = [one for one in get_args(_bare(kind)) if one is not Ellipsis]
        for number, one in enumerate(value):
            if inside:
                yield from quoted_values(inside[min(number, len(inside) - 1)], one, f"{key}.{number}")


QUOTED: Mapping[frozenset[Any], str] = {
    frozenset({int}): "must be a number, without quotation marks",
    frozenset({float}): "must be a number, without quotation marks",
    frozenset({bool}): "must be true or false, without quotation marks",
}


def _bare(kind: Any) -> Any:
    """A type without what is annotated to it."""
    return kind.__origin__ if hasattr(kind, "__metadata__") else kind


def _plain_kinds(kind: Any) -> frozenset[Any]:
    """The types that a value may have, but for that of none."""
    kind = _bare(kind)
    if get_origin(kind) in (UnionType, Union):
        return frozenset().union(*map(_plain_kinds, get_args(kind)))
    return frozenset() if kind is NoneType else frozenset({kind})


@cache
def _fields(kind: Any) -> Mapping[str, Any]:
    """The keys of a table and their types; none where its keys are chosen by whoever writes it."""
    if dataclasses.is_dataclass(kind):
        return get_type_hints(kind)
    return {name: field.annotation for name, field in getattr(kind, "model_fields", {}).items()}


def _lines(failure: ValidationError) -> Iterator[str]:
    for error in failure.errors():
        key = ".".join(str(part) for part in error["loc"] if part != "[key]")
        if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            yield f"{key}: there is no such key{_suggestion(error['loc'])}"
        else:
            yield f"{key}: {WORDS.get(error['type']) or error['msg'].removeprefix('Value error, ')}"


WORDS: Mapping[str, str] = {
    "missing": "this key must be there",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "dataclass_type": "must be a table",
    "tuple_type": 'must be a list, such as ["A", "B"]',
    "string_type": 'must be text, such as "text"',
    "int_type": "must be a number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
}
"""What pydantic says in Python's words, in those of TOML."""


def _suggestion(location: tuple[str | int, ...]) -> str:
    model: Any = Config
    for part in location[:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            continue  # the key of one service among its like
        model = next(
            (one for one in (field.annotation, *getattr(field.annotation, "__args__", ())) if _keys(one)), None
        )
    close = difflib.get_close_matches(str(location[-1]), _keys(model), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _keys(model: Any) -> list[str]:
    if dataclasses.is_dataclass(model):
        return [field.name for field in dataclasses.fields(model)]
    return list(getattr(model, "model_fields", ()))
