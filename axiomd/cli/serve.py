"""`axiomd serve`: the server in the foreground."""

import errno
import json
import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import attrs
import rich_click as click
import trio
from rich.text import Text

from axiomd.cli.exits import AddressUnusable
from axiomd.cli.logs import configure_logs
from axiomd.cli.options import config_option, data_dir_option, json_option
from axiomd.cli.output import note, say, stdout, table, write_json
from axiomd.cli.preflight import address_words, read_loaded, refuse_start
from axiomd.errors import AxiomdError, SettingsInvalid
from axiomd.loading import kept
from axiomd.settings import Loaded, LogFormat, Settings

if TYPE_CHECKING:
    from axiomd.daemon import Started

_ADDRESS_ERRORS = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM)


@click.command()
@data_dir_option("Everything durable; the platform's data directory if not given.")
@click.option("--bind", metavar="HOST:PORT", help="Address to listen on [127.0.0.1:8700].")
@click.option(
    "--log-format",
    type=click.Choice(get_args(LogFormat)),
    help="How the log looks, one line each [auto: console on a terminal, else json].",
)
@config_option
@click.option("--check", is_flag=True, help="Check everything, show the settings, do not start.")
@json_option
def serve(
    data_dir: str | None,
    bind: str | None,
    log_format: str | None,
    config: str | None,
    check: bool,
    as_json: bool,
) -> None:
    """Run the server until Ctrl-C or SIGTERM.

    The first start on a data directory shows an API key and a sign-in link, once. Stopping takes
    at most five seconds, and what is running then goes on at the next start.

    With settings that are wrong, or that this box cannot fulfil, it does not start, says all that
    is wrong at once, and ends with 2; `--check` does that alone, and shows the settings in force.

    \b
    Example:
      axiomd serve --data-dir ./data --bind 127.0.0.1:8700
      axiomd serve --config axiomd.toml --check
      axiomd serve --log-format json 2>> axiomd.log
    """
    # Late: every other command would pay for the web framework, half of its start-up.
    with kept():
        from axiomd.daemon import run

    loaded = read_loaded(config, data_dir, bind, log_format)
    settings = loaded.settings
    if check:
        show_settings(loaded, as_json=as_json)
    refuse_start(settings)
    if check:
        note("nothing is in the way of a start")
        return
    configure_logs(settings.log)
    try:
        trio.run(run, settings, partial(announce, settings, as_json=as_json))
    except (BaseExceptionGroup, OSError) as failure:
        cause = sole_cause(failure)
        if isinstance(cause, OSError):
            refuse_os_error(cause, settings)
        if isinstance(cause, AxiomdError | KeyboardInterrupt):
            raise cause from None
        raise


def show_settings(loaded: Loaded, *, as_json: bool) -> None:
    """Every setting in force, and where it came from."""
    told = [
        (f"{section.name}.{field.name}", _shown(field, getattr(owner, field.name)))
        for section in attrs.fields(Settings)
        for owner in (getattr(loaded.settings, section.name),)
        for field in attrs.fields(type(owner))
    ]
    if as_json:
        sources = loaded.sources
        view = {n: {"value": value, "source": sources.get(n, "default")} for n, value in told}
        write_json({"settings": view, "data_dir": str(loaded.settings.data_dir)})
        return
    grid = table(None, "Setting", "Value", "From")
    for name, value in told:
        source = loaded.sources.get(name, "default")
        style = "" if source == "default" else "bold"
        grid.add_row(name, Text(json.dumps(value), style), Text(source, style))
    stdout().print(grid)


def _shown(field: "attrs.Attribute[Any]", value: object) -> object:
    """A setting's value; of one that may hold a password only whether there is one."""
    return "(set)" if value and not field.repr else value


def announce(settings: Settings, started: "Started", *, as_json: bool) -> None:
    """Say where the server is, and its first key and sign-in link, once."""
    if as_json:
        write_json(
            {
                "url": started.url,
                "data_dir": str(settings.data_dir),
                "pid": os.getpid(),
                "api_key": started.first_key,
                "sign_in": started.first_link,
            }
        )
        return
    console = stdout()
    say(console, "axiomd is running", "bold green")
    say(console, f"  URL             {started.url}")
    say(console, f"  Data directory  {settings.data_dir}")
    say(console, f"  Stop            Ctrl-C, or kill {os.getpid()}")
    if started.first_key is not None:
        say(console, "The first API key, shown this once:")
        say(console, f"  export AXIOMD_API_KEY={started.first_key}")
    if started.first_link is not None:
        say(console, "Sign in to the dashboard in your browser, once, within 15 minutes:")
        say(console, f"  {started.first_link}")


def sole_cause(failure: BaseException) -> BaseException:
    """What nurseries wrapped in groups of one."""
    while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
        failure = failure.exceptions[0]
    return failure


def refuse_os_error(failure: OSError, settings: Settings) -> None:
    """Raise what an address or directory that cannot be had means; return for a bug."""
    if failure.filename is not None:
        raise SettingsInvalid(
            f"The data directory {settings.data_dir} cannot be used: "
            f"{failure.strerror}: {failure.filename}"
        ) from None
    if isinstance(failure, socket.gaierror) or failure.errno in _ADDRESS_ERRORS:
        raise AddressUnusable(address_words(settings.server.bind, failure)) from None
