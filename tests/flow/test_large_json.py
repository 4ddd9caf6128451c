"""Large messages as JSON: the same text as from the whole message, made of pieces."""

import json
import random

import pytest
from protos import descriptor_set

from axiomd.errors import Invalid
from axiomd.flow import large_json
from axiomd.flow.large_json import LEAF_BYTES_MIN, write_pieces
from axiomd.flow.messages import MessageTypes
from axiomd.limits import PIECE_BYTES_MAX

PROTO = """
syntax = "proto3";
package t;
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
message M {
  string text = 1;
  bytes blob = 2;
  repeated bytes blobs = 3;
  map<string, string> named = 4;
  M inner = 5;
  repeated M items = 6;
  repeated double numbers = 7;
  oneof one { string left = 8; bytes right = 9; }
  int64 count = 10;
  fixed32 four = 11;
  fixed64 eight = 12;
  google.protobuf.BytesValue wrapped = 13;
  google.protobuf.Value any = 14;
  optional string maybe = 15;
}
"""
LARGE = LEAF_BYTES_MIN + 7
TEXT = 'ä€😀"\\\n\x01x' * (LARGE // 10)
"""Its characters have one to four bytes, so pieces cut through some of them."""
BLOB = random.Random(1).randbytes(2 * PIECE_BYTES_MAX + 1)


@pytest.fixture(scope="module")
def message():
    return MessageTypes(descriptor_set(PROTO)).find("M")


def large_text(message, payload, read=None):
    """The JSON text of a message that is never whole, and what was held of it."""
    slices = read or (lambda at, count: payload[at : at + count])
    value, leaves = message.to_large_json(slices, len(payload))
    return b"".join(write_pieces(json.dumps(value, ensure_ascii=False), leaves)), leaves


def small_text(message, payload):
    return json.dumps(message.to_json(payload), ensure_ascii=False).encode()


CASES = {
    "text": (lambda make: make(text=TEXT, count=5), 1),
    "bytes": (lambda make: make(blob=BLOB, text="small", four=1, eight=2), 1),
    "several": (lambda make: make(blobs=[BLOB, b"small", BLOB], text=TEXT), 3),
    "map": (lambda make: make(named={"large": TEXT, "small": "x"}), 1),
    "nested": (lambda make: make(inner=make(inner=make(text=TEXT, count=-1), blob=BLOB)), 2),
    "items": (lambda make: make(items=[make(text=TEXT), make(count=1), make(blob=BLOB)]), 2),
    "packed": (lambda make: make(numbers=[0.5] * LARGE), 0),
    "oneof": (lambda make: make(right=BLOB), 1),
    "wrapper": (lambda make: make(wrapped={"value": BLOB}), 0),
    "value": (lambda make: make(any={"string_value": TEXT}), 0),
    "optional": (lambda make: make(maybe=TEXT), 1),
    "many fields": (lambda make: make(items=[make(count=n) for n in range(30_000)], blob=BLOB), 0),
    "nothing": (lambda make: make(), 0),
}


@pytest.mark.parametrize("case", CASES)
def test_pieces_together_are_the_text_of_the_whole_message(message, case):
    make, count = CASES[case]
    payload = make(message._cls).SerializeToString()
    text, leaves = large_text(message, payload)
    assert text == small_text(message, payload)
    assert len(leaves) == count


def test_of_two_members_of_a_oneof_the_last_one_is_written(message):
    make = message._cls
    payload = make(left=TEXT).SerializeToString() + make(right=BLOB).SerializeToString()
    assert large_text(message, payload)[0] == small_text(message, payload)


def test_a_message_given_in_several_parts_is_merged(message):
    make = message._cls
    parts = [make(inner=make(text=TEXT)), make(inner=make(count=3)), make(text="last")]
    payload = b"".join(part.SerializeToString() for part in parts)
    assert large_text(message, payload)[0] == small_text(message, payload)


def test_nothing_large_is_read_at_once(message):
    payload = message._cls(blob=BLOB * 8, text=TEXT, count=1).SerializeToString()
    reads = []

    def read(at, count):
        reads.append(count)
        return payload[at : at + count]

    value, leaves = message.to_large_json(read, len(payload))
    assert sum(reads) < 1024 * 1024
    assert max(map(len, write_pieces(json.dumps(value), leaves))) <= 2 * PIECE_BYTES_MAX
    assert max(reads) <= PIECE_BYTES_MAX


@pytest.mark.parametrize(
    "payload", [b"\xff" * 40, b"\x0a\x05abc", b"\x0b", b"\x0a\xff\xff\xff\xff\x0f", b"\x0c"]
)
def test_what_is_no_message_is_refused_as_ever(message, payload):
    with pytest.raises(Invalid):
        large_text(message, payload)


def test_a_token_cannot_be_foreseen(message):
    leaves = large_text(message, message._cls(text=TEXT).SerializeToString())[1]
    others = large_text(message, message._cls(text=TEXT).SerializeToString())[1]
    assert leaves[0].token != others[0].token
    assert len(large_json._TOKEN) == 32
