"""Whatever a node says, and however it spells a value: what is recorded does not have it."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axiomd.execution.call import Crashed, Failure, Lost, NodeEvent, Output
from axiomd.execution.redaction import Redaction

TRICKY = 'p"w\\ 8é/\tx'
PEM = "-----BEGIN KEY-----\n  abcd1234efgh\nzzzzYYYY9999\n-----END KEY-----\n"


def say(text, **values):
    return Redaction(values or {"TOKEN": TRICKY}).text(text)


@pytest.mark.parametrize(
    "spell",
    [
        str,
        json.dumps,
        lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: json.dumps({"a": json.dumps({"b": text})}),
        lambda text: json.dumps({"a": json.dumps({"b": text}, ensure_ascii=False)}),
        repr,
        lambda text: f"{[text]!r}",
        quote,
        quote_plus,
        lambda text: quote(text, safe=""),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    ],
)
@pytest.mark.parametrize("value", [TRICKY, PEM, "plain-token", "snow☃man😀", "it's"])
def test_a_value_is_found_however_it_is_spelled(spell, value):
    said = say(f"before {spell(value)} behind", TOKEN=value)
    assert "[secret TOKEN]" in said
    assert said.startswith("before ")
    assert said.endswith(" behind")
    assert spell(value) not in said


@given(
    st.text(min_size=4).filter(lambda text: len(text.strip()) >= 4),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_nothing_is_left_of_any_value_in_any_text(value, before, behind):
    redaction = Redaction({"T": value})
    for spelled in (value, json.dumps(value)[1:-1], repr(value)[1:-1]):
        said = redaction.text(f"{before}{spelled}{behind}")
        assert spelled not in said.replace("[secret T]", "\x00\x00")


def test_lines_of_a_value_are_found_one_by_one():
    redaction = Redaction({"KEY": PEM})
    for line in PEM.splitlines():
        assert redaction.text(f"> {line.strip()} <") == "> [secret KEY] <"
    assert redaction.text(f"a {PEM} b") == "a [secret KEY] b"


def test_values_that_overlap_are_taken_out_together_and_the_longest_is_named():
    values = {"SHORT": "token", "LONG": "token-of-mine", "OTHER": "mine-too"}
    assert say("a token b", **values) == "a [secret SHORT] b"
    assert say("a token-of-mine b", **values) == "a [secret LONG] b"
    assert say("a token-of-mine-too b", **values) == "a [secret LONG] b"


def test_what_was_cut_in_the_middle_of_a_value_is_found():
    value = "s3cret-" * 300
    redaction = Redaction({"T": value})
    # An attribute is cut at its end.
    assert redaction.text(value[:1023] + "…") == "[secret T]"
    assert redaction.text("x" * 900 + value[:150] + "…") == "x" * 900 + "[secret T]…"
    # A long line goes on in the next event; what is longer than an event is its middle.
    pieces = ["y" * 16_000 + value[:384], value[384:1800], value[1800:] + " end"]
    said = [redaction.event(NodeEvent("log", "stdout", piece)).message for piece in pieces]
    assert said == ["y" * 16_000 + "[secret T]", "[secret T]", "[secret T] end"]
    # In the middle of a character.
    halves = "é" * 1200
    cut = Redaction({"T": halves}).text(halves[:1100] + "\ufffd")
    assert "éééé" not in cut


def test_texts_without_a_value_stay_as_they_are():
    text = "nothing to see, p w 8"
    assert say(text) is text
    assert Redaction({"T": "abcd"}).text("abc") == "abc"


def test_every_text_of_an_event_and_of_an_end_is_looked_through():
    redaction = Redaction({"T": "value"})
    event = NodeEvent("log", "value", "a value", {"value": "my value", "n": "1"})
    assert redaction.event(event) == NodeEvent(
        "log", "[secret T]", "a [secret T]", {"[secret T]": "my [secret T]", "n": "1"}
    )
    progress = NodeEvent("progress", "", "value", fraction=0.5)
    assert redaction.event(progress) == NodeEvent("progress", "", "[secret T]", fraction=0.5)
    failure = Failure("NODE_ERROR", "value", "trace value", ("value", "ValueError"))
    assert redaction.outcome(failure) == Failure(
        "NODE_ERROR", "[secret T]", "trace [secret T]", ("[secret T]", "ValueError")
    )
    assert redaction.outcome(Crashed("value")) == Crashed("[secret T]")
    assert redaction.outcome(Lost("value")) == Lost("[secret T]")
    # What it returns is its own.
    assert redaction.outcome(Output(b"value")) == Output(b"value")
