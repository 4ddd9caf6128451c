"""Packages with requirements on a real box: built in the background, followed, whole or absent."""

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from system.box import Box, Pids, User, events, running
from worlds.wheels import make_slow_source, make_wheel, repack

PROTO = 'syntax = "proto3";\npackage acme.{name};\nmessage Said {{ string text = 1; }}\n'
NODE = """\
import google.protobuf
from gen.messages_pb2 import Said

def tell(ax, input):
    {body}
    return Said(text=input.text + " " + google.protobuf.__version__)
"""


def package(name: str, requirements: str, body: str = "pass") -> dict[str, str]:
    """A package of one node, which adds the version of its protobuf runtime to what it is told."""
    node = "nodes: [{name: Tell, input: Said, output: Said}]"
    return {
        "axiom.yaml": f"name: acme/{name}\nversion: 1.0.0\nlanguage: python\n{node}\n",
        "messages/messages.proto": PROTO.format(name="said"),
        "nodes/tell.py": NODE.format(body=body),
        "requirements.txt": requirements,
    }


def flow(*names: str) -> dict[str, Any]:
    nodes = [{"alias": n, "package": f"acme/{n}@1.0.0", "node": "Tell"} for n in names]
    edges = [{"from": a, "to": b} for a, b in pairwise(names)]
    return {"name": f"acme/{'-'.join(names)}", "nodes": nodes, "edges": edges}


def pushed(user: User, files: dict[str, str]) -> Any:
    answer = user.push(files)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["environment"]


def followed(user: User, name: str, **headers: str) -> list[Any]:
    """Every event of a build, to its end."""
    path = f"/app/v1/packages/acme/{name}/1.0.0/environment"
    accept = {"Accept": "text/event-stream", **headers}
    with user.http.stream("GET", path, headers=accept) as answer:
        assert answer.status_code == 200, answer.read()
        return list(events(answer))


def said(user: User, graph_id: str) -> Any:
    return user.invoke(graph_id, {"text": "said:"}, wait=True).json()["result"]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheels")
    repack(directory, "protobuf")
    make_wheel(directory, "thing", "1.0", {"thing.py": "WORD = 'thing'\n"})
    return directory


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Iterator[Box]:
    directory = tmp_path_factory.mktemp("environments") / "data"
    with running(directory, environments_wheels_dir=wheels, server_keep_alive_s=0.2) as box:
        yield box


@pytest.fixture(scope="module")
def user(box: Box) -> Iterator[User]:
    with box.client() as user:
        yield user


def test_two_protobuf_majors_work_in_one_flow(tmp_path: Path):
    """From the package index: what axiomd itself runs with is neither of them."""
    with running(tmp_path / "data") as box, box.client() as user:
        for name, requirement in (("old", "protobuf==4.25.8"), ("new", "protobuf==6.33.0")):
            assert pushed(user, package(name, f"{requirement}\n"))["status"] == "BUILDING"
        graph_id = user.compile(flow("old", "new"))
        result = user.invoke(graph_id, {"text": "said:"}, wait=True, timeout_seconds=120).json()
        assert result["result"]["output"] == {"text": "said: 4.25.8 6.33.0"}, result


def test_a_push_answers_at_once_and_the_build_can_be_followed(user: User):
    environment = pushed(user, package("followed", "thing==1.0\n", "import thing"))
    assert environment["status"] == "BUILDING"
    assert (len(environment["lock"]), environment["error"]) == (64, None)
    told = followed(user, "followed")
    lines = [event for event in told if "text" in event.data]
    assert [event.id for event in lines] == [str(number) for number in range(len(lines))]
    assert any("Successfully installed" in event.data["text"] for event in lines)
    assert told[-1].data == {"environment": {**environment, "status": "READY"}, "is_final": True}
    path = "/app/v1/packages/acme/followed/1.0.0"
    assert user.get(path)["environment"]["status"] == "READY"
    page = user.get(f"{path}/environment")
    assert page["lines"] == [event.data for event in lines]
    assert (page["environment"]["status"], page["next_cursor"]) == ("READY", None)
    first = user.get(f"{path}/environment?limit=2")
    assert [line["seq"] for line in first["lines"]] == [0, 1]
    rest = user.get(f"{path}/environment?cursor={first['next_cursor']}")
    assert first["lines"] + rest["lines"] == page["lines"]
    again = followed(user, "followed", **{"Last-Event-ID": lines[-2].id})
    assert [event.id for event in again] == [lines[-1].id, None]
    assert said(user, user.compile(flow("followed")))["success"]


def test_a_flow_compiles_and_its_executions_wait_while_the_environment_is_built(
    box: Box, user: User
):
    assert pushed(user, package("waits", "thing\n"))["status"] == "BUILDING"
    graph_id = user.compile({**flow("waits")})
    assert said(user, graph_id)["success"]


