"""A package of nodes that do what tests need, and flows over it."""

from collections.abc import Mapping, Sequence
from typing import Any

from system.box import Box

PROTO = """\
syntax = "proto3";
package acme.lab;

message Text {
  string text = 1;
  int64 count = 2;
  string log = 3;
  repeated string words = 4;
  Nested nested = 5;
  bool flag = 6;
  double ms = 7;
  int32 small_number = 8;
}
message Nested {
  int32 depth = 1;
  Nested inner = 2;
  repeated Nested items = 3;
}
message Number {
  int64 number = 1;
  string log = 2;
  double ms = 3;
}
message Other {
  repeated int64 text = 1;
  string count = 2;
}
"""

_RECORD = """\
import os
import time

def tell(input):
    if input.log:
        with open(input.log + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(input.log + ".new", input.log)

def record(ax, input, prefix=""):
    # One line for each call, whole or not at all, in a file that outlives the process.
    if input.log:
        place = prefix + ax.placement
        line = f"{ax.execution_id} {place} {ax.effect_key} {ax.attempt} {time.time_ns()}"
        fd = os.open(input.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, line.encode() + b"\\n")
        os.close(fd)
    if input.ms:
        time.sleep(input.ms / 1000)
"""

_UNARY = {
    "Echo": "return input",
    "Shout": "return Text(text=input.text.upper(), count=input.count + 1)",
    "Left": "return Text(text=input.text + 'L', words=['left'])",
    "Right": "return Text(count=7, words=['right'])",
    "Nap": (
        "tell(input)\n"
        "# A redelivered call is quick: tests need only the first one to last.\n"
        "if ax.attempt == 1:\n"
        "    time.sleep(input.count)\n"
        "return input"
    ),
    "Spin": "tell(input)\nsum(range(10**13))\nreturn input",
    "Execute": (
        "names = {'ax': ax}\nexec(input.text, names)\n"
        "return Text(text=str(names.get('result', '')))"
    ),
    "Fail": "raise ValueError('no ' + input.text)",
    "Wrong": "return Number(number=1)",
    "Grow": "return Text(text=input.text * input.count)",
    "Say": (
        "ax.log.info('hello', who='you')\nax.log.warn('careful')\nax.progress(0.5, 'half')\n"
        "print('out loud')\nreturn input"
    ),
    "Step": (
        "record(ax, input)\n"
        "return Text(text=f'{input.text}{ax.placement} ', log=input.log, ms=input.ms)"
    ),
    "Undo": "record(ax, input, 'undo-')\nreturn input",
    "Flaky": (
        "record(ax, input)\n"
        "if ax.attempt <= input.count:\n"
        "    raise LookupError(f'attempt {ax.attempt}')\n"
        "return input"
    ),
    "Die": (
        "if not input.flag:\n"
        "    if os.path.exists(input.log):\n"
        "        return input\n"
        "    open(input.log, 'w').close()\n"
        "if input.text == 'exit':\n"
        "    os._exit(7)\n"
        "os.kill(os.getpid(), signal.SIGSEGV)\n"
        "time.sleep(60)"
    ),
}
_MAPPED = {
    "Twice": (
        "record(ax, input)\nreturn Number(number=input.number * 2, log=input.log, ms=input.ms)"
    ),
}
_SPLIT = {
    "Split": (
        "for ask in inputs:\n"
        "    for number in range(ask.count):\n"
        "        if ask.ms:\n"
        "            time.sleep(ask.ms / 1000)\n"
        "        yield Number(number=number, log=ask.log)"
    ),
    "Burst": (
        "for ask in inputs:\n"
        "    for number in range(ask.count):\n"
        "        yield Number(number=number)\n"
        "    raise RuntimeError('broke after ' + str(ask.count))"
    ),
    "Stall": (
        "for ask in inputs:\n"
        "    for number in range(ask.count):\n"
        "        yield Number(number=number)\n"
        "    time.sleep(ask.ms / 1000)"
    ),
}
_TOTAL = {
    "Total": (
        "total = 0\nfor item in inputs:\n    total += item.number\n    yield Number(number=total)"
    ),
}

