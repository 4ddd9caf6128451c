"""When an edge may pass one message on as another, and how it is said when it may not."""

import pytest
from google.protobuf.message_factory import GetMessageClass
from protos import types

from axiomd.flow.messages import edge_problems, same_definition


def pair(source, destination):
    """Messages `M` of two packages, each from the body of a proto file."""
    return types(source, "one").find("M"), types(destination, "two").find("M")


def field(kind, number=1, name="a"):
    return f"message M {{ {kind} {name} = {number}; }}"


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("int32", "int32"),
        ("int32", "int64"),
        ("uint32", "uint64"),
        ("sint32", "sint64"),
        ("repeated int32", "repeated int64"),
        ("optional int32", "int32"),
        ("int32", "optional int64"),
        ("map<string, int32>", "map<string, int64>"),
        ("map<int32, string>", "map<int64, string>"),
    ],
)
def test_the_same_or_a_wider_kind_passes(sent, taken):
    assert edge_problems(*pair(field(sent), field(taken))) == ()


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("int64", "int32"),
        ("int32", "uint32"),
        ("int32", "sint32"),
        ("int32", "sint64"),
        ("fixed32", "fixed64"),
        ("int32", "bool"),
        ("float", "double"),
        ("string", "bytes"),
        ("string", "repeated string"),
        ("repeated string", "string"),
        ("map<string, int64>", "map<string, int32>"),
        ("map<string, string>", "map<string, bytes>"),
    ],
)
def test_another_kind_or_cardinality_does_not_pass_and_both_are_named(sent, taken):
    (said,) = edge_problems(*pair(field(sent), field(taken, name="b")))
    assert said.startswith("field ")
    if "map" not in sent:
        assert said == f"field 1: a is sent as {sent}, but b is taken as {taken}"


def test_a_map_is_not_a_list_of_messages():
    source = "message M { map<string, int32> a = 1; }"
    destination = "message M { repeated E a = 1; } message E { string key = 1; int32 value = 2; }"
    (said,) = edge_problems(*pair(source, destination))
    assert said == "field 1: a is sent as map<string, int32>, but a is taken as repeated two.E"


def test_fields_that_only_one_side_has_do_not_matter():
    source = "message M { int32 a = 1; string only_sent = 2; }"
    destination = "message M { int32 a = 1; bytes only_taken = 3; }"
    assert edge_problems(*pair(source, destination)) == ()


def test_each_field_that_differs_is_named_once():
    source = "message M { int32 a = 1; string b = 2; bool c = 3; }"
    destination = "message M { string a = 1; string b = 2; int32 c = 3; }"
    assert [said[:7] for said in edge_problems(*pair(source, destination))] == [
        "field 1",
        "field 3",
    ]


def test_messages_inside_are_compared_field_by_field_under_their_path():
    source = "message M { repeated L lines = 4; } message L { int64 qty = 2; }"
    destination = "message M { repeated Row lines = 4; } message Row { string qty = 2; }"
    (said,) = edge_problems(*pair(source, destination))
    assert said == "field 2: lines.qty is sent as int64, but lines.qty is taken as string"


def test_recursive_messages_are_compared_once():
    tree = "message M {{ repeated M children = 1; {} name = 2; }}"
    assert edge_problems(*pair(tree.format("int32"), tree.format("int64"))) == ()
    (said,) = edge_problems(*pair(tree.format("int32"), tree.format("string")))
    assert said.startswith("field 2: name")


def test_enums_pass_when_they_have_the_same_values():
    source = "enum E { NO = 0; YES = 1; } message M { E e = 1; }"
    same = "enum Other { NO = 0; YES = 1; } message M { Other e = 1; }"
    changed = "enum E { NO = 0; YES = 2; } message M { E e = 1; }"
    assert edge_problems(*pair(source, same)) == ()
    (said,) = edge_problems(*pair(source, changed))
    assert (
        said == "field 1: e and e are the enums one.E and two.E, which differ in YES = 1, YES = 2"
    )


@pytest.mark.parametrize("value", [0, 1, -1, 2**31 - 1, -(2**31)])
def test_what_passes_as_wider_is_the_same_number_on_the_other_side(value):
    body = "message M {{ int{0} a = 1; sint{0} b = 2; repeated int{0} c = 3; }}"
    source, destination = pair(body.format(32), body.format(64))
    assert edge_problems(source, destination) == ()
    payload = source.parse_json({"a": value, "b": value, "c": [value, value]})
    taken = GetMessageClass(destination.descriptor).FromString(payload)
    assert (taken.a, taken.b, list(taken.c)) == (value, value, [value, value])


TWINS = "message M { Inner inner = 1; } message Inner { %s a = 1; }"


def test_one_message_from_two_packages_is_one_definition():
    one, two = (types(body, "acme").find("M") for body in (TWINS % "int32", TWINS % " int32"))
    assert one is not two
    assert same_definition(one, two)
    assert edge_problems(one, two) == ()


def test_a_difference_deep_inside_is_another_definition():
    one, two = (types(TWINS % kind, "acme").find("M") for kind in ("int32", "int64"))
    assert not same_definition(one, two)


@pytest.mark.parametrize(
    "other",
    [
        "message M { int32 b = 1; E e = 2; } enum E { X = 0; }",
        "message M { int32 a = 3; E e = 2; } enum E { X = 0; }",
        "message M { optional int32 a = 1; E e = 2; } enum E { X = 0; }",
        "message M { repeated int32 a = 1; E e = 2; } enum E { X = 0; }",
        "message M { int32 a = 1; E e = 2; } enum E { X = 0; Y = 1; }",
        "message M { int32 a = 1; E e = 2; int32 c = 3; } enum E { X = 0; }",
        "message M { oneof o { int32 a = 1; } E e = 2; } enum E { X = 0; }",
    ],
)
def test_any_change_of_a_field_is_another_definition(other):
    first = types("message M { int32 a = 1; E e = 2; } enum E { X = 0; }", "acme").find("M")
    assert not same_definition(first, types(other, "acme").find("M"))


def test_the_same_structure_under_another_name_is_not_the_same_message():
    assert not same_definition(*pair(field("int32"), field("int32")))
