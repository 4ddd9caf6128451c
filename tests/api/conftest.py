"""One real box for all tests of the edge, with a pushed package and compiled flows."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import httpx
import pytest
from api.schemas import Described
from api.stand_in import make_webui
from api.strangers import Things, make_things
from system import lab
from system.box import Box, User, running
from worlds.receivers import receiving

from axiomd.api.documents import box_document

KEEP_ALIVE_S = 0.1
BODY_BYTES_MAX = 256 * 1024


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    directory = tmp_path_factory.mktemp("api") / "data"
    with running(
        directory,
        webui=make_webui(tmp_path_factory.mktemp("webui")),
        server_keep_alive_s=KEEP_ALIVE_S,
        server_body_bytes_max=BODY_BYTES_MAX,
        engine_payload_bytes_max=1024 * 1024,
        webhooks_allow_private=True,
    ) as box:
        yield box


@pytest.fixture(scope="session")
def body_bytes_max() -> int:
    """The largest body that the box takes."""
    return BODY_BYTES_MAX


@pytest.fixture(scope="session")
def user(box: Box) -> Iterator[User]:
    """A user who knows what is described: no answer may be anything else."""
    with box.client() as user:
        user.http.event_hooks = {"response": [Described(box_document()).check_answer]}
        pushed = user.push(lab.package())
        assert pushed.status_code == 201, pushed.text
        yield user


@pytest.fixture(scope="session")
def stranger(box: Box) -> Iterator[User]:
    """A user of another tenant."""
    with box.client(box.make_key("elsewhere")) as user:
        yield user


@pytest.fixture(scope="session")
def prying(box: Box) -> Iterator[User]:
    """A user of a tenant that has nothing, and asks for what others have."""
    with box.client(box.make_key("prying")) as user:
        yield user


@pytest.fixture
def things(user: User) -> Iterator[Things]:
    """One of everything, the default tenant's."""
    with receiving() as receiver:
        things = make_things(user, receiver)
        yield things
        things.put_away(user)


@attrs.frozen
class Graphs:
    """Compiled flows, each compiled when it is first asked for."""

    user: User
    made: dict[str, str] = attrs.field(factory=dict)

    def __call__(self, flow: str | Mapping[str, Any]) -> str:
        """The artifact of a flow, or of the one node called so."""
        document = lab.single(flow) if isinstance(flow, str) else flow
        if document["name"] not in self.made:
            self.made[document["name"]] = self.user.compile(document)
        return self.made[document["name"]]


@pytest.fixture(scope="session")
def graph(user: User) -> Graphs:
    return Graphs(user)


Refusal = Callable[[httpx.Response, int, str], list[str]]


@pytest.fixture
def refused() -> Refusal:
    """Holds an answer against the envelope; its problems as `path: message`."""

    def check(answer: httpx.Response, status: int, code: str) -> list[str]:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert set(body) == {"error", "code", "problems"}
        assert body["code"] == code
        assert body["error"]
        assert isinstance(body["error"], str)
        for problem in body["problems"]:
            assert {"path", "message"} <= set(problem) <= {"path", "message", "file", "line"}
        return [f"{problem['path']}: {problem['message']}" for problem in body["problems"]]

    return check
