"""Command sets, P-DATA and A-ASSOCIATE PDUs: what we write pynetdicom reads, and what it writes we read, alike."""

from __future__ import annotations

import string
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pynetdicom import dimse_messages, dimse_primitives, pdu, pdu_primitives
from pynetdicom.dsutils import encode as foreign_encode
from pynetdicom.presentation import PresentationContext

from appliance.association.associate import (
    BadAssociate,
    ContextResult,
    Role,
    decode_associate,
    encode_abort,
    encode_accept,
    encode_data,
    encode_reject,
)
from appliance.association.command import (
    SHORT_BYTES,
    BadCommand,
    _elements,
    _in_parts,
    _response,
    decode_command,
    encode_event_report,
    encode_response,
    error_comment,
)
from appliance.association.dataset import MemorySink, SpoolSink
from appliance.association.limits import Limits
from appliance.association.message import CommandField, Refused, Response
from tests.appliance.association import peer as wire
from tests.appliance.association.peer import EXPLICIT, IMPLICIT

LIMITS = Limits()
BYTES = st.binary(max_size=300)

uids = st.lists(st.integers(0, 10**9), min_size=2, max_size=6).map(lambda parts: "1." + ".".join(map(str, parts)))
message_ids = st.integers(0, 65535)
tags = st.lists(st.integers(0x00080000, 0x7FFFFFFF), max_size=20)
titles = st.text(string.ascii_uppercase + string.digits + "_-. ", min_size=1, max_size=16).map(str.strip).filter(len)

# -- command sets -------------------------------------------------------------------------------------------------

# Each request: the primitive, its message, and the words for its class and instance.
REQUESTS = {
    CommandField.C_STORE_RQ: ("C_STORE", "Affected"),
    CommandField.C_ECHO_RQ: ("C_ECHO", "Affected"),
    CommandField.C_FIND_RQ: ("C_FIND", "Affected"),
    CommandField.N_EVENT_REPORT_RQ: ("N_EVENT_REPORT", "Affected"),
    CommandField.N_GET_RQ: ("N_GET", "Requested"),
    CommandField.N_SET_RQ: ("N_SET", "Requested"),
    CommandField.N_ACTION_RQ: ("N_ACTION", "Requested"),
    CommandField.N_CREATE_RQ: ("N_CREATE", "Affected"),
    CommandField.N_DELETE_RQ: ("N_DELETE", "Requested"),
}
NO_INSTANCE = {CommandField.C_ECHO_RQ, CommandField.C_FIND_RQ}
OWN_DATA = {
    CommandField.C_STORE_RQ: "DataSet",
    CommandField.C_FIND_RQ: "Identifier",
    CommandField.N_EVENT_REPORT_RQ: "EventInformation",
    CommandField.N_SET_RQ: "ModificationList",
    CommandField.N_ACTION_RQ: "ActionInformation",
    CommandField.N_CREATE_RQ: "AttributeList",
}


def _foreign_request(field: CommandField, **values: Any) -> bytes:
    """A command set by pynetdicom."""
    name, _ = REQUESTS[field]
    primitive = getattr(dimse_primitives, name)()
    for keyword, value in values.items():
        setattr(primitive, keyword, value)
    message = getattr(dimse_messages, f"{name}_RQ")()
    message.primitive_to_message(primitive)
    written = foreign_encode(message.command_set, True, True)
    assert written is not None
    return written


