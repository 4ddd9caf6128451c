"""`axiomd login`, and which server and key a client command uses.

Owns the file with the stored login. Promises that it can be read by its owner only, and that a
stored key is sent to the server it was stored for and to no other.
"""

import json
import os
from pathlib import Path
from typing import Any

import attrs
import platformdirs
import rich_click as click

from axiomd.cli.client import Client, Target, checked_url, open_client
from axiomd.cli.options import json_option, target_options
from axiomd.cli.output import note, say, stdout, write_json
from axiomd.errors import SettingsInvalid
from axiomd.settings import process_environment

URL_DEFAULT = "http://127.0.0.1:8700"


def login_file() -> Path:
    """Where the login is kept."""
    return Path(platformdirs.user_config_dir("axiomd", appauthor=False)) / "login.json"


def stored_login() -> Target | None:
    """What `axiomd login` kept. Raises SettingsInvalid if the file cannot be understood."""
    path = login_file()
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        return Target(str(document["url"]), str(document["key"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise SettingsInvalid(
            f"The stored login {path} cannot be read ({failure}); run `axiomd login` again."
        ) from None


def store_login(target: Target) -> Path:
    """Keep a login for this user; the file is whole or the old one."""
    path = login_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(attrs.asdict(target), file)
    new.replace(path)
    return path


def find_target(url: str | None, key: str | None) -> Target:
    """The server and key to use: what is given > the environment > the login > the default."""
    chosen_url = url or process_environment("AXIOMD_URL")
    chosen_key = key or process_environment("AXIOMD_API_KEY")
    if chosen_url and chosen_key:
        return Target(checked_url(chosen_url), chosen_key)
    stored = stored_login()
    target_url = checked_url(chosen_url or (stored.url if stored else URL_DEFAULT))
    if chosen_key is None and stored is not None and stored.url == target_url:
        chosen_key = stored.key
    return Target(target_url, chosen_key)


@click.command()
@target_options
@json_option
def login(url: str | None, key: str | None, as_json: bool) -> None:
    """Keep a server's address and API key for this user.

    The key is asked for if it is not given, tried, and kept in a file that only you can read.

    \b
    Example:
      axiomd login --url http://127.0.0.1:8700
    """
    given = url or process_environment("AXIOMD_URL") or URL_DEFAULT
    chosen = key or process_environment("AXIOMD_API_KEY")
    if chosen is None:
        chosen = click.prompt("API key", hide_input=True, err=True).strip()
    target = Target(checked_url(given), chosen)
    with open_client(target) as client:
        _try_key(client)
    path = store_login(target)
    if as_json:
        write_json({"url": target.url, "file": str(path)})
        return
    say(stdout(), f"Logged in to {target.url}")
    note(f"kept in {path}")


def _try_key(client: Client) -> None:
    client.get("/app/v1/keys")
