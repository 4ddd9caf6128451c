"""`axiomd openapi`: what the server takes and answers, for programs."""

import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.flows import find_graph_id
from axiomd.cli.options import json_option
from axiomd.cli.output import write_json, write_value


@click.command("openapi")
@click.argument("target", metavar="[GRAPH_ID|HANDLE/FLOW]", required=False)
@json_option
@with_client
def openapi(client: Client, target: str | None, as_json: bool) -> None:
    """Print the OpenAPI document of the box, or of one artifact with its own messages.

    The document of the box needs no key. With --json it is one line.

    \b
    Example:
      axiomd openapi > axiomd.openapi.json
      axiomd openapi acme/order-intake
    """
    if target is None:
        document = client.send("GET", "/openapi.json", keyed=False)
    else:
        document = client.get(f"/app/v1/artifacts/{find_graph_id(client, target)}/openapi.json")
    write = write_json if as_json else write_value
    write(document)
