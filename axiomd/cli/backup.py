"""`axiomd backup` and `axiomd restore`: everything durable, in a directory of its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import attrs
import rich_click as click
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

from axiomd.cli.options import config_option, data_dir_option, json_option
from axiomd.cli.output import count_of, note, say, size, stderr, stdout, write_json
from axiomd.clock import SystemClock
from axiomd.settings import from_process
from axiomd.store import backup as product


@click.command()
@click.argument("destination", metavar="DEST", type=click.Path())
@data_dir_option("The data directory to copy; the platform's if not given.")
@config_option
@json_option
def backup(destination: str, data_dir: str | None, config: str | None, as_json: bool) -> None:
    """Copy everything durable to a new directory DEST, whether the server runs or not.

    The copy is that of one instant. It holds API keys (as hashes) and every payload: keep it as
    safe as the data directory. DEST exists only once it is whole, and is never overwritten.

    \b
    Example:
      axiomd backup /var/backups/axiomd-2026-03-01
    """
    settings = from_process(Path(config) if config else None, {"store.data_dir": data_dir})
    with _bar("copying") as show:
        manifest = product.back_up(
            settings.store,
            settings.data_dir,
            Path(destination).absolute(),
            now_ns=SystemClock().now_ns(),
            version=version("axiomd"),
            on_progress=show,
        )
    _tell(manifest, f"copied to {destination}", as_json=as_json)


@click.command()
@click.argument("source", metavar="SRC", type=click.Path())
@data_dir_option("The data directory to make: empty, or not there yet.")
@config_option
@json_option
def restore(source: str, data_dir: str | None, config: str | None, as_json: bool) -> None:
    """Make a data directory from a backup SRC, checking every file of it.

    Start a server on it with `axiomd serve`: it installs the packages again, and executions that
    were running when the backup was taken go on from there. Never let two boxes work on the same
    executions: what they do outside, they would do twice.

    \b
    Example:
      axiomd restore /var/backups/axiomd-2026-03-01 --data-dir ./data
    """
    settings = from_process(Path(config) if config else None, {"store.data_dir": data_dir})
    with _bar("restoring") as show:
        manifest = product.restore(Path(source).absolute(), settings.data_dir, show)
    _tell(manifest, f"restored to {settings.data_dir}", as_json=as_json)
    if not as_json:
        note(f"start it with: axiomd serve --data-dir {settings.data_dir}")


@contextmanager
def _bar(what: str) -> Iterator[Callable[[product.Progress], None]]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=stderr(), transient=True) as bar:
        shown = bar.add_task(what, total=None)
        yield lambda progress: bar.update(
            shown, description=f"{what} {progress.what}", completed=progress.copied
        )


def _tell(manifest: product.Manifest, words: str, *, as_json: bool) -> None:
    if as_json:
        write_json(attrs.asdict(manifest))
        return
    executions = count_of(manifest.executions, "execution")
    blobs = count_of(manifest.blobs, "blob")
    say(stdout(), f"{words}: {executions}, {blobs}, {size(manifest.size)}.", "bold green")
