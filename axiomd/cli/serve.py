"""`axiomd serve`: the server in the foreground."""

import errno
import os
import re
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import rich_click as click
import trio

from axiomd.cli.exits import AddressUnusable
from axiomd.cli.logs import configure_logs
from axiomd.cli.options import config_option, data_dir_option, json_option
from axiomd.cli.output import say, stdout, write_json
from axiomd.errors import AxiomdError, Problem, SettingsInvalid
from axiomd.settings import LogFormat, Settings, from_process

if TYPE_CHECKING:
    from axiomd.daemon import Started

_BIND = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]\s]+):([0-9]{1,5})")
_PORT_MAX = 65_535
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
@json_option
def serve(
    data_dir: str | None,
    bind: str | None,
    log_format: str | None,
    config: str | None,
    as_json: bool,
) -> None:
    """Run the server until Ctrl-C or SIGTERM.

    The first start on a data directory shows an API key and a sign-in link, once. Stopping takes
    at most five seconds, and what is running then goes on at the next start.

    \b
    Example:
      axiomd serve --data-dir ./data --bind 127.0.0.1:8700
      axiomd serve --log-format json 2>> axiomd.log
    """
    # Late: every other command would pay for the web framework, half of its start-up.
    from axiomd.daemon import run

    settings = read_settings(config, data_dir, bind, log_format)
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


def read_settings(
    config: str | None, data_dir: str | None, bind: str | None, log_format: str | None = None
) -> Settings:
    """The settings with these flags; SettingsInvalid also for an address that is none."""
    flags = {"store.data_dir": data_dir, "server.bind": bind, "log.format": log_format}
    settings = from_process(Path(config) if config else None, flags)
    split_bind(settings.server.bind)
    return settings


def split_bind(bind: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises SettingsInvalid."""
    found = _BIND.fullmatch(bind)
    if found is None or int(found[2]) > _PORT_MAX:
        words = f"must be HOST:PORT, such as 127.0.0.1:8700 or [::1]:8700, not {bind!r}"
        raise SettingsInvalid(
            "The settings are not valid.", problems=[Problem("server.bind", words)]
        )
    return found[1].strip("[]"), int(found[2])


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
        raise AddressUnusable(
            f"Cannot listen on {settings.server.bind}: {failure.strerror}. "
            "Choose another address with --bind."
        ) from None
