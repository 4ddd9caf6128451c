"""`axiomd schedules`: what fires when, and what became of it."""

import re
from collections.abc import Callable
from typing import Any, TypeVar, get_args

import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.flows import find_graph_id, read_input
from axiomd.cli.options import input_option, json_option, page_options
from axiomd.cli.output import note, note_more, say, stdout, table, write_json
from axiomd.execution.schedules import CatchUp, Overlap

F = TypeVar("F", bound=Callable[..., Any])
Json = dict[str, Any]

_ROOT = "/app/v1/schedules"
_EVERY = re.compile(r"(?=.)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?")
_UNIT_S = (86_400, 3_600, 60, 1)


@click.group()
def schedules() -> None:
    """Have artifacts invoked at certain times, by cron or at an interval.

    \b
    Example:
      axiomd schedules add acme/report --name nightly --cron "30 4 * * *" --time-zone Europe/Zurich
      axiomd schedules list
    """


def timing_options(function: F) -> F:
    """When it fires, and what it does about times that were missed."""
    for option in (
        click.option("--cron", metavar="EXPR", help="Five fields, or @hourly, @daily, …"),
        click.option("--every", metavar="15m", help="An interval: 90s, 15m, 1h30m, 2d."),
        click.option("--time-zone", metavar="NAME", help="IANA name, for --cron [UTC]."),
        click.option("--starts-at", metavar="TIME", help="No time is before it (RFC 3339)."),
        click.option("--ends-at", metavar="TIME", help="No time is at it or after it."),
        click.option(
            "--catch-up",
            type=click.Choice(get_args(CatchUp)),
            help="Of times missed while the box was off or it was paused [none].",
        ),
        click.option(
            "--overlap",
            type=click.Choice(get_args(Overlap)),
            help="Whether it fires while its last execution goes on [allow].",
        ),
        input_option,
    )[::-1]:
        function = option(function)
    return function


@schedules.command("list")
@page_options(100)
@json_option
@with_client
def list_schedules(client: Client, limit: int, cursor: str | None, as_json: bool) -> None:
    """List what fires when, newest first.

    \b
    Example:
      axiomd schedules list
    """
    page = client.get(_ROOT, {"limit": limit, "cursor": cursor})
    if as_json:
        write_json(page)
        return
    made = table(None, "Schedule", "Name", "Flow", "Fires", "Next", "Last", "Trouble")
    for view in page["schedules"]:
        made.add_row(
            view["schedule_id"],
            view["name"],
            view["flow"],
            _fires(view),
            _next(view),
            view["last_at"] or "",
            view["last_error"] or "",
        )
    stdout().print(made)
    note_more(page)


def _fires(view: Json) -> str:
    if view["every_seconds"]:
        return f"every {duration(view['every_seconds'])}"
    return f"{view['cron']} {view['time_zone']}"


def _next(view: Json) -> str:
    return "paused" if view["paused"] else view["next_at"] or "never"


@schedules.command("add")
@click.argument("target", metavar="GRAPH_ID|HANDLE/FLOW")
@click.option("--name", required=True, metavar="TEXT", help="What people call it.")
@click.option("--paused", is_flag=True, help="Fire nothing before it is resumed.")
@timing_options
@json_option
@with_client
def add(
    client: Client,
    /,
    target: str,
    name: str,
    paused: bool,
    inputs: tuple[str, ...],
    as_json: bool,
    **timing: str | None,
) -> None:
    """Have an artifact, or the last compiled one of a flow, invoked at certain times.

    It stays with that artifact: `axiomd schedules change` gives it another one.

    \b
    Example:
      axiomd schedules add acme/report --name nightly --cron "30 4 * * MON-FRI" \\
        --time-zone Europe/Zurich --catch-up one --input day=yesterday
      axiomd schedules add 01JX5M4ZV8QK3T0B9N2R7C6D1E --name poll --every 15m --overlap skip
    """
    artifact = client.get(f"/app/v1/artifacts/{find_graph_id(client, target)}")
    body = {
        "name": name,
        "graph_id": artifact["graph_id"],
        "paused": paused,
        "input": read_input(inputs, artifact["input_schema"]),
        **_timing(timing),
    }
    made = client.send("POST", _ROOT, body=body)
    if as_json:
        write_json(made)
        return
    say(stdout(), made["schedule_id"])
    note(f"fires {_fires(made)}, next: {_next(made)}")


