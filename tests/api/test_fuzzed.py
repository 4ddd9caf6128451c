"""Requests that nobody thought of, made from the document: all are answered as it says.

For each operation schemathesis makes requests that fit its description and some that do not, and
holds the answers against it: no 500, no status, type or shape that is not told of, nothing taken
that should be refused, nothing refused that should be taken. What exists is asked for where an ID
fits. The same requests each time, a few for each operation. The long form, with many more:

    python -m pytest -m soak tests/api/test_fuzzed.py
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import pytest
import schemathesis
from requests import Response, Session
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from system import lab
from system.box import Box, User, running

from axiomd.api.described.parameters import PATH_PARAMETERS
from axiomd.api.documents import box_document

FEW, MANY = 2, 50
METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE")

REFUSED: dict[str, tuple[str, str]] = {
    "400": (
        "a cursor is one of ours, a package is an archive of one: no schema can say which",
        "listExecutions listOpenPauses listDeliveriesOfExecution listPackages listFlows "
        "listArtifacts listDeliveries listEvents getEnvironment pushPackage listTenants listActs "
        "listSecrets listFlowConfigs",
    ),
    "422": (
        "messages are of the artifact, aliases and positions of what runs, targets are looked at, "
        "names are printable, and a change says what is to be another; a secret is more than "
        "white space and named like one, a config stays with its flow",
        "invoke invokeStream settleVisit forkExecution resumePause callNode startDebugging "
        "setBreakpoints editInput listEvents listFrames createWebhook createKey signIn saveFlow "
        "compileFlow createTenant changeTenant setSecret createFlowConfig replaceFlowConfig",
    ),
}
"""By status: why a request that fits its schema may be refused with it, and where."""


def config(examples: int, methods: Sequence[str], *, whole: bool) -> SchemathesisConfig:
    """The same requests each time.

    methods: those that are tried where they are not described. whole: whether every word of the
    flow language is tried too, which is a fifth of all.
    """
    operations: dict[str, list[str]] = {}
    for status, (_, names) in REFUSED.items():
        for name in names.split():
            operations.setdefault(name, ["2xx", "401", "404", "409"]).append(status)
    generation = {"max-examples": examples, "deterministic": True, "database": "none"}
    accepted = [
        {
            "include-operation-id": name,
            "phases": {"coverage": {"enabled": whole or name != "saveFlow"}},
            "checks": {"positive_data_acceptance": {"expected-statuses": statuses}},
        }
        for name, statuses in operations.items()
    ]
    return SchemathesisConfig.from_dict(
        {
            "generation": generation,
            # 413 is no less a refusal: what signs somebody in is read up to a kibibyte.
            "checks": {"negative_data_rejection": {"expected-statuses": ["4xx", "5xx"]}},
            "phases": {"coverage": {"unexpected-methods": list(methods)}},
            "operations": accepted,
        }
    )


@schemathesis.serializer("application/zip")
def _packed(_: Any, value: Any) -> dict[str, bytes]:
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


few = schemathesis.openapi.from_dict(box_document(), config=config(FEW, ["DELETE"], whole=False))
many = schemathesis.openapi.from_dict(box_document(), config=config(MANY, METHODS, whole=True))


@attrs.define
class World:
    """A box with something of everything, and the names that exist in it."""

    box: Box
    session: Session
    names: dict[str, Iterator[str]]

    def real(self, name: str, value: Any) -> Any:
        """What exists, in the place of a name that could."""
        pattern = PATH_PARAMETERS[name].schema.get("pattern", "")
        if name not in self.names or not re.search(pattern, str(value)):
            return value
        return next(self.names[name])

    def send(self, case: schemathesis.Case) -> Response:
        """The answer to a request, whose faults are the test's."""
        case.path_parameters = {
            name: self.real(name, value) for name, value in (case.path_parameters or {}).items()
        }
        if isinstance(case.body, dict) and isinstance(case.body.get("graph_id"), str):
            case.body["graph_id"] = next(self.names["graph_id"])
        headers = {"Authorization": f"Bearer {self.box.key}"}
        return case.call_and_validate(
            base_url=self.box.url, headers=headers, session=self.session, timeout=20
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("fuzzed") / "data"
    with running(directory) as box, box.client() as user, Session() as session:
        lab.prepare(box)
        session.trust_env = False
        # Its limits may come to anything, and nobody else's do.
        box.make_key("limited")
        known = {name: itertools.cycle(found) for name, found in names(user).items()}
        yield World(box, session, known)
        assert user.http.get("/readyz").status_code == 200


def names(user: User) -> dict[str, list[str]]:
    """What exists, by the parameter that it is named with."""
    asking = lab.configured("asking", "Echo", hitl={"timeout_seconds": 3600})
    graphs = {
        document["name"]: user.compile(document)
        for document in (lab.DIAMOND, lab.UNDONE, lab.NUMBERS, lab.single("Fail"), asking)
    }
    ended = [user.accepted(graphs[f"acme/{name}"], {}) for name in ("diamond", "undone", "fail")]
    for identity in ended:
        user.ended(identity)
    user.streamed(graphs["acme/numbers"], {"count": 3})
    listed = user.get("/invocations/v1/executions?flow=acme/numbers")["executions"]
    asked = user.accepted(graphs["acme/asking"], {})
    (pause,) = user.reached(asked, {"PAUSED_HITL"})["waiting_on"]["pauses"]
    body = {"graph_id": graphs["acme/diamond"], "input": {}, "paused": True}
    held = user.http.post("/app/v1/debug", json=body).json()["execution_id"]
    user.reached(held, {"DEBUG_PAUSED"})
    wide = {"flow": None, "profile": "wide", "secrets": {"TOKEN": "a value"}}
    config = user.http.post("/app/v1/configs", json=wide).json()["config_id"]
    return {
        "config_id": [config],
        "graph_id": list(graphs.values()),
        "execution_id": [asked, held, *ended, listed[0]["execution_id"]],
        "pause": [pause["pause_id"]],
        "handle": ["acme"],
        "tenant": ["limited"],
        "name": ["diamond", "lab"],
        "package": ["lab"],
        "version": ["1.0.0"],
        "node": ["Echo", "Fail", "Split"],
    }


load_all_checks()


@few.parametrize()
def test_no_request_is_answered_otherwise_than_described(case: schemathesis.Case, world: World):
    world.send(case)


@pytest.mark.soak
@many.parametrize()
def test_many_requests_are_answered_as_described(case: schemathesis.Case, world: World):
    world.send(case)
