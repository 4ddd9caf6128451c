"""`axiomd keys`: create (on the server's machine, beside it), list, revoke."""

from pathlib import Path

import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.options import config_option, data_dir_option, json_option
from axiomd.cli.output import note, say, stdout, table, write_json
from axiomd.clock import SystemClock
from axiomd.engine.keyring import COMMAND_LINE, DEFAULT_TENANT, new_key
from axiomd.engine.tenants import created, every_tenant
from axiomd.ids import Ids
from axiomd.settings import Settings, from_process
from axiomd.store.env import open_store
from axiomd.store.reader import Reader
from axiomd.store.writer import write_now


@click.group()
def keys() -> None:
    """Make, list and revoke API keys.

    \b
    Example:
      axiomd keys create --name laptop
    """


@keys.command("create")
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--tenant", default=DEFAULT_TENANT, show_default=True, help="Whose; made if it is a new one."
)
@data_dir_option("The server's data directory; the platform's if not given.")
@config_option
@json_option
def create(name: str, tenant: str, data_dir: str | None, config: str | None, as_json: bool) -> None:
    """Make an API key and show it, this once.

    Works on the server's machine, whether the server runs or not; whoever may write its data
    directory may make keys.

    \b
    Example:
      axiomd keys create --name laptop --data-dir ./data
      axiomd keys create --name ci --tenant acme
    """
    settings = from_process(Path(config) if config else None, {"store.data_dir": data_dir})
    key = make_key(settings, name, tenant)
    if as_json:
        write_json({"key": key, "name": name, "tenant": tenant})
        return
    say(stdout(), key)
    note(f"of {tenant}, valid for the server on {settings.data_dir}; shown this once")


def make_key(settings: Settings, name: str, tenant: str = DEFAULT_TENANT) -> str:
    """A new key, valid at once, also for a server that runs on the directory.

    Raises Invalid.
    """
    directory = settings.data_dir
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    clock = SystemClock()
    key, commit = new_key(Ids(clock), clock, name, tenant, COMMAND_LINE)
    with open_store(settings.store, directory) as store:
        reader = Reader(store)
        if tenant not in every_tenant(reader):
            write_now(store, created(reader, tenant, None, COMMAND_LINE, clock.now_ns()))
        write_now(store, commit)
    return key


@keys.command("list")
@json_option
@with_client
def list_keys(client: Client, as_json: bool) -> None:
    """List the keys that are valid, masked.

    \b
    Example:
      axiomd keys list
    """
    answer = client.get("/app/v1/keys")
    if as_json:
        write_json(answer)
        return
    made = table(None, "Key", "Name", "Created", "Last used")
    for key in answer["keys"]:
        made.add_row(key["key"], key["name"], key["created_at"], key["last_used_at"] or "never")
    stdout().print(made)


@keys.command("revoke")
@click.argument("first8", metavar="FIRST_8_CHARACTERS")
@json_option
@with_client
def revoke(client: Client, first8: str, as_json: bool) -> None:
    """End a key; its next request is refused.

    \b
    Example:
      axiomd keys revoke 3f9a01bc
    """
    # A whole key is taken too, and never sent along.
    answer = client.send("DELETE", f"/app/v1/keys/{first8[:8]}")
    if as_json:
        write_json(answer)
        return
    say(stdout(), f"revoked {answer['revoked']}")
