"""The outputs of the configuration: `[printers.X] output` → the plug-in of `printing.outputs` that carries it out.

A plug-in is imported when the first film goes its way, so an output that nobody uses costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import urlsplit

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
    from printing.outputs.dicom import DicomOutput

    table = config.printers[key]
    imager, host = config.peers[table.peer], config.host_of(table.peer)
    assert host is not None  # `Config.problems` has checked it
    ours = config.appliance.ae_title
    return DicomOutput(host, imager.port, imager.ae_title, ours, hear, table.imager_bits, table.implicit_only)


OUTPUTS: Mapping[str, Make] = {"folder": _folder, "ipp": _ipp, "dicom": _dicom, "raw": _raw}


def output_of(config: Config, key: str, owner: FileOwner, hear: Hear) -> Output:
    """The output of a printer.

    Args:
        config: the configuration.
        key: the printer's AE title.
        owner: whose the files are that it makes for people.
        hear: told, in the output's thread, how its device is.
    """
    return OUTPUTS[config.printers[key].output](config, key, owner, hear)
