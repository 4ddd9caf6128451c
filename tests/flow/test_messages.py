"""JSON ↔ protobuf: the compiled converters against protobuf's own `json_format`, and refusals."""

import base64
import json
import math

import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protos import EVERYTHING, descriptor_set, types

from axiomd.errors import Invalid
from axiomd.flow.messages import MessageTypes
from axiomd.limits import JSON_DEPTH_MAX, PROBLEMS_MAX

TYPES = MessageTypes(descriptor_set(EVERYTHING))
COMPARED = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def oracle_bytes(kind, value):
    """What json_format makes of `value`; None if it refuses it."""
    message = GetMessageClass(kind.descriptor)()
    pool = kind.descriptor.file.pool
    if isinstance(value, dict) and value.get("values", ...) is None:
        # json_format fails on null for a list of Values; by the mapping it means unset.
        value = {key: item for key, item in value.items() if key != "values"}
    try:
        json_format.ParseDict(value, message, descriptor_pool=pool)
    except (json_format.Error, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None
    return message.SerializeToString(deterministic=True)


def oracle_dict(kind, payload):
    message = GetMessageClass(kind.descriptor).FromString(payload)
    return json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
        descriptor_pool=kind.descriptor.file.pool,
    )


def parse(name, value):
    return TYPES.find(name).parse_json(value)


def round_trip(name, value):
    kind = TYPES.find(name)
    return kind.to_json(kind.parse_json(value))


def attempt(kind, value):
    """The bytes, or the refusal."""
    try:
        return kind.parse_json(value)
    except Invalid as refusal:
        return refusal


def problems(name, value, **more):
    with pytest.raises(Invalid) as refused:
        TYPES.find(name).parse_json(value, **more)
    return {problem.path: problem.message for problem in refused.value.problems}


# Against the oracle

_INT_BOUNDS = {"32": (-(2**31), 2**31 - 1), "64": (-(2**63), 2**63 - 1)}
_UINT_BOUNDS = {"32": (0, 2**32 - 1), "64": (0, 2**64 - 1)}
_FLOATS = st.sampled_from(["NaN", "Infinity", "-Infinity"])
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_BYTES = st.binary(max_size=6).map(lambda raw: base64.b64encode(raw).decode())
_COLOURS = st.sampled_from(["NONE", "RED", "GREEN", "BELOW", 2, -3, 77])


def integers(low, high):
    number = st.integers(low, high)
    return number | number.map(str) | st.integers(max(low, -9), 9).map(float)


INT32, INT64 = (integers(*_INT_BOUNDS[bits]) for bits in ("32", "64"))
UINT32, UINT64 = (integers(*_UINT_BOUNDS[bits]) for bits in ("32", "64"))
DOUBLE = st.floats(allow_nan=False, allow_infinity=False) | _FLOATS | st.integers(-9, 9)
FLOAT = st.floats(width=32, allow_nan=False, allow_infinity=False) | _FLOATS


def objects(**fields):
    """JSON objects with any of `fields`, under either of their names, null now and then."""

    def named(draw_from):
        name, camel, value = draw_from
        return st.fixed_dictionaries({}, optional={name: value}) | st.fixed_dictionaries(
            {}, optional={camel: value | st.none()}
        )

    def camel(name):
        head, *tail = name.split("_")
        return head + "".join(part.capitalize() for part in tail)

    parts = [named((name, camel(name), value)) for name, value in fields.items()]
    return st.tuples(*parts).map(lambda dicts: {k: v for d in dicts for k, v in d.items()})


