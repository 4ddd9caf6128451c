"""`axiomd demo`: the example flows on real input, and how to do the same by hand.

Owns the order of the show. The server is `axiomd.cli.demo_server`'s, what is printed is
`axiomd.cli.demo_stage`'s.
"""

import signal
from pathlib import Path
from typing import Any

import rich_click as click

from axiomd.authoring.bundle import read_directory
from axiomd.cli.client import Client, open_client
from axiomd.cli.demo_server import KEY_NAME, DemoServer, running_server
from axiomd.cli.demo_stage import ShownFlow, Stage
from axiomd.cli.exits import Exit
from axiomd.cli.flows import compile_source, read_source
from axiomd.cli.options import data_dir_option, json_option
from axiomd.cli.packages import push_bundle
from axiomd.cli.streams import start_frames
from axiomd.errors import AxiomdError
from axiomd.examples.catalog import FLOWS, PACKAGES, ExampleFlow, default_input

_FLOW_S = 600.0
_READ_MARGIN_S = 15.0


@click.command()
@click.option(
    "--input",
    "input_file",
    type=click.Path(exists=True, dir_okay=False, readable=True),
    help="A text or log file; else a source file that ships with Python.",
)
@click.option("--once", is_flag=True, help="End when everything was shown.")
@data_dir_option("Where the demo keeps everything [demo in the platform's data directory].")
@click.option("--bind", metavar="HOST:PORT", help="Address of its server [127.0.0.1:8700].")
@json_option
@click.pass_context
def demo(
    context: click.Context,
    input_file: str | None,
    once: bool,
    data_dir: str | None,
    bind: str | None,
    as_json: bool,
) -> None:
    """Start a server, run the example flows on a real file, and show what happened.

    Pushes two packages, compiles three flows, runs them, prints how to do the same with curl,
    and keeps serving until Ctrl-C.

    \b
    Example:
      axiomd demo --input /var/log/dpkg.log
    """
    # Asked to end is asked to end, by a person or by a supervisor.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    stage = Stage(as_json=as_json)
    file = Path(input_file) if input_file else default_input()
    with running_server(data_dir, bind, file) as server, open_client(server.target) as client:
        stage.opening(server, file)
        shown = show_everything(client, stage, file)
        stage.closing(server, shown, once=once)
        if not once:
            _serve_until_interrupted(server)
            stage.goodbye(server)
    context.exit(Exit.OK if all(one.completed for one in shown) else Exit.REFUSED)


def show_everything(client: Client, stage: Stage, file: Path) -> list[ShownFlow]:
    """Push, compile and run the examples."""
    _retire_old_keys(client)
    for package in PACKAGES:
        stage.pushed(push_bundle(client, read_directory(package.directory)))
    graph_ids = {}
    for flow in FLOWS:
        artifact = compile_source(client, read_source(str(flow.file)))
        graph_ids[flow.name] = artifact["graph_id"]
        stage.compiled(artifact)
    return [_show_flow(client, stage, flow, graph_ids[flow.name], file) for flow in FLOWS]


def _show_flow(
    client: Client, stage: Stage, flow: ExampleFlow, graph_id: str, file: Path
) -> ShownFlow:
    body: dict[str, Any] = {"graph_id": graph_id, "input": flow.demo_input(file)}
    stage.flow_begins(flow)
    if flow.mode == "pipeline":
        identity = stage.frames(start_frames(client, body, {}, _FLOW_S))
    else:
        identity = _run_unary(client, stage, body)
    root = f"/invocations/v1/executions/{identity}"
    shown = ShownFlow(
        flow,
        graph_id,
        body,
        client.get(root),
        client.get(f"{root}/checkpoints")["checkpoints"],
    )
    stage.flow_ended(shown.execution, shown.checkpoints)
    return shown


def _run_unary(client: Client, stage: Stage, body: dict[str, Any]) -> str:
    with stage.busy("running"):
        answer = client.send(
            "POST",
            "/invocations/v1/flows/invoke",
            body={**body, "wait": True, "timeout_seconds": _FLOW_S},
            read_s=_FLOW_S + _READ_MARGIN_S,
        )
    result = answer.get("result") or {}
    stage.output(result.get("output"))
    return str(answer["execution_id"])


def _retire_old_keys(client: Client) -> None:
    """Keys of earlier demonstrations: nobody uses them any more."""
    own = (client.target.key or "")[:8]
    for key in client.get("/app/v1/keys")["keys"]:
        first8 = key["key"][:8]
        if key["name"] == KEY_NAME and first8 != own:
            client.send("DELETE", f"/app/v1/keys/{first8}")


def _serve_until_interrupted(server: DemoServer) -> None:
    try:
        code = server.wait()
    except KeyboardInterrupt:
        return
    raise AxiomdError(f"The demo's server ended by itself, with {code}: see {server.log_file}.")
