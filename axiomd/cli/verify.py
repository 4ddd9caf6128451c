"""`axiomd verify`: whether a data directory keeps every promise that can be seen in it."""

from pathlib import Path

import attrs
import rich_click as click
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from axiomd.cli.exits import Exit
from axiomd.cli.options import config_option, data_dir_option, json_option
from axiomd.cli.output import count_of, say, stderr, stdout, table, write_json
from axiomd.settings import Settings, from_process
from axiomd.store import verify as product
from axiomd.store.blobs import Blobs
from axiomd.store.env import open_store


@click.command()
@data_dir_option("The data directory to look at; the platform's if not given.")
@config_option
@json_option
@click.pass_context
def verify(context: click.Context, data_dir: str | None, config: str | None, as_json: bool) -> None:
    """Look at everything in a data directory and tell what is broken.

    Works on the server's machine, whether the server runs or not, and changes nothing. Ends with
    0 if nothing is broken, with 7 if something is, with 5 if there is no data directory.

    \b
    Example:
      axiomd verify --data-dir ./data
    """
    settings = from_process(Path(config) if config else None, {"store.data_dir": data_dir})
    report = look_at(settings)
    if as_json:
        write_json(
            {
                "clean": report.clean,
                "found": report.found,
                "findings": [attrs.asdict(finding) for finding in report.findings],
                "counts": dict(report.counts),
            }
        )
    else:
        _show(settings, report)
    context.exit(Exit.OK if report.clean else Exit.BROKEN)


def look_at(settings: Settings) -> product.Report:
    """The report on a data directory, with a bar on a terminal while it is being made.

    Raises NotFound if there is none, StoreFailed if it cannot be opened.
    """
    directory = settings.data_dir
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with (
        open_store(settings.store, directory, read_only=True) as store,
        Bar(*columns, console=stderr(), transient=True) as bar,
    ):
        shown = bar.add_task("opening", total=None)

        def show(progress: product.Progress) -> None:
            what = progress.what.replace("_", " ")
            bar.update(
                shown,
                description=what,
                completed=progress.done,
                total=max(progress.total, progress.done) if progress.total else None,
            )

        return product.verify(store, Blobs(directory / "blobs"), on_progress=show)


def _show(settings: Settings, report: product.Report) -> None:
    console = stdout()
    if report.findings:
        made = table(None, "What", "Fault")
        for finding in report.findings:
            made.add_row(finding.subject, finding.fault)
        console.print(made)
    if report.found > len(report.findings):
        say(console, f"and {report.found - len(report.findings)} more")
    counted = report.counts
    looked = ", ".join(
        count_of(counted.get(name, 0), noun)
        for name, noun in (("executions", "execution"), ("blobs", "blob"), ("orphans", "orphan"))
    )
    if report.clean:
        say(console, f"{settings.data_dir} is whole: {looked}.", "bold green")
    else:
        faults = count_of(report.found, "fault")
        say(console, f"{settings.data_dir} is broken: {faults} in {looked}.", "bold red")
