"""Outputs of 64 MiB through a real box, whose memory does not follow them."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from system.box import Box, User, running

MIB = 1024 * 1024
SIZE = 64 * MIB
MEMORY_MAX = 200 * MIB

PROTO = """\
syntax = "proto3";
package acme.large;
message Ask { int64 size = 1; }
message Blob { bytes data = 1; string text = 2; int64 calls = 3; }
"""
MANIFEST = """\
name: acme/large
version: 1.0.0
language: python
nodes:
  - {name: Make, input: Ask, output: Blob}
  - {name: Hand, input: Blob, output: Blob}
"""
MAKE = """\
from gen.messages_pb2 import Blob

def make(ax, input):
    return Blob(data=bytes(range(256)) * (input.size // 256), text="made", calls=1)
"""
PASS = """\
def {name}(ax, input):
    input.calls += 1
    return input
"""


def flow(name: str, aliases: dict[str, str], edges: list[tuple[str, str]]) -> dict[str, Any]:
    nodes = [{"alias": a, "package": "acme/large@1.0.0", "node": n} for a, n in aliases.items()]
    return {"name": name, "nodes": nodes, "edges": [{"from": a, "to": b} for a, b in edges]}


ROW = flow(
    "acme/row", {"make": "Make", "one": "Hand", "two": "Hand"}, [("make", "one"), ("one", "two")]
)
WANTED = hashlib.sha256(bytes(range(256)) * (SIZE // 256)).hexdigest()


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with running(tmp_path / "data", engine_payload_bytes_max=80 * MIB) as box:
        with box.client() as user:
            pushed = user.push(
                {
                    "axiom.yaml": MANIFEST,
                    "messages/messages.proto": PROTO,
                    "nodes/make.py": MAKE,
                    "nodes/hand.py": PASS.format(name="hand"),
                }
            )
            assert pushed.status_code == 201, pushed.text
        yield box


def peak(box: Box) -> int:
    """The most memory that the server ever had, in bytes."""
    status = Path(f"/proc/{box.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def digest(output: dict[str, Any]) -> str:
    return hashlib.sha256(base64.b64decode(output["data"])).hexdigest()


def test_an_output_of_64_mib_passes_three_nodes_in_bounded_memory(box: Box) -> None:
    with box.client() as user:
        row = user.compile(ROW)
        before = peak(box)
        answer = user.invoke(row, {"size": SIZE}, wait=True, timeout_seconds=120)
        told = json.loads(answer.content)
        assert told["result"]["success"], told
        assert digest(told["result"]["output"]) == WANTED
        assert told["result"]["output"]["calls"] == "3"
        assert told["result"]["output"]["text"] == "made"
        invoked = peak(box)
        identity = told["execution_id"]
        assert digest(user.execution(identity, "/output")["output"]) == WANTED
        for_every_page(user, identity)
        shown = peak(box)
    print(f"peak: {before / MIB:.0f} {invoked / MIB:.0f} {shown / MIB:.0f} MiB")
    assert shown <= MEMORY_MAX
    # One content, however often it was passed on but for its counter of calls.
    sizes = [path.stat().st_size for path in (box.data_dir / "blobs").glob("??/*")]
    assert sum(size > MIB for size in sizes) == 3


def test_a_large_input_is_shown_whole(box: Box) -> None:
    given = base64.b64encode(bytes(range(256)) * (8 * MIB // 256)).decode()
    with box.client() as user:
        hand = user.compile(flow("acme/hand", {"hand": "Hand"}, []))
        identity = user.accepted(hand, {"data": given})
        assert user.execution(identity, "/input")["input"]["data"] == given


def for_every_page(user: User, identity: str) -> None:
    """Each checkpoint shows its input and its output whole."""
    cursor, seen = "", []
    while cursor is not None:
        page = user.execution(identity, f"/checkpoints?limit=1&cursor={cursor or 0}")
        for checkpoint in page["checkpoints"]:
            seen.append(checkpoint["placement"])
            assert digest(checkpoint["output"]) == WANTED
            if checkpoint["placement"] != "make":
                assert digest(checkpoint["input"]) == WANTED
        cursor = page["next_cursor"]
    assert seen == ["make", "one", "two"]


def test_a_large_output_survives_the_box_and_is_not_made_again(box: Box) -> None:
    with box.client() as user:
        row = user.compile(ROW)
        identity = user.accepted(row, {"size": SIZE})
        user.started(identity, "two", within_s=60)
    box.restart()
    with box.client() as user:
        assert user.ended(identity, within_s=60)["status"] == "COMPLETED"
        events = user.execution(identity, "/events?kind=node_started")["events"]
        assert [event["placement"] for event in events].count("make") == 1
        assert digest(user.execution(identity, "/output")["output"]) == WANTED
    assert peak(box) <= MEMORY_MAX
