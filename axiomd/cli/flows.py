"""`axiomd compile` and `axiomd invoke`."""

import json
import sys
from pathlib import Path
from typing import Any

import rich_click as click

from axiomd.api.curl import curl
from axiomd.cli.client import Client
from axiomd.cli.connected import with_client
from axiomd.cli.exits import Exit, ServerRefused
from axiomd.cli.options import input_option, json_option
from axiomd.cli.output import count_of, note, say, stderr, stdout, write_json, write_value
from axiomd.cli.streams import STREAM, Frames, start_frames
from axiomd.errors import NotFound, Problem
from axiomd.flow.source import (
    FLOW_NAME,
    FlowSource,
    flow_document,
    read_flow_json,
    read_flow_yaml,
)
from axiomd.ids import ARTIFACT_ID
from axiomd.limits import PRIORITY_DEFAULT, PRIORITY_MAX
from axiomd.strict import locate

_COMPILE_S = 120.0
_WAIT_MARGIN_S = 15.0
_STDIN = "-"
_INVOKE = "/invocations/v1/flows/invoke"


@click.command("compile")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@json_option
@with_client
def compile_flow(client: Client, file: str, as_json: bool) -> None:
    """Store a flow (YAML or JSON) as a draft and compile it to an artifact.

    The same content compiles to the same artifact. Every problem is shown with file and line.

    \b
    Example:
      axiomd compile flow.yaml --json
    """
    source = read_source(file)
    artifact = compile_source(client, source)
    if as_json:
        write_json(artifact)
        return
    what = "compiled" if artifact["created"] else "unchanged"
    placements = count_of(artifact["placements"], "placement")
    say(stdout(), f"{artifact['graph_id']}")
    note(f"{artifact['flow']} {what}: {artifact['mode']}, {placements}")
    for told in artifact["warnings"]:
        problem = locate(Problem(told["path"], told["message"]), source.file, source.lines)
        say(stderr(), f"warning: {problem}", "yellow")
    note(f"next: axiomd invoke {artifact['flow']} --input KEY=VALUE")


def read_source(file: str) -> FlowSource:
    """A flow from a file, or from stdin; JSON if the file's name says so."""
    text = sys.stdin.buffer.read() if file == _STDIN else Path(file).read_bytes()
    if file.endswith(".json"):
        return read_flow_json(json_value(text.decode("utf-8", "replace"), file))
    return read_flow_yaml(text, file="stdin" if file == _STDIN else file)


def compile_source(client: Client, source: FlowSource) -> Any:
    """Store the draft and compile it; the server's problems get the source's lines."""
    path = f"/app/v1/flows/{source.name}"
    try:
        client.send("PUT", path, body=flow_document(source))
        return client.send("POST", f"{path}/compile", read_s=_COMPILE_S)
    except ServerRefused as refusal:
        refusal.problems = tuple(
            locate(problem, source.file, source.lines) for problem in refusal.problems
        )
        raise


@click.command()
@click.argument("target", metavar="GRAPH_ID|HANDLE/FLOW")
@input_option
@click.option("--no-wait", is_flag=True, help="Return once it is accepted.")
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=30.0,
    metavar="SECONDS",
    help="How long to wait [30]; the execution goes on.",
)
@click.option("--idempotency-key", metavar="TEXT", help="The same key is the same execution.")
@click.option("--webhook", metavar="URL", help="Who is told of its end.")
@click.option("--config", metavar="CONFIG_ID", help="The flow config that holds for it.")
@click.option("--curl", "as_curl", is_flag=True, help="Print the curl command that does the same.")
@click.option(
    "--priority",
    type=click.IntRange(0, PRIORITY_MAX),
    help=f"Of what waits, the higher goes first [{PRIORITY_DEFAULT}].",
)
@json_option
@with_client
@click.pass_context
def invoke(
    context: click.Context,
    client: Client,
    target: str,
    inputs: tuple[str, ...],
    no_wait: bool,
    timeout: float,
    idempotency_key: str | None,
    webhook: str | None,
    config: str | None,
    as_curl: bool,
    priority: int | None,
    as_json: bool,
) -> None:
    """Invoke an artifact, or the last compiled one of a flow, and print its output.

    A pipeline's frames are printed as they come, one JSON value a line. Ctrl-C ends the
    watching, never the execution.

    \b
    Example:
      axiomd invoke acme/order-intake --input order_id=A-17 --input amount=3
      axiomd invoke 01JX5M4ZV8QK3T0B9N2R7C6D1E --input @order.json --no-wait
      axiomd invoke acme/order-intake --input order_id=A-17 --curl
    """
    artifact = client.get(f"/app/v1/artifacts/{find_graph_id(client, target)}")
    request = {
        "graph_id": artifact["graph_id"],
        "input": read_input(inputs, artifact["input_schema"]),
        **({"webhook": {"url": webhook}} if webhook is not None else {}),
        **({"config_id": config} if config is not None else {}),
        **({"priority": priority} if priority is not None else {}),
    }
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    streams = artifact["mode"] == "pipeline"
    if as_curl:
        wait = {} if streams else {"wait": not no_wait}
        body = {**request, **wait, "timeout_seconds": timeout}
        _show_curl(client, body, headers, streams=streams, as_json=as_json)
        return
    if streams:
        frames = start_frames(client, request, headers, 0.1 if no_wait else timeout)
        code = _show_accepted(frames, as_json) if no_wait else show_frames(frames, as_json=as_json)
    else:
        code = _invoke_unary(client, request, headers, None if no_wait else timeout, as_json)
    context.exit(code)