@schedules.command("change")
@click.argument("schedule_id")
@click.option("--target", metavar="GRAPH_ID|HANDLE/FLOW", help="Another artifact.")
@click.option("--name", metavar="TEXT", help="Another name.")
@timing_options
@json_option
@with_client
def change(
    client: Client,
    /,
    schedule_id: str,
    target: str | None,
    name: str | None,
    inputs: tuple[str, ...],
    as_json: bool,
    **timing: str | None,
) -> None:
    """Change what is named; the rest stays.

    \b
    Example:
      axiomd schedules change 01JX5M4ZV8QK3T0B9N2R7C6D1E --target acme/report --every 1h
    """
    path = f"{_ROOT}/{schedule_id}"
    body: Json = {"name": name} if name is not None else {}
    if target is not None:
        body["graph_id"] = find_graph_id(client, target)
    if inputs:
        graph_id = body.get("graph_id") or client.get(path)["graph_id"]
        schema = client.get(f"/app/v1/artifacts/{graph_id}")["input_schema"]
        body["input"] = read_input(inputs, schema)
    body |= _timing(timing)
    if not body:
        raise click.UsageError("nothing to change: give --target, --cron, --every, --input, …")
    _show(client.send("PATCH", path, body=body), as_json)


def _timing(given: dict[str, str | None]) -> Json:
    """What the options say, by the keys of a request."""
    body: Json = {name: value for name, value in given.items() if value is not None}
    if "every" in body:
        body["every_seconds"] = read_every(body.pop("every"))
    return body


def read_every(text: str) -> int:
    """An interval in seconds: `90`, `90s`, `15m`, `1h30m`, `2d`."""
    found = _EVERY.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no interval, such as 90s, 15m, 1h30m or 2d")
    parts = zip(found.groups(), _UNIT_S, strict=True)
    return sum(int(count) * unit_s for count, unit_s in parts if count)


def duration(seconds: int) -> str:
    """An interval for people, as `read_every` reads it."""
    words = ""
    for unit_s, letter in zip(_UNIT_S, "dhms", strict=True):
        count, seconds = divmod(seconds, unit_s)
        words += f"{count}{letter}" if count else ""
    return words


@schedules.command("show")
@click.argument("schedule_id")
@json_option
@with_client
def show(client: Client, schedule_id: str, as_json: bool) -> None:
    """Show a schedule with its next times.

    \b
    Example:
      axiomd schedules show 01JX5M4ZV8QK3T0B9N2R7C6D1E
    """
    _show(client.get(f"{_ROOT}/{schedule_id}"), as_json)


def _show(view: Json, as_json: bool) -> None:
    if as_json:
        write_json(view)
        return
    made = table(view["name"], "", "")
    made.show_header = False
    rows = {
        "schedule": view["schedule_id"],
        "flow": f"{view['flow']} ({view['graph_id']})",
        "fires": _fires(view),
        "from, until": " ".join(filter(None, (view["starts_at"], view["ends_at"]))),
        "catch up, overlap": f"{view['catch_up']}, {view['overlap']}",
        "next": "\n".join(view["upcoming"]) or _next(view),
        "last": " ".join(filter(None, (view["last_at"], view["last_execution_id"]))),
        "last skipped": view["last_skipped_at"],
        "trouble": view["last_error"],
    }
    for title, value in rows.items():
        if value:
            made.add_row(title, value)
    stdout().print(made)


@schedules.command("pause")
@click.argument("schedule_id")
@json_option
@with_client
def pause(client: Client, schedule_id: str, as_json: bool) -> None:
    """Fire nothing until it is resumed.

    \b
    Example:
      axiomd schedules pause 01JX5M4ZV8QK3T0B9N2R7C6D1E
    """
    _show(client.send("POST", f"{_ROOT}/{schedule_id}/pause"), as_json)


@schedules.command("resume")
@click.argument("schedule_id")
@json_option
@with_client
def resume(client: Client, schedule_id: str, as_json: bool) -> None:
    """Fire again; of the times that have passed, what `catch_up` says.

    \b
    Example:
      axiomd schedules resume 01JX5M4ZV8QK3T0B9N2R7C6D1E
    """
    _show(client.send("POST", f"{_ROOT}/{schedule_id}/resume"), as_json)


@schedules.command("trigger")
@click.argument("schedule_id")
@json_option
@with_client
def trigger(client: Client, schedule_id: str, as_json: bool) -> None:
    """Fire it now, beside its times, paused or not.

    \b
    Example:
      axiomd schedules trigger 01JX5M4ZV8QK3T0B9N2R7C6D1E
    """
    answer = client.send("POST", f"{_ROOT}/{schedule_id}/trigger")
    if as_json:
        write_json(answer)
        return
    say(stdout(), answer["execution_id"])
    note(f"accepted: axiomd executions follow {answer['execution_id']}")


@schedules.command("delete")
@click.argument("schedule_id")
@json_option
@with_client
def delete(client: Client, schedule_id: str, as_json: bool) -> None:
    """Fire it no more; executions that it made go on.

    \b
    Example:
      axiomd schedules delete 01JX5M4ZV8QK3T0B9N2R7C6D1E
    """
    answer = client.send("DELETE", f"{_ROOT}/{schedule_id}")
    if as_json:
        write_json(answer)
        return
    say(stdout(), f"deleted {answer['deleted']}")
