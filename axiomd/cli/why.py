"""`axiomd executions why`: what an execution waits for."""

from typing import Any

import rich_click as click

from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.options import json_option
from axiomd.cli.output import note, say, status_text, stdout, write_json

Json = dict[str, Any]


@click.command("why")
@click.argument("execution_id")
@json_option
@with_client
def why(client: Client, execution_id: str, as_json: bool) -> None:
    """Say what an execution waits for, or how and why it has ended.

    What waits for something else has that below it: a gate its missing arms, a child execution
    what that waits for itself.

    \b
    Example:
      axiomd executions why 0198c4d7a3f1e2b4c5d6a7b8c9d0e1f2
    """
    answer = client.get(f"/invocations/v1/executions/{execution_id}/why")
    if as_json:
        write_json(answer)
        return
    stdout().print(status_text(answer["status"]))
    for line in why_lines(answer["why"]):
        say(stdout(), line)
    if answer["left_out"]:
        note(f"{answer['left_out']} more are left out")


def why_lines(links: list[Json], depth: int = 1) -> list[str]:
    """Each link on a line, what is below it further in."""
    lines = []
    for link in links:
        lines.append(f"{'  ' * depth}{link['sentence']}")
        lines += why_lines(link.get("why", []), depth + 1)
    return lines