SCALARS = objects(
    a_double=DOUBLE,
    a_float=FLOAT,
    an_int32=INT32,
    an_int64=INT64,
    a_uint32=UINT32,
    a_uint64=UINT64,
    a_sint32=INT32,
    a_sint64=INT64,
    a_fixed32=UINT32,
    a_fixed64=UINT64,
    a_sfixed32=INT32,
    a_sfixed64=INT64,
    a_bool=st.booleans(),
    a_string=_TEXT,
    some_bytes=_BYTES,
    colour=_COLOURS,
)
OPTIONALS = objects(maybe_int32=INT32, maybe_string=_TEXT, maybe_colour=_COLOURS, scalars=SCALARS)
LISTS = objects(
    doubles=st.lists(DOUBLE, max_size=3),
    floats=st.lists(FLOAT, max_size=3),
    longs=st.lists(INT64, max_size=3),
    strings=st.lists(_TEXT, max_size=3),
    blobs=st.lists(_BYTES, max_size=3),
    colours=st.lists(_COLOURS, max_size=3),
    items=st.lists(SCALARS, max_size=2),
    flags=st.lists(st.booleans(), max_size=3),
)
MAPS = objects(
    by_name=st.dictionaries(_TEXT, INT64, max_size=3),
    by_number=st.dictionaries(st.integers(*_INT_BOUNDS["32"]).map(str), _TEXT, max_size=3),
    by_flag=st.dictionaries(st.sampled_from(["true", "false"]), _COLOURS, max_size=2),
    items=st.dictionaries(_TEXT, SCALARS, max_size=2),
    blobs=st.dictionaries(st.integers(*_UINT_BOUNDS["64"]).map(str), _BYTES, max_size=2),
)
CHOICE = st.one_of(
    objects(number=INT32, rest=_TEXT),
    objects(text_value=_TEXT, rest=_TEXT),
    objects(scalars=SCALARS),
    st.just({"nothing": None}),
)
TREE = st.recursive(
    objects(name=_TEXT),
    lambda tree: objects(
        children=st.lists(tree, max_size=2),
        named=st.dictionaries(_TEXT, tree, max_size=2),
        next=tree,
    ),
    max_leaves=6,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)
FINITE = JSON.filter(lambda value: "Infinity" not in json.dumps(value))
KNOWN = objects(
    at=st.sampled_from(["2020-01-01T00:00:00Z", "1969-12-31T23:59:59.5+01:00"]),
    lasting=st.sampled_from(["1.5s", "-3s", "0s"]),
    mask=st.just("a,bC"),
    struct=st.dictionaries(_TEXT, FINITE, max_size=2),
    value=FINITE,
    list=st.lists(FINITE, max_size=2),
    long=INT64,
    text=_TEXT,
    flag=st.booleans(),
    blob=_BYTES,
    times=st.lists(st.just("2020-01-01T00:00:00Z"), max_size=2),
    values=st.lists(FINITE, max_size=2),
    any=st.just({"@type": "type.googleapis.com/acme.every.Choice", "number": 3})
    | st.just({"@type": "x/google.protobuf.Duration", "value": "1s"}),
)
EVERY = objects(
    scalars=SCALARS,
    optionals=OPTIONALS,
    lists=LISTS,
    maps=MAPS,
    choice=CHOICE,
    tree=TREE,
    inner=objects(note=_TEXT),
)
SHAPES = {
    "Scalars": SCALARS,
    "Optionals": OPTIONALS,
    "Lists": LISTS,
    "Maps": MAPS,
    "Choice": CHOICE,
    "Tree": TREE,
    "Known": KNOWN,
    "Everything": EVERY,
}


@pytest.mark.parametrize("name", SHAPES)
def test_well_typed_json_becomes_the_same_bytes_and_the_same_dict_as_with_json_format(name):
    kind = TYPES.find(name)

    @COMPARED
    @given(SHAPES[name])
    def same(value):
        payload = kind.parse_json(value)
        assert payload == oracle_bytes(kind, value)
        assert kind.to_json(payload) == oracle_dict(kind, payload)
        # What is printed reads back as the same message.
        printed = json.loads(json.dumps(kind.to_json(payload)))
        assert kind.parse_json(printed) == payload

    same()


@pytest.mark.parametrize("name", SHAPES)
def test_what_json_format_refuses_is_refused_and_what_is_taken_means_the_same(name):
    kind = TYPES.find(name)
    fields = [field.name for field in kind.descriptor.fields]
    keys = st.sampled_from([*fields, "", "unknown", "[ext]"])

    @COMPARED
    @given(st.dictionaries(keys, JSON | st.dictionaries(keys, JSON, max_size=2), max_size=3) | JSON)
    def agree(value):
        answer = attempt(kind, value)
        if isinstance(answer, Invalid):
            paths = {problem.path for problem in answer.problems}
            assert 0 < len(paths) == len(answer.problems)
        else:
            assert answer == oracle_bytes(kind, value)

    agree()


