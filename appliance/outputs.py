"""The outputs of the configuration: `[printers.X] output` → the plug-in of `printing.outputs` that carries it out.

A plug-in is imported when the first film goes its way, so an output that nobody uses costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import urlsplit

from appliance import __version__
from appliance.config import Config
from appliance.files import FileOwner
from printing.media_name import paper_of
from printing.outputs import PDF, PNG, POSTSCRIPT, PWG, TIFF, Hear, Output

MEDIA_TYPES: Mapping[str, str] = {"pdf": PDF, "png": PNG, "tiff": TIFF, "pwg": PWG, "postscript": POSTSCRIPT}
"""What the configuration calls them."""
Make: TypeAlias = Callable[[Config, str, FileOwner, Hear], Output]


def _folder(config: Config, key: str, owner: FileOwner, hear: Hear) -> Output:
    from printing.outputs.folder import FolderOutput

    table = config.printers[key]
    formats = tuple(MEDIA_TYPES[name] for name in table.formats)
    return FolderOutput(config.folder(table.folder), owner.mode, owner.group, formats)


def _ipp(config: Config, key: str, owner: FileOwner, hear: Hear) -> Output:
    from printing.ipp.client import IppClient
    from printing.outputs.ipp import IppOutput

    table = config.printers[key]
    client = IppClient(table.url, config.appliance.ae_title, verify=table.verify_certificate)
    return IppOutput(client, hear, table.media, table.dpi)


def _raw(config: Config, key: str, owner: FileOwner, hear: Hear) -> Output:
    from printing.outputs.raw import PORT, RawOutput

    table = config.printers[key]
    where = urlsplit(table.url)
    paper = paper_of(table.media, table.margin_mm)
    papers = () if paper is None else (paper,)
    return RawOutput(where.hostname or "", where.port or PORT, hear, MEDIA_TYPES[table.format], papers, table.dpi)


def _dicom(config: Config, key: str, owner: FileOwner, hear: Hear) -> Output:
    from printing.outputs.dicom.habits import Habits
    from printing.outputs.dicom.imager import DicomOutput

    habits = config.printers[key].imager
    values = {name: getattr(habits, name) for name in type(habits).model_fields} | {"omit": frozenset(habits.omit)}
    return DicomOutput(*_peer(config, key), hear, Habits(**values))


def _archive(config: Config, key: str, owner: FileOwner, hear: Hear) -> Output:
    from printing.outputs.archive.archive import ArchiveOutput

    table, institution = config.printers[key], config.appliance.institution
    return ArchiveOutput(*_peer(config, key), table.archive_as, table.unidentified, institution, __version__)


def _peer(config: Config, key: str) -> tuple[str, int, str, str]:
    """Host, port and AE title of a printer's peer, and what we are called."""
    name = config.printers[key].peer
    peer, host = config.peers[name], config.host_of(name)
    assert host is not None  # `Config.problems` has checked it
    return host, peer.port, peer.ae_title, config.appliance.ae_title


OUTPUTS: Mapping[str, Make] = {"folder": _folder, "ipp": _ipp, "dicom": _dicom, "archive": _archive, "raw": _raw}


def output_of(config: Config, key: str, owner: FileOwner, hear: Hear) -> Output:
    """The output of a printer.

    Args:
        config: the configuration.
        key: the printer's AE title.
        owner: whose the files are that it makes for people.
        hear: told, in the output's thread, how its device is.
    """
    return OUTPUTS[config.printers[key].output](config, key, owner, hear)
