"""A look at a film imager: Printer N-GET and Printer Configuration Retrieval, one association (PS3.4 H.4.6, H.4.11).

What the imager says is taken as far as it is legal; what it does not say is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from printing.film_size import parse
from printing.outputs import OFFLINE, Look
from printing.outputs.scu import associate
from printing.printer import NORMAL, Medium, PrinterState, Takes
from printing.terms import (
    COLOR_META,
    GRAYSCALE_META,
    PRINTER,
    PRINTER_CONFIGURATION,
    PRINTER_CONFIGURATION_INSTANCE,
    PRINTER_INSTANCE,
    STATUS_INFO_TERMS,
    PrinterStatus,
)

LOOK_S = 4.0
"""For the association, and for each answer."""
MOST_ITEMS, MOST_FORMATS = 64, 4096
TRANSIENT = 2
"""Result of an A-ASSOCIATE-RJ: come again later (PS3.8 §9.3.4)."""
_TERM = re.compile(r"[A-Z0-9 _]{1,16}", re.ASCII)


def look_at_imager(address: tuple[str, int, str, str], *, bits: int = 12, implicit_only: bool = False) -> Look:
    """Ask an imager how it is and what it takes; one that does not answer is offline.

    Args:
        address: host, port, called and calling AE title.
        bits: the most that it takes of a pixel, where it does not say.
        implicit_only: propose Implicit VR Little Endian alone.
    """
    syntaxes = ["1.2.840.10008.1.2"] if implicit_only else ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"]
    contexts = [(wanted, syntaxes) for wanted in (GRAYSCALE_META, COLOR_META, PRINTER_CONFIGURATION)]
    association = associate(address, contexts, LOOK_S, connect_s=LOOK_S)
    if not association.is_established:
        return _refused(association)
    try:
        return _ask(association, {str(context.abstract_syntax) for context in association.accepted_contexts}, bits)
    except Exception:  # whatever it sent: it cannot be read
        return Look(PrinterState(PrinterStatus.FAILURE, "CHECK PRINTER"))
    finally:
        if association.is_established:
            association.release()


def _refused(association: Any) -> Look:
    if not association.is_rejected:
        return OFFLINE
    answer = association.acceptor.primitive
    if answer is not None and answer.result == TRANSIENT:
        return Look(PrinterState(PrinterStatus.WARNING, "PRINTER BUSY"))
    return Look(PrinterState(PrinterStatus.FAILURE, "CHECK PRINTER"))


def _ask(association: Any, taken: set[str], bits: int) -> Look:
    meta = next((one for one in (GRAYSCALE_META, COLOR_META) if one in taken), None)
    if meta is None:
        return Look(PrinterState(PrinterStatus.FAILURE, "CHECK PRINTER"))
    status, found = association.send_n_get([0x21100010, 0x21100020], PRINTER, PRINTER_INSTANCE, meta_uid=meta)
    if not status:
        return OFFLINE
    state = imager_state(found.get("PrinterStatus"), found.get("PrinterStatusInfo")) if found is not None else NORMAL
    takes = Takes(color=COLOR_META in taken, bit_depth=bits)
    if PRINTER_CONFIGURATION in taken and association.is_established:
        status, found = association.send_n_get([], PRINTER_CONFIGURATION, PRINTER_CONFIGURATION_INSTANCE)
        if status and found is not None:
            takes = _takes(found, takes)
    return Look(state, takes)


def imager_state(status: object, info: object) -> PrinterState:
    """Printer Status as the standard has it; an imager that does not say is taken to be well."""
    said, why = str(status or "NORMAL"), str(info or "NORMAL")
    if said not in PrinterStatus.__members__ or said == "NORMAL":
        return NORMAL
    return PrinterState(PrinterStatus[said], why if why in STATUS_INFO_TERMS else "UNKNOWN")


# -- Printer Configuration (PS3.3 C.13.13) --------------------------------------------------------------------------


def _takes(found: Any, otherwise: Takes) -> Takes:
    items = list(found.get("PrinterConfigurationSequence") or [])[:MOST_ITEMS]
    gray = next((one for one in items if GRAYSCALE_META in _words(one.get("SOPClassesSupported"))), None)
    item = gray if gray is not None else next(iter(items), None)
    if item is None:
        return otherwise
    media = (*_media(item, "MediaInstalledSequence", True), *_media(item, "OtherMediaAvailableSequence", False))
    default = "HIGH" if str(item.get("DefaultPrinterResolutionID") or "") == "HIGH" else "STANDARD"
    return Takes(
        media=media,
        color=otherwise.color,
        bit_depth=_number(item.get("PrintingBitDepth"), 8, 16) or otherwise.bit_depth,
        dpi=_dpi(item, "STANDARD") or _dpi(item, default),
        high_dpi=_dpi(item, "HIGH"),
        resolution_id=default,
    )


def _media(item: Any, keyword: str, installed: bool) -> Iterator[Medium]:
    found = list(item.get(keyword) or [])[:MOST_ITEMS]
    for one in sorted(found, key=lambda one: _number(one.get("ItemNumber"), 0, 1000) or 0):
        medium, size = str(one.get("MediumType") or ""), str(one.get("FilmSizeID") or "")
        if _TERM.fullmatch(medium) and _TERM.fullmatch(size) and parse(size) is not None:
            densities = (_number(one.get(f"{end}Density"), 0, 500) for end in ("Min", "Max"))
            yield Medium(medium, size, installed, *densities)


def _dpi(item: Any, resolution: str) -> float | None:
    """What Printer Pixel Spacing says of a resolution."""
    for one in list(item.get("SupportedImageDisplayFormatsSequence") or [])[:MOST_FORMATS]:
        values = _words(one.get("PrinterPixelSpacing"))
        if str(one.get("PrinterResolutionID") or "STANDARD") == resolution and values:
            spacing = float(values[0])
            return round(25.4 / spacing, 3) if 25.4 / 2400 <= spacing <= 25.4 / 50 else None
    return None


def _number(value: Any, least: int, most: int) -> int | None:
    return int(value) if value is not None and str(value) and least <= int(value) <= most else None


def _words(value: Any) -> list[str]:
    return [] if value is None else [str(value)] if isinstance(value, str | float | int) else list(map(str, value))