_BESIDE = {
    "Rest": (
        "tell(input)\n"
        "await asyncio.sleep(input.ms / 1000)\n"
        "if input.text == 'poison':\n"
        "    os.kill(os.getpid(), signal.SIGSEGV)\n"
        "return input"
    ),
}

_HEAD = """\
import asyncio
import os
import signal
import time
from nodes.recorder import record, tell
from gen.messages_pb2 import Number, Text

"""


def snake(name: str) -> str:
    """File and handler of a node of one word."""
    return name.lower()


def _source(name: str, second: str, body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    start = "async def" if "await " in body else "def"
    return f"{_HEAD}{start} {snake(name)}(ax, {second}):\n{lines}"


def package(
    changes: Mapping[str, str | None] | None = None, version: str = "1.0.0"
) -> dict[str, str]:
    """The package's files, some changed, added or (None) taken away."""
    kinds = (
        (_UNARY, "input", "Text", "Text", ""),
        (_MAPPED, "input", "Number", "Number", ""),
        (_SPLIT, "inputs", "Text", "Number", "type: pipeline"),
        (_TOTAL, "inputs", "Number", "Number", "type: pipeline"),
        (_BESIDE, "input", "Text", "Text", "concurrency: 16"),
    )
    manifest = f"name: acme/lab\nversion: {version}\nlanguage: python\nnodes:\n"
    files: dict[str, str | None] = {"messages/messages.proto": PROTO, "nodes/recorder.py": _RECORD}
    for nodes, second, given, returned, kind in kinds:
        for name, body in nodes.items():
            kind_part = f", {kind}" if kind else ""
            manifest += f"  - {{name: {name}, input: {given}, output: {returned}{kind_part}}}\n"
            files[f"nodes/{snake(name)}.py"] = _source(name, second, body)
    files |= {"axiom.yaml": manifest, **(changes or {})}
    return {path: text for path, text in files.items() if text is not None}


def flow(
    name: str,
    nodes: Mapping[str, str | Mapping[str, Any]],
    edges: Sequence[str | Mapping[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    """A flow's document: alias to node (or the whole placement), edges as `a b`."""
    placements = [
        {"alias": alias, "package": "acme/lab@1.0.0"}
        | ({"node": node} if isinstance(node, str) else dict(node))
        for alias, node in nodes.items()
    ]
    arrows = [
        dict(zip(("from", "to"), edge.split(), strict=True)) if isinstance(edge, str) else edge
        for edge in edges
    ]
    return {"name": f"acme/{name}", "nodes": placements, "edges": arrows, **more}


DIAMOND = flow(
    "diamond",
    {"ask": "Echo", "left": "Left", "right": "Right", "meet": "Echo"},
    ("ask left", "ask right", "left meet", "right meet"),
)
STEPS = flow(
    "steps",
    {"one": "Step", "two": "Step", "three": "Step", "four": "Step"},
    ("one two", "two three", "three four"),
)
UNDONE = flow(
    "undone",
    {
        **{
            alias: {"node": "Step", "config": {"compensate": {"node": "Undo"}}}
            for alias in ("one", "two", "three")
        },
        "last": "Fail",
    },
    ("one two", "two three", "three last"),
)
NUMBERS = flow(
    "numbers",
    {"split": "Split", "twice": "Twice", "total": "Total"},
    ("split twice", "twice total"),
)


def single(node: str, **more: Any) -> dict[str, Any]:
    """A flow of one node, called by the node's name."""
    return flow(snake(node), {snake(node): node}, **more)


def configured(name: str, node: str, **config: Any) -> dict[str, Any]:
    """A flow of one node, `only`, with a configuration."""
    return flow(name, {"only": {"node": node, "config": config}})


def prepare(box: Box) -> None:
    """Push the package to a new box."""
    with box.client() as user:
        pushed = user.push(package())
        assert pushed.status_code == 201, pushed.text


def compiled(box: Box, document: Mapping[str, Any]) -> str:
    """The artifact of a flow."""
    with box.client() as user:
        return user.compile(document)
