"""`axiomd secrets`: set, list and remove secrets; replace the key that they are sealed with.

A value is never taken from the command line, where every process of the machine can read it.
"""

import sys
from pathlib import Path

import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.options import config_option, data_dir_option, json_option, page_options
from axiomd.cli.output import count_of, note, note_more, say, stdout, table, write_json
from axiomd.clock import SystemClock
from axiomd.engine.keyring import COMMAND_LINE, DEFAULT_TENANT
from axiomd.ids import Ids
from axiomd.settings import Settings, from_process
from axiomd.store.acts import ActKind, acted
from axiomd.store.env import open_store
from axiomd.store.key_file import KeyFile
from axiomd.store.rotation import Rotated, rotate

_ROOT = "/app/v1/secrets"
_STDIN = "-"


@click.group()
def secrets() -> None:
    """Keep what nodes need and nobody may read: tokens, passwords, keys.

    \b
    Example:
      axiomd secrets set API_TOKEN
      axiomd secrets list
    """


@secrets.command("list")
@page_options(100)
@json_option
@with_client
def list_secrets(client: Client, limit: int, cursor: str | None, as_json: bool) -> None:
    """List secrets by name. No value is ever shown.

    \b
    Example:
      axiomd secrets list
    """
    page = client.get(_ROOT, {"limit": limit, "cursor": cursor})
    if as_json:
        write_json(page)
        return
    made = table(None, "Secret", "Created", "Updated")
    for view in page["secrets"]:
        made.add_row(view["name"], view["created_at"], view["updated_at"])
    stdout().print(made)
    note_more(page)


@secrets.command("set")
@click.argument("name")
@click.argument("source", required=False, metavar="[-]")
@click.option("--file", "file", metavar="FILE", help="Read the value from a file.")
@json_option
@with_client
def set_secret(
    client: Client, name: str, source: str | None, file: str | None, as_json: bool
) -> None:
    """Set a secret, or replace it: asked for without echo, from stdin with "-", or from a file.

    One line break at the end is not part of the value.

    \b
    Example:
      axiomd secrets set API_TOKEN
      pass show api | axiomd secrets set API_TOKEN -
      axiomd secrets set TLS_KEY --file key.pem
    """
    if source not in (None, _STDIN):
        raise click.UsageError(
            "a value on the command line can be read by everybody on this machine: give none to "
            "be asked for it, - to read it from stdin, or --file"
        )
    if source is not None and file is not None:
        raise click.UsageError("- and --file cannot both be given")
    value = read_value(name, source or file)
    answer = client.send("PUT", f"{_ROOT}/{name}", body={"value": value})
    if as_json:
        write_json(answer)
        return
    say(stdout(), f"{'set' if answer['created'] else 'replaced'} {name}")


def read_value(name: str, source: str | None) -> str:
    """A secret's value from stdin ("-") or a file; without either it is asked for."""
    if source is None:
        return str(click.prompt(name, hide_input=True, err=True))
    try:
        content = sys.stdin.buffer.read() if source == _STDIN else Path(source).read_bytes()
        text = content.decode()
    except OSError as failure:
        raise click.BadParameter(f"{source} cannot be read: {failure.strerror}") from None
    except UnicodeDecodeError:
        said = "stdin" if source == _STDIN else source
        raise click.BadParameter(f"{said} is not UTF-8 text; encode it, as base64 say") from None
    return text.removesuffix("\n").removesuffix("\r")


@secrets.command("delete")
@click.argument("name")
@json_option
@with_client
def delete(client: Client, name: str, as_json: bool) -> None:
    """Remove a secret; calls that need it fail from now on.

    \b
    Example:
      axiomd secrets delete API_TOKEN
    """
    client.send("DELETE", f"{_ROOT}/{name}")
    if as_json:
        write_json({"deleted": name})
        return
    say(stdout(), f"deleted {name}")


@secrets.command("rotate-key")
@click.option(
    "--drop-unreadable",
    is_flag=True,
    help="Remove secrets whose key is lost, instead of stopping at the first.",
)
@data_dir_option("The server's data directory; the platform's if not given.")
@config_option
@json_option
def rotate_key(
    drop_unreadable: bool, data_dir: str | None, config: str | None, as_json: bool
) -> None:
    """Replace the key in secrets.key, and seal every secret anew.

    Works on the server's machine, whether the server runs or not. It may be killed at any
    instant: the old key stays until nothing needs it, and running this again finishes it.

    \b
    Example:
      axiomd secrets rotate-key --data-dir ./data
    """
    settings = from_process(Path(config) if config else None, {"store.data_dir": data_dir})
    done = rotate_in(settings, drop_unreadable=drop_unreadable)
    if as_json:
        write_json(
            {
                "key_id": done.key_id or None,
                "resealed": done.resealed,
                "dropped": list(done.dropped),
            }
        )
        return
    for words in done.dropped:
        note(f"removed: {words}")
    if not done.key_id:
        say(stdout(), "there are no secrets yet: a key is made with the first one")
        return
    say(stdout(), f"key {done.key_id}: {count_of(done.resealed, 'value')} sealed anew")
    note("backups made before hold the old key, and what it can read")


def rotate_in(settings: Settings, *, drop_unreadable: bool) -> Rotated:
    """Replace the key of a data directory. Raises NotFound if there is no store."""
    directory = settings.data_dir
    with open_store(settings.store, directory, read_only=True):
        # A directory without a store is not made into one.
        pass
    clock = SystemClock()
    key_file = KeyFile(directory, Ids(clock).random_bytes)
    kind = ActKind.SECRETS_KEY_ROTATED
    acts = acted(COMMAND_LINE, DEFAULT_TENANT, clock.now_ns(), kind, key_file.path.name)
    with open_store(settings.store, directory) as store:
        return rotate(store, key_file, acts, drop_unreadable=drop_unreadable)