@pytest.mark.parametrize("name", SHAPES)
def test_any_bytes_that_parse_can_be_printed(name):
    kind = TYPES.find(name)

    @COMPARED
    @given(st.binary(max_size=40))
    def printable(payload):
        if kind.valid(payload):
            json.dumps(kind.to_json(payload), allow_nan=False)
        else:
            with pytest.raises(Invalid, match=f"the bytes are not a acme.every.{name}"):
                kind.to_json(payload)

    printable()


def test_the_same_value_is_always_the_same_bytes():
    forward = {"by_name": {str(n): n for n in range(50)}}
    backward = {"by_name": {str(n): n for n in reversed(range(50))}}
    assert parse("Maps", forward) == parse("Maps", backward)


# What is taken


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        (5.0, 5),
        ("5", 5),
        ("5.0", 5),
        ("1e3", 1000),
        (-0.0, 0),
        ("9007199254740993.0", 2**53 + 1),
    ],
)
def test_whole_numbers_come_as_numbers_and_texts_and_are_exact(value, number):
    assert round_trip("Scalars", {"an_int64": value})["an_int64"] == str(number)


@pytest.mark.parametrize("text", ["__8=", "__8", "//8=", "//8"])
def test_bytes_are_base64_of_either_alphabet_padded_or_not(text):
    assert round_trip("Scalars", {"some_bytes": text})["some_bytes"] == "//8="


@pytest.mark.parametrize("value", [3.4028235e38, -3.4028235e38, 1.4013e-45, 0.1, 16777216.0])
def test_the_outermost_floats_are_printed_so_that_they_read_back(value):
    printed = round_trip("Scalars", {"a_float": value})["a_float"]
    assert printed == value
    assert round_trip("Scalars", {"a_float": printed})["a_float"] == value


def test_null_means_unset_everywhere():
    fields = [field.name for field in TYPES.find("Everything").descriptor.fields]
    assert parse("Everything", dict.fromkeys(fields)) == b""
    assert parse("Lists", {"longs": None, "items": None}) == b""
    assert parse("Choice", {"number": None, "text_value": "x"}) == b"\x12\x01x"


def test_an_optional_field_knows_whether_it_was_set():
    assert round_trip("Optionals", {"maybe_int32": 0}) == {"maybe_int32": 0, "renamed_field": ""}


def test_a_field_with_a_json_name_of_its_own_goes_by_both_names():
    assert parse("Optionals", {"odd-name": "x"}) == parse("Optionals", {"renamed_field": "x"})


def test_an_unknown_enum_number_is_kept_and_printed():
    assert round_trip("Scalars", {"colour": 77})["colour"] == 77


def test_a_well_known_message_can_be_the_whole_input():
    kind = TYPES.find("google.protobuf.Timestamp")
    assert kind.to_json(kind.parse_json("2020-01-01T00:00:00Z")) == "2020-01-01T00:00:00Z"
    wrapped = TYPES.find("google.protobuf.Int64Value")
    assert wrapped.to_json(wrapped.parse_json(5)) == "5"


def test_a_well_known_value_without_a_json_form_is_printed_as_its_fields():
    kind = TYPES.find("Known")
    message = GetMessageClass(kind.descriptor)()
    message.at.seconds = 2**60
    message.value.number_value = math.nan
    message.any.type_url = "x/not.there"
    printed = kind.to_json(message.SerializeToString())
    assert printed["at"] == {"seconds": str(2**60), "nanos": 0}
    assert printed["value"] == {"number_value": "NaN"}
    assert printed["any"] == {"type_url": "x/not.there", "value": ""}


