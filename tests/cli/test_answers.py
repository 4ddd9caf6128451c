"""Answering for paused executions with the commands, and the form that they ask with."""

import json

import pytest
import rich_click as click
from cli.test_first_flow import run_command, scaffold
from click.testing import CliRunner

from axiomd.cli import pauses
from axiomd.cli.forms import Form

FLOW = """\
name: acme/asking
nodes:
  - alias: only
    package: acme/orders@0.1.0
    node: PriceOrder
    config:
      hitl: {interrupt_payload: "is the price right?"}
edges: []
"""
NODE = """\
from gen.messages_pb2 import Price


def price_order(ax, input):
    return Price(id=input.id, total=input.amount * input.count)
"""


@pytest.fixture(scope="module")
def asking(server, tmp_path_factory):
    """The flow's file, compiled once for the module."""
    directory = tmp_path_factory.mktemp("asking")
    orders = scaffold(run_command, directory / "orders")
    (orders / "nodes" / "price_order.py").write_text(NODE)
    target = ("--url", server.url, "--key", server.key)
    run_command("push", orders, *target)
    (directory / "flow.yaml").write_text(FLOW)
    run_command("compile", directory / "flow.yaml", *target)


@pytest.fixture
def paused(asking, ask):
    """An execution that waits for a person, and its pause."""
    given = '{"id": "a", "amount": 2.5, "count": 2}'
    told = json.loads(ask("invoke", "acme/asking", "-i", given, "--no-wait", "--json").stdout)
    identity = told["execution_id"]
    while not (found := json.loads(ask("pauses", "show", identity, "--json").stdout)["pauses"]):
        pass
    return identity, found[0]["pause_id"]


def output_of(ask, identity):
    ask("executions", "follow", identity)
    return json.loads(ask("executions", "show", identity, "--json").stdout)["output"]


def test_the_inbox_is_listed_with_and_without_a_word(paused, ask):
    identity, pause = paused
    listed = json.loads(ask("pauses", "--json").stdout)
    assert [view["pause_id"] for view in listed["pauses"] if view["execution_id"] == identity]
    for words in (("pauses",), ("pauses", "list")):
        shown = ask(*words).stdout
        assert pause in shown
        assert "is the price right?" in shown
    assert f"axiomd pauses show {identity}" in ask("executions", "show", identity).stdout


def test_a_pause_is_shown_with_what_is_asked_and_of_what(paused, ask):
    shown = ask("pauses", "show", *paused).stdout
    assert '"is the price right?"' in shown
    assert '"amount": 2.5' in shown
    assert "has no pause nothing" in ask("pauses", "show", paused[0], "nothing", code=2).output


def test_an_approval_with_a_value_in_a_file(paused, ask, tmp_path):
    value = tmp_path / "value.json"
    value.write_text('{"id": "b", "amount": 10, "count": 3}')
    ended = ask("pauses", "resume", *paused, "--approve", "--value", f"@{value}")
    assert "only goes on" in ended.stdout
    assert output_of(ask, paused[0]) == {"id": "b", "total": 30.0}


def test_a_rejection_with_a_comment_and_no_second_answer(paused, ask):
    words = ("pauses", "resume", *paused, "--reject", "--comment", "too much", "--json")
    told = json.loads(ask(*words).stdout)
    assert (told["status"], told["comment"]) == ("REJECTED", "too much")
    assert "is over" in ask(*words, code=1).output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--approve"),
        (("--reject", "--value", "{}"), "--value cannot be given of what is rejected"),
        (("--approve", "--value", "{"), "is not JSON"),
    ],
)
def test_an_answer_that_contradicts_itself_is_a_wrong_usage(paused, ask, words, said):
    assert said in ask("pauses", "resume", *paused, *words, code=2).output


def test_a_value_that_does_not_fit_is_refused_with_its_path(paused, ask):
    words = ("pauses", "resume", *paused, "--approve", "--value", '{"count": "many"}')
    assert "value.count" in ask(*words, code=1).output


