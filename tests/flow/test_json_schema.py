"""Messages as JSON Schema: what forms and API documents are made from."""

from protos import EVERYTHING, descriptor_set, types

from axiomd.flow.messages import MessageTypes


def schema(body):
    return types(body).find("M").json_schema()


def test_a_flat_message_is_an_object_of_its_fields_and_nothing_else():
    assert schema("message M { string name = 1; int32 qty = 2; int64 id = 3; }") == {
        "title": "acme.orders.M",
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "qty": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
            "id": {"type": ["string", "integer"], "pattern": "^-?[0-9]+$", "format": "int64"},
        },
        "additionalProperties": False,
    }


def test_lists_maps_enums_and_messages_inside_are_described():
    found = schema("""
        enum E { A = 0; B = 1; }
        message L { E e = 1; }
        message M { repeated L lines = 1; map<string, uint32> counts = 2; L one = 3; }
    """)
    line = {"$ref": "#/$defs/acme.orders.L"}
    assert found["properties"] == {
        "lines": {"type": "array", "items": line},
        "counts": {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
        },
        "one": line,
    }
    assert list(found["$defs"]) == ["acme.orders.L"]
    enum = found["$defs"]["acme.orders.L"]["properties"]["e"]
    assert enum == {"type": "string", "title": "acme.orders.E", "enum": ["A", "B"]}


def test_a_recursive_message_refers_to_itself():
    found = schema("message M { repeated M children = 1; }")
    assert found["properties"]["children"]["items"] == {"$ref": "#/$defs/acme.orders.M"}
    assert "acme.orders.M" in found["$defs"]


def test_a_oneof_is_told():
    found = schema("message M { oneof kind { string a = 1; int32 b = 2; } optional int32 c = 3; }")
    assert found["x-oneof"] == {"kind": ["a", "b"]}


def test_every_reference_is_defined():
    kinds = MessageTypes(descriptor_set(EVERYTHING))
    for name in kinds.names():
        found = kinds.find(name).json_schema()
        for reference in references(found):
            assert reference.removeprefix("#/$defs/") in found["$defs"]


def references(value):
    if isinstance(value, dict):
        yield from (item for key, item in value.items() if key == "$ref")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def test_well_known_types_have_the_form_they_are_written_in():
    kinds = MessageTypes(descriptor_set(EVERYTHING))
    properties = kinds.find("Known").json_schema()["properties"]
    assert properties["at"] == {"type": "string", "format": "date-time"}
    assert properties["text"] == {"type": "string"}
    assert properties["null"] == {"type": "null"}
    assert kinds.find("google.protobuf.Timestamp").json_schema()["format"] == "date-time"
