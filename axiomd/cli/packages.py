"""Commands for a package on disk: `init`, `create`, `validate`, `test`, `push`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import rich_click as click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from axiomd.authoring import scaffold
from axiomd.authoring.bundle import Bundle, pack, read_directory
from axiomd.authoring.check import check
from axiomd.authoring.harness import run_tests
from axiomd.cli.client import Client, open_client
from axiomd.cli.connected import with_client
from axiomd.cli.environments import follow_build, interpreter_for
from axiomd.cli.exits import Exit, ServerRefused
from axiomd.cli.login import find_target
from axiomd.cli.options import json_option, target_options
from axiomd.cli.output import count_of, note, say, stderr, stdout, write_error, write_json
from axiomd.errors import AxiomdError, EnvironmentFailed, NotFound, Problem
from axiomd.flow.package import MANIFEST_FILE, read_manifest

_CHUNK_BYTES = 64 * 1024
_PUSH_S = 600.0
"""A push compiles protos and may build an environment."""

_directory_argument = click.argument(
    "directory", type=click.Path(exists=True, file_okay=False), default="."
)
_directory_option = click.option(
    "--dir",
    "directory",
    type=click.Path(exists=True, file_okay=False),
    default=".",
    help="The package's directory [.].",
)


@click.command()
@click.argument("name", metavar="HANDLE/PACKAGE")
@click.argument("directory", type=click.Path(file_okay=False), required=False)
@json_option
def init(name: str, directory: str | None, as_json: bool) -> None:
    """Begin a package in a new directory (the package's name if none is given).

    \b
    Example:
      axiomd init acme/orders
    """
    target = Path(directory or name.rpartition("/")[2] or ".")
    with in_directory(target):
        written = scaffold.init(target, name)
    _tell_written(target, written, as_json)
    if not as_json:
        note(f"next: cd {target} && axiomd create message OrderRequest order_id:string")


@click.group()
def create() -> None:
    """Add a message or a node to a package.

    \b
    Example:
      axiomd create message OrderRequest order_id:string amount:double
      axiomd create node PriceOrder --input OrderRequest --output OrderPrice
    """


@create.command("message")
@click.argument("name")
@click.argument("fields", nargs=-1, metavar="[FIELD:TYPE]...")
@_directory_option
@target_options
@json_option
def create_message(
    name: str,
    fields: tuple[str, ...],
    directory: str,
    url: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Add a message to messages/messages.proto.

    \b
    Example:
      axiomd create message Order id:string lines:Line[] totals:map<string,double>
    """
    target = Path(directory)
    with in_directory(target):
        imports = imported_protos(target, url, key)
        written = scaffold.create_message(target, name, fields, imports)
    _tell_written(target, written, as_json)


@create.command("node")
@click.argument("name")
@click.option("--input", "input_", metavar="MESSAGE", required=True, help="What it takes.")
@click.option("--output", metavar="MESSAGE", required=True, help="What it returns.")
@click.option("--pipeline", is_flag=True, help="A generator: takes and yields streams.")
@_directory_option
@target_options
@json_option
def create_node(
    name: str,
    input_: str,
    output: str,
    pipeline: bool,
    directory: str,
    url: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Add a node with its file and a test.

    \b
    Example:
      axiomd create node PriceOrder --input OrderRequest --output OrderPrice
    """
    target = Path(directory)
    with in_directory(target):
        imports = imported_protos(target, url, key)
        written = scaffold.create_node(
            target, name, input_, output, pipeline=pipeline, imports=imports
        )
    _tell_written(target, written, as_json)


def _tell_written(directory: Path, written: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        write_json({"directory": str(directory), "written": list(written)})
        return
    for path in written:
        say(stdout(), str(directory / path))


@click.command()
@_directory_argument
@target_options
@json_option
def validate(directory: str, url: str | None, key: str | None, as_json: bool) -> None:
    """Check a package: manifest, messages, node files. Its code is not run.

    \b
    Example:
      axiomd validate ./orders
    """
    target = Path(directory)
    with in_directory(target):
        checked = check(read_directory(target), imported_protos(target, url, key))
    if as_json:
        write_json(
            {
                "valid": True,
                "name": checked.manifest.name,
                "version": checked.manifest.version,
                "digest": checked.digest,
                "nodes": [node.name for node in checked.manifest.nodes],
            }
        )
        return
    nodes = count_of(len(checked.manifest.nodes), "node")
    say(stdout(), f"{checked.manifest.ref} is valid: {nodes}, digest {checked.digest[:12]}")


@click.command("test")
@_directory_argument
@target_options
@json_option
@click.pass_context
def run_package_tests(
    context: click.Context, directory: str, url: str | None, key: str | None, as_json: bool
) -> None:
    """Run a package's own tests, nodes/*_test.py.

    What requirements.txt lists is installed first, in an environment of this user's cache.

    \b
    Example:
      axiomd test ./orders
    """
    target = Path(directory)
    with in_directory(target):
        imports = imported_protos(target, url, key)
        ran = run_tests(target, imports, capture=as_json, interpreter_for=interpreter_for)
    if as_json:
        write_json({"passed": ran.passed, **attrs.asdict(ran)})
    elif not ran.files:
        note("there are no tests: nodes/*_test.py")
    if not ran.passed:
        context.exit(Exit.REFUSED)


@click.command()
@_directory_argument
@click.option("--no-wait", is_flag=True, help="Do not wait for the environment to be built.")
@json_option
@with_client
@click.pass_context
def push(
    context: click.Context, client: Client, directory: str, no_wait: bool, as_json: bool
) -> None:
    """Send a package to the server, which checks it and keeps it by its content.

    Pushing the same version again replaces what the version names; compiled flows keep the
    content they were compiled with. What requirements.txt lists is installed on the server, with
    pip's words shown here; pushing again tries again.

    \b
    Example:
      axiomd push ./orders
    """
    target = Path(directory)
    with in_directory(target):
        pushed = push_bundle(client, read_directory(target))
    if pushed["environment"]["status"] == "BUILDING" and not no_wait:
        pushed["environment"] = follow_build(client, pushed["name"], pushed["version"])
    if as_json:
        write_json(pushed)
    else:
        _tell_pushed(pushed)
    if pushed["environment"]["status"] == "FAILED":
        context.exit(Exit.REFUSED)


def _tell_pushed(pushed: Any) -> None:
    nodes = count_of(len(pushed["nodes"]), "node")
    what = "pushed" if pushed["changed"] else "unchanged"
    ref = f"{pushed['name']}@{pushed['version']}"
    say(stdout(), f"{ref} {what}: {nodes}, digest {pushed['digest'][:12]}")
    environment = pushed["environment"]
    if environment["status"] == "FAILED":
        words = f"The environment of {ref} could not be built:\n{environment['error']}"
        write_error(EnvironmentFailed(words), as_json=False)
    elif environment["status"] != "NONE":
        say(stdout(), f"environment {environment['lock'][:12]} {environment['status'].lower()}")


def push_bundle(client: Client, bundle: Bundle) -> Any:
    """Upload a package with its progress on stderr; the server's view of it."""
    archive = pack(bundle)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True) as progress:
        bar = progress.add_task(count_of(len(bundle.files), "file"), total=len(archive))

        def chunks() -> Iterator[bytes]:
            for start in range(0, len(archive), _CHUNK_BYTES):
                yield archive[start : start + _CHUNK_BYTES]
                progress.update(bar, completed=min(start + _CHUNK_BYTES, len(archive)))
            progress.update(bar, description="checked by the server")

        headers = {"Content-Type": "application/zip", "Content-Length": str(len(archive))}
        return client.send(
            "POST", "/app/v1/packages", content=chunks(), headers=headers, read_s=_PUSH_S
        )


@contextmanager
def in_directory(directory: Path) -> Iterator[None]:
    """Name the files of problems as seen from here, not from inside the package."""
    try:
        yield
    except AxiomdError as failure:
        failure.problems = tuple(_seen_from_here(p, directory) for p in failure.problems)
        raise


def _seen_from_here(problem: Problem, directory: Path) -> Problem:
    return attrs.evolve(problem, file=str(directory / problem.file)) if problem.file else problem


def imported_protos(directory: Path, url: str | None, key: str | None) -> Mapping[str, bytes]:
    """The protos of the packages that the manifest imports, from the server.

    A package without imports needs no server. What cannot be found is left to the check to say.
    """
    path = directory / MANIFEST_FILE
    imports = read_manifest(path.read_bytes()).imports if path.is_file() else ()
    if not imports:
        return {}
    with open_client(find_target(url, key)) as client:
        found = {
            spec.proto_path: _own_proto(client, spec.package, spec.version) for spec in imports
        }
    return {path: proto for path, proto in found.items() if proto is not None}


def _own_proto(client: Client, package: str, version: str) -> bytes | None:
    try:
        text = client.get(f"/app/v1/packages/{package}/{version}/messages.proto")
    except ServerRefused as refusal:
        if refusal.answered_status == NotFound.status:
            return None
        raise
    return str(text).encode()
