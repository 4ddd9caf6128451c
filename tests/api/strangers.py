"""What another tenant gets of each route: the last column of the table of `test_access.py`.

A route that names something, in its path or its body, has a row in STRANGERS with the names of
real things; one that names nothing is in OWN, and works on the caller's own; one that is the
operator's is in OPERATORS.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

import attrs
import httpx
from system.box import User
from system.lab import DIAMOND, flow, single
from worlds.receivers import Receiver

Route = tuple[str, str]
_NO_ID = "0" * 32
_NO_ULID = "01JZZZZZZZZZZZZZZZZZZZZZZZ"


@attrs.frozen
class Row:
    """A request that names things of the default tenant: `{execution}` and the like."""

    path: str
    body: Any = None


_E = "/invocations/v1/executions"
_D = "/app/v1/debug"
_S = "/app/v1/schedules"
STRANGERS: Mapping[Route, Row] = {
    ("POST", "/invocations/v1/flows/invoke"): Row(
        "/invocations/v1/flows/invoke", {"graph_id": "{graph}"}
    ),
    ("POST", "/invocations/v1/flows/invoke/stream"): Row(
        "/invocations/v1/flows/invoke/stream", {"graph_id": "{stream}", "input": {"text": "a"}}
    ),
    ("DELETE", f"/invocations/v1/flows/{_NO_ID}"): Row("/invocations/v1/flows/{paused}"),
    **{
        ("GET", f"{_E}/{_NO_ID}{below}"): Row(f"{_E}/{{execution}}{below}")
        for below in (
            *("", "/events", "/checkpoints", "/branches"),
            *("/input", "/output", "/frames", "/stream"),
            *("/pauses", "/webhooks", "/why"),
        )
    },
    ("POST", f"{_E}/{_NO_ID}/settle"): Row(
        f"{_E}/{{execution}}/settle", {"position": "echo", "happened": False}
    ),
    ("POST", f"{_E}/{_NO_ID}/pauses/{_NO_ID[:16]}/resume"): Row(
        f"{_E}/{{paused}}/pauses/{{pause}}/resume", {"decision": "approve"}
    ),
    ("POST", f"{_E}/{_NO_ID}/fork"): Row(f"{_E}/{{execution}}/fork", {"from": "echo"}),
    ("POST", f"{_E}/{_NO_ID}/retry"): Row(f"{_E}/{{execution}}/retry"),
    ("POST", "/invocations/v1/nodes/acme/lab/1.0.0/Echo"): Row(
        "/invocations/v1/nodes/{package}/Echo", {}
    ),
    ("DELETE", f"/app/v1/webhooks/{_NO_ULID}"): Row("/app/v1/webhooks/{webhook}"),
    ("GET", f"/app/v1/webhooks/deliveries/msg_{_NO_ID}_{_NO_ID[:24]}"): Row(
        "/app/v1/webhooks/deliveries/{delivery}"
    ),
    ("POST", f"/app/v1/webhooks/deliveries/msg_{_NO_ID}_{_NO_ID[:24]}/redeliver"): Row(
        "/app/v1/webhooks/deliveries/{delivery}/redeliver"
    ),
    ("POST", "/app/v1/debug"): Row("/app/v1/debug", {"graph_id": "{graph}"}),
    ("GET", f"{_D}/{_NO_ID}"): Row(f"{_D}/{{held}}"),
    ("POST", f"{_D}/{_NO_ID}/pause"): Row(f"{_D}/{{held}}/pause"),
    ("POST", f"{_D}/{_NO_ID}/step"): Row(f"{_D}/{{held}}/step"),
    ("POST", f"{_D}/{_NO_ID}/continue"): Row(f"{_D}/{{held}}/continue"),
    ("PUT", f"{_D}/{_NO_ID}/breakpoints"): Row(f"{_D}/{{held}}/breakpoints", {"breakpoints": []}),
    ("PUT", f"{_D}/{_NO_ID}/input"): Row(
        f"{_D}/{{held}}/input", {"position": "ask", "value": {"text": "y"}}
    ),
    **{
        ("GET", f"/app/v1/packages/acme/lab/1.0.0{below}"): Row(
            f"/app/v1/packages/{{package}}{below}"
        )
        for below in ("", "/messages.proto", "/environment")
    },
    ("GET", "/app/v1/flows/acme/echo"): Row("/app/v1/flows/{flow}"),
    ("DELETE", "/app/v1/flows/acme/echo"): Row("/app/v1/flows/{flow}"),
    ("POST", "/app/v1/flows/acme/echo/compile"): Row("/app/v1/flows/{flow}/compile"),
    ("GET", f"/app/v1/artifacts/{_NO_ULID}"): Row("/app/v1/artifacts/{graph}"),
    ("GET", f"/app/v1/artifacts/{_NO_ULID}/openapi.json"): Row(
        "/app/v1/artifacts/{graph}/openapi.json"
    ),
    ("DELETE", "/app/v1/keys/00000000"): Row("/app/v1/keys/{key}"),
    ("DELETE", "/app/v1/secrets/TOKEN"): Row("/app/v1/secrets/{secret}"),
    ("GET", f"/app/v1/configs/{_NO_ULID}"): Row("/app/v1/configs/{config}"),
    ("PUT", f"/app/v1/configs/{_NO_ULID}"): Row(
        "/app/v1/configs/{config}", {"flow": None, "profile": "pried"}
    ),
    ("DELETE", f"/app/v1/configs/{_NO_ULID}"): Row("/app/v1/configs/{config}"),
    ("POST", "/app/v1/schedules"): Row(
        "/app/v1/schedules", {"name": "pried", "graph_id": "{graph}", "every_seconds": 86_400}
    ),
    ("GET", f"{_S}/{_NO_ULID}"): Row(f"{_S}/{{schedule}}"),
    ("PATCH", f"{_S}/{_NO_ULID}"): Row(f"{_S}/{{schedule}}", {"name": "pried again"}),
    ("DELETE", f"{_S}/{_NO_ULID}"): Row(f"{_S}/{{schedule}}"),
    **{
        ("POST", f"{_S}/{_NO_ULID}/{below}"): Row(f"{_S}/{{schedule}}/{below}")
        for below in ("pause", "resume", "trigger")
    },
}
"""Answered 404, in the same words as what is nowhere."""

OWN: tuple[Route, ...] = (
    ("GET", _E),
    ("GET", "/invocations/v1/pauses"),
    ("GET", "/app/v1/webhooks"),
    ("POST", "/app/v1/webhooks"),
    ("GET", "/app/v1/webhooks/deliveries"),
    ("GET", "/app/v1/webhooks/secret"),
    ("POST", "/app/v1/webhooks/secret/rotate"),
    ("POST", "/app/v1/packages"),
    ("GET", "/app/v1/packages"),
    ("GET", "/app/v1/flows"),
    ("PUT", "/app/v1/flows/acme/echo"),
    ("GET", "/app/v1/artifacts"),
    ("GET", "/app/v1/keys"),
    ("POST", "/app/v1/keys"),
    ("GET", "/app/v1/session"),
    ("DELETE", "/app/v1/session"),
    ("GET", "/app/v1/tenants"),
    ("GET", "/app/v1/audit"),
    ("GET", "/app/v1/usage"),
    ("GET", "/app/v1/secrets"),
    ("PUT", "/app/v1/secrets/TOKEN"),
    ("GET", "/app/v1/configs"),
    ("POST", "/app/v1/configs"),
    ("GET", _S),
)

OPERATORS: tuple[Route, ...] = (
    ("GET", "/metrics"),
    ("POST", "/app/v1/tenants"),
    ("GET", "/app/v1/tenants/default"),
    ("PATCH", "/app/v1/tenants/default"),
    ("GET", "/app/v1/tenants/default/limits"),
    ("PUT", "/app/v1/tenants/default/limits"),
)


@attrs.frozen
class Things:
    """Things of the default tenant, by what rows call them."""

    ids: Mapping[str, str]

    def ask(self, who: User, route: Route, row: Row) -> httpx.Response:
        """A row's request for the real things."""
        return _send(who, route, row, self.ids)

    def ask_for_nothing(self, who: User, route: Route, row: Row) -> httpx.Response:
        """The same for things that are nowhere."""
        return _send(who, route, row, _NOTHING)

    def put_away(self, user: User) -> None:
        """End and remove what other tests would come across, as far as it is still there."""
        for name in ("paused", "held"):
            user.cancel(self.ids[name])
        user.http.delete(f"/app/v1/webhooks/{self.ids['webhook']}")
        user.http.delete(f"/app/v1/keys/{self.ids['key']}")
        user.http.delete(f"/app/v1/secrets/{self.ids['secret']}")
        user.http.delete(f"/app/v1/configs/{self.ids['config']}")


