"""`axiomd executions fork` and `retry`: go on from what another execution has done."""

from typing import Any

import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.flows import read_input
from axiomd.cli.options import json_option
from axiomd.cli.output import note, say, stdout, write_json

_ROOT = "/invocations/v1/executions"

Json = dict[str, Any]


@click.command("fork")
@click.argument("execution_id")
@click.option("--from", "checkpoint", required=True, metavar="POSITION", help="A checkpoint.")
@click.option("--output", metavar="JSON", help="What that visit returns instead, or @FILE.")
@click.option("--graph-id", metavar="ID", help="Another artifact that is to run.")
@json_option
@with_client
def fork(
    client: Client,
    execution_id: str,
    checkpoint: str,
    output: str | None,
    graph_id: str | None,
    as_json: bool,
) -> None:
    """Begin a new execution behind a checkpoint of another one.

    POSITION is that of a completed node visit, as `axiomd executions show` lists them, or the seq
    of its checkpoint. What was completed until then is not run again.

    \b
    Example:
      axiomd executions fork 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2 --from price
      axiomd executions fork 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2 --from price#2 \\
        --output '{"amount": 17}'
    """
    body: Json = {"from": int(checkpoint) if checkpoint.isdecimal() else checkpoint}
    if output is not None:
        body["output"] = read_input((output,), {})
    if graph_id is not None:
        body["graph_id"] = graph_id
    _tell(client.send("POST", f"{_ROOT}/{execution_id}/fork", body=body), as_json=as_json)


@click.command("retry")
@click.argument("execution_id")
@json_option
@with_client
def retry(client: Client, execution_id: str, as_json: bool) -> None:
    """Begin a new execution that runs again what has failed of another one.

    \b
    Example:
      axiomd executions retry 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
    """
    _tell(client.send("POST", f"{_ROOT}/{execution_id}/retry"), as_json=as_json)


def _tell(told: Json, *, as_json: bool) -> None:
    if as_json:
        write_json(told)
        return
    say(stdout(), told["execution_id"])
    note(f"axiomd executions follow {told['execution_id']} shows how it goes on")
