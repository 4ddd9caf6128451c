"""W3C trace context as it comes in and as it goes out, and the identities of spans."""

import pytest

from axiomd.execution.trace_context import (
    NO_ORIGIN,
    Origin,
    read_origin,
    root_span_id,
    span_id,
    traceparent,
    undoing_text,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_a_traceparent_is_taken_apart():
    origin = read_origin(f" {GIVEN} ", " a=b ")
    assert origin == Origin(GIVEN, "a=b")
    assert (origin.trace_id, origin.span_id, origin.sampled) == (TRACE, SPAN, True)
    assert not read_origin(f"00-{TRACE}-{SPAN}-00", "").sampled


def test_a_later_version_is_read_as_far_as_it_is_known():
    assert read_origin(f"cc-{TRACE}-{SPAN}-01-more", "").traceparent == GIVEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
    ],
)
def test_what_is_no_trace_context_counts_as_none(text):
    assert read_origin(text, "a=b") == NO_ORIGIN


@pytest.mark.parametrize("state", ["x" * 513, "a=\u00fc", "a=\n"])
def test_a_state_that_nobody_may_send_is_left_out(state):
    assert read_origin(GIVEN, state) == Origin(GIVEN)


def test_each_attempt_at_each_visit_has_a_span_of_its_own_and_always_the_same():
    spans = [
        root_span_id("e"),
        *(
            span_id(execution, what, attempt)
            for execution in ("e", "f")
            for what in ("a", "a#2", "a[1]", undoing_text("a"))
            for attempt in (1, 2)
        ),
    ]
    assert len(set(spans)) == len(spans) == 17
    assert span_id("e", "a", 1) == spans[1]
    assert all(len(span) == 16 for span in spans)
    assert read_origin(traceparent(TRACE, spans[0]), "").span_id == spans[0]