_NOTHING: Mapping[str, str] = {
    **dict.fromkeys(("execution", "paused", "held"), "f" * 32),
    **dict.fromkeys(
        ("graph", "stream", "webhook", "config", "schedule"), "01JYYYYYYYYYYYYYYYYYYYYYYY"
    ),
    "pause": "f" * 16,
    "delivery": f"msg_{'f' * 32}_{'f' * 24}",
    "package": "acme/nowhere/1.0.0",
    "flow": "acme/nowhere",
    "key": "ffffffff",
    "secret": "NOWHERE",
}


def _send(who: User, route: Route, row: Row, ids: Mapping[str, str]) -> httpx.Response:
    path, text = row.path, json.dumps(row.body)
    for name, identity in ids.items():
        path, text = path.replace(f"{{{name}}}", identity), text.replace(f"{{{name}}}", identity)
    assert "{" not in path
    content = text.encode() if row.body is not None else None
    return who.http.request(route[0], path, content=content)


def make_things(user: User, receiver: Receiver) -> Things:
    """One of everything that a route can name."""
    flow_name = "acme/pried"
    graph = user.compile({**single("Echo"), "name": flow_name})
    asked = {"node": "Echo", "config": {"hitl": {"interrupt_payload": {"ask": "really?"}}}}
    paused = user.accepted(user.compile(flow("pried-at", {"ask": asked})), {})
    (pause,) = user.reached(paused, {"PAUSED_HITL"})["waiting_on"]["pauses"]
    execution = user.accepted(graph, {}, webhook={"url": receiver.url})
    user.ended(execution)
    body = {"graph_id": user.compile(DIAMOND), "input": {"text": "x"}, "paused": True}
    held = user.http.post("/app/v1/debug", json=body).json()["execution_id"]
    user.reached(held, {"DEBUG_PAUSED"})
    scheduled = {"name": "pried", "graph_id": graph, "every_seconds": 86_400}
    hook = {"url": receiver.url, "events": ["pause_opened"]}
    user.http.put("/app/v1/secrets/PRIED", json={"value": "a value"})
    config = user.http.post("/app/v1/configs", json={"flow": None, "profile": "pried"}).json()
    return Things(
        {
            "execution": execution,
            "paused": paused,
            "pause": pause["pause_id"],
            "held": held,
            "graph": graph,
            "stream": user.compile(single("Split")),
            "flow": flow_name,
            "package": "acme/lab/1.0.0",
            "webhook": user.http.post("/app/v1/webhooks", json=hook).json()["webhook_id"],
            "delivery": _delivery_of(user, execution),
            "secret": "PRIED",
            "config": config["config_id"],
            "schedule": user.http.post(_S, json=scheduled).json()["schedule_id"],
            "key": user.http.post("/app/v1/keys", json={"name": "pried"}).json()["key"][:8],
        }
    )


def _delivery_of(user: User, execution: str) -> str:
    deadline = time.monotonic() + 10
    while True:
        (found,) = user.execution(execution, "/webhooks")["webhooks"]
        if found["status"] == "DELIVERED":
            identity: str = found["delivery_id"]
            return identity
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
