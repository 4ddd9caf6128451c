"""Options that many commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import rich_click as click

F = TypeVar("F", bound=Callable[..., Any])

_JSON_KEY = "axiomd.json"


def json_option(function: F) -> F:
    """`--json`: stdout becomes JSON, and so does an error on stderr."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        callback=_remember,
        help="Write JSON to stdout; errors as JSON to stderr.",
    )(function)


def _remember(context: click.Context, _: click.Parameter, value: bool) -> bool:
    context.meta[_JSON_KEY] = value
    return value


def wants_json(context: click.Context) -> bool:
    """Whether the command that ran was given `--json`."""
    return bool(context.meta.get(_JSON_KEY))


def target_options(function: F) -> F:
    """`--url` and `--key`."""
    key = click.option("--key", metavar="KEY", help="API key; else AXIOMD_API_KEY, else the login.")
    url = click.option(
        "--url",
        metavar="URL",
        help="Server; else AXIOMD_URL, else the login, else http://127.0.0.1:8700.",
    )
    return url(key(function))


def page_options(rows: int) -> Callable[[F], F]:
    """`--limit`, `rows` if it is not given, and `--cursor`."""
    limit = click.option(
        "--limit", type=click.IntRange(1, 1000), default=rows, help=f"Rows [{rows}]."
    )
    cursor = click.option("--cursor", metavar="TEXT", help="Go on where another list ended.")

    def both(function: F) -> F:
        return limit(cursor(function))

    return both


def input_option(function: F) -> F:
    """`--input`, as often as there are fields."""
    return click.option(
        "--input",
        "-i",
        "inputs",
        multiple=True,
        metavar="JSON|@FILE|KEY=VALUE",
        help="The input: a JSON object, @FILE (@- is stdin), or fields one by one.",
    )(function)


def data_dir_option(text: str) -> Callable[[F], F]:
    """`--data-dir`."""
    return click.option("--data-dir", type=click.Path(file_okay=False), metavar="DIR", help=text)


def config_option(function: F) -> F:
    """`--config`."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        help="Settings file (axiomd.toml); else AXIOMD_CONFIG.",
    )(function)
