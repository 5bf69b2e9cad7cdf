"""An IPP client over HTTP/1.1 (RFC 8010 §4): one request, one answer, every wait with an end.

`ipp:` is port 631 without TLS, `ipps:` with it. What goes wrong is told in two kinds: the difference is whether paper
may come out: `NotSent` (the printer cannot have got the request) and `NoAnswer` (it may have).
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from urllib.parse import urlsplit

from .message import (
    CHARSET,
    JOB_ATTRIBUTES,
    LANGUAGE,
    MIME,
    MOST_BYTES,
    NAME,
    OPERATION_ATTRIBUTES,
    PRINTER_ATTRIBUTES,
    URI,
    Attributes,
    BadMessage,
    Message,
    Tagged,
    Value,
    decode,
    encode,
    keyword,
)

# Operations (RFC 8011 §5.4.15).
PRINT_JOB, VALIDATE_JOB, CREATE_JOB, SEND_DOCUMENT, CANCEL_JOB = 0x02, 0x04, 0x05, 0x06, 0x08
GET_JOB_ATTRIBUTES, GET_JOBS, GET_PRINTER_ATTRIBUTES = 0x09, 0x0A, 0x0B

NOT_TRUSTED = (
    "the certificate of the printer at {}:{} is not trusted ({}): let this machine trust it, or set"
    " verify_certificate = false for this printer"
)
NO_TLS = "the printer at {}:{} speaks no TLS that we know ({}): ipp:// instead of ipps:// goes without"

CHUNK_BYTES = 64 * 1024
PORT = 631


class NotSent(Exception):
    """The request cannot have reached the printer."""


class NoAnswer(Exception):
    """The request may have reached the printer; whatever it did, it did not say so."""


class Refused(Exception):
    """The printer said no.

    Attributes:
        status: status code (RFC 8011 §B.1).
        words: its status message.
        unsupported: attributes that it does not take.
    """

    def __init__(self, status: int, words: str, unsupported: Sequence[str] = ()) -> None:
        super().__init__(f"{status:04X} {words}")
        self.status = status
        self.words = words
        self.unsupported = tuple(unsupported)

    @property
    def may_pass(self) -> bool:
        """Whether the same request may be granted later: busy, not accepting jobs, unavailable, out of room."""
        return self.status in (0x0502, 0x0505, 0x0506, 0x0507, 0x0509, 0x050A)


def _text(value: str) -> str:
    """Words of a printer, fit for a log line and a table cell."""
    return "".join(sign if sign.isprintable() else " " for sign in value)[:200]


@dataclass(slots=True)
class IppClient:
    """One printer.

    Attributes:
        uri: `ipp://host:port/path` or `ipps://…`.
        user: requesting-user-name.
        timeout_s: for a connection, and for each answer.
        verify: check the certificate of an `ipps` printer; office printers sign their own.
    """

    uri: str
    user: str = "gravure"
    timeout_s: float = 15.0
    verify: bool = True
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    # -- operations ---------------------------------------------------------------------------------------------

    def printer_attributes(self, names: Iterable[str] = ("all", "media-col-database")) -> Attributes:
        """Get-Printer-Attributes."""
        wanted: Attributes = {"requested-attributes": [keyword(name) for name in names]}
        return self._ask(GET_PRINTER_ATTRIBUTES, wanted).group(PRINTER_ATTRIBUTES)

    def validate_job(self, job_name: str, document_format: str, job: Attributes) -> None:
        """Validate-Job: would this be taken?"""
        self._ask(VALIDATE_JOB, self._naming(job_name, document_format), job)

    def create_job(self, job_name: str, job: Attributes) -> int:
        """Create-Job: a job without a document yet, so nothing comes out. Returns its id."""
        return _job_id(self._ask(CREATE_JOB, self._naming(job_name), job))

    def send_document(self, job_id: int, document: Path, document_format: str) -> None:
        """Send-Document, the only one of its job."""
        operation: Attributes = {
            "job-id": [job_id],
            "document-format": [Tagged(MIME, document_format)],
            "last-document": [True],
        }
        self._ask(SEND_DOCUMENT, operation, document=document)

    def print_job(self, job_name: str, document: Path, document_format: str, job: Attributes) -> int:
        """Print-Job, for printers without Create-Job. Returns the job's id."""
        return _job_id(self._ask(PRINT_JOB, self._naming(job_name, document_format), job, document))

    def job_attributes(self, job_id: int) -> Attributes:
        """Get-Job-Attributes."""
        names = ("job-id", "job-name", "job-state", "job-state-reasons", "job-impressions-completed", "job-k-octets")
        operation: Attributes = {"job-id": [job_id], "requested-attributes": [keyword(name) for name in names]}
        return self._ask(GET_JOB_ATTRIBUTES, operation).group(JOB_ATTRIBUTES)

    def jobs(self, which: str) -> list[Attributes]:
        """Get-Jobs: `completed` or `not-completed`."""
        names = ("job-id", "job-name", "job-state")
        operation: Attributes = {
            "which-jobs": [keyword(which)],
            "requested-attributes": [keyword(name) for name in names],
        }
        return self._ask(GET_JOBS, operation).all_groups(JOB_ATTRIBUTES)

    def cancel_job(self, job_id: int) -> None:
        """Cancel-Job."""
        self._ask(CANCEL_JOB, {"job-id": [job_id]})

    @staticmethod
    def _naming(job_name: str, document_format: str = "") -> Attributes:
        named: dict[str, Sequence[Value]] = {"job-name": [Tagged(NAME, job_name)]}
        if document_format:
            named["document-format"] = [Tagged(MIME, document_format)]
        return named

    # -- transport ----------------------------------------------------------------------------------------------

    def _ask(
        self, operation: int, attributes: Attributes, job: Attributes | None = None, document: Path | None = None
    ) -> Message:
        request_id = next(self._ids)
        common: dict[str, Sequence[Value]] = {
            "attributes-charset": [Tagged(CHARSET, "utf-8")],
            "attributes-natural-language": [Tagged(LANGUAGE, "en")],
            "printer-uri": [Tagged(URI, self.uri)],
        }
        if "job-id" in attributes:
            common["job-id"] = attributes["job-id"]
        common["requesting-user-name"] = [Tagged(NAME, self.user)]
        groups: list[tuple[int, Attributes]] = [(OPERATION_ATTRIBUTES, {**common, **attributes})]
        if job:
            groups.append((JOB_ATTRIBUTES, job))
        answer = self._exchange(encode(Message(operation, request_id, tuple(groups))), document)
        if answer.request_id != request_id:
            raise NoAnswer("the printer answered another request")
        if answer.code >= 0x0100:
            said = answer.group(OPERATION_ATTRIBUTES).get("status-message", [""])
            raise Refused(answer.code, _text(str(said[0]) if said else ""), tuple(answer.group(5)))
        return answer

    def _exchange(self, head: bytes, document: Path | None) -> Message:
        parts = urlsplit(self.uri)
        if parts.scheme not in ("ipp", "ipps") or not parts.hostname:
            raise NotSent(f"{self.uri} is no address of an IPP printer")
        where = (parts.hostname, parts.port or PORT)
        connection: http.client.HTTPConnection
        if parts.scheme == "ipps":
            context = ssl.create_default_context()
            if not self.verify:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection(*where, timeout=self.timeout_s, context=context)
        else:
            connection = http.client.HTTPConnection(*where, timeout=self.timeout_s)
        try:
            try:
                connection.connect()
            except ssl.SSLCertVerificationError as failure:
                raise NotSent(NOT_TRUSTED.format(*where, _text(failure.verify_message))) from failure
            except ssl.SSLError as failure:
                raise NotSent(NO_TLS.format(*where, _text(failure.reason or type(failure).__name__))) from failure
            except OSError as failure:
                raise NotSent(f"the printer at {where[0]}:{where[1]} does not answer: {_reason(failure)}") from failure
            return self._talk(connection, parts.path or "/", head, document)
        finally:
            connection.close()

    @staticmethod
    def _talk(connection: http.client.HTTPConnection, path: str, head: bytes, document: Path | None) -> Message:
        size = len(head) + (document.stat().st_size if document is not None else 0)
        body: bytes | Iterator[bytes] = head if document is None else chain([head], _chunks(document))
        try:
            connection.request("POST", path, body, {"Content-Type": "application/ipp", "Content-Length": str(size)})
            answer = connection.getresponse()
            data = answer.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as failure:
            raise NoAnswer(f"the connection to the printer broke: {_reason(failure)}") from failure
        if answer.status != 200:
            raise Refused(0x0500, f"HTTP status {answer.status}")
        try:
            return decode(data)
        except BadMessage as failure:
            raise NoAnswer(f"the printer's answer cannot be read: {failure}") from failure


def _chunks(document: Path) -> Iterator[bytes]:
    with document.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _reason(failure: Exception) -> str:
    return getattr(failure, "strerror", None) or type(failure).__name__


def _job_id(answer: Message) -> int:
    found = answer.group(JOB_ATTRIBUTES).get("job-id", [])
    if not found or not isinstance(found[0], int):
        raise NoAnswer("the printer took the job and did not say which it is")
    return found[0]
