"""`axiomd tenants`: what is set for a tenant, on the server's machine, beside it."""

from pathlib import Path

import attrs
import rich_click as click

from axiomd.cli.options import config_option, data_dir_option, json_option
from axiomd.cli.output import say, stdout, write_json
from axiomd.errors import NotFound
from axiomd.limits import RETENTION_DAYS_MAX
from axiomd.settings import Settings, from_process
from axiomd.store import keys
from axiomd.store.commit import RowsCommit
from axiomd.store.env import open_store
from axiomd.store.reader import Reader
from axiomd.store.records import encode_tenant
from axiomd.store.writer import write_now
from axiomd.strict import unknown


@click.group()
def tenants() -> None:
    """See and set what is a tenant's own.

    \b
    Example:
      axiomd tenants retention default --days 7
    """


@tenants.command("retention")
@click.argument("tenant")
@click.option(
    "--days",
    type=click.FloatRange(0, RETENTION_DAYS_MAX),
    help="Days for which this tenant's ended executions are kept; 0 for ever.",
)
@click.option("--default", "as_default", is_flag=True, help="As long as everybody's again.")
@data_dir_option("The server's data directory; the platform's if not given.")
@config_option
@json_option
def retention(
    tenant: str,
    days: float | None,
    as_default: bool,
    data_dir: str | None,
    config: str | None,
    as_json: bool,
) -> None:
    """Show for how long a tenant's ended executions are kept, or set it.

    Works on the server's machine, whether the server runs or not.

    \b
    Example:
      axiomd tenants retention default
      axiomd tenants retention default --days 7
      axiomd tenants retention default --default
    """
    if days is not None and as_default:
        raise click.UsageError("--days and --default cannot both be true")
    settings = from_process(Path(config) if config else None, {"store.data_dir": data_dir})
    kept = set_retention(settings, tenant, days, change=days is not None or as_default)
    shown = settings.retention.days if kept is None else kept
    if as_json:
        write_json({"tenant": tenant, "retention_days": shown, "own": kept is not None})
        return
    whose = "set for this tenant" if kept is not None else "as for everybody"
    say(stdout(), f"{tenant}: {f'{shown:g} days' if shown else 'for ever'}, {whose}")


def set_retention(
    settings: Settings, tenant: str, days: float | None, *, change: bool
) -> float | None:
    """The days that are the tenant's own, after a change if there is one; None for none.

    Raises NotFound if there is no such tenant, or no store.
    """
    with open_store(settings.store, settings.data_dir, read_only=True) as store:
        # Whoever has a key is a tenant.
        known = {key.tenant for _, key in Reader(store).api_keys()}
        record = Reader(store).tenant(tenant)
    if tenant not in known:
        raise NotFound(unknown("tenant", tenant, known))
    if change:
        with open_store(settings.store, settings.data_dir) as store:
            record = attrs.evolve(record, retention_days=days)
            row = (keys.TENANTS, tenant.encode(), encode_tenant(record))
            write_now(store, RowsCommit((row,)))
    return record.retention_days