@pytest.mark.parametrize("field", REQUESTS, ids=lambda one: one.name)
@given(message_id=message_ids, sop_class=uids, instance=uids, number=message_ids, listed=tags, data=st.booleans())
def test_requests_of_pynetdicom_are_read_as_they_are(
    field: CommandField, message_id: int, sop_class: str, instance: str, number: int, listed: list[int], data: bool
) -> None:
    _, word = REQUESTS[field]
    values: dict[str, Any] = {"MessageID": message_id, f"{word}SOPClassUID": sop_class}
    expected: dict[str, object] = {**values, "CommandField": int(field), "CommandDataSetType": 0x0101}
    if field not in NO_INSTANCE:
        values[f"{word}SOPInstanceUID"] = expected[f"{word}SOPInstanceUID"] = instance
    if field in (CommandField.C_STORE_RQ, CommandField.C_FIND_RQ):
        values["Priority"] = expected["Priority"] = number % 3
    if field is CommandField.N_ACTION_RQ:
        values["ActionTypeID"] = expected["ActionTypeID"] = number
    if field is CommandField.N_EVENT_REPORT_RQ:
        values["EventTypeID"] = expected["EventTypeID"] = number
    if field is CommandField.N_GET_RQ and listed:
        values["AttributeIdentifierList"] = listed
        expected["AttributeIdentifierList"] = tuple(listed)
    if data and field in OWN_DATA:
        values[OWN_DATA[field]] = BytesIO(b"ab")
        expected["CommandDataSetType"] = 1
    raw = _foreign_request(field, **values)
    assert decode_command(raw) == {"CommandGroupLength": len(raw) - 12, **expected}


def _foreign_message(raw: bytes) -> tuple[Any, Any]:
    """A message as pynetdicom's DIMSE layer gathers it from P-DATA PDUs, as its primitive."""
    message: Any = dimse_messages.DIMSEMessage()
    while raw:
        length = int.from_bytes(raw[2:6], "big") + 6
        received: Any = pdu.P_DATA_TF()
        received.decode(raw[:length])
        done = message.decode_msg(received.to_primitive())
        raw = raw[length:]
        assert done == (not raw)
    return message, message.message_to_primitive()


comments = st.text(max_size=80)
statuses = st.sampled_from(
    (0x0000, 0x0001, 0x0105, 0x0106, 0x0107, 0x0110, 0x0112, 0x0116, 0x0120, 0x0213, 0xB600, 0xC616)
)
RESPONSES: dict[CommandField, str] = {
    field: name for field, (name, _) in REQUESTS.items() if field is not CommandField.C_FIND_RQ
}
RESPONSE_DATA: dict[CommandField, str] = {
    CommandField.N_EVENT_REPORT_RQ: "EventReply",
    CommandField.N_GET_RQ: "AttributeList",
    CommandField.N_SET_RQ: "AttributeList",
    CommandField.N_ACTION_RQ: "ActionReply",
    CommandField.N_CREATE_RQ: "AttributeList",
}


@pytest.mark.parametrize("field", RESPONSES, ids=lambda one: one.name)
@given(
    message_id=message_ids,
    sop_class=uids,
    instance=uids,
    made=st.none() | uids,
    status=statuses,
    comment=comments,
    offending=st.lists(st.integers(0x00080000, 0x7FFFFFFF), max_size=4),
    data=st.none() | st.binary(min_size=1, max_size=5000),
    maximum=st.sampled_from((0, 7, 20, 128, 16384)),
)
def test_responses_are_read_by_pynetdicom_as_they_are_meant(
    field: CommandField,
    message_id: int,
    sop_class: str,
    instance: str,
    made: str | None,
    status: int,
    comment: str,
    offending: list[int],
    data: bytes | None,
    maximum: int,
) -> None:
    data = data if field in RESPONSE_DATA else None
    response = Response(status, made, data, comment, tuple(offending))
    command = encode_response(field, message_id, sop_class, instance, response)
    raw = b"".join(encode_data(5, 1, command, maximum))
    if data is not None:
        raw += b"".join(encode_data(5, 0, data, maximum))
    message, primitive = _foreign_message(raw)
    assert type(message).__name__ == "DIMSEMessage" or type(message).__name__ == f"{RESPONSES[field]}_RSP"
    assert message.context_id == 5
    assert message.command_set.CommandField == field | 0x8000
    assert message.command_set.CommandGroupLength == len(command) - 12
    assert message.command_set.CommandDataSetType == (0x0101 if data is None else 1)
    assert (primitive.MessageIDBeingRespondedTo, primitive.Status) == (message_id, status)
    assert primitive.AffectedSOPClassUID == sop_class
    if field is not CommandField.C_ECHO_RQ:
        assert primitive.AffectedSOPInstanceUID == (made or instance)
    words = message.command_set.get("ErrorComment", "")
    assert words == (error_comment(comment).decode().rstrip() if status else "")
    listed = status in (0x0105, 0x0106, 0x0107, 0x0116) and field > 0x00FF
    told = message.command_set.get("AttributeIdentifierList" if listed else "OffendingElement", [])
    told = [told] if isinstance(told, int) else list(told or [])
    assert told == (offending if status or listed else [])
    if data is not None:
        assert getattr(primitive, RESPONSE_DATA[CommandField(field)]).getvalue() == data


