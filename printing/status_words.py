"""Printer Status Info (2110,0020) in words for a technician."""

from __future__ import annotations

from collections.abc import Mapping

from printing.supply_terms import general_term

WORDS: Mapping[str, str] = {
    "NORMAL": "ready",
    "SUPPLY EMPTY": "out of film or paper",
    "SUPPLY LOW": "a supply runs low",
    "REQ MED NOT INST": "film or paper that was asked for is not in it",
    "FILM JAM": "a sheet is jammed",
    "COVER OPEN": "a cover is open",
    "RECEIVER FULL": "the output tray is full",
    "NO SUPPLY MGZ": "the input tray is missing",
    "NO RECEIVE MGZ": "the output tray is missing",
    "NO RIBBON": "out of toner or ink",
    "PRINTER OFFLINE": "switched off, paused or not to be reached",
    "PRINTER BUSY": "busy with others",
    "PRINTER DOWN": "does not work",
    "PRINT BUFF FULL": "no room for more films",
    "CHECK PRINTER": "somebody must look at it",
    "QUEUED": "waits for others before it",
    "UNKNOWN": "not well, and does not say why",
}


def words(info: str) -> str:
    """What a term means; the term in small letters where we have no words of our own."""
    general = general_term(info)
    said = WORDS.get(general, info.lower())
    return said if general == info else f"{said} ({info.split(' ', 1)[1]})"