def test_a_failed_environment_fails_its_calls_with_the_words_of_pip(user: User):
    environment = pushed(user, package("fails", "thing==9.9\n"))
    assert environment["status"] == "BUILDING"
    ended = followed(user, "fails")[-1].data["environment"]
    assert ended["status"] == "FAILED"
    assert "No matching distribution found for thing==9.9" in ended["error"]
    failure = said(user, user.compile(flow("fails")))["failure"]
    assert failure["kind"] == "LOAD_ERROR"
    assert "No matching distribution found for thing==9.9" in failure["message"]
    assert pushed(user, package("fails", "thing==9.9\n"))["status"] == "BUILDING", "tried again"
    listed = user.get("/app/v1/packages?limit=1000")["packages"]
    states = {row["name"]: row["environment"]["status"] for row in listed}
    assert states["acme/fails"] in ("BUILDING", "FAILED")


def test_a_package_without_requirements_has_no_environment(user: User):
    assert pushed(user, package("plain", "# none\n")) == {
        "status": "NONE",
        "lock": None,
        "error": None,
    }
    (event,) = followed(user, "plain")
    assert event.data["is_final"]
    assert user.get("/app/v1/packages/acme/plain/1.0.0/environment")["lines"] == []


def test_the_environment_of_anothers_package_is_not_found(box: Box, user: User):
    pushed(user, package("mine", "thing\n"))
    path = "/app/v1/packages/acme/mine/1.0.0/environment"
    with box.client(box.make_key("elsewhere")) as stranger:
        assert stranger.http.get(path).status_code == 404
    assert user.http.get(path.replace("mine", "absent")).status_code == 404
    for query in ("?limit=0", "?limits=1", "?after=x"):
        assert user.http.get(path + query).status_code in (400, 422)


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """Wheels with a source archive that takes its time; where it tells of its processes."""
    repack(tmp_path / "wheels", "protobuf")
    make_slow_source(tmp_path / "wheels", "slow", tmp_path / "told")
    return tmp_path / "told"


def build_pids(told: Path) -> set[int]:
    deadline = time.monotonic() + 20
    while not told.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    pids = {int(text) for text in told.read_text().split()}
    told.unlink()
    return pids


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM"])
def test_the_end_of_the_box_kills_the_build_and_the_next_start_resumes_it(
    tmp_path: Path, slow: Path, how: str
):
    with running(tmp_path / "data", environments_wheels_dir=tmp_path / "wheels") as box:
        with box.client() as user:
            lock = pushed(user, package("slow", "slow\n"))["lock"]
        with Pids(build_pids(slow)) as builders:
            assert len(builders.alive()) == 2
            if how == "SIGKILL":
                box.kill()
            else:
                assert box.stop()[1] < 2.5
            assert builders.all_dead_within(1.0)
        environments = tmp_path / "data/environments"
        assert not (environments / lock).exists()
        # What was missing is there now: nobody pushes, the start alone builds it.
        (tmp_path / "wheels/slow-1.tar.gz").unlink()
        make_wheel(tmp_path / "wheels", "slow", "1", {"slow.py": ""})
        # Of a build that nobody wants any more.
        (environments / ".new-other/lib").mkdir(parents=True)
        box.start()
        deadline = time.monotonic() + 20
        while not (environments / lock).exists():
            assert time.monotonic() < deadline, "nobody has asked for it, and nobody builds it"
            time.sleep(0.01)
        with box.client() as user:
            assert followed(user, "slow")[-1].data["environment"]["status"] == "READY"
            assert said(user, user.compile(flow("slow")))["success"]
        assert {path.name for path in environments.iterdir()} == {lock, f"{lock}.log"}


def test_an_environment_lost_with_its_directory_is_built_again(tmp_path: Path, wheels: Path):
    with running(tmp_path / "data", environments_wheels_dir=wheels) as box:
        with box.client() as user:
            pushed(user, package("lost", "thing\n", "import thing"))
            graph_id = user.compile(flow("lost"))
            assert said(user, graph_id)["success"]
        box.stop()
        (environment,) = (tmp_path / "data/environments").glob("*/bin")
        environment.parent.rename(tmp_path / "away")
        box.start()
        with box.client() as user:
            assert said(user, graph_id)["success"]


def test_who_follows_hears_each_line_as_it_is_said(tmp_path: Path, slow: Path):
    with running(tmp_path / "data", environments_wheels_dir=tmp_path / "wheels") as box:
        with box.client() as user:
            pushed(user, package("slow", "slow\n"))
            pids = build_pids(slow)
            told: list[Any] = []
            follower = threading.Thread(target=lambda: told.extend(followed(user, "slow")))
            follower.start()
            with Pids(pids) as builders:
                assert builders.alive()
                page = user.get("/app/v1/packages/acme/slow/1.0.0/environment")
                assert page["environment"]["status"] == "BUILDING"
                assert page["lines"]
                slow.with_name("go").touch()
                follower.join(20)
        assert "told to go on, and breaks" in told[-1].data["environment"]["error"]