@given(message_id=message_ids, sop_class=uids, instance=uids, event=message_ids, data=st.none() | BYTES.filter(len))
def test_events_are_read_by_pynetdicom_as_they_are_meant(
    message_id: int, sop_class: str, instance: str, event: int, data: bytes | None
) -> None:
    raw = encode_event_report(message_id, sop_class, instance, event, data_set=data is not None)
    pdus = b"".join(encode_data(3, 1, raw, 64)) + (b"" if data is None else b"".join(encode_data(3, 0, data, 64)))
    _, primitive = _foreign_message(pdus)
    assert (primitive.MessageID, primitive.EventTypeID) == (message_id, event)
    assert (primitive.AffectedSOPClassUID, primitive.AffectedSOPInstanceUID) == (sop_class, instance)
    assert (primitive.EventInformation.getvalue() if data is not None else b"") == (data or b"")


@given(comments | st.text("\\\n\r\x1b\x7féü漢", max_size=80))
def test_an_error_comment_is_a_legal_LO_of_64_signs(words: str) -> None:
    raw = error_comment(words)
    assert len(raw) <= 64 and len(raw) % 2 == 0
    assert all(32 <= sign < 127 and sign != 0x5C for sign in raw)


@given(
    st.binary(max_size=200)
    | st.lists(st.tuples(st.sampled_from((*wire.NAMES, 0x0001, 0x5010)), st.binary(max_size=80)), max_size=8).map(
        lambda rows: b"".join(wire.element(number, value) for number, value in rows)
    )
)
@example(wire.element(0x0100, b""))
@example(wire.element(0x0000, b"\1\2\3"))
@example(wire.element(0x1005, b"\1\2\3"))
def test_any_bytes_are_a_command_set_or_are_refused(raw: bytes) -> None:
    try:
        found = decode_command(raw)
    except BadCommand:
        return
    assert all(isinstance(value, int | str | tuple) for value in found.values())


def _outcome(read: Callable[[bytes], dict[str, object]], raw: bytes) -> object:
    try:
        return list(read(raw).items())
    except BadCommand as failure:
        return str(failure)


_stores = st.builds(
    lambda message_id, uid, padding, behind, order: [
        wire.element(0x0000, bytes(4)),
        *order(
            [
                wire.element(0x0002, b"1.2.840.10008.5.1.4.1.1.2\0"),
                wire.element(0x0100, b"\1\0"),
                wire.element(0x0110, message_id),
                wire.element(0x0700, b"\0\0"),
                wire.element(0x0800, b"\1\0"),
                wire.element(0x1000, uid.encode() + padding),
            ]
        ),
        *behind,
    ],
    st.binary(min_size=2, max_size=2),
    uids,
    st.sampled_from((b"", b"\0", b" ", b"\xe9", b"9" * 300)),
    st.sampled_from(
        ([], [wire.element(0x1030, b"PACS"), wire.element(0x1031, b"\7\0")], [wire.element(0x0110, b"\1\0")])
    ),
    st.sampled_from((list, sorted, lambda rows: rows[::-1], lambda rows: rows + rows)),
)
_INSIDE = (b"\0", b"\0\0\0\x10", wire.element(0x0110, b"\1\0"), wire.element(0x1000, b"1.2"), b"\xff" * 4, bytes(8))


@given(rows=_stores, cuts=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 9), st.sampled_from((b"", *_INSIDE)))))
def test_a_command_set_that_is_like_the_last_one_is_read_like_any_other(
    rows: list[bytes], cuts: list[tuple[int, int, bytes]]
) -> None:
    raw = b"".join(rows)
    for start, length, instead in cuts[:3]:
        raw = raw[:start] + instead + raw[start + length :]
    assert _outcome(decode_command, raw) == _outcome(_elements, raw)
    assert _outcome(decode_command, raw) == _outcome(_elements, raw), "nor does it matter what was read before"


