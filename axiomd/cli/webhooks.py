"""`axiomd webhooks`: who is told of what, what was delivered, and the secret that signs it."""

from typing import Any

import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.options import json_option, page_options
from axiomd.cli.output import note, note_more, say, status_text, stdout, table, write_json
from axiomd.execution.deliveries import EVENTS, DeliveryStatus

Json = dict[str, Any]

_ROOT = "/app/v1/webhooks"


@click.group()
def webhooks() -> None:
    """Have receivers told of pauses and ends, and see what they were told.

    \b
    Example:
      axiomd webhooks add https://hooks.example/axiomd --event pause_opened
      axiomd webhooks deliveries --status FAILED
    """


@webhooks.command("list")
@json_option
@with_client
def list_webhooks(client: Client, as_json: bool) -> None:
    """List who is told of what.

    \b
    Example:
      axiomd webhooks list
    """
    answer = client.get(_ROOT)
    if as_json:
        write_json(answer)
        return
    made = table(None, "Webhook", "URL", "Events", "Created", "Stopped")
    for view in answer["webhooks"]:
        made.add_row(
            view["webhook_id"],
            view["url"],
            ", ".join(view["events"]),
            view["created_at"],
            view["stopped_at"] or "",
        )
    stdout().print(made)


@webhooks.command("add")
@click.argument("receiver", metavar="URL")
@click.option(
    "--event",
    "events",
    multiple=True,
    required=True,
    type=click.Choice(EVENTS),
    help="What it is told of; may be given several times.",
)
@click.option(
    "--header", "headers", multiple=True, metavar="NAME:VALUE", help="Sent along; may be repeated."
)
@json_option
@with_client
def add(
    client: Client, receiver: str, events: tuple[str, ...], headers: tuple[str, ...], as_json: bool
) -> None:
    """Have a receiver told of events of all your executions.

    \b
    Example:
      axiomd webhooks add https://hooks.example/axiomd --event pause_opened \\
        --event execution_failed --header "Authorization: Bearer s3cret"
    """
    body = {"url": receiver, "events": list(events), "headers": read_headers(headers)}
    made = client.send("POST", _ROOT, body=body)
    if as_json:
        write_json(made)
        return
    say(stdout(), made["webhook_id"])
    note("messages are signed: axiomd webhooks secret")


def read_headers(given: tuple[str, ...]) -> dict[str, str]:
    """Headers as they are given on a command line."""
    found = {}
    for text in given:
        name, colon, value = text.partition(":")
        if not colon:
            raise click.BadParameter(f"{text!r} is not NAME:VALUE")
        found[name.strip()] = value.strip()
    return found


@webhooks.command("remove")
@click.argument("webhook_id")
@json_option
@with_client
def remove(client: Client, webhook_id: str, as_json: bool) -> None:
    """Tell a receiver nothing more, what is on its way included.

    \b
    Example:
      axiomd webhooks remove 01JX5M4ZV8QK3T0B9N2R7C6D1E
    """
    answer = client.send("DELETE", f"{_ROOT}/{webhook_id}")
    if as_json:
        write_json(answer)
        return
    say(stdout(), f"removed {answer['removed']}")


@webhooks.command("deliveries")
@click.argument("execution_id", required=False)
@click.option(
    "--status",
    type=click.Choice([status.value for status in DeliveryStatus], case_sensitive=False),
    help="Only these.",
)
@page_options(20)
@json_option
@with_client
def deliveries(
    client: Client,
    execution_id: str | None,
    status: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """List what was told, newest first, or what was told of one execution.

    \b
    Example:
      axiomd webhooks deliveries --status FAILED
      axiomd webhooks deliveries 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
    """
    if execution_id is not None and status is not None:
        raise click.UsageError("--status is for the list of all executions")
    given = {"status": status, "limit": limit, "cursor": cursor}
    path, name = f"{_ROOT}/deliveries", "deliveries"
    if execution_id is not None:
        path, name = f"/invocations/v1/executions/{execution_id}/webhooks", "webhooks"
    page = client.get(path, given)
    if as_json:
        write_json(page)
        return
    made = table(None, "Delivery", "Type", "To", "Status", "Tries", "Last", right=("Tries",))
    for view in page[name]:
        made.add_row(
            view["delivery_id"],
            view["type"],
            view["to"],
            status_text(view["status"]),
            str(len(view["attempts"])),
            _last(view),
        )
    stdout().print(made)
    note_more(page)


def _last(view: Json) -> str:
    """What came of the last attempt, and when the next one is."""
    if not view["attempts"]:
        return ""
    last = view["attempts"][-1]
    said = last["error"] or f"{last['status_code']} in {last['ms']:.0f} ms"
    return f"{said}; again at {view['due_at']}" if view["due_at"] else said


@webhooks.command("redeliver")
@click.argument("delivery_id")
@json_option
@with_client
def redeliver(client: Client, delivery_id: str, as_json: bool) -> None:
    """Tell it once more, with the same webhook-id.

    \b
    Example:
      axiomd webhooks redeliver msg_0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2_0000001a5f1c2ab09d3e7788
    """
    answer = client.send("POST", f"{_ROOT}/deliveries/{delivery_id}/redeliver")
    if as_json:
        write_json(answer)
        return
    say(stdout(), f"{answer['delivery_id']} is told again")


@webhooks.command("secret")
@click.option("--rotate", is_flag=True, help="Replace it; the old one signs too for a day.")
@json_option
@with_client
def secret(client: Client, rotate: bool, as_json: bool) -> None:
    """Show what your messages are signed with.

    \b
    Example:
      axiomd webhooks secret
      axiomd webhooks secret --rotate
    """
    path = f"{_ROOT}/secret"
    answer = client.send("POST", f"{path}/rotate") if rotate else client.get(path)
    if as_json:
        write_json(answer)
        return
    say(stdout(), answer["secret"])
    if answer["previous_until"]:
        note(f"the one before signs too until {answer['previous_until']}")
