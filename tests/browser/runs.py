"""Flows of the lab, and executions of them, for somebody to look at."""

from datetime import datetime
from pathlib import Path
from typing import Any

from system.box import Box, User
from system.lab import PROTO, configured, flow, package, single

CROWD = 2_000

ASKING = flow(
    "asking",
    {
        "first": "Step",
        "asked": {
            "node": "Step",
            "config": {"hitl": {"interrupt_payload": {"question": "Is this right?"}}},
        },
        "last": "Step",
    },
    ("first asked", "asked last"),
)
NEVER = {"op": "EQ", "field": "text", "value": "never"}
BRANCHED = flow(
    "branched",
    {
        "begin": "Echo",
        "left": "Step",
        "flaky": {
            "node": "Flaky",
            "config": {"retry": {"max_attempts": 3, "initial_interval_ms": 40}},
        },
        "never": "Step",
        "meet": "Say",
    },
    (
        "begin left",
        "begin flaky",
        {"from": "begin", "to": "never", "condition": NEVER},
        "flaky meet",
        "left meet",
        "never meet",
    ),
)
"""A diamond with a retry on one arm, one arm that is not taken, and a node that logs."""

SPREAD = flow(
    "spread",
    {
        "begin": "Echo",
        "each": {"node": "Shout", "config": {"fan_out": {"items": "value.words"}}},
        "gather": "Echo",
    },
    (
        {"from": "begin", "to": "each", "adapter": {"text": "item"}},
        "each gather",
    ),
)
NAPS = single("Nap")
FAILS = single("Fail")
COUNTS = flow("counts", {"split": "Split", "total": "Total"}, ("split total",))
"""A pipeline; `ms` of its input is the time between two frames."""


MOODY = configured("moody", "Step", hitl={"interrupt_payload": {"question": "How is it?"}})
MOODY["nodes"][0]["package"] = "acme/lab@1.1.0"
_MOOD = "enum Mood { MOOD_UNKNOWN = 0; GLAD = 1; SAD = 2; }\n"


def push_moods(user: User) -> None:
    """A version of the package whose messages also have an enum."""
    proto = PROTO.replace("message Text {", _MOOD + "message Text {\n  Mood mood = 9;")
    pushed = user.push(package({"messages/messages.proto": proto}, "1.1.0"))
    assert pushed.status_code in (200, 201), pushed.text


HOLDS = single("Execute")


def until(there: Path) -> dict[str, str]:
    """The input of `HOLDS`: its call lasts until the file is there."""
    return {"text": f"import os, time\nwhile not os.path.exists({str(there)!r}): time.sleep(0.01)"}


def many(child: str) -> dict[str, Any]:
    """A flow that begins a child execution for each item."""
    document = flow("many", {"ask": "Echo", "end": "Echo"})
    fan_out = {"fan_out": {"items": "value.nested.items"}}
    document["nodes"].insert(1, {"alias": "each", "subflow": child, "config": fan_out})
    document["edges"] = [
        {"from": "ask", "to": "each", "adapter": {"count": "item.depth"}},
        {"from": "each", "to": "end"},
    ]
    return document


def begin_crowd(user: User) -> str:
    """Begin thousands of executions, cheaply: the children of one."""
    graph = user.compile(many(user.compile(single("Echo"))))
    return user.accepted(graph, {"nested": {"items": [{"depth": n} for n in range(CROWD)]}})


def tenant(box: Box, name: str) -> str:
    """A tenant of the test's own, with the package; a key of it."""
    key = box.make_key(name)
    with box.client(key) as user:
        assert user.push(package()).status_code == 201
    return key


def failed(user: User, text: str = "luck") -> str:
    """An execution that has failed."""
    identity = user.accepted(user.compile(FAILS), {"text": text})
    user.reached(identity, {"FAILED"})
    return identity


def paused(user: User) -> str:
    """An execution that asks a person."""
    identity = user.accepted(user.compile(ASKING), {"text": "so "})
    user.reached(identity, {"PAUSED_HITL"})
    return identity


def branched(user: User) -> str:
    """An execution through all kinds of branches, ended."""
    identity = user.accepted(user.compile(BRANCHED), {"text": "so ", "count": 1, "ms": 30})
    user.reached(identity, {"COMPLETED"})
    return identity


def states_at(history: list[dict[str, Any]], aliases: list[str], after_ms: int) -> dict[str, str]:
    """How each placement stood then, of a history without loops, items or losses."""
    states = dict.fromkeys(aliases, "idle")
    for event in history:
        if _offset(history, event) > after_ms:
            break
        if event["kind"] == "edge_not_taken":
            # A gate waits for its other arms.
            to = event["detail"]["to"]
            states[to] = "not_taken" if to != "meet" else states[to]
        elif event["kind"] in _STATES:
            states[event["placement"]] = _STATES[event["kind"]]
    return states


_STATES = {
    "node_started": "running",
    "node_completed": "completed",
    "node_failed": "failed",
    "node_retry_scheduled": "retrying",
    "gate_arrived": "waiting",
    "gate_opened": "due",
    "pause_opened": "paused",
    "pause_resumed": "due",
}


def moments(history: list[dict[str, Any]]) -> list[int]:
    """The milliseconds after the first event at which something happened."""
    return sorted({_offset(history, event) for event in history})


def _offset(history: list[dict[str, Any]], event: dict[str, Any]) -> int:
    first, now = (datetime.fromisoformat(one["at"]) for one in (history[0], event))
    return round((now - first).total_seconds() * 1000)