def test_the_usual_C_STORE_goes_the_short_way_and_what_is_read_belongs_to_the_reader() -> None:
    raw = _foreign_request(
        CommandField.C_STORE_RQ,
        MessageID=7,
        AffectedSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        AffectedSOPInstanceUID="1.2.3",
        Priority=0,
    )
    found = _in_parts(raw)
    assert found == _elements(raw)
    found.clear()
    assert decode_command(raw) == _elements(raw)
    longer = raw + wire.element(0x5010, bytes(SHORT_BYTES))
    assert decode_command(longer) == _elements(longer)


@given(
    field=st.sampled_from(CommandField),
    message_id=message_ids,
    sop_class=uids,
    instance=uids,
    offending=st.lists(st.integers(0, 0xFFFFFFFF)),
)
def test_a_plain_success_is_written_like_any_other_response(
    field: CommandField, message_id: int, sop_class: str, instance: str, offending: list[int]
) -> None:
    response = Response(0x0000, None, None, "unheard", tuple(offending))
    short = encode_response(field, message_id, sop_class, instance, response)
    assert short == _response(field, message_id, sop_class, instance, response)


@given(raw=st.binary(max_size=2000), control=st.sampled_from((0, 1)), maximum=st.integers(0, 300))
def test_P_DATA_is_cut_as_the_peer_takes_it_and_is_whole_again(raw: bytes, control: int, maximum: int) -> None:
    gathered, last = b"", False
    for one in encode_data(7, control, raw, maximum):
        received: Any = pdu.P_DATA_TF()
        received.decode(one)
        assert len(one) - 6 <= max(maximum, 7) or maximum == 0
        (value,) = received.presentation_data_value_items
        assert value.context_id == 7 and not last
        head, fragment = value.presentation_data_value[0], value.presentation_data_value[1:]
        assert head & 1 == control
        gathered, last = gathered + fragment, bool(head & 2)
    assert gathered == raw and last


# -- A-ASSOCIATE --------------------------------------------------------------------------------------------------


@st.composite
def proposals(draw: st.DrawFn) -> pdu_primitives.A_ASSOCIATE:
    """An association request as pynetdicom's upper layer takes it."""
    asked = pdu_primitives.A_ASSOCIATE()
    asked.application_context_name = "1.2.840.10008.3.1.1.1"
    asked.calling_ae_title, asked.called_ae_title = draw(titles), draw(titles)
    contexts = []
    for one in draw(st.lists(st.integers(0, 127), min_size=1, max_size=20, unique=True)):
        context = PresentationContext()
        context.context_id = 2 * one + 1
        context.abstract_syntax = draw(uids)
        context.transfer_syntax = draw(st.lists(uids, min_size=1, max_size=5, unique=True))
        contexts.append(context)
    asked.presentation_context_definition_list = contexts
    maximum = pdu_primitives.MaximumLengthNotification()
    maximum.maximum_length_received = draw(st.integers(0, 0xFFFFFFFF))
    implementation = pdu_primitives.ImplementationClassUIDNotification()
    implementation.implementation_class_uid = draw(uids)
    items: list[Any] = [maximum, implementation]
    if draw(st.booleans()):
        version = pdu_primitives.ImplementationVersionNameNotification()
        version.implementation_version_name = draw(titles)
        items.append(version)
    if draw(st.booleans()):
        window = pdu_primitives.AsynchronousOperationsWindowNegotiation()
        window.maximum_number_operations_invoked = draw(message_ids)
        window.maximum_number_operations_performed = draw(message_ids)
        items.append(window)
    for uid in draw(st.lists(uids, max_size=4, unique=True)):
        role = pdu_primitives.SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid = uid
        role.scu_role, role.scp_role = draw(st.sampled_from(((True, False), (False, True), (True, True))))
        items.append(role)
    if draw(st.booleans()):
        user = pdu_primitives.UserIdentityNegotiation()
        user.user_identity_type = draw(st.sampled_from((1, 2, 3, 4, 5)))
        user.primary_field = draw(st.binary(min_size=1, max_size=40))
        if user.user_identity_type == 2:
            user.secondary_field = draw(st.binary(min_size=1, max_size=40))
        user.positive_response_requested = draw(st.booleans())
        items.append(user)
    if draw(st.booleans()):
        # Items that we do not know are passed over.
        extended = pdu_primitives.SOPClassExtendedNegotiation()
        extended.sop_class_uid = draw(uids)
        extended.service_class_application_information = draw(BYTES)
        items.append(extended)
    asked.user_information = items
    return asked


