"""Examples of messages: valid by the schema, taken by the server, and no longer than a page."""

import json

import jsonschema
import pytest
from protos import EVERYTHING, descriptor_set, types

from axiomd.flow.messages import MessageTypes

KINDS = MessageTypes(descriptor_set(EVERYTHING))


def example(body):
    return types(body).find("M").example()


@pytest.mark.parametrize("name", KINDS.names())
def test_every_example_is_valid_and_taken_and_printed_as_described(name):
    message = KINDS.find(name)
    shown = message.example()
    jsonschema.Draft202012Validator(message.json_schema()).validate(shown)
    printed = message.to_json(message.parse_json(shown))
    describer = message.describer("#/$defs/", printed=True)
    schema = {
        **describer.message(message.descriptor),
        "$defs": describer.objects(message.descriptor),
    }
    jsonschema.Draft202012Validator(schema).validate(printed)


@pytest.mark.parametrize("name", KINDS.names())
def test_what_is_printed_of_an_empty_message_is_described(name):
    message = KINDS.find(name)
    describer = message.describer("#/$defs/", printed=True)
    schema = {
        **describer.message(message.descriptor),
        "$defs": describer.objects(message.descriptor),
    }
    jsonschema.Draft202012Validator(schema).validate(message.to_json(b""))


def test_an_example_shows_every_field_once():
    assert example("""
        enum Level { NONE = 0; LOW = 1; }
        message L { bool done = 1; }
        message M {
          string name = 1; int64 id = 2; repeated L lines = 3; map<string, double> by_name = 4;
          Level level = 5; bytes raw = 6;
        }
    """) == {
        "name": "name",
        "id": "1",
        "lines": [{"done": True}],
        "by_name": {"key": 1.5},
        "level": "LOW",
        "raw": "Ynl0ZXM=",
    }


def test_of_a_oneof_one_member_is_shown_and_of_what_holds_itself_nothing():
    assert example("message M { oneof k { string a = 1; int32 b = 2; } repeated M more = 3; }") == {
        "a": "a"
    }


def test_an_example_of_a_message_that_is_many_times_in_itself_is_bounded():
    levels = "\n".join(
        f"message L{n} {{ {' '.join(f'L{n + 1} f{i} = {i + 1};' for i in range(8))} }}"
        for n in range(8)
    )
    shown = example(f"message L8 {{ string a = 1; }} {levels} message M {{ L0 top = 1; }}")
    assert len(json.dumps(shown)) < 3_000
