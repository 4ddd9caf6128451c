"""`axiomd limits` and `axiomd usage`: how much a tenant may use, and how much it does."""

from collections.abc import Callable
from typing import Any, TypeVar

import attrs
import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.options import json_option
from axiomd.cli.output import note, say, stdout, table, write_json
from axiomd.settings import LimitsSettings

Json = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])

_DEFAULT = "default"
_NAMES = tuple(field.name for field in attrs.fields(LimitsSettings))
_SENTENCES = {
    "requests_per_s": "Requests a second on any routes, on average.",
    "requests_burst": "Requests at once after a silence; 0 for those of one second.",
    "invocations_per_s": "Requests a second that start executions or nodes, on average.",
    "invocations_burst": "Such requests at once after a silence; 0 for those of one second.",
    "executions_max": "Executions that workers have at a time; more stay queued.",
    "flow_executions_max": "The same of each flow.",
}


class Limit(click.ParamType[float | str]):
    """A number, or `default` for what the box is set to."""

    name = "NUMBER|default"

    def __init__(self, limit: str) -> None:
        self._whole = not limit.endswith("_per_s")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        """The number, or the word."""
        if value == _DEFAULT:
            return _DEFAULT
        try:
            return int(value) if self._whole else float(value)
        except ValueError:
            kind = "a whole number" if self._whole else "a number"
            self.fail(f"{value!r} is neither {kind} nor `{_DEFAULT}`", param, ctx)


def _limit_options(function: F) -> F:
    """An option for each limit."""
    for name in reversed(_NAMES):
        flag = f"--{name.replace('_', '-')}"
        function = click.option(flag, name, type=Limit(name), help=_SENTENCES[name])(function)
    return function


@click.group()
def limits() -> None:
    """See and set how much tenants may use.

    \b
    Example:
      axiomd limits show
      axiomd limits set acme --invocations-per-s 20 --executions-max 50
    """


@limits.command("show")
@click.argument("tenant", required=False)
@json_option
@with_client
def show(client: Client, tenant: str | None, as_json: bool) -> None:
    """Show the limits of a tenant; your own without TENANT.

    \b
    Example:
      axiomd limits show
      axiomd limits show acme
    """
    whose = tenant or client.get("/app/v1/session")["tenant"]
    _tell(client.get(_path(whose)), as_json=as_json)


@limits.command("set")
@click.argument("tenant")
@_limit_options
@json_option
@with_client
def set_limits(client: Client, /, tenant: str, as_json: bool, **given: float | str | None) -> None:
    """Set limits of a tenant, which bite at once; 0 is no bound, `default` what the box is set to.

    With a key of the tenant `default`. What is not named stays as it is.

    \b
    Example:
      axiomd limits set acme --invocations-per-s 20 --executions-max 50
      axiomd limits set acme --executions-max default
    """
    named = {name: value for name, value in given.items() if value is not None}
    if not named:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in _NAMES)
        raise click.UsageError(f"name a limit to set: {flags}")
    changes = {name: None if value == _DEFAULT else value for name, value in named.items()}
    path = _path(tenant)
    own = client.get(path)["own"]
    _tell(client.send("PUT", path, body={**own, **changes}), as_json=as_json)


def _path(tenant: str) -> str:
    return f"/app/v1/tenants/{tenant}/limits"


def _tell(view: Json, *, as_json: bool) -> None:
    if as_json:
        write_json(view)
        return
    made = table(f"Limits of {view['tenant']}", "Limit", "In force", "Set", right=("In force",))
    for name, value in view["limits"].items():
        whose = "for everybody" if view["own"][name] is None else "for this tenant"
        made.add_row(name, _number(name, value), whose)
    stdout().print(made)


def _number(name: str, value: float) -> str:
    if value:
        return f"{value:g}"
    return "one second's" if name.endswith("_burst") else "no bound"


@click.command("usage")
@click.option("--tenant", help="Another tenant's, with a key of the tenant `default`.")
@json_option
@with_client
def usage(client: Client, tenant: str | None, as_json: bool) -> None:
    """Show what runs and waits now, and what was accepted in the last 30 days.

    \b
    Example:
      axiomd usage
      axiomd usage --tenant acme --json
    """
    view = client.get("/app/v1/usage", {"tenant": tenant} if tenant else {})
    if as_json:
        write_json(view)
        return
    most = view["limits"]["executions_max"]
    say(stdout(), f"{view['tenant']}: {view['running']} running{f' of {most}' if most else ''}")
    made = table(None, "Status", "Executions kept", right=("Executions kept",))
    for status, count in view["executions"].items():
        if count:
            made.add_row(status, str(count))
    stdout().print(made)
    made = table(None, "Day (UTC)", "Accepted, of these", right=("Accepted, of these",))
    for day in view["days"]:
        if day["accepted"]:
            made.add_row(day["day"], str(day["accepted"]))
    stdout().print(made)
    if not view["complete"]:
        note("there are more: only the newest ones were counted")