def _of(items: list[Any], kind: type) -> list[Any]:
    return [one for one in items if isinstance(one, kind)]


@given(proposals())
def test_requests_for_associations_of_pynetdicom_are_read_as_they_are(asked: pdu_primitives.A_ASSOCIATE) -> None:
    written: Any = pdu.A_ASSOCIATE_RQ()
    written.from_primitive(asked)
    found = decode_associate(written.encode()[6:], LIMITS)
    assert found.protocol_version == 1 and found.application_context == asked.application_context_name
    assert found.called_ae_title == asked.called_ae_title.strip()
    assert found.calling_ae_title == asked.calling_ae_title.strip()
    assert [(one.context_id, one.abstract_syntax, list(one.transfer_syntaxes)) for one in found.contexts] == [
        (one.context_id, one.abstract_syntax, one.transfer_syntax) for one in asked.presentation_context_definition_list
    ]
    items: Any = asked.user_information
    assert found.maximum_length == items[0].maximum_length_received
    assert found.implementation_class_uid == items[1].implementation_class_uid
    for version in _of(items, pdu_primitives.ImplementationVersionNameNotification):
        assert found.implementation_version_name == version.implementation_version_name.strip()
    assert found.roles == {
        one.sop_class_uid: Role(bool(one.scu_role), bool(one.scp_role))
        for one in _of(items, pdu_primitives.SCP_SCU_RoleSelectionNegotiation)
    }
    windows = _of(items, pdu_primitives.AsynchronousOperationsWindowNegotiation)
    assert found.asynchronous == (
        (windows[0].maximum_number_operations_invoked, windows[0].maximum_number_operations_performed)
        if windows
        else None
    )
    users = _of(items, pdu_primitives.UserIdentityNegotiation)
    assert (found.user_identity is None) == (not users)
    for user, ours in zip(users, [found.user_identity], strict=False):
        assert ours is not None and ours.kind == user.user_identity_type
        assert ours.response_wanted == user.positive_response_requested
        assert (ours.primary, ours.secondary) == (user.primary_field, user.secondary_field or b"")


@given(
    asked=proposals(),
    results=st.lists(st.sampled_from((0, 1, 3, 4)), min_size=20, max_size=20),
    maximum=st.integers(0, 0xFFFFFFFF),
    uid=uids,
    asynchronous=st.booleans(),
    identity=st.booleans(),
)
def test_acceptances_are_read_by_pynetdicom_as_they_are_meant(
    asked: pdu_primitives.A_ASSOCIATE,
    results: list[int],
    maximum: int,
    uid: str,
    asynchronous: bool,
    identity: bool,
) -> None:
    written: Any = pdu.A_ASSOCIATE_RQ()
    written.from_primitive(asked)
    body = written.encode()[6:]
    request = decode_associate(body, LIMITS)
    answers = [
        ContextResult(one.context_id, result, one.transfer_syntaxes[0] if result == 0 else "")
        for one, result in zip(request.contexts, results, strict=False)
    ]
    roles = {one.abstract_syntax: Role(scu=True, scp=False) for one in request.contexts[:2]}
    accept = encode_accept(
        body,
        answers,
        maximum_length=maximum,
        implementation_class_uid=uid,
        implementation_version_name="GRAVURE_1",
        roles=roles,
        asynchronous=asynchronous,
        identity_response=identity,
    )
    received: Any = pdu.A_ASSOCIATE_AC()
    received.decode(accept)
    assert received.pdu_length == len(accept) - 6 and received.protocol_version == 1
    assert received.reserved_aet == request.called_ae_title and received.reserved_aec == request.calling_ae_title
    assert [(one.context_id, one.result) for one in received.presentation_context] == [
        (one.context_id, one.result) for one in answers
    ]
    for one, ours in zip(received.presentation_context, answers, strict=True):
        assert ours.result or one.transfer_syntax == ours.transfer_syntax
    items = received.user_information
    assert items.maximum_length == maximum and items.implementation_class_uid == uid
    assert items.implementation_version_name == "GRAVURE_1"
    assert {one.uid: (one.scu, one.scp) for one in items.role_selection.values()} == dict.fromkeys(roles, (True, False))
    window = items.async_ops_window
    assert (window is not None) == asynchronous
    assert not window or (window.max_operations_invoked, window.max_operations_performed) == (1, 1)
    assert (items.user_identity is not None) == identity
    assert accept == received.encode(), "and it writes the same bytes"


