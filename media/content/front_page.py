"""INDEX.HTM: what a patient sees who opens the disc. Plain XHTML, no script, nothing from elsewhere.

Every text of an instance is escaped, and the page works in a browser of ten years ago, from file://, with no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby

from media import records
from media.record_bodies import text_of
from media.values import mend_text

from .readme import Imprint
from .words import language

NAME = ("INDEX.HTM",)

STUDY_DATE, STUDY_DESCRIPTION = 0x00080020, 0x00081030
SERIES_DESCRIPTION, MODALITY = 0x0008103E, 0x00080060

_STYLE = """
body{font:16px/1.5 Georgia,'Times New Roman',serif;color:#1b1b1b;background:#f4f2ee;margin:0}
main{max-width:44em;margin:2em auto;padding:2.5em 3em;background:#fff;border-top:6px solid #23445e}
h1{font-weight:normal;font-size:1.9em;margin:0 0 .2em}
h2{font-size:1.2em;margin:2em 0 .3em;border-bottom:1px solid #d5d0c8;padding-bottom:.2em}
p.who{color:#555;margin:0 0 1.5em}
table{border-collapse:collapse;width:100%;font-size:.95em}
td{padding:.25em .6em .25em 0;vertical-align:top;border-bottom:1px solid #eee}
td.n{text-align:right;white-space:nowrap;color:#555}
footer{margin-top:2.5em;font-size:.85em;color:#666}
"""

Keys = Mapping[int, bytes]


def front_page(imprint: Imprint, instances: Iterable[Keys]) -> bytes:
    """The page.

    Args:
        imprint: the disc.
        instances: directory keys of every instance, in the order in which they stand on the disc.
    """
    phrase = imprint.phrase
    institution = escape(" ".join(imprint.institution.split()))
    body = [f"<h1>{escape(phrase('title'))}{escape(imprint.volume)}</h1>", f'<p class="who">{institution}</p>']
    if imprint.addendum:
        body.append(f"<p>{escape(phrase('addendum'))}</p>")
    body.append(f"<p>{escape(phrase('where'))}</p>")
    for patient, of_patient in groupby(instances, key=lambda keys: _patient(keys, imprint)):
        body.append(f"<h2>{patient}</h2>")
        for study, of_study in groupby(of_patient, key=_study):
            body.append(f"<p><strong>{escape(phrase('study'))}</strong> {study}</p><table>")
            for series, of_series in groupby(of_study, key=_series):
                count = sum(1 for _ in of_series)
                body.append(f'<tr><td>{series}</td><td class="n">{count} {escape(phrase("images"))}</td></tr>')
            body.append("</table>")
    body.append(
        f"<footer><p>{escape(phrase('disclaimer'))}</p>"
        f"<p>{imprint.now:%Y-%m-%d} · Gravure {escape(imprint.version)} · {escape(imprint.profile)}</p></footer>"
    )
    code = language(imprint.language)
    page = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n'
        f'<html xmlns="http://www.w3.org/1999/xhtml" lang="{code}" xml:lang="{code}"><head>'
        '<meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />'
        f"<title>{escape(phrase('title'))}</title>"
        f'<style type="text/css">{_STYLE}</style></head><body><div class="main">'
        + "\n".join(body)
        + "</div></body></html>\n"
    )
    page = page.replace("<footer>", '<div class="foot">').replace("</footer>", "</div>")
    page = page.replace("main{max-width", ".main{max-width").replace("footer{margin", ".foot{margin")
    return page.encode("utf-8", "xmlcharrefreplace")


def _text(keys: Keys, tag: int, vr: bytes = b"LO") -> str:
    """A text as its VR allows it, so that no instance makes the page longer than planned, or no XHTML any more."""
    return mend_text(vr, text_of(keys, tag), multiple=True).value


def _name(keys: Keys) -> str:
    """Alphabetic, and ideographic in brackets; whichever there is (PS3.5 §6.2.1)."""
    groups = [
        " ".join(part for part in group.split("^") if part)
        for group in _text(keys, records.PATIENT_NAME, b"PN").split("=")
    ]
    first, *others = [group for group in groups if group] or [""]
    return f"{first} ({others[0]})" if others else first


def _patient(keys: Keys, imprint: Imprint) -> str:
    name = _name(keys)
    born = _date(_text(keys, records.PATIENT_BIRTH_DATE))
    number = _text(keys, records.PATIENT_ID)
    words = [escape(name) or escape(imprint.phrase("unnamed"))]
    if born:
        words.append(f"{escape(imprint.phrase('born'))} {born}")
    if number:
        words.append(f"{escape(imprint.phrase('id'))} {escape(number)}")
    return ", ".join(words)


def _study(keys: Keys) -> str:
    return " ".join(part for part in (_date(_text(keys, STUDY_DATE)), escape(_text(keys, STUDY_DESCRIPTION))) if part)


def _series(keys: Keys) -> str:
    return " ".join(
        escape(part)
        for part in (
            _text(keys, MODALITY),
            _text(keys, records.SERIES_NUMBER),
            _text(keys, SERIES_DESCRIPTION),
        )
        if part
    )


def _date(value: str) -> str:
    if len(value) == 8 and value.isdigit():
        return f"{value[:4]}-{value[4:6]}-{value[6:]}"
    return escape(value)
