"""JSON to messages and bytes to JSON: what clients and nodes send is a value or a refusal."""

import json

from flow.protos import EVERYTHING, descriptor_set
from fuzz.foreign import PLAIN, changed, damaged, only
from hypothesis import given
from hypothesis import strategies as st

from axiomd.errors import Invalid
from axiomd.flow.large_json import LEAF_BYTES_MIN, write_pieces
from axiomd.flow.messages import MessageTypes

TYPES = MessageTypes(descriptor_set(EVERYTHING, "every.proto"))
GOOD = {
    "scalars": {
        "a_double": 1.5,
        "an_int32": -7,
        "an_int64": "9007199254740993",
        "a_uint64": 18446744073709551615,
        "a_bool": True,
        "a_string": "é\U0001f600",
        "some_bytes": "AAEC",
        "colour": "RED",
    },
    "optionals": {"maybe_int32": 0, "maybe_string": "", "odd-name": "x"},
    "lists": {"doubles": [1, "NaN", "-Infinity"], "longs": [1, "2"], "items": [{"a_bool": True}]},
    "maps": {"by_name": {"a": "1"}, "by_number": {"-1": "x"}, "by_flag": {"true": "GREEN"}},
    "choice": {"nothing": None, "rest": "r"},
    "tree": {"name": "a", "next": {"children": [{"name": "b"}]}, "named": {"c": {}}},
}
KNOWN = {
    "at": "2026-01-01T00:00:00.123Z",
    "lasting": "1.5s",
    "mask": "a.b,cD",
    "struct": {"a": [1, None, {"b": "c"}]},
    "value": [1, "2"],
    "list": [True],
    "any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "3s"},
    "long": "5",
    "text": "x",
    "blob": "AA==",
}
EVERY, KNOWN_TYPE = TYPES.find("Everything"), TYPES.find("Known")


@given(st.one_of(changed(GOOD), PLAIN))
def test_any_json_is_a_message_or_refused_with_paths(value):
    payload = only(Invalid, lambda: EVERY.parse_json(value))
    if payload is not None:
        assert EVERY.parse_json(EVERY.to_json(payload)) == payload


@given(st.one_of(changed(KNOWN), PLAIN))
def test_any_json_of_well_known_types_is_a_message_or_refused(value):
    payload = only(Invalid, lambda: KNOWN_TYPE.parse_json(value))
    if payload is not None:
        only(Invalid, lambda: KNOWN_TYPE.to_json(payload))


@given(st.one_of(damaged(EVERY.parse_json(GOOD)), damaged(KNOWN_TYPE.parse_json(KNOWN))))
def test_any_bytes_are_a_message_or_refused(payload):
    for found in (EVERY, KNOWN_TYPE):
        value = only(Invalid, lambda found=found: found.to_json(payload))
        if value is not None:
            # It can be sent, whatever it is.
            json.dumps(value, allow_nan=False)


LARGE = EVERY.parse_json({**GOOD, "inner": {"note": "n" * LEAF_BYTES_MIN}})


@given(damaged(LARGE))
def test_any_large_bytes_are_written_as_they_would_be_whole_or_refused(payload):
    def whole():
        return json.dumps(EVERY.to_json(payload), ensure_ascii=False, separators=(",", ":"))

    def in_pieces():
        value, leaves = EVERY.to_large_json(lambda at, size: payload[at : at + size], len(payload))
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return b"".join(write_pieces(text, leaves)).decode()

    wanted = only(Invalid, whole)
    if wanted is not None:
        assert in_pieces() == wanted
    else:
        only((Invalid, UnicodeDecodeError), in_pieces)


@given(st.integers(90, 1_200), st.sampled_from(["next", "children", "named"]))
def test_a_nesting_of_any_depth_is_a_message_or_refused(depth, field):
    wrap = {"next": lambda x: x, "children": lambda x: [x], "named": lambda x: {"key": x}}[field]
    tree: object = {"name": "leaf"}
    for _ in range(depth):
        tree = {field: wrap(tree)}
    only(Invalid, lambda: EVERY.parse_json({"tree": tree}))
