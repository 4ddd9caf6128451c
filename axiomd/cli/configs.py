"""`axiomd configs`: what is set for the invocations of a flow, or of all flows."""

from typing import Any

import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.options import json_option, page_options
from axiomd.cli.output import note, note_more, say, stdout, table, write_json
from axiomd.cli.secrets import read_value
from axiomd.execution.flow_configs import (
    DEFAULT_PROFILE,
    NODE_TIMEOUT_S_MAX,
    NODE_TIMEOUT_S_MIN,
)

Json = dict[str, Any]

_ROOT = "/app/v1/configs"
_ALL = "all flows"


@click.group()
def configs() -> None:
    """Set timeouts and secrets for the invocations of a flow, by profile.

    Profile "default" holds without being named; `axiomd invoke --config ID` names another.

    \b
    Example:
      axiomd configs set --flow acme/order-intake --profile staging --secret API_TOKEN
      axiomd configs list
    """


@configs.command("list")
@click.option("--flow", metavar="HANDLE/FLOW", help="Only of this flow.")
@page_options(100)
@json_option
@with_client
def list_configs(
    client: Client, flow: str | None, limit: int, cursor: str | None, as_json: bool
) -> None:
    """List flow configs, newest first.

    \b
    Example:
      axiomd configs list --flow acme/order-intake
    """
    page = client.get(_ROOT, {"flow": flow, "limit": limit, "cursor": cursor})
    if as_json:
        write_json(page)
        return
    made = table(None, "Config", "Flow", "Profile", "Node timeout", "Secrets", "Updated")
    for view in page["configs"]:
        made.add_row(
            view["config_id"],
            view["flow"] or _ALL,
            view["profile"],
            _timeout(view),
            ", ".join(view["secrets"]),
            view["updated_at"],
        )
    stdout().print(made)
    note_more(page)


@configs.command("set")
@click.option("--flow", metavar="HANDLE/FLOW", help="Of this flow; else of all flows.")
@click.option("--profile", default=DEFAULT_PROFILE, metavar="TEXT", help="Profile [default].")
@click.option(
    "--timeout",
    type=click.FloatRange(NODE_TIMEOUT_S_MIN, NODE_TIMEOUT_S_MAX),
    metavar="SECONDS",
    help="What a node call may take.",
)
@click.option("--no-timeout", is_flag=True, help="Say nothing about what a node call may take.")
@click.option(
    "--secret",
    "asked",
    multiple=True,
    metavar="NAME",
    help="Set a secret for this profile, asked for without echo; may be repeated.",
)
@click.option(
    "--secret-file",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="The same from a file, or with - from stdin; may be repeated.",
)
@click.option("--unset", multiple=True, metavar="NAME", help="Remove such a secret.")
@json_option
@with_client
def set_config(
    client: Client,
    flow: str | None,
    profile: str,
    timeout: float | None,
    no_timeout: bool,
    asked: tuple[str, ...],
    files: tuple[str, ...],
    unset: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make the config of a flow's profile, or change what is given here of the one there is.

    \b
    Example:
      axiomd configs set --flow acme/order-intake --timeout 30
      axiomd configs set --profile staging --secret-file API_TOKEN=token.txt
    """
    if timeout is not None and no_timeout:
        raise click.UsageError("--timeout and --no-timeout cannot both be given")
    given = _read_secrets(asked, files)
    before = _find(client, flow, profile)
    kept: dict[str, str | None] = dict.fromkeys(before["secrets"]) if before else {}
    for name in unset:
        if name not in kept:
            raise click.BadParameter(f"--unset {name}: it is not set in this config")
        del kept[name]
    seconds = before["node_timeout_seconds"] if before and not no_timeout else None
    body = {
        "flow": flow,
        "profile": profile,
        "node_timeout_seconds": timeout if timeout is not None else seconds,
        "secrets": {**kept, **given},
    }
    if before is None:
        view = client.send("POST", _ROOT, body=body)
    else:
        view = client.send("PUT", f"{_ROOT}/{before['config_id']}", body=body)
    _show(view, as_json=as_json)


def _read_secrets(asked: tuple[str, ...], files: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in files:
        name, equals, source = text.partition("=")
        if not equals:
            # Not quoted: it may be a value that was meant to be kept secret.
            raise click.BadParameter("--secret-file takes NAME=FILE")
        found[name] = read_value(name, source)
    for name in asked:
        if "=" in name:
            raise click.BadParameter(
                "--secret takes a name only: a value on the command line can be read by "
                "everybody on this machine"
            )
        found[name] = read_value(name, None)
    return found


def _find(client: Client, flow: str | None, profile: str) -> Json | None:
    """The config of a flow's profile, if there is one."""
    cursor = None
    while True:
        page = client.get(_ROOT, {"flow": flow or "", "limit": 1000, "cursor": cursor})
        for view in page["configs"]:
            if view["profile"] == profile:
                found: Json = view
                return found
        cursor = page["next_cursor"]
        if cursor is None:
            return None


@configs.command("show")
@click.argument("config_id")
@json_option
@with_client
def show(client: Client, config_id: str, as_json: bool) -> None:
    """Show a flow config; of its secrets only the names.

    \b
    Example:
      axiomd configs show 01JX5M4ZV8QK3T0B9N2R7C6D1E
    """
    _show(client.get(f"{_ROOT}/{config_id}"), as_json=as_json)


@configs.command("delete")
@click.argument("config_id")
@json_option
@with_client
def delete(client: Client, config_id: str, as_json: bool) -> None:
    """Remove a flow config; executions that were given it go on with what is left.

    \b
    Example:
      axiomd configs delete 01JX5M4ZV8QK3T0B9N2R7C6D1E
    """
    client.send("DELETE", f"{_ROOT}/{config_id}")
    if as_json:
        write_json({"deleted": config_id})
        return
    say(stdout(), f"deleted {config_id}")


def _timeout(view: Json) -> str:
    seconds = view["node_timeout_seconds"]
    return f"{seconds:g} s" if seconds is not None else ""


def _show(view: Json, *, as_json: bool) -> None:
    if as_json:
        write_json(view)
        return
    say(stdout(), view["config_id"])
    say(stdout(), f"  Flow          {view['flow'] or _ALL}")
    say(stdout(), f"  Profile       {view['profile']}")
    say(stdout(), f"  Node timeout  {_timeout(view) or 'not set here'}")
    say(stdout(), f"  Secrets       {', '.join(view['secrets']) or 'none'}")
    if view["profile"] != DEFAULT_PROFILE:
        note(f"it holds for: axiomd invoke … --config {view['config_id']}")
