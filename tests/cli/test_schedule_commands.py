"""Schedules with the commands: made from a flow, looked at, changed, fired, removed."""

import json

import pytest
import rich_click as click

from axiomd.cli.exits import Exit
from axiomd.cli.schedules import duration, read_every


def answer(ended):
    return json.loads(ended.stdout)


FLOW = (
    "name: acme/ticks\nnodes:\n  - {alias: greet, package: acme/ticks@0.1.0, node: GreetPerson}\n"
)


@pytest.fixture
def graph_id(ask, tmp_path):
    """A flow of a package with a message of its own."""
    ask("init", "acme/ticks")
    directory = tmp_path / "ticks"
    ask("create", "message", "Person", "name:string", "--dir", directory)
    node = ("GreetPerson", "--input", "Person", "--output", "Person", "--dir", directory)
    ask("create", "node", *node)
    (directory / "nodes" / "greet_person.py").write_text(
        "from gen.axiom_context import AxiomContext\nfrom gen.messages_pb2 import Person\n\n\n"
        "def greet_person(ax: AxiomContext, input: Person) -> Person:\n    return input\n"
    )
    ask("push", directory)
    (tmp_path / "flow.yaml").write_text(FLOW)
    return answer(ask("compile", tmp_path / "flow.yaml", "--json"))["graph_id"]


def test_a_schedule_is_added_shown_changed_fired_and_deleted(ask, graph_id):
    words = ("--cron", "30 4 * * MON-FRI", "--time-zone", "Europe/Zurich", "-i", "name=Ada")
    made = answer(ask("schedules", "add", "acme/ticks", "--name", "nightly", *words, "--json"))
    assert (made["graph_id"], made["input"]["name"]) == (graph_id, "Ada")
    identity = made["schedule_id"]
    listed = ask("schedules", "list").stdout
    assert "30 4 * * MON-FRI Europe/Zurich" in listed
    shown = ask("schedules", "show", identity).stdout
    assert all(time in shown for time in made["upcoming"])
    changed = answer(
        ask("schedules", "change", identity, "--every", "1h30m", "--overlap", "skip", "--json")
    )
    assert (changed["every_seconds"], changed["cron"], changed["overlap"]) == (5400, None, "skip")
    again = ask("schedules", "change", identity, "--target", graph_id, "-i", "name=Bea", "--json")
    assert answer(again)["input"]["name"] == "Bea"
    assert "paused" in ask("schedules", "pause", identity).stdout
    assert answer(ask("schedules", "resume", identity, "--json"))["paused"] is False
    fired = ask("schedules", "trigger", identity).stdout.strip()
    assert len(fired) == 32
    assert answer(ask("schedules", "trigger", identity, "--json"))["execution_id"] != fired
    assert ask("schedules", "delete", identity).stdout.startswith("deleted ")
    ask("schedules", "show", identity, code=Exit.NOT_FOUND)
    ask("schedules", "trigger", identity, code=Exit.NOT_FOUND)


def test_what_cannot_be_a_schedule_is_refused_with_what_would_be_right(ask, graph_id):
    add = ("schedules", "add", "acme/ticks", "--name", "x")
    refused = ask(*add, "--cron", "* *", "--time-zone", "Europe/Zurch", code=Exit.REFUSED)
    assert "cron: has 2 fields, not five" in refused.stderr
    assert "did you mean 'Europe/Zurich'?" in refused.stderr
    ask(*add, code=Exit.REFUSED)
    ask(*add, "--every", "soon", code=Exit.USAGE)
    ask(*add, "--every", "5m", "--catch-up", "some", code=Exit.USAGE)
    ask("schedules", "add", "acme/ticks", "--every", "5m", code=Exit.USAGE)
    ask("schedules", "add", "acme/nothing", "--name", "x", "--every", "5m", code=Exit.NOT_FOUND)
    ask("schedules", "change", "01JYYYYYYYYYYYYYYYYYYYYYYY", code=Exit.USAGE)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("2d", 172_800), ("1d1h1m1s", 90_061)],
)
def test_an_interval_is_read_and_said(text, seconds):
    assert read_every(text) == seconds
    assert read_every(duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "m", "5x", "1m1h", "-5m", "1.5h", "5 m"])
def test_what_is_no_interval_is_refused(text):
    with pytest.raises(click.BadParameter, match="is no interval"):
        read_every(text)