def test_rejections_and_aborts_are_read_by_pynetdicom_as_they_are_meant() -> None:
    for reason in ((1, 1, 1), (1, 1, 2), (1, 1, 3), (1, 1, 7), (1, 2, 2), (2, 2, 1), (2, 3, 1), (2, 3, 2)):
        rejected: Any = pdu.A_ASSOCIATE_RJ()
        rejected.decode(encode_reject(*reason))
        assert (rejected.result, rejected.source, rejected.reason_diagnostic) == reason
        assert rejected.reason_str and rejected.encode() == encode_reject(*reason)
    for source, why in ((0, 0), (2, 1), (2, 2), (2, 6)):
        aborted: Any = pdu.A_ABORT_RQ()
        aborted.decode(encode_abort(source, why))
        assert (aborted.source, aborted.reason_diagnostic) == (source, why) and aborted.reason_str


WHOLE = wire.associate_body(
    [wire.context(1, wire.VERIFICATION, IMPLICIT, EXPLICIT), wire.context(3, wire.GRAYSCALE_META, IMPLICIT)],
    user=wire.user_items(
        more=wire.window(1, 1) + wire.role(wire.VERIFICATION, 1, 0) + wire.identity(2, b"name", b"passcode")
    ),
)


@given(
    st.binary(max_size=300)
    | st.binary(max_size=200).map(lambda tail: WHOLE[:68] + tail)
    | st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)).map(
        lambda change: WHOLE[: change[0]] + bytes((change[1],)) + WHOLE[change[0] + 1 :]
    )
    | st.integers(0, len(WHOLE)).map(lambda end: WHOLE[:end])
)
def test_any_bytes_are_a_request_for_an_association_or_are_refused(body: bytes) -> None:
    try:
        found = decode_associate(body, LIMITS)
    except BadAssociate:
        return
    assert found.contexts and len({one.context_id for one in found.contexts}) == len(found.contexts)


# -- data sets on their way ----------------------------------------------------------------------------------------


@given(fragments=st.lists(st.binary(max_size=40), max_size=20), bound=st.integers(0, 60), most=st.integers(0, 400))
def test_a_spool_sink_keeps_what_it_was_given_in_memory_or_on_disk(
    fragments: list[bytes], bound: int, most: int, tmp_path: Path
) -> None:
    sink, whole = SpoolSink(tmp_path, bound, most), b""
    try:
        for one in fragments:
            whole += one
            if len(whole) > most:
                with pytest.raises(Refused) as refused:
                    sink.write(memoryview(one))
                assert refused.value.status == 0x0213
                return
            sink.write(memoryview(one))
        sink.complete()
        assert sink.size == len(whole) and sink.read() == whole
        assert sink.in_memory == (len(whole) <= bound)
        assert sink.to_file().read_bytes() == whole
    finally:
        sink.discard()
        sink.discard()
        assert not list(tmp_path.iterdir())


def test_a_memory_sink_has_its_bound() -> None:
    sink = MemorySink(10)
    sink.write(memoryview(b"12345"))
    sink.write(memoryview(b"67890"))
    assert sink.read() == b"1234567890" and sink.size == 10
    with pytest.raises(Refused):
        sink.write(memoryview(b"1"))
    sink.discard()
    assert sink.size == 0
