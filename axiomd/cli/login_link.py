"""`axiomd login-link`: lets a browser in, once, from the server's machine."""

from pathlib import Path

import rich_click as click

from axiomd.cli.client import checked_url
from axiomd.cli.options import config_option, data_dir_option, json_option
from axiomd.cli.output import note, say, stdout, write_json
from axiomd.clock import SystemClock, rfc3339
from axiomd.engine.keyring import COMMAND_LINE, DEFAULT_TENANT
from axiomd.engine.sign_in import link_text, new_link
from axiomd.engine.tenants import find_tenant
from axiomd.errors import TenantDisabled
from axiomd.ids import Ids, token_expiry, token_key
from axiomd.settings import Settings, from_process
from axiomd.store.env import noted_url, open_store
from axiomd.store.reader import Reader
from axiomd.store.writer import write_now


@click.command("login-link")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose dashboard.")
@click.option(
    "--url", metavar="URL", help="Where the browser reaches the server, if not where it listens."
)
@data_dir_option("The server's data directory; the platform's if not given.")
@config_option
@json_option
def login_link(
    tenant: str, url: str | None, data_dir: str | None, config: str | None, as_json: bool
) -> None:
    """Make a link that signs a browser in to the dashboard, once, within 15 minutes.

    Works on the server's machine, whether the server runs or not; whoever may write its data
    directory may make links. Who signs in by one stands for the key `console` of the tenant:
    `axiomd keys list` shows it, and revoking it signs all of them out.

    \b
    Example:
      axiomd login-link --data-dir ./data
    """
    settings = from_process(Path(config) if config else None, {"store.data_dir": data_dir})
    link, token = make_link(settings, tenant, checked_url(url) if url else None)
    expires_at = rfc3339(token_expiry(token_key(token)))
    if as_json:
        write_json({"link": link, "tenant": tenant, "expires_at": expires_at})
        return
    say(stdout(), link)
    note(f"signs in to {tenant} once, until {expires_at}")


def make_link(settings: Settings, tenant: str, url: str | None) -> tuple[str, str]:
    """A new link and its token, valid at once, also for a server that runs on the directory.

    Raises NotFound if there is no such tenant, TenantDisabled.
    """
    directory = settings.data_dir
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    clock = SystemClock()
    with open_store(settings.store, directory) as store:
        reader = Reader(store)
        if find_tenant(reader, tenant).record.disabled_ns:
            raise TenantDisabled(f"{tenant} is disabled: `axiomd tenants enable {tenant}` first.")
        token, commit = new_link(reader, Ids(clock), clock, tenant, COMMAND_LINE)
        write_now(store, commit)
        reached = url or noted_url(store) or f"http://{settings.server.bind}"
    return link_text(reached.rstrip("/"), token), token
