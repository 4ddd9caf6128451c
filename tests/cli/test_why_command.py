"""`axiomd executions why`: the chain as lines, one further in for each link."""

from axiomd.cli.exits import Exit
from axiomd.cli.why import why_lines


def test_what_is_below_a_link_is_further_in():
    links = [
        {"what": "gate", "sentence": "g waits.", "why": [{"what": "arm", "sentence": "a misses."}]},
        {"what": "due", "sentence": "b is about to be called."},
    ]
    assert why_lines(links) == ["  g waits.", "    a misses.", "  b is about to be called."]


def test_an_execution_that_is_not_there_is_not_found(ask):
    ended = ask("executions", "why", "0" * 32, code=Exit.NOT_FOUND)
    assert "There is no execution" in ended.stderr