def _show_curl(
    client: Client, body: Any, headers: dict[str, str], *, streams: bool, as_json: bool
) -> None:
    url = client.target.url + (STREAM if streams else _INVOKE)
    command = curl(url, body, streams=streams, headers=headers)
    write_json({"curl": command}) if as_json else click.echo(command)


def find_graph_id(client: Client, target: str) -> str:
    """The artifact that an ID or a flow's name means."""
    if ARTIFACT_ID.fullmatch(target):
        return target
    if not FLOW_NAME.fullmatch(target):
        raise click.BadParameter(f"{target!r} is neither an artifact ID nor HANDLE/FLOW")
    graph_id = client.get(f"/app/v1/flows/{target}")["graph_id"]
    if graph_id is None:
        raise NotFound(f"{target} has not been compiled since it was saved: `axiomd compile FILE`.")
    return str(graph_id)


def read_input(inputs: tuple[str, ...], schema: Any) -> Any:
    """The input from what was given; `KEY=VALUE` is read as the schema says."""
    document: Any = {}
    for text in inputs:
        if text.startswith("@"):
            document = json_value(_read_text(text[1:]), text)
        elif text.lstrip()[:1] in ("{", "[", '"'):
            document = json_value(text, "--input")
        else:
            name, found, value = text.partition("=")
            if not found or not isinstance(document, dict):
                raise click.BadParameter(f"{text!r} is neither JSON, nor @FILE, nor KEY=VALUE")
            document[name] = _field_value(value, schema.get("properties", {}).get(name, {}))
    return document


def _field_value(text: str, schema: Any) -> Any:
    if schema.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_text(name: str) -> str:
    try:
        if name == _STDIN:
            return sys.stdin.buffer.read().decode("utf-8")
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise click.BadParameter(f"{name} cannot be read: {failure}") from None


def json_value(text: str, name: str) -> Any:
    """A JSON text as a value; a usage error says where it is wrong."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as failure:
        raise click.BadParameter(f"{name} is not JSON: {failure}") from None


def _invoke_unary(
    client: Client, request: Any, headers: dict[str, str], wait_s: float | None, as_json: bool
) -> Exit:
    body = {**request, "wait": wait_s is not None}
    read_s = _WAIT_MARGIN_S + (wait_s or 0)
    if wait_s is not None:
        body["timeout_seconds"] = wait_s
    with stderr().status("waiting for the output"):
        answer = client.send("POST", _INVOKE, body=body, headers=headers, read_s=read_s)
    return show_answer(answer, as_json=as_json)


def show_answer(answer: Any, *, as_json: bool) -> Exit:
    """Print what an invocation came to: its output on stdout, everything else on stderr."""
    result = answer.get("result")
    identity = answer["execution_id"]
    code = Exit.OK
    if answer.get("timed_out"):
        code = Exit.TIMED_OUT
    elif result is not None and not result["success"]:
        code = Exit.REFUSED
    if as_json:
        write_json(answer)
    elif result is None:
        say(stdout(), identity)
        words = "not finished in time, it goes on" if code else "accepted"
        note(f"{words}: axiomd executions follow {identity}")
    elif result["success"]:
        write_value(result["output"])
        note(f"execution {identity} completed")
    else:
        show_failure(identity, result)
    return code


def show_failure(identity: str, view: Any) -> None:
    """Say on stderr how an execution failed."""
    failure = view.get("failure") or {}
    kind = failure.get("kind") or "FAILED"
    say(stderr(), f"{kind}: {view.get('error') or 'it did not complete'}", "red")
    note(f"see: axiomd executions show {identity}")


def show_frames(frames: Frames, *, as_json: bool) -> Exit:
    """Print frames as they come, then how the stream ended."""
    closing: Any = {}
    for frame in frames:
        if frame["is_final"]:
            closing = frame
        if as_json:
            write_json(frame)
        elif not frame["is_final"]:
            write_json(frame["payload"])
    identity = closing["execution_id"]
    if closing["success"]:
        note(f"execution {identity} completed: {closing['frame_index']} frames")
        return Exit.OK
    if closing.get("timed_out"):
        note(f"{closing['error']}: axiomd executions follow {identity} --frames")
        return Exit.TIMED_OUT
    if not as_json:
        show_failure(identity, closing)
    return Exit.REFUSED


def _show_accepted(frames: Frames, as_json: bool) -> Exit:
    identity = next(frames)["execution_id"]
    frames.close()
    return show_answer({"accepted": True, "execution_id": identity}, as_json=as_json)
