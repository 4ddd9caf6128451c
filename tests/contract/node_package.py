"""A package of nodes that behave and misbehave, made with the real generator, and calls of them."""

import functools
from pathlib import Path

import attrs
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClassesForFiles

from axiomd.authoring.generate import generate
from axiomd.authoring.protoc import compile_protos
from axiomd.execution.call import NodeCall
from axiomd.flow.package import PROTO_FILE
from axiomd.runners.environment import PackageFiles

PROTO = b"""
syntax = "proto3";
package t;
message Ask { string text = 1; int64 count = 2; bytes blob = 3; }
message Answer { string text = 1; int64 count = 2; bytes blob = 3; }
"""

NODES = {
    "echo": """
from gen.messages_pb2 import Answer
def echo(ax, input):
    return Answer(text=input.text, count=input.count, blob=input.blob)
""",
    "echo_async": """
import asyncio
from gen.messages_pb2 import Answer
async def echo_async(ax, input):
    await asyncio.sleep(0)
    return Answer(text=input.text)
""",
    "meet": """
import asyncio, os
from gen.messages_pb2 import Answer
there = []
async def meet(ax, input):
    there.append(asyncio.Event())
    if len(there) == input.count:
        for event in there: event.set()
        there.clear()
    else:
        await there[-1].wait()
    return Answer(count=os.getpid())
""",
    "crowd": """
import asyncio
from gen.messages_pb2 import Answer
inside = 0
async def crowd(ax, input):
    global inside
    inside += 1
    most = 0
    for _ in range(10):
        most = max(most, inside)
        await asyncio.sleep(0.002)
    inside -= 1
    return Answer(count=most)
""",
    "wait": """
import asyncio, os, pathlib, time
from gen.messages_pb2 import Answer
async def wait(ax, input):
    path = pathlib.Path(input.text)
    path.write_text(str(os.getpid()))
    go = path.with_suffix(".go")
    try:
        while not go.exists():
            await asyncio.sleep(0.005)
    finally:
        path.with_suffix(".left").write_text("")
    how = go.read_text()
    if how == "die": import ctypes; ctypes.string_at(0)
    if how == "spin": sum(range(10**13))
    if how == "thread": await asyncio.to_thread(time.sleep, 1000)
    if how == "exit": raise SystemExit(4)
    while how == "refuse":
        try: await asyncio.sleep(1000)
        except asyncio.CancelledError: pass
    return Answer(count=os.getpid())
""",
    "leave_task": """
import asyncio, pathlib
from gen.messages_pb2 import Answer
async def leave_task(ax, input):
    async def linger():
        try: await asyncio.sleep(1000)
        finally: pathlib.Path(input.text).write_text("cancelled")
    asyncio.create_task(linger())
    await asyncio.sleep(0)
    return Answer()
""",
    "talk_async": """
import asyncio, sys
from gen.messages_pb2 import Answer
async def talk_async(ax, input):
    for word in "abc":
        print(input.text, end="")
        await asyncio.sleep(0.002)
        print(word, file=sys.stdout)
        ax.log.info(input.text)
        await asyncio.create_task(aside(input.text))
    await asyncio.to_thread(print, input.text + "-thread")
    return Answer()
async def aside(text):
    await asyncio.sleep(0)
    print(text + "-task")
""",
    "chatter": """
import threading, time
from gen.messages_pb2 import Answer
async def chatter(ax, input):
    def talk():
        while True:
            ax.log.info("still here")
            time.sleep(0.0002)
    threading.Thread(target=talk, daemon=True).start()
    return Answer()
""",
    "echo_shared": """
from gen.messages_pb2 import Answer
async def echo_shared(ax, input):
    return Answer(text=input.text, blob=input.blob)
""",
    "first": """
from gen.messages_pb2 import Answer
calls = 0
def first(ax, input):
    global calls
    calls += 1
    return Answer(count=calls)
""",
    "hoard": """
import os
from gen.messages_pb2 import Answer
kept = []
def hoard(ax, input):
    kept.append(os.urandom(1) * input.count)
    return Answer(count=os.getpid())
""",
    "context": """
from gen.messages_pb2 import Answer
def context(ax, input):
    value, found = ax.secrets.get("TOKEN")
    none = ax.secrets.get("NONE")
    flow = ax.reflection.flow
    return Answer(text="|".join(map(str, [
        ax.execution_id, ax.flow_id, ax.tenant_id, ax.placement, ax.attempt, ax.effect_key,
        ax.resume_index, ax.config["k"], value, found, none, flow.nodes[0].alias])))
""",
    "talk": """
import os, sys
from gen.messages_pb2 import Answer
def talk(ax, input):
    ax.log.info("hello", a=1, b=None)
    ax.log.warn("\\ud800")
    ax.progress(0.5, "half")
    print("one\\ntwo")
    print("rest", end="")
    print("err", file=sys.stderr)
    os.write(1, b"raw")
    sys.stdout.flush()
    sys.stdout.buffer.write(b"\\xff")
    return Answer(text="done")
""",
    "execute": """
from gen.messages_pb2 import Answer
def execute(ax, input):
    names = {"ax": ax}
    exec(input.text, names)
    return Answer(text=str(names.get("result", "")))
""",
    "fail": """
def fail(ax, input):
    raise ValueError("no " + input.text)
""",
    "leave": """
import sys
def leave(ax, input):
    sys.exit(3)
""",
    "wrong": """
from gen.messages_pb2 import Ask
def wrong(ax, input):
    return Ask()
""",
    "nothing": "def nothing(ax, input): pass\n",
    "broken": "import does_not_exist\n",
    "syntax": "def syntax(:\n",
    "unnamed": "def other(ax, input): pass\n",
    "sleepy": """
import time, pathlib, os
def sleepy(ax, input):
    pathlib.Path(input.text).write_text(str(os.getpid()))
    time.sleep(1000)
""",
    "spin": """
import pathlib, os
def spin(ax, input):
    pathlib.Path(input.text).write_text(str(os.getpid()))
    sum(range(10**13))
""",
    "segfault": """
import ctypes
def segfault(ax, input):
    ctypes.string_at(0)
""",
    "exit_seven": """
import os
def exit_seven(ax, input):
    os._exit(7)
""",
    "hang_up": """
import os, time
def hang_up(ax, input):
    os.closerange(3, 100)
    time.sleep(1000)
""",
    "babble": """
import os, time
def babble(ax, input):
    for fd in range(3, 30):
        try: os.write(fd, b"\\x02\\x00\\x00\\x00\\x07" + bytes(8) + b"{}" + b"\\xff" * 100)
        except OSError: pass
    time.sleep(1000)
""",
    "whoami": """
import os
from gen.messages_pb2 import Answer
def whoami(ax, input):
    return Answer(count=os.getpid(), text=str(os.getppid()))
""",
    "nap": """
import os, time
from gen.messages_pb2 import Answer
def nap(ax, input):
    time.sleep(input.count / 1000)
    return Answer(count=os.getpid())
""",
    "big": """
from gen.messages_pb2 import Answer
def big(ax, input):
    return Answer(blob=bytes(input.count))
""",
    "parent": """
import subprocess
from gen.messages_pb2 import Answer
def parent(ax, input):
    child = subprocess.Popen(["sleep", "1000"], start_new_session=input.text == "session")
    return Answer(count=child.pid)
""",
    "count": """
from gen.messages_pb2 import Answer
def count(ax, inputs):
    first = next(inputs)
    for i in range(first.count):
        yield Answer(count=i, blob=first.blob)
""",
    "ahead": """
import os
from gen.messages_pb2 import Answer
def ahead(ax, inputs):
    first = next(inputs)
    fd = os.open(first.text, os.O_WRONLY | os.O_CREAT, 0o600)
    for i in range(first.count):
        os.pwrite(fd, b"%12d" % i, 0)
        yield Answer(count=i, blob=first.blob)
""",
    "count_async": """
from gen.messages_pb2 import Answer
async def count_async(ax, inputs):
    async for first in inputs:
        for i in range(first.count):
            yield Answer(count=i)
""",
    "upper": """
from gen.messages_pb2 import Answer
def upper(ax, inputs):
    for item in inputs:
        yield Answer(text=item.text.upper())
""",
    "midway": """
from gen.messages_pb2 import Answer
def midway(ax, inputs):
    yield Answer(count=1)
    yield Answer(count=2)
    raise RuntimeError("midway")
""",
    "wrong_frame": """
from gen.messages_pb2 import Answer
def wrong_frame(ax, inputs):
    yield Answer(count=1)
    yield "text"
""",
    "no_generator": "def no_generator(ax, inputs): return None\n",
    "die_midway": """
import os
from gen.messages_pb2 import Answer
def die_midway(ax, inputs):
    yield Answer(count=1)
    os._exit(9)
""",
    "silent": """
import time
from gen.messages_pb2 import Answer
def silent(ax, inputs):
    yield Answer(count=1)
    time.sleep(1000)
""",
    "ignore_inputs": """
from gen.messages_pb2 import Answer
def ignore_inputs(ax, inputs):
    yield Answer(count=7)
""",
}


