"""A package of streaming nodes that can be told to die at a frame, and flows that branch and meet.

Every item carries its `origin`, the number that the source gave it, and the placements that it came
`via`. The generators keep a running value of all that they have read, so that each of their frames
tells of every input before it that was lost, doubled or read in another order.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import httpx
from system.box import Box, Event, User, events
from system.lab import flow

PATIENCE_S = 60.0
"""Between two frames."""
MODULUS = 2**61

PROTO = """\
syntax = "proto3";
package acme.frames;

message Ask {
  int32 count = 1;
  double ms = 2;
  string deaths = 3;
  int32 bytes = 4;
  string turnstile = 5;
}
message Item {
  int32 origin = 1;
  int64 value = 2;
  string via = 3;
  string deaths = 4;
  string ballast = 5;
}
"""

_DECLARED = """\
name: acme/frames
version: 1.0.0
language: python
nodes:
  - {name: Source, input: Ask, output: Item, type: pipeline}
  - {name: Mark, input: Item, output: Item}
  - {name: Blend, input: Item, output: Item, type: pipeline}
  - {name: Fickle, input: Ask, output: Item, type: pipeline}
"""

_DEATHS = """\
import os
import signal

def die_if_due(ax, item):
    # A file for each death that is due; whoever takes it away dies of it, once.
    if item.deaths:
        try:
            os.unlink(f"{item.deaths}/{ax.placement}.{item.origin}")
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)
"""

_HEAD = """\
import fcntl
import os
import time
from nodes.deaths import die_if_due
from gen.messages_pb2 import Ask, Item


"""
_NODES = {
    "source": """\
def source(ax, inputs):
    for ask in inputs:
        for number in range(ask.count):
            if number == 1 and ask.turnstile:
                # Waits in the kernel until nobody holds the file any more.
                with open(ask.turnstile) as file:
                    fcntl.flock(file, fcntl.LOCK_SH)
            item = Item(origin=number, value=number, deaths=ask.deaths, ballast="x" * ask.bytes)
            die_if_due(ax, item)
            if ask.ms and number >= ax.resume_index:
                # What is on record is only repeated: that need not take its time again.
                time.sleep(ask.ms / 1000)
            yield item
""",
    "fickle": """\
def fickle(ax, inputs):
    for ask in inputs:
        for number in range(ask.count):
            time.sleep(ask.ms / 1000)
            item = Item(origin=number, value=os.getpid(), deaths=ask.deaths)
            die_if_due(ax, item)
            yield item
""",
    "mark": """\
def mark(ax, input):
    die_if_due(ax, input)
    via = input.via + ax.placement[0]
    return Item(origin=input.origin, value=input.value * 2, via=via, deaths=input.deaths)
""",
    "blend": f"""\
def blend(ax, inputs):
    value = 0
    for item in inputs:
        die_if_due(ax, item)
        value = (value * 31 + item.value + 1) % {MODULUS}
        via = item.via + ax.placement[0]
        yield Item(origin=item.origin, value=value, via=via, deaths=item.deaths)
""",
}

PLACEMENTS = {
    "source": "Source",
    "unary": "Mark",
    "generator": "Blend",
    "left": "Mark",
    "right": "Blend",
    "meet": "Mark",
    "total": "Blend",
}
_ARROWS = (
    "source unary",
    "unary generator",
    "generator left",
    "generator right",
    "left meet",
    "right meet",
    "meet total",
)
KINDS = ("AND", "XOR")


def package() -> dict[str, str]:
    """The package's files."""
    return {
        "axiom.yaml": _DECLARED,
        "messages/messages.proto": PROTO,
        "nodes/deaths.py": _DEATHS,
        **{f"nodes/{name}.py": _HEAD + text for name, text in _NODES.items()},
    }


def placed(node: str) -> dict[str, Any]:
    """A placement of a node of this package."""
    return {"package": "acme/frames@1.0.0", "node": node}


def document(kind: str) -> dict[str, Any]:
    """Generator, unary, generator; two branches of it; a gate of `kind`; a generator."""
    placements = {alias: placed(node) for alias, node in PLACEMENTS.items()}
    placements["meet"] |= {"config": {"join": {"kind": kind}}}
    return flow(f"chain-{kind.lower()}", placements, _ARROWS)


