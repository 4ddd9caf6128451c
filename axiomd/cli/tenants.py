"""`axiomd tenants`: who shares the box, on the server's machine, beside it.

Whoever may write the data directory is the operator. What is set here bites at the next request of
a server that runs on the directory.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from axiomd.cli.options import config_option, data_dir_option, json_option
from axiomd.cli.output import note, say, stdout, table, write_json
from axiomd.clock import SystemClock, rfc3339
from axiomd.engine.keyring import COMMAND_LINE
from axiomd.engine.revising import revise_now
from axiomd.engine.tenants import (
    Days,
    TenantChanges,
    changed,
    created,
    every_tenant,
    find_tenant,
)
from axiomd.limits import RETENTION_DAYS_MAX
from axiomd.settings import Settings, from_process
from axiomd.store.commit import RowsCommit
from axiomd.store.env import open_store
from axiomd.store.reader import Reader
from axiomd.store.tenants import Tenant

F = TypeVar("F", bound=Callable[..., Any])
Json = dict[str, Any]


def _beside(function: F) -> F:
    """The options of a command that works on a data directory."""
    data_dir = data_dir_option("The server's data directory; the platform's if not given.")
    return data_dir(config_option(json_option(function)))


@click.group()
def tenants() -> None:
    """See, make and change the tenants that share the box.

    Works on the server's machine, whether the server runs or not.

    \b
    Example:
      axiomd tenants create acme --name "Acme Ltd"
      axiomd keys create --name ci --tenant acme
      axiomd tenants disable acme
    """


@tenants.command("list")
@_beside
def list_tenants(data_dir: str | None, config: str | None, as_json: bool) -> None:
    """List every tenant.

    \b
    Example:
      axiomd tenants list
    """
    settings = _settings(data_dir, config)
    with open_store(settings.store, settings.data_dir, read_only=True) as store:
        found = [tenant_view(one) for one in every_tenant(Reader(store)).values()]
    if as_json:
        write_json({"tenants": found, "next_cursor": None})
        return
    made = table(None, "Tenant", "Name", "Created", "State", "Days", "Keys", right=("Days", "Keys"))
    for view in found:
        made.add_row(
            view["tenant"],
            view["name"],
            view["created_at"] or "",
            "disabled" if view["disabled"] else "enabled",
            "" if view["retention_days"] is None else f"{view['retention_days']:g}",
            str(view["keys"]),
        )
    stdout().print(made)


def tenant_view(tenant: Tenant) -> Json:
    """A tenant as `--json` tells it, the same as the API."""
    return {
        "tenant": tenant.tenant,
        "name": tenant.name,
        "created_at": rfc3339(tenant.created_ns) if tenant.created_ns else None,
        "disabled": bool(tenant.record.disabled_ns),
        "retention_days": tenant.record.retention_days,
        "keys": tenant.keys,
    }


@tenants.command("create")
@click.argument("tenant")
@click.option("--name", help="What people call it; its ID if not given.")
@_beside
def create(
    tenant: str, name: str | None, data_dir: str | None, config: str | None, as_json: bool
) -> None:
    """Make a tenant; its ID is lowercase letters, digits and dashes.

    \b
    Example:
      axiomd tenants create acme --name "Acme Ltd"
    """
    settings = _settings(data_dir, config)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = _change(
        settings,
        tenant,
        lambda reader, at_ns: created(reader, tenant, name, COMMAND_LINE, at_ns),
    )
    _tell(made, f"made {tenant}", as_json)
    if not as_json:
        note(f"it needs a key: axiomd keys create --name NAME --tenant {tenant}")


@tenants.command("rename")
@click.argument("tenant")
@click.argument("name")
@_beside
def rename(tenant: str, name: str, data_dir: str | None, config: str | None, as_json: bool) -> None:
    """Call a tenant something else; its ID stays.

    \b
    Example:
      axiomd tenants rename acme "Acme and Sons"
    """
    made = _set(_settings(data_dir, config), tenant, TenantChanges(name=name))
    _tell(made, f"{tenant} is called {made.name}", as_json)


@tenants.command("disable")
@click.argument("tenant")
@_beside
def disable(tenant: str, data_dir: str | None, config: str | None, as_json: bool) -> None:
    """Refuse a tenant's keys and sessions from the next request on.

    Its executions in flight go on to their end. `axiomd tenants enable` lets it in again.

    \b
    Example:
      axiomd tenants disable acme
    """
    made = _set(_settings(data_dir, config), tenant, TenantChanges(disabled=True))
    _tell(made, f"{tenant} is disabled", as_json)


@tenants.command("enable")
@click.argument("tenant")
@_beside
def enable(tenant: str, data_dir: str | None, config: str | None, as_json: bool) -> None:
    """Let a disabled tenant in again, with the keys and sessions that it has.

    \b
    Example:
      axiomd tenants enable acme
    """
    made = _set(_settings(data_dir, config), tenant, TenantChanges(disabled=False))
    _tell(made, f"{tenant} is enabled", as_json)


@tenants.command("retention")
@click.argument("tenant")
@click.option(
    "--days",
    type=click.FloatRange(0, RETENTION_DAYS_MAX),
    help="Days for which this tenant's ended executions are kept; 0 for ever.",
)
@click.option("--default", "as_default", is_flag=True, help="As long as everybody's again.")
@_beside
def retention(
    tenant: str,
    days: float | None,
    as_default: bool,
    data_dir: str | None,
    config: str | None,
    as_json: bool,
) -> None:
    """Show for how long a tenant's ended executions are kept, or set it.

    \b
    Example:
      axiomd tenants retention default
      axiomd tenants retention default --days 7
      axiomd tenants retention default --default
    """
    if days is not None and as_default:
        raise click.UsageError("--days and --default cannot both be true")
    settings = _settings(data_dir, config)
    changes = TenantChanges(retention=Days(days) if days is not None or as_default else None)
    kept = _set(settings, tenant, changes).record.retention_days
    shown = settings.retention.days if kept is None else kept
    if as_json:
        write_json({"tenant": tenant, "retention_days": shown, "own": kept is not None})
        return
    whose = "set for this tenant" if kept is not None else "as for everybody"
    say(stdout(), f"{tenant}: {f'{shown:g} days' if shown else 'for ever'}, {whose}")


def _settings(data_dir: str | None, config: str | None) -> Settings:
    return from_process(Path(config) if config else None, {"store.data_dir": data_dir})


def _set(settings: Settings, tenant: str, changes: TenantChanges) -> Tenant:
    """A tenant after a change. Raises NotFound if there is no such tenant, or no store."""
    with open_store(settings.store, settings.data_dir, read_only=True) as store:
        found = find_tenant(Reader(store), tenant)
    if changes == TenantChanges():
        return found
    return _change(
        settings,
        tenant,
        lambda reader, at_ns: changed(reader, tenant, changes, COMMAND_LINE, at_ns),
    )


def _change(
    settings: Settings, tenant: str, make: Callable[[Reader, int], RowsCommit | None]
) -> Tenant:
    """A tenant after what `make` makes of what is stored, and of the time."""
    clock = SystemClock()
    with open_store(settings.store, settings.data_dir) as store:
        reader = Reader(store)
        revise_now(store, lambda: make(reader, clock.now_ns()))
        return find_tenant(reader, tenant)


def _tell(tenant: Tenant, words: str, as_json: bool) -> None:
    if as_json:
        write_json(tenant_view(tenant))
    else:
        say(stdout(), words)