@functools.cache
def package_files() -> dict[str, bytes]:
    """The package's files, compiled and generated for real."""
    compiled = compile_protos(PROTO)
    nodes = {f"nodes/{name}.py": text.encode() for name, text in NODES.items()}
    return {PROTO_FILE: PROTO, **nodes, **generate(compiled)}


@functools.cache
def messages():
    """The message classes, by full name, for this process."""
    files = FileDescriptorSet.FromString(compile_protos(PROTO).descriptor_set).file
    pool = DescriptorPool()
    for file in files:
        pool.Add(file)
    return GetMessageClassesForFiles([file.name for file in files], pool)


def ask(**fields) -> bytes:
    """An Ask's bytes."""
    return messages()["t.Ask"](**fields).SerializeToString()


def answer(payload: bytes):
    """An Answer."""
    return messages()["t.Answer"].FromString(payload)


def install(root: Path, *digests: str, **changed: str) -> PackageFiles:
    """A PackageFiles with the package under each digest; `changed` replaces nodes by name."""
    packages = PackageFiles(root)
    nodes = {f"nodes/{name}.py": text.encode() for name, text in changed.items()}
    for digest in digests or ("d1",):
        packages.install(digest, {**package_files(), **nodes})
    return packages


CALL = NodeCall(
    execution_id="e" * 32,
    graph_id="G1",
    tenant="default",
    placement="p",
    position="p",
    attempt=1,
    effect_key="key",
    digest="d1",
    node="Echo",
    kind="unary",
    input_type="t.Ask",
    output_type="t.Answer",
    payload=b"",
    timeout_s=20.0,
)


def call(node: str, payload: bytes = b"", **changes) -> NodeCall:
    """A call of a node of the package."""
    return attrs.evolve(CALL, node=node, payload=payload, **changes)


def stream_call(node: str, **changes) -> NodeCall:
    """A call of a pipeline node of the package."""
    return call(node, kind="pipeline", **changes)


def ignore(event) -> None:
    """An emit that forgets."""
