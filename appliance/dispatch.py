"""Dispatch: presentation context × SOP class × command → service (PS3.4 H.3.2.2 for the print meta classes).

Negotiation is a boundary: a message is served only on a context that covers its SOP class. The members of the print
meta classes are legal on either meta context and on contexts of their own; every other class on its own alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .association.message import CommandField, Conversation, DataSetSink, Ending, Refused, Request, Response
from .capabilities import covers

NO_SUCH_SOP_CLASS = 0x0118
SOP_CLASS_NOT_SUPPORTED = 0x0122
UNRECOGNIZED_OPERATION = 0x0211


class Service(Protocol):
    """What one service class does on one association."""

    def serves(self, request: Request) -> bool:
        """Whether this request is for this service; the context has been checked."""

    def sink(self, request: Request) -> DataSetSink:
        """Where its data set goes. May raise `Refused`."""

    async def answer(self, request: Request) -> Response:
        """Answer it. May raise `Refused`."""

    def closed(self, ending: Ending) -> None:
        """The association is over."""


class ServiceConversation:
    """A `Conversation` made of services; Verification is answered before it comes here."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = tuple(services)
        self._in_hand: tuple[Request, Service] | None = None

    def sink(self, request: Request) -> DataSetSink:
        """The sink of the service that serves the request."""
        return self._service(request).sink(request)

    async def answer(self, request: Request) -> Response:
        """The answer of the service that serves the request."""
        return await self._service(request).answer(request)

    def closed(self, ending: Ending) -> None:
        """Every service hears of the end, whatever one of them does."""
        failures: list[Exception] = []
        for service in self._services:
            try:
                service.closed(ending)
            except Exception as failure:
                failures.append(failure)
        if failures:
            raise ExceptionGroup("services failed at the end of an association", failures)

    def _service(self, request: Request) -> Service:
        if self._in_hand is None or self._in_hand[0] is not request:
            self._in_hand = request, self._found(request)
        return self._in_hand[1]

    def _found(self, request: Request) -> Service:
        if request.command_field is CommandField.N_EVENT_REPORT_RQ:
            raise Refused(UNRECOGNIZED_OPERATION, "events are ours to send")
        if not covers(request.context.abstract_syntax, request.sop_class_uid):
            status = NO_SUCH_SOP_CLASS if request.command_field > 0x00FF else SOP_CLASS_NOT_SUPPORTED
            raise Refused(status, "this SOP class was not negotiated on this context")
        for service in self._services:
            if service.serves(request):
                return service
        raise Refused(UNRECOGNIZED_OPERATION, "this operation is not served for this SOP class")


__all__ = ["Conversation", "Service", "ServiceConversation"]
