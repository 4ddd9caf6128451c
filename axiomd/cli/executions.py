"""`axiomd executions`: list, show, follow, settle, cancel; `forks.py` has fork and retry."""

import json
from functools import partial
from typing import Any

import rich_click as click
from rich.table import Table

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.exits import Exit
from axiomd.cli.flows import read_input, show_failure, show_frames
from axiomd.cli.options import json_option, page_options
from axiomd.cli.output import (
    milliseconds,
    note,
    note_more,
    say,
    size,
    status_text,
    stdout,
    table,
    write_json,
    write_value,
)
from axiomd.cli.streams import follow_frames, resumed
from axiomd.execution.status import Status

_ROOT = "/invocations/v1/executions"
_DETAIL_CHARACTERS_MAX = 200
_OUTPUT_CHARACTERS_MAX = 4_000

Json = dict[str, Any]


@click.group()
def executions() -> None:
    """See executions and end them.

    \b
    Example:
      axiomd executions list --status FAILED
    """


@executions.command("list")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice([status.value for status in Status], case_sensitive=False),
    help="Only these; may be given more than once.",
)
@click.option("--flow", metavar="HANDLE/FLOW", help="Only of this flow.")
@page_options(20)
@json_option
@with_client
def list_executions(
    client: Client,
    status: tuple[str, ...],
    flow: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """List executions, newest first.

    \b
    Example:
      axiomd executions list --flow acme/order-intake --status FAILED
    """
    params = {
        "status": ",".join(status) or None,
        "flow": flow,
        "limit": limit,
        "cursor": cursor,
    }
    page = client.get(_ROOT, params)
    if as_json:
        write_json(page)
        return
    stdout().print(executions_table(page["executions"]))
    note_more(page)


def executions_table(found: list[Json], title: str | None = None) -> Table:
    """Executions, one a row."""
    columns = ("Execution", "Flow", "Status", "Created", "Duration", "Error")
    made = table(title, *columns, right=("Duration",))
    for view in found:
        made.add_row(
            view["execution_id"],
            view["flow"],
            status_text(view["status"]),
            view["created_at"],
            milliseconds(view["duration_ms"]),
            view["error"] or "",
        )
    return made


@executions.command("show")
@click.argument("execution_id")
@click.option("--events", is_flag=True, help="With the whole history.")
@json_option
@with_client
def show(client: Client, execution_id: str, events: bool, as_json: bool) -> None:
    """Show one execution: its status, its steps, its output.

    \b
    Example:
      axiomd executions show 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
    """
    root = f"{_ROOT}/{execution_id}"
    view = client.get(root)
    steps = client.get(f"{root}/checkpoints")["checkpoints"]
    output = client.get(f"{root}/output")
    history = client.get(f"{root}/events")["events"] if events else None
    if as_json:
        extra = {"events": history} if events else {}
        write_json({**view, "checkpoints": steps, "output": output["output"], **extra})
        return
    _show_execution(view)
    stdout().print(steps_table(steps))
    if view["compensation"] is not None:
        stdout().print(undone_table(view["compensation"]))
    for event in history or ():
        say(stdout(), event_line(event))
    _show_output(view, output)


def _show_execution(view: Json) -> None:
    console = stdout()
    grid = Table.grid(padding=(0, 2))
    for name in ("execution_id", "flow", "graph_id", "mode", "status", "created_at"):
        value = view[name]
        grid.add_row(name, status_text(value) if name == "status" else value)
    grid.add_row("attempt", str(view["attempt"]))
    if view["duration_ms"] is not None:
        grid.add_row("duration", milliseconds(view["duration_ms"]))
    if view["parent_id"]:
        grid.add_row("child of", view["parent_id"])
    nothing: Json = {"in_doubt": [], "pauses": [], "held": [], "children": [], "until": None}
    waiting = view["waiting_on"] or nothing
    for position in waiting["in_doubt"]:
        grid.add_row("in doubt", f"{position}: axiomd executions settle --help says what to do")
    for pause in waiting["pauses"]:
        grid.add_row("paused", f"{pause['position']}: axiomd pauses show {view['execution_id']}")
    for position in waiting["held"]:
        grid.add_row("held", f"{position}: axiomd debug --help says how to go on")
    for child in waiting["children"]:
        grid.add_row("waits for", child)
    if waiting["until"]:
        grid.add_row("goes on at", waiting["until"])
    console.print(grid)


def undone_table(compensation: Json) -> Table:
    """What was and was not undone, one step a row."""
    columns = ("Undoing", "Node", "Status", "Attempts", "At", "Message")
    made = table(f"Undoing after {compensation['reason']}", *columns, right=("Attempts",))
    for step in compensation["steps"]:
        made.add_row(
            step["position"],
            step["node"],
            step["status"],
            str(step["attempts"]),
            step["at"] or "",
            step["message"] or "",
        )
    return made


def steps_table(checkpoints: list[Json], title: str | None = "Steps") -> Table:
    """Checkpoints, one a row."""
    columns = ("Placement", "Message", "Attempt", "Duration", "Output")
    made = table(title, *columns, right=("Attempt", "Duration", "Output"))
    for step in checkpoints:
        made.add_row(
            f"{step['position']} (execution {step['child']})"
            if "child" in step
            else step["position"],
            step["message"],
            str(step["attempt"]),
            milliseconds(step["duration_ms"]),
            f"{step['frames']} frames" if "frames" in step else size(step["output_bytes"]),
        )
    return made


def _show_output(view: Json, output: Json) -> None:
    if output["failure"] is not None:
        show_failure(view["execution_id"], output)
        return
    if output["frames"] is not None:
        note(f"{output['frames']} frames: axiomd executions follow {view['execution_id']} --frames")
        return
    if view["status"] != Status.COMPLETED:
        return
    text = json.dumps(output["output"], ensure_ascii=False)
    if len(text) > _OUTPUT_CHARACTERS_MAX:
        note(f"the output is {len(text)} characters of JSON; --json prints it")
    else:
        write_value(output["output"])


def event_line(event: Json) -> str:
    """One line of a history."""
    detail = json.dumps(event["detail"], ensure_ascii=False) if event["detail"] else ""
    if len(detail) > _DETAIL_CHARACTERS_MAX:
        detail = f"{detail[:_DETAIL_CHARACTERS_MAX]}…"
    parts = (event["at"], event["kind"], event["position"] or "", detail)
    return "  ".join(part for part in parts if part)


@executions.command("follow")
@click.argument("execution_id")
@click.option("--frames", is_flag=True, help="The frames of a pipeline instead of the history.")
@click.option("--from", "start", type=click.IntRange(0), default=0, help="First index [0].")
@json_option
@with_client
@click.pass_context
def follow(
    context: click.Context,
    client: Client,
    execution_id: str,
    frames: bool,
    start: int,
    as_json: bool,
) -> None:
    """Follow an execution live until it ends, also over a restart of the server.

    \b
    Example:
      axiomd executions follow 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
    """
    if frames:
        context.exit(show_frames(follow_frames(client, execution_id, start), as_json=as_json))
    # The history's parameter is exclusive, a stream of frames begins at its own.
    params = {"after": start - 1 if start else None}
    path = f"{_ROOT}/{execution_id}"
    ended = partial(_has_ended, client, path)
    for event in resumed(client, f"{path}/events", params, ended):
        if as_json:
            write_json(event.data)
        else:
            say(stdout(), event_line(event.data))
    view = client.get(path)
    note(f"execution {execution_id} {view['status']}")
    context.exit(Exit.OK if view["status"] == Status.COMPLETED else Exit.REFUSED)


def _has_ended(client: Client, path: str) -> bool:
    return Status(client.get(path)["status"]).ended


@executions.command("settle")
@click.argument("execution_id")
@click.argument("position")
@click.option("--happened/--not-happened", default=None, help="What is true of it; one of them.")
@click.option("--output", metavar="JSON", help="What it returned, or @FILE; with --happened.")
@click.option("--comment", default="", help="For the history: how you know.")
@json_option
@with_client
def settle(
    client: Client,
    execution_id: str,
    position: str,
    happened: bool | None,
    output: str | None,
    comment: str,
    as_json: bool,
) -> None:
    """Say whether a node visit in doubt has happened; the execution goes on.

    A node that must run once is in doubt when its process, its worker or its box died during the
    call: look at what it does outside, with its effect key, and say what you found.

    \b
    Example:
      axiomd executions settle 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2 charge --not-happened
      axiomd executions settle 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2 charge --happened \\
        --output '{"receipt": "r-17"}' --comment "seen in the bank's log"
    """
    if happened is None:
        raise click.UsageError("say --happened or --not-happened: nobody else can")
    if happened and output is None:
        raise click.UsageError("--happened needs --output: what the node returned")
    if output is not None and not happened:
        raise click.UsageError("--output cannot be given of what has not happened")
    body: Json = {"position": position, "happened": happened, "comment": comment}
    if output is not None:
        body["output"] = read_input((output,), {})
    told = client.send("POST", f"{_ROOT}/{execution_id}/settle", body=body)
    if as_json:
        write_json(told)
        return
    what = "has happened" if happened else "has not happened, and runs again"
    say(stdout(), f"{execution_id} {position} {what}")


@executions.command("cancel")
@click.argument("execution_id")
@click.option("--compensate", is_flag=True, help="Undo first what it has done.")
@json_option
@with_client
def cancel(client: Client, execution_id: str, compensate: bool, as_json: bool) -> None:
    """End an execution; its node processes are dead when this returns.

    With --compensate the nodes that undo what has completed run after that: `axiomd executions
    show` says how far they are.

    \b
    Example:
      axiomd executions cancel 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
      axiomd executions cancel 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2 --compensate
    """
    params = {"compensate": "true"} if compensate else None
    receipt = client.send("DELETE", f"/invocations/v1/flows/{execution_id}", params=params)
    if as_json:
        write_json(receipt)
        return
    say(stdout(), f"{execution_id} {receipt['status']}")
    for stopped in receipt["stopped"]:
        took = milliseconds(stopped["ms"])
        say(stdout(), f"  {stopped['placement']}: {stopped['how']} after {took}")