# What is refused


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("an_int32", 2**31, "must be from -2147483648 to 2147483647"),
        ("an_int32", -(2**31) - 1, "must be from"),
        ("a_uint32", -1, "must be from 0 to 4294967295"),
        ("a_uint64", 2**64, "must be from 0"),
        ("an_int64", "9223372036854775808", "must be from"),
        ("an_int64", "1e999999999", "must be from"),
        ("an_int64", "9" * 5000, "must be a whole number"),
        ("an_int64", 10**400, "must be from"),
        ("an_int32", 1.5, "must be a whole number, not '1.5'"),
        ("an_int32", "1.5", "must be a whole number"),
        ("an_int32", True, "must be a whole number, not true or false"),
        ("an_int32", "1_000", "must be a whole number"),
        ("an_int32", " 5", "must be a whole number"),
        ("an_int32", "\u0661", "must be a whole number"),
        ("an_int32", "", "must be a whole number, not ''"),
        ("an_int32", [1], "must be a whole number, not a list"),
        ("an_int32", math.inf, "must be a whole number"),
        ("a_double", math.nan, "are written as texts"),
        ("a_double", math.inf, "are written as texts"),
        ("a_double", "inf", "must be a number, not 'inf'"),
        ("a_double", "nan", "must be a number"),
        ("a_double", "1e400", "must be a number from"),
        ("a_double", 10**400, "must be a number from"),
        ("a_double", True, "must be a number, not true or false"),
        ("a_float", 1e39, "must be a number from -3.40282e+38"),
        ("a_float", "-1e39", "must be a number from"),
        ("a_bool", 1, "must be true or false, not a whole number"),
        ("a_bool", "true", "must be true or false, not a text"),
        ("a_string", 5, "must be a text, not a whole number"),
        ("a_string", "\ud800", "not Unicode text"),
        ("a_string", "\ud83d\ude00", "not Unicode text"),
        ("some_bytes", "a", "is not base64"),
        ("some_bytes", "a b=", "is not base64"),
        ("some_bytes", "YQ====", "is not base64"),
        ("some_bytes", "é", "is not base64"),
        ("some_bytes", 5, "must be base64 text"),
        ("colour", "GREN", "did you mean 'GREEN'?"),
        ("colour", "1", "unknown value of acme.every.Colour"),
        ("colour", True, "must be the name or number of a acme.every.Colour"),
        ("colour", 2**31, "must be from"),
        ("colour", 1.5, "must be a whole number"),
    ],
)
def test_an_ill_typed_scalar_is_refused_where_it_is(field, value, said):
    found = problems("Scalars", {field: value, "a_sint32": 1})
    assert set(found) == {f"input.{field}"}
    assert said in found[f"input.{field}"]


def test_every_problem_is_reported_under_its_own_path():
    value = {
        "scalars": {"an_int32": "x", "aBool": 0, "nope": 1},
        "lists": {"longs": [1, "x", None], "items": [{}, {"colour": "BLUE"}, 5], "strings": {}},
        "maps": {"by_name": {"k": "x"}, "by_number": {"a": ""}, "items": {"i": {"a_string": 1}}},
        "optionals": [],
        "tree": {"children": [{"next": {"name": 1}}]},
    }
    assert set(problems("Everything", value, root="value")) == {
        "value.scalars.an_int32",
        "value.scalars.aBool",
        "value.scalars.nope",
        "value.lists.longs[1]",
        "value.lists.longs[2]",
        "value.lists.items[1].colour",
        "value.lists.items[2]",
        "value.lists.strings",
        "value.maps.by_name.k",
        "value.maps.by_number.a",
        "value.maps.items.i.a_string",
        "value.optionals",
        "value.tree.children[0].next.name",
    }


def test_an_unknown_field_names_the_nearest_one():
    found = problems("Optionals", {"maybe_in32": 1})
    assert "did you mean 'maybe_int32'" in found["input.maybe_in32"]


def test_a_field_given_under_both_of_its_names_is_refused():
    found = problems("Scalars", {"anInt32": 1, "an_int32": 2})
    assert "is given twice" in found["input.anInt32"]


def test_two_members_of_a_oneof_are_refused():
    found = problems("Choice", {"number": 0, "textValue": ""})
    assert "only one member of 'kind'" in found["input.text_value"]


@pytest.mark.parametrize("value", [None, [], "x", 5, True])
def test_an_input_that_is_not_an_object_is_refused(value):
    assert "must be a mapping (acme.every.Scalars)" in problems("Scalars", value)["input"]


@pytest.mark.parametrize("value", [{"1": "a", "1.0": "b"}, {"true": "a"}, {"01": "a"}, {"": "a"}])
def test_a_map_key_that_is_not_of_its_kind_is_refused(value):
    assert problems("Maps", {"by_number": value})


def test_two_spellings_of_one_map_key_are_refused():
    found = problems("Maps", {"by_number": {"0": "a", "-0": "b"}})
    assert found == {"input.by_number.-0": "is a key given twice"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("at", "yesterday"),
        ("at", 5),
        ("lasting", "1m"),
        ("mask", 1),
        ("struct", []),
        ("struct", {"a": math.nan}),
        ("struct", {"a": "\ud800"}),
        ("value", math.inf),
        ("list", {}),
        ("any", {"@type": "x/not.there"}),
        ("any", {"number": 1}),
        ("any", {"@type": "x/google.protobuf.Duration"}),
        ("any", "x"),
        ("long", True),
        ("flag", "x"),
    ],
)
def test_a_broken_well_known_value_is_refused_where_it_is(field, value):
    assert set(problems("Known", {field: value})) == {f"input.{field}"}


