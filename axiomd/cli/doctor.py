"""`axiomd doctor`: whether this box can run axiomd, and what it can and cannot enforce."""

from collections.abc import Mapping

import attrs
import rich_click as click
from rich.table import Table
from rich.text import Text

from axiomd.cli.checks import examine
from axiomd.cli.exits import Exit
from axiomd.cli.finding import Finding, Level
from axiomd.cli.options import config_option, data_dir_option, json_option
from axiomd.cli.output import say, stderr, stdout, write_json
from axiomd.cli.preflight import read_settings

_MARKS: Mapping[Level, Text] = {
    "ok": Text("ok", "green"),
    "warn": Text("degraded", "yellow"),
    "fail": Text("FAIL", "bold red"),
}


@click.command()
@data_dir_option("Where the server would keep everything.")
@click.option("--bind", metavar="HOST:PORT", help="Where the server would listen.")
@config_option
@json_option
@click.pass_context
def doctor(
    context: click.Context,
    data_dir: str | None,
    bind: str | None,
    config: str | None,
    as_json: bool,
) -> None:
    """Examine this box: what axiomd needs, and what the box can enforce.

    Ends with 0 if axiomd works here; with 1 if something is missing without which it does not; with
    2 if the settings are not valid. What is degraded (`warn` in JSON) works, but less well than it
    could, and says what to do about it. Syncs of the disk are measured, for two seconds at most.

    \b
    Example:
      axiomd doctor --data-dir ./data
    """
    settings = read_settings(config, data_dir, bind)
    with stderr().status("examining"):
        findings = list(examine(settings))
    healthy = all(finding.level != "fail" for finding in findings)
    if as_json:
        write_json({"healthy": healthy, "findings": [attrs.asdict(f) for f in findings]})
    else:
        _show(findings, healthy)
    context.exit(Exit.OK if healthy else Exit.REFUSED)


def _show(findings: list[Finding], healthy: bool) -> None:
    console = stdout()
    grid = Table.grid(padding=(0, 2))
    for finding in findings:
        grid.add_row(_MARKS[finding.level], finding.name, finding.text)
    console.print(grid)
    if healthy:
        say(console, "This box can run axiomd.", "bold green")
    else:
        say(console, "This box cannot run axiomd as it is: see the lines marked FAIL.", "bold red")
