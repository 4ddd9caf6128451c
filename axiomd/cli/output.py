"""What commands write: results on stdout; progress, notes and errors on stderr.

Owns how values read for people (durations, sizes, statuses) and the one form of an error. With
`--json` a command's stdout is JSON and nothing else.
"""

import json
from collections.abc import Mapping
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from axiomd.cli.exits import hint, wire_code
from axiomd.errors import AxiomdError

_COLUMNS_OFF_TERMINAL = 160
"""Where nobody looks through a window, tables are not squeezed into one."""
_KIB = 1024

_STYLES: Mapping[str, str] = {
    "COMPLETED": "green",
    "FAILED": "red",
    "CANCELLED": "yellow",
    "RUNNING": "cyan",
    "QUEUED": "cyan",
    "PENDING": "cyan",
    "DELIVERED": "green",
}


def stdout() -> Console:
    """The console for results."""
    return _console(stderr=False)


def stderr() -> Console:
    """The console for progress, notes and errors."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, highlight=False, width=_COLUMNS_OFF_TERMINAL)
    return console


def say(console: Console, text: str, style: str = "") -> None:
    """One line as it is: never wrapped, never read as markup."""
    console.print(Text(text, style), soft_wrap=True)


def note(text: str) -> None:
    """Something worth knowing beside the result."""
    say(stderr(), text, "dim")


def note_more(page: Mapping[str, Any]) -> None:
    """How to go on with a list that has more rows than were shown."""
    if page["next_cursor"]:
        note(f"there are more: --cursor {page['next_cursor']}")


def write_json(value: Any) -> None:
    """A result as JSON, for machines: one line."""
    click.echo(json.dumps(value, ensure_ascii=False))


def write_value(value: Any) -> None:
    """A JSON value for people: indented."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def write_error(error: AxiomdError, *, as_json: bool) -> None:
    """An error with its problems one a line, and what to do about it."""
    if as_json:
        click.echo(json.dumps(error_view(error), ensure_ascii=False), err=True)
        return
    console = stderr()
    console.print(Text.assemble(("error: ", "bold red"), error.message), soft_wrap=True)
    for problem in error.problems:
        say(console, str(problem))
    advice = hint(error)
    if advice is not None:
        console.print(Text.assemble(("hint: ", "bold"), advice), soft_wrap=True)


def error_view(error: AxiomdError) -> dict[str, Any]:
    """An error as JSON: the envelope of the API, with files and lines."""
    problems = [
        {"path": problem.path, "message": problem.message}
        | ({"file": problem.file} if problem.file else {})
        | ({"line": problem.line} if problem.line else {})
        for problem in error.problems
    ]
    return {"error": error.message, "code": wire_code(error), "problems": problems}


def table(title: str | None, *columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; the columns named in `right` hold numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def status_text(status: str) -> Text:
    """A status in its colour."""
    return Text(status, _STYLES.get(status, ""))


def milliseconds(value: float | None) -> str:
    """A duration for people."""
    if value is None:
        return ""
    if value < 1000:
        return f"{value:.1f} ms"
    return f"{value / 1000:.2f} s" if value < 60_000 else f"{value / 60_000:.1f} min"


def size(count: float | None) -> str:
    """A number of bytes for people."""
    if count is None:
        return ""
    if count < _KIB:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= _KIB
        if count < _KIB:
            return f"{count:.1f} {unit}"
    return f"{count / _KIB:.1f} TiB"


def count_of(number: int, noun: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
