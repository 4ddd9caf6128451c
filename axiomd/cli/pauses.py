"""`axiomd pauses`: see what waits for a person, and answer."""

import json
import sys
from typing import Any

import rich_click as click
from rich.table import Table

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.exits import ServerRefused
from axiomd.cli.flows import read_input
from axiomd.cli.forms import Form
from axiomd.cli.options import json_option, page_options, target_options
from axiomd.cli.output import (
    note_more,
    say,
    stdout,
    table,
    write_error,
    write_json,
    write_value,
)

Json = dict[str, Any]

_ROOT = "/invocations/v1"
_INVALID = 422


@click.group(invoke_without_command=True)
@target_options
@json_option
@click.pass_context
def pauses(context: click.Context, url: str | None, key: str | None, as_json: bool) -> None:
    """See what waits for a person, and answer.

    \b
    Example:
      axiomd pauses
      axiomd pauses resume 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2 5f1c2ab09d3e7788 --approve
    """
    if context.invoked_subcommand is None:
        context.invoke(list_pauses, url=url, key=key, as_json=as_json)


@pauses.command("list")
@page_options(20)
@json_option
@with_client
def list_pauses(client: Client, limit: int, cursor: str | None, as_json: bool) -> None:
    """List what waits for a person, newest first.

    \b
    Example:
      axiomd pauses list --limit 100
    """
    page = client.get(f"{_ROOT}/pauses", {"limit": limit, "cursor": cursor})
    if as_json:
        write_json(page)
        return
    made = table(None, "Execution", "Pause", "Flow", "Position", "Opened", "Expires", "Asks")
    for view in page["pauses"]:
        made.add_row(
            view["execution_id"],
            view["pause_id"],
            view["flow"],
            view["position"],
            view["opened_at"],
            view["expires_at"] or "",
            _text(view["payload"]),
        )
    stdout().print(made)
    note_more(page)


@pauses.command("show")
@click.argument("execution_id")
@click.argument("pause_id", required=False)
@json_option
@with_client
def show(client: Client, execution_id: str, pause_id: str | None, as_json: bool) -> None:
    """Show the pauses of an execution, or one of them: what is asked, and what was answered.

    \b
    Example:
      axiomd pauses show 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
    """
    found = _pauses_of(client, execution_id)
    if pause_id is not None:
        found = [view for view in found if view["pause_id"] == pause_id]
        if not found:
            raise click.UsageError(f"execution {execution_id} has no pause {pause_id}")
    if as_json:
        write_json({"pauses": found})
        return
    for view in found:
        _show_pause(view)


def _pauses_of(client: Client, execution_id: str) -> list[Json]:
    found: list[Json] = []
    cursor = None
    while True:
        page = client.get(f"{_ROOT}/executions/{execution_id}/pauses", {"cursor": cursor})
        found += page["pauses"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def _show_pause(view: Json) -> None:
    grid = Table.grid(padding=(0, 2))
    for name in ("pause_id", "position", "status", "opened_at", "expires_at"):
        grid.add_row(name, view[name] or "never")
    for name in ("resolved_at", "by", "comment"):
        if view[name]:
            grid.add_row(name, view[name])
    stdout().print(grid)
    for name in ("payload", "input", "value"):
        if view[name] is not None:
            say(stdout(), f"{name}:")
            write_value(view[name])


@pauses.command("resume")
@click.argument("execution_id")
@click.argument("pause_id")
@click.option("--approve/--reject", "approved", default=None, help="Your decision; one of them.")
@click.option("--value", metavar="JSON", help="The node's input, or @FILE; with --approve.")
@click.option("--comment", default="", help="For the history: why.")
@json_option
@with_client
def resume(
    client: Client,
    execution_id: str,
    pause_id: str,
    approved: bool | None,
    value: str | None,
    comment: str,
    as_json: bool,
) -> None:
    """Answer for a paused node visit: it goes on, or it fails with REJECTED.

    The value becomes the input of the node. Without one the input stays as it is; on a terminal
    you are asked whether you want to change it, field by field.

    \b
    Example:
      axiomd pauses resume 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2 5f1c2ab09d3e7788 --approve \\
        --value '{"amount": 80}' --comment "as agreed"
      axiomd pauses resume 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2 5f1c2ab09d3e7788 --reject
    """
    if approved is None:
        raise click.UsageError("say --approve or --reject")
    if value is not None and not approved:
        raise click.UsageError("--value cannot be given of what is rejected")
    decision = "approve" if approved else "reject"
    body: Json = {"decision": decision, "comment": comment}
    if value is not None:
        body["value"] = read_input((value,), {})
    path = f"{_ROOT}/executions/{execution_id}/pauses/{pause_id}/resume"
    if approved and value is None and not as_json and is_terminal():
        told = _fill_in(client, execution_id, pause_id, path, body)
    else:
        told = client.send("POST", path, body=body)
    if as_json:
        write_json(told)
        return
    what = "goes on" if approved else "is rejected"
    say(stdout(), f"{execution_id} {told['position']} {what}")


def is_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _fill_in(client: Client, execution_id: str, pause_id: str, path: str, body: Json) -> Json:
    """Ask for the value as often as the server refuses it; the answer that it took."""
    found = {view["pause_id"]: view for view in _pauses_of(client, execution_id)}
    view = found.get(pause_id)
    if view is not None and view["status"] == "OPEN":
        _show_pause(view)
        if click.confirm("Change the input?", default=False):
            body = {**body, "value": Form(view["schema"]).ask(view["input"])}
    while True:
        try:
            told: Json = client.send("POST", path, body=body)
        except ServerRefused as refusal:
            if view is None or "value" not in body or refusal.answered_status != _INVALID:
                raise
            write_error(refusal, as_json=False)
            body = {**body, "value": Form(view["schema"]).ask(body["value"])}
        else:
            return told


def _text(payload: Any) -> str:
    """What is asked, in a cell of a table."""
    if payload is None:
        return ""
    return payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