SOURCE = flow("source", {"source": placed("Source")})
FICKLE = flow("fickle", {"fickle": placed("Fickle")})


# -- what must come out -----------------------------------------------------------------------


def blend(values: Iterable[int]) -> list[int]:
    """The frames of the node called so."""
    running = itertools.accumulate(
        values, lambda total, v: (total * 31 + v + 1) % MODULUS, initial=0
    )
    return list(running)[1:]


def check(kind: str, count: int, got: Sequence[Event]) -> None:
    """Hold a stream against what an undisturbed one is, for `count` items of the source."""
    *frames, closing = got
    assert closing.data["success"], closing.data
    assert [event.id for event in got] == [str(index) for index in range(len(got))]
    items = [(e.data["payload"]["origin"], e.data["payload"]["via"]) for e in frames]
    generated = blend(2 * number for number in range(count))
    arms = {"uglmt": [2 * value for value in generated], "ugrmt": blend(generated)}
    if kind == "AND":
        # Merged in edge order: the right arm's fields win.
        assert items == [(number, "ugrmt") for number in range(count)]
    for via in arms if kind == "XOR" else ():
        assert [origin for origin, arm in items if arm == via] == list(range(count))
    wanted = blend(2 * arms[via][origin] for origin, via in items)
    assert [int(event.data["payload"]["value"]) for event in frames] == wanted


# -- who reads it -----------------------------------------------------------------------------


@attrs.define
class Reading:
    """A client that goes on behind the last frame it has, whatever happens to its connection."""

    box: Box
    graph_id: str
    given: dict[str, Any]
    name: str
    on_frames: Callable[[int], None] = lambda _: None
    """Told how many frames there are, with each one."""
    got: list[Event] = attrs.field(factory=list)
    breaks: int = 0
    """Connections that were lost."""
    fault: BaseException | None = None

    def start(self) -> threading.Thread:
        """Read on a thread of its own; `fault` says what went wrong."""
        thread = threading.Thread(target=self._read_safely)
        thread.start()
        return thread

    def _read_safely(self) -> None:
        try:
            self.read()
        except BaseException as fault:  # noqa: BLE001 - reported by the test
            self.fault = fault

    def read(self) -> list[Event]:
        """Everything, up to the closing frame."""
        deadline, seen = time.monotonic() + PATIENCE_S, 0
        with self.box.client() as user:
            while not (self.got and self.got[-1].data["is_final"]):
                if len(self.got) > seen:
                    deadline, seen = time.monotonic() + PATIENCE_S, len(self.got)
                assert time.monotonic() < deadline, f"{self.name}: {len(self.got)} frames, no end"
                try:
                    self._read_on(user)
                except httpx.TransportError:
                    self.breaks += 1
                    time.sleep(0.02)
        return self.got

    def _read_on(self, user: User) -> None:
        if self.got:
            identity = self.got[0].data["execution_id"]
            headers = {"Last-Event-ID": str(self.got[-1].id)}
            path = f"/invocations/v1/executions/{identity}/stream"
            opened = user.http.stream("GET", path, headers=headers)
        else:
            headers = {"Idempotency-Key": self.name}
            opened = user.stream(self.graph_id, self.given, headers=headers, timeout_seconds=600)
        with opened as answer:
            if answer.status_code == 503:
                return
            assert answer.status_code == 200, answer.read()
            for event in events(answer):
                self.got.append(event)
                self.on_frames(len(self.got))


def prepare(box: Box) -> dict[str, str]:
    """Push the package; the artifacts of the chains by kind, of single nodes by name."""
    with box.client() as user:
        pushed = user.push(package())
        assert pushed.status_code == 201, pushed.text
        chains = {kind: user.compile(document(kind)) for kind in KINDS}
        return {**chains, "source": user.compile(SOURCE), "fickle": user.compile(FICKLE)}


def deaths(directory: Path, *due: tuple[str, int]) -> str:
    """A directory that makes nodes die: `(placement, origin)` each."""
    directory.mkdir()
    for placement, origin in due:
        (directory / f"{placement}.{origin}").touch()
    return str(directory)
