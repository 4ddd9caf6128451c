"""What `axiomd demo` prints: tables, live frames, commands to copy.

With `--json` all of this goes to stderr and one JSON object to stdout at the end. Decides
nothing and asks the server for nothing.
"""

import json
import shlex
from collections import deque
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import attrs
import rich.box
from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from axiomd.cli.demo_server import DemoServer
from axiomd.cli.executions import executions_table, steps_table
from axiomd.cli.output import count_of, say, size, stderr, stdout, write_json
from axiomd.cli.streams import Frames
from axiomd.examples.catalog import ExampleFlow
from axiomd.execution.status import Status
from axiomd.limits import INLINE_BYTES_MAX

_FRAMES_SHOWN = 8
_TEXT_LINES_SHOWN = 30
_SCREEN_BYTES = 8 * 1024
"""An answer larger than this is better kept in a file."""

Json = dict[str, Any]


@attrs.frozen
class ShownFlow:
    """One example flow that was run."""

    flow: ExampleFlow
    graph_id: str
    body: Json
    """What was posted."""
    execution: Json
    checkpoints: list[Json]

    @property
    def completed(self) -> bool:
        """Whether it went well."""
        return bool(self.execution["status"] == Status.COMPLETED)


class Stage:
    """The demo's voice."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = stderr() if as_json else stdout()

    def opening(self, server: DemoServer, file: Path) -> None:
        """Where the server is and what it reads."""
        self._say("axiomd is running", "bold green")
        self._say(f"  URL             {server.target.url}")
        self._say(f"  Data directory  {server.data_dir}")
        self._say(f"  Server's log    {server.log_file}")
        self._say(f"  Input           {file.resolve()} ({size(file.stat().st_size)})")
        self._say("")

    def pushed(self, package: Json) -> None:
        """A package is on the server."""
        nodes = count_of(len(package["nodes"]), "node")
        self._say(f"pushed    {package['name']}@{package['version']}, {nodes}")

    def compiled(self, artifact: Json) -> None:
        """A flow is an artifact."""
        self._say(
            f"compiled  {artifact['flow']} to {artifact['graph_id']}: {artifact['mode']}, "
            f"{artifact['placements']} placements"
        )

    def busy(self, words: str) -> AbstractContextManager[object]:
        """A spinner while something takes time."""
        return self._console.status(words)

    def flow_begins(self, flow: ExampleFlow) -> None:
        """A heading."""
        self._say("")
        self._console.rule(Text(flow.name, "bold"), align="left")
        self._say(flow.about, "dim")

    def frames(self, frames: Frames) -> str:
        """Show frames while they come, the last few of them; the execution's ID."""
        recent: deque[str] = deque(maxlen=_FRAMES_SHOWN)
        identity, count = "", 0
        with Live(console=self._console, refresh_per_second=20, transient=True) as live:
            for frame in frames:
                identity = str(frame["execution_id"])
                if frame["is_final"]:
                    continue
                count += 1
                payload = frame["payload"]
                text = payload.get("text") or json.dumps(payload, ensure_ascii=False)
                recent.append(f"frame {frame['frame_index']:>4}  {text}")
                live.update(_frames_view(recent, count))
        self._console.print(_frames_view(recent, count))
        return identity

    def output(self, output: Any) -> None:
        """The output of a unary flow, if it is text to read."""
        text = output.get("text") if isinstance(output, dict) else None
        if not isinstance(text, str):
            return
        lines = text.rstrip().splitlines()
        shown = "\n".join(lines[:_TEXT_LINES_SHOWN])
        self._console.print(Panel(Text(shown), box=rich.box.ROUNDED, expand=False))

    def flow_ended(self, execution: Json, checkpoints: list[Json]) -> None:
        """The steps of an execution, and where large outputs went."""
        self._console.print(steps_table(checkpoints, title=None))
        large = [step for step in checkpoints if (step["output_bytes"] or 0) > INLINE_BYTES_MAX]
        if large:
            total = size(sum(step["output_bytes"] for step in large))
            names = ", ".join(f"{s['position']} {size(s['output_bytes'])}" for s in large)
            self._say(
                f"Over {size(INLINE_BYTES_MAX)}, so kept out of band: {names}; {total} in all."
            )
        if execution["error"]:
            self._say(execution["error"], "bold red")

    def closing(self, server: DemoServer, flows: list[ShownFlow], *, once: bool) -> None:
        """The executions, the commands to copy, and how to stop."""
        self._say("")
        executions = [one.execution for one in flows]
        self._console.print(executions_table(executions, title="What happened"))
        self._blobs(server.data_dir / "blobs")
        if self._as_json:
            write_json(_summary(server, flows))
        if not once:
            self._commands(server, flows)

    def _commands(self, server: DemoServer, flows: list[ShownFlow]) -> None:
        url = server.target.url
        self._say("")
        self._say("The same by hand:", "bold")
        for one in flows:
            self._say("")
            self._say(f"# {one.flow.name}", "dim")
            self._say(curl_command(server, one))
        self._say("")
        self._say("Every execution, with its events and checkpoints below it:", "bold")
        self._say(f"  {url}/invocations/v1/executions")
        self._say(f"  {curl(server)} {url}/invocations/v1/executions")
        self._say("")
        self._say("For axiomd's own commands in another terminal:", "bold")
        self._say(f"  export AXIOMD_URL={url} AXIOMD_API_KEY={server.target.key}")
        self._say("  axiomd executions list")
        self._say("")
        self._say("Serving until Ctrl-C.", "bold green")

    def goodbye(self, server: DemoServer) -> None:
        """What stays."""
        self._say("")
        self._say(f"Stopping. What ran is kept in {server.data_dir}.")

    def _blobs(self, directory: Path) -> None:
        files = [path for path in directory.rglob("*") if path.is_file()]
        if files:
            total = size(sum(path.stat().st_size for path in files))
            said = f"Out of band: {count_of(len(files), 'file')}, {total}, named by content, in"
            self._say(f"{said} {directory}", "dim")

    def _say(self, text: str, style: str = "") -> None:
        say(self._console, text, style)


