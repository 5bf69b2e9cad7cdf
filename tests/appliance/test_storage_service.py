"""What a C-STORE is told of its data set, before anything is promised (PS3.4 B.2.3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.association.message import AcceptedContext, CommandField, Refused, Request
from appliance.services.storage import GuardedSink, checked
from media.instance import check_rest
from media.store import HEAD_BYTES, InstanceStore
from tests.media.test_runs import data_set, element

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
WHOLE = data_set([b"value"] * 20) + element(0x7FE00010, b"OB", b"\1" * 200_000)


def arrived(folder: Path, data: bytes, sop_class: str = CT, instance: str = "1.2.3") -> tuple[GuardedSink, Request]:
    sink = GuardedSink(InstanceStore(folder).begin(sop_class, instance, EXPLICIT), EXPLICIT)
    for first in range(0, len(data), 16384):
        sink.write(memoryview(data)[first : first + 16384])
    sink.complete()
    context = AcceptedContext(1, sop_class, EXPLICIT)
    return sink, Request(CommandField.C_STORE_RQ, 1, context, sop_class, instance, {}, sink)


def test_a_whole_data_set_is_taken_and_its_header_was_read_on_the_way(tmp_path: Path) -> None:
    sink, request = arrived(tmp_path, WHOLE)
    assert sink.header is not None
    assert checked(sink, request) is sink.header


@pytest.mark.parametrize("kept", [len(WHOLE) - 1, len(WHOLE) // 2, HEAD_BYTES + 2, HEAD_BYTES, 600, 200, 9])
def test_a_data_set_that_ends_in_a_value_is_refused(tmp_path: Path, kept: int) -> None:
    with pytest.raises(Refused) as refused:
        checked(*arrived(tmp_path, WHOLE[:kept]))
    assert refused.value.status & 0xF000 == 0xC000 and refused.value.comment


@pytest.mark.parametrize(("sop_class", "instance"), [("1.2.840.10008.5.1.4.1.1.4", "1.2.3"), (CT, "1.2.4")])
def test_command_and_data_set_must_name_the_same_instance(tmp_path: Path, sop_class: str, instance: str) -> None:
    with pytest.raises(Refused) as refused:
        checked(*arrived(tmp_path, WHOLE, sop_class, instance))
    assert refused.value.status == 0xA900


@pytest.mark.parametrize("padding", [b"", b"\0", b"\0" * 7])
def test_a_few_bytes_of_padding_at_the_end_are_let_pass(padding: bytes) -> None:
    data = WHOLE + padding
    check_rest(lambda at, size: data[at : at + size], 0, len(data), EXPLICIT)


def test_a_missing_last_delimiter_is_let_pass() -> None:
    fragments = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\x00\0\0\0"
    data = data_set([b"value"] * 20)[:-18] + fragments
    check_rest(lambda at, size: data[at : at + size], 0, len(data), EXPLICIT)
