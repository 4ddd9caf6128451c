"""`axiomd debug`: stop an execution before its nodes, look, let it go."""

import json
from collections.abc import Iterator
from typing import Any

import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.executions import event_line
from axiomd.cli.flows import read_input
from axiomd.cli.options import json_option
from axiomd.cli.output import note, say, status_text, stdout, table, write_json
from axiomd.cli.streams import resumed
from axiomd.execution.status import Status

_ROOT = "/app/v1/debug"
_INPUT_CHARACTERS_MAX = 200

Json = dict[str, Any]


@click.group()
def debug() -> None:
    """Stop an execution before its nodes, look at what they would get, let it go.

    \b
    Example:
      axiomd debug start 01JX5C3N8T0M2V4Q6R8S0T2V4W -i name=Ada --break greet
    """


@debug.command("start")
@click.argument("graph_id")
@click.option("-i", "--input", "inputs", multiple=True, metavar="JSON", help="As for invoke.")
@click.option("--break", "breakpoints", multiple=True, metavar="ALIAS", help="Stop before it.")
@click.option("--paused", is_flag=True, help="Stop before every node.")
@click.option("--config", metavar="CONFIG_ID", help="The flow config that holds for it.")
@json_option
@with_client
def start(
    client: Client,
    graph_id: str,
    inputs: tuple[str, ...],
    breakpoints: tuple[str, ...],
    paused: bool,
    config: str | None,
    as_json: bool,
) -> None:
    """Begin an execution in a debug session, and show it until it stops.

    \b
    Example:
      axiomd debug start 01JX5C3N8T0M2V4Q6R8S0T2V4W -i name=Ada --paused
    """
    schema = client.get(f"/app/v1/artifacts/{graph_id}")["input_schema"]
    body: Json = {
        "graph_id": graph_id,
        "input": read_input(inputs, schema),
        "breakpoints": list(breakpoints),
        "paused": paused,
        "config_id": config,
    }
    execution_id = client.send("POST", _ROOT, body=body)["execution_id"]
    _watch(client, execution_id, after=None, as_json=as_json)


@debug.command("show")
@click.argument("execution_id")
@json_option
@with_client
def show(client: Client, execution_id: str, as_json: bool) -> None:
    """Show a session: where it stops, and what it holds.

    \b
    Example:
      axiomd debug show 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
    """
    _show(client.get(f"{_ROOT}/{execution_id}"), as_json=as_json)


@debug.command("step")
@click.argument("execution_id")
@click.argument("position", required=False)
@json_option
@with_client
def step(client: Client, execution_id: str, position: str | None, as_json: bool) -> None:
    """Let one node run: the oldest that is held, or the one named.

    \b
    Example:
      axiomd debug step 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
    """
    last = _last_seq(client, execution_id)
    client.send("POST", f"{_ROOT}/{execution_id}/step", body={"position": position})
    _watch(client, execution_id, after=last, as_json=as_json)


@debug.command("continue")
@click.argument("execution_id")
@json_option
@with_client
def go_on(client: Client, execution_id: str, as_json: bool) -> None:
    """Let go of everything that is held, to the next breakpoint.

    \b
    Example:
      axiomd debug continue 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
    """
    last = _last_seq(client, execution_id)
    client.send("POST", f"{_ROOT}/{execution_id}/continue")
    _watch(client, execution_id, after=last, as_json=as_json)


@debug.command("pause")
@click.argument("execution_id")
@json_option
@with_client
def pause(client: Client, execution_id: str, as_json: bool) -> None:
    """Stop before whatever would be called next; calls in flight finish.

    \b
    Example:
      axiomd debug pause 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
    """
    _show(client.send("POST", f"{_ROOT}/{execution_id}/pause"), as_json=as_json)


@debug.command("break")
@click.argument("execution_id")
@click.argument("aliases", nargs=-1)
@json_option
@with_client
def set_breakpoints(
    client: Client, execution_id: str, aliases: tuple[str, ...], as_json: bool
) -> None:
    """Stop before these nodes from now on; without any, before none.

    \b
    Example:
      axiomd debug break 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2 price ship
    """
    body = {"breakpoints": list(aliases)}
    told = client.send("PUT", f"{_ROOT}/{execution_id}/breakpoints", body=body)
    _show(told, as_json=as_json)


@debug.command("edit")
@click.argument("execution_id")
@click.argument("position")
@click.argument("value")
@json_option
@with_client
def edit(client: Client, execution_id: str, position: str, value: str, as_json: bool) -> None:
    """Give a node that is held another input: JSON, or @FILE.

    \b
    Example:
      axiomd debug edit 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2 price '{"amount": 17}'
    """
    body = {"position": position, "value": read_input((value,), {})}
    told = client.send("PUT", f"{_ROOT}/{execution_id}/input", body=body)
    _show(told, as_json=as_json)


def _last_seq(client: Client, execution_id: str) -> int:
    """The seq of the last event there is."""
    seq, cursor = 0, None
    while True:
        page = client.get(_events(execution_id), {"cursor": cursor})
        seq = page["events"][-1]["seq"] if page["events"] else seq
        cursor = page["next_cursor"]
        if cursor is None:
            return seq


def _watch(client: Client, execution_id: str, *, after: int | None, as_json: bool) -> None:
    """Show what happens until it stops or ends, and then the session."""
    for event in _until_stopped(client, execution_id, after):
        if not as_json:
            say(stdout(), event_line(event))
    _show(client.get(f"{_ROOT}/{execution_id}"), as_json=as_json)


def _until_stopped(client: Client, execution_id: str, after: int | None) -> Iterator[Json]:
    def status() -> Status:
        return Status(client.get(f"/invocations/v1/executions/{execution_id}")["status"])

    for event in resumed(client, _events(execution_id), {"after": after}, lambda: status().ended):
        yield event.data
        if event.data["kind"] == "execution_parked" and status() is Status.DEBUG_PAUSED:
            return


def _events(execution_id: str) -> str:
    return f"/invocations/v1/executions/{execution_id}/events"


def _show(view: Json, *, as_json: bool) -> None:
    if as_json:
        write_json(view)
        return
    say(stdout(), f"{view['execution_id']}  mode {view['mode']}")
    stdout().print(status_text(view["status"]))
    if view["breakpoints"]:
        say(stdout(), f"stops before {', '.join(view['breakpoints'])}")
    if view["held"]:
        made = table("Held", "Position", "Message", "Input")
        for held in view["held"]:
            text = json.dumps(held["input"], ensure_ascii=False)
            if len(text) > _INPUT_CHARACTERS_MAX:
                text = f"{text[:_INPUT_CHARACTERS_MAX]}…"
            made.add_row(held["position"], held["message"], text)
        stdout().print(made)
    if view["held_count"] > len(view["held"]):
        note(f"{view['held_count'] - len(view['held'])} more are held")