def _frames_view(recent: deque[str], count: int) -> Group:
    lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in recent]
    return Group(*lines, Text(f"{count_of(count, 'frame')}, each on disk before it came", "dim"))


def curl(server: DemoServer) -> str:
    """curl with the key."""
    return f"curl -sS -H 'Authorization: Bearer {server.target.key}'"


def curl_command(server: DemoServer, one: ShownFlow) -> str:
    """The command that invokes a flow as the demo did; long answers go to a file."""
    unary = one.flow.mode == "unary"
    path = "/invocations/v1/flows/invoke" + ("" if unary else "/stream")
    body = {**one.body, "wait": True} if unary else one.body
    data = shlex.quote(json.dumps(body, ensure_ascii=False))
    large = any((step["output_bytes"] or 0) > _SCREEN_BYTES for step in one.checkpoints[-1:])
    end = f" -o {one.flow.name.rpartition('/')[2]}.json" if large else ""
    return (
        f"{curl(server)}{'' if unary else ' -N'} -H 'Content-Type: application/json' "
        f"-d {data} {server.target.url}{path}{end}"
    )


def _summary(server: DemoServer, flows: list[ShownFlow]) -> Json:
    return {
        "url": server.target.url,
        "data_dir": str(server.data_dir),
        "flows": [
            {
                "flow": one.flow.name,
                "graph_id": one.graph_id,
                "execution_id": one.execution["execution_id"],
                "status": one.execution["status"],
                "duration_ms": one.execution["duration_ms"],
                "error": one.execution["error"],
                "steps": [
                    {
                        "placement": step["placement"],
                        "duration_ms": step["duration_ms"],
                        "output_bytes": step["output_bytes"],
                        "frames": step.get("frames"),
                    }
                    for step in one.checkpoints
                ],
                "curl": curl_command(server, one),
            }
            for one in flows
        ],
    }
