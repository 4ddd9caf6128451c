"""The `axiomd` command: its commands, and where errors become text and exit codes.

Exit codes: 0 done · 1 refused, not valid, or the execution failed or was cancelled · 2 wrong
usage or settings, or the server cannot start with them · 3 no server answers, or it takes nothing
now · 4 no API key, or one that is not valid · 5 there is no such thing · 6 not finished in time;
the execution goes on · 7 verify found something broken · 130 stopped with Ctrl-C.
`axiomd.cli.exits` holds the table.
"""

from typing import Any

import rich_click as click

from axiomd.cli.audit import audit
from axiomd.cli.backup import backup, restore
from axiomd.cli.configs import configs
from axiomd.cli.debug import debug
from axiomd.cli.demo import demo
from axiomd.cli.doctor import doctor
from axiomd.cli.executions import executions
from axiomd.cli.exits import Exit, exit_code
from axiomd.cli.flows import compile_flow, invoke
from axiomd.cli.forks import fork, retry
from axiomd.cli.keys import keys
from axiomd.cli.limits import limits, usage
from axiomd.cli.login import login
from axiomd.cli.login_link import login_link
from axiomd.cli.openapi import openapi
from axiomd.cli.options import wants_json
from axiomd.cli.output import note, write_error
from axiomd.cli.packages import create, init, push, run_package_tests, validate
from axiomd.cli.pauses import pauses
from axiomd.cli.schedules import schedules
from axiomd.cli.secrets import secrets
from axiomd.cli.serve import serve
from axiomd.cli.tenants import tenants
from axiomd.cli.verify import verify
from axiomd.cli.webhooks import webhooks
from axiomd.cli.why import why
from axiomd.errors import AxiomdError

_PANELS = {
    "The server": (
        serve,
        demo,
        doctor,
        keys,
        login_link,
        tenants,
        audit,
        limits,
        usage,
        verify,
        backup,
        restore,
    ),
    "Packages": (init, create, validate, run_package_tests, push),
    "Flows": (
        *(compile_flow, invoke, executions, pauses, schedules),
        *(webhooks, debug, secrets, configs, openapi, login),
    ),
}

_ABOUT = "A durable flow engine for one box: typed Python nodes, checkpointed flows, HTTP and SSE."
_EXAMPLE = ("\b", "Example:", "  axiomd demo", "Exit codes:")
_EXIT_CODES = (f"  {code.value:>3}  {code.meaning}" for code in Exit)

click.rich_click.TEXT_PARAGRAPH_LINEBREAKS = "\n\n"


class Commands(click.RichGroup):
    """The group that maps errors, for every command below it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its refusal is one line on stderr and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            note("interrupted")
            ctx.exit(Exit.INTERRUPTED)
        except AxiomdError as error:
            write_error(error, as_json=wants_json(ctx))
            ctx.exit(exit_code(error))
        except OSError as failure:
            if failure.filename is None:
                raise
            said = AxiomdError(f"{failure.filename}: {failure.strerror}")
            write_error(said, as_json=wants_json(ctx))
            ctx.exit(Exit.REFUSED)


@click.group(
    cls=Commands,
    help="\n".join((_ABOUT, "", *_EXAMPLE, *_EXIT_CODES)),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="axiomd", message="axiomd %(version)s")
def cli() -> None:
    """Hold the commands; the help is put together above."""


for _command in (fork, retry, why):
    executions.add_command(_command)
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        cli.add_command(_command)
    _names = [_command.name or "" for _command in _commands]
    cli.add_panel(click.RichCommandPanel(_panel, commands=_names))


def main() -> None:
    """Run the command line of this process."""
    cli(prog_name="axiomd")