def test_on_a_terminal_the_input_is_asked_for_field_by_field(paused, ask, monkeypatch):
    monkeypatch.setattr(pauses, "is_terminal", lambda: True)
    answers = "y\n\nmuch\n4\n3\n"  # change it; keep the ID; no number; a number; a number
    ended = ask("pauses", "resume", *paused, "--approve", stdin=answers)
    assert "id [a]" in ended.output
    assert "is not a valid float" in ended.output
    assert output_of(ask, paused[0]) == {"id": "a", "total": 12.0}


def test_on_a_terminal_the_input_may_stay_as_it_is(paused, ask, monkeypatch):
    monkeypatch.setattr(pauses, "is_terminal", lambda: True)
    ask("pauses", "resume", *paused, "--approve", stdin="n\n")
    assert output_of(ask, paused[0]) == {"id": "a", "total": 5.0}


SCHEMA = {
    "title": "t.M",
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "big": {"type": ["string", "integer"], "pattern": "^-?[0-9]+$", "format": "int64"},
        "small": {"type": "integer", "minimum": 0, "maximum": 9},
        "flag": {"type": "boolean"},
        "colour": {"type": "string", "title": "t.C", "enum": ["RED", "BLUE"]},
        "words": {"type": "array", "items": {"type": "string"}},
        "inner": {"$ref": "#/$defs/t.I"},
        "many": {"type": "array", "items": {"$ref": "#/$defs/t.I"}},
        "names": {"type": "object", "additionalProperties": {"type": "integer"}},
        "at": {"type": "string", "format": "date-time"},
        "one": {"type": "string"},
        "other": {"type": "boolean"},
        "any": {},
    },
    "x-oneof": {"choice": ["one", "other"]},
    "$defs": {
        "t.I": {
            "type": "object",
            "properties": {"depth": {"type": "integer"}, "inner": {"$ref": "#/$defs/t.I"}},
        }
    },
}


def filled(current, *answers):
    """What the form makes of these answers; it takes them all."""

    @click.command()
    def fill():
        click.echo(f"\x00{json.dumps(Form(SCHEMA).ask(current))}")

    ended = CliRunner().invoke(fill, input="".join(f"{answer}\n" for answer in answers))
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.output.partition("\x00")[2])


KEEP = [""] * 15


def test_a_form_asks_for_what_a_message_can_hold():
    made = filled(
        {},
        *("one", "hello", "12345678901234567890", "11", "7", "y", "BLUE"),
        *("y", "first", "y", "second", "n"),  # words
        *("y", "3", "n"),  # inner, without one in it
        *("y", "4", "n", "n"),  # one of many
        *("y", "key", "5", "n"),  # names
        *("2026-11-24T00:00:00Z", "chosen", "nonsense{", "[1]"),
    )
    assert made == {
        "text": "hello",
        "big": "12345678901234567890",
        "small": 7,
        "flag": True,
        "colour": "BLUE",
        "words": ["first", "second"],
        "inner": {"depth": 3},
        "many": [{"depth": 4}],
        "names": {"key": 5},
        "at": "2026-11-24T00:00:00Z",
        "one": "chosen",
        "any": [1],
    }


def test_a_form_keeps_what_is_there():
    before = {
        "text": "hello",
        "big": "5",
        "small": 7,
        "flag": True,
        "colour": "BLUE",
        "words": ["first"],
        "inner": {"depth": 3, "inner": {"depth": 4}},
        "many": [{"depth": 4}],
        "names": {"key": 5},
        "other": False,
        "any": {"a": [1]},
    }
    assert filled(before, *KEEP, "") == before


def test_what_is_empty_is_left_out_where_empty_is_nothing():
    made = filled({"text": "hello"}, "", '""', *KEEP)
    assert made["text"] == ""
    assert not {"big", "at", "one", "other", "inner", "any"} & set(made)


def test_why_names_the_pause_that_an_execution_waits_for(paused, ask):
    identity, pause = paused
    shown = ask("executions", "why", identity).stdout
    assert "PAUSED_HITL" in shown
    assert "only waits for a person to answer" in shown
    (link,) = json.loads(ask("executions", "why", identity, "--json").stdout)["why"]
    assert (link["what"], link["pause_id"]) == ("pause", pause)
    ask("executions", "cancel", identity)
    assert "It was cancelled: by " in ask("executions", "why", identity).stdout