# Size and depth


def test_an_object_of_ten_thousand_unknown_fields_is_refused_with_the_first_problems():
    value = {f"field_{n}": n for n in range(10_000)}
    with pytest.raises(Invalid, match="first 100 problems") as refused:
        TYPES.find("Scalars").parse_json(value)
    assert len(refused.value.problems) == PROBLEMS_MAX


def test_an_unknown_field_with_an_endless_name_is_named_in_short():
    ((path, message),) = problems("Scalars", {"x" * 1_000_000: 1}).items()
    assert len(path) < 200
    assert len(message) < 1_000


def test_an_object_of_ten_thousand_fields_is_converted():
    body = " ".join(f"int32 f{n} = {n + 1};" for n in range(9_999))
    kind = types(f"message Big {{ {body} }}").find("Big")
    value = {f"f{n}": n for n in range(9_999)}
    assert kind.to_json(kind.parse_json(value)) == value


def deep(step, depth):
    value = {}
    for _ in range(depth):
        value = {step: {"next": value, "children": [value], "named": {"k": value}}[step]}
    return value


@pytest.mark.parametrize("step", ["next", "children", "named"])
@pytest.mark.parametrize("depth", [30, 50, 51, 98, 99, 100, 101, 500, 20_000])
def test_nesting_is_bounded_and_what_is_taken_can_be_read_back(step, depth):
    kind = TYPES.find("Tree")
    if depth < (JSON_DEPTH_MAX // 2 + 1 if step == "named" else JSON_DEPTH_MAX):
        assert kind.to_json(kind.parse_json(deep(step, depth)))
    else:
        with pytest.raises(Invalid) as refused:
            kind.parse_json(deep(step, depth))
        assert "is nested deeper than 100 messages" in refused.value.problems[0].message


def free_form(depth):
    value = 1
    for _ in range(depth):
        value = {"k": value}
    return {"struct": value}


def test_free_form_values_that_are_taken_can_be_read_back():
    for depth in (1, 5, 32):
        assert round_trip("Known", free_form(depth))["struct"] == free_form(depth)["struct"]


@pytest.mark.parametrize("depth", [34, 90, 99, 100, 500])
def test_free_form_values_are_bounded_in_depth_too(depth):
    ((path, message),) = problems("Known", free_form(depth)).items()
    assert path in ("input", "input.struct")
    assert "deep" in message


def test_a_fault_at_the_bottom_of_a_deep_list_is_found_without_searching_twice():
    value = {"name": 5}
    for _ in range(60):
        value = {"children": [value]}
    ((path, _),) = problems("Tree", value).items()
    assert path == "input" + ".children[0]" * 60 + ".name"


# Bytes


def test_bytes_of_another_message_or_not_utf8_are_not_valid():
    kind = TYPES.find("Tree")
    assert kind.valid(b"")
    assert kind.valid(b"\x0a\x01x")
    assert not kind.valid(b"\x0a\x01\xff")
    assert not kind.valid(b"\x0a\x05x")
    assert not kind.valid(b"\xff")


# Finding


def test_a_message_is_found_by_its_short_and_its_full_name():
    kind = TYPES.find("Scalars")
    assert kind.full_name == "acme.every.Scalars"
    assert TYPES.find("acme.every.Scalars") is kind
    assert TYPES.find("Everything.Inner").full_name == "acme.every.Everything.Inner"
    assert TYPES.names()[:2] == ("acme.every.Scalars", "acme.every.Optionals")


def test_an_unknown_message_names_the_nearest_one():
    with pytest.raises(Invalid, match="did you mean 'Scalars'"):
        TYPES.find("Scalar")


def test_messages_of_one_name_from_two_packages_live_side_by_side():
    one = types("message Order { int32 id = 1; }").find("Order")
    two = types("message Order { string id = 1; }").find("Order")
    assert one.parse_json({"id": 5}) == b"\x08\x05"
    assert two.parse_json({"id": "5"}) == b"\x0a\x015"
    assert not two.valid(b"\x0a\x01\xff")
