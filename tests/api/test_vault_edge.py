"""Secrets and flow configs at the edge: what is taken, what is shown, what holds for whom."""

import json

import pytest
from system.box import User
from worlds.secret_lab import FAIL, SPILL, TELL, TOKEN, executing, package

SECRETS, CONFIGS = "/app/v1/secrets", "/app/v1/configs"
INVOKE = "/invocations/v1/flows/invoke"


@pytest.fixture(scope="module")
def own(user: User) -> User:
    """The user, with a package whose nodes have secrets, and the secret."""
    assert user.push(package()).status_code == 201
    assert user.http.put(f"{SECRETS}/TOKEN", json={"value": TOKEN}).status_code == 201
    return user


@pytest.fixture(scope="module")
def graph_id(own: User) -> str:
    return own.compile(executing("secretive"))


def told(user: User, graph_id: str, text: str = TELL, **more: object) -> str:
    """What the node says its secret is."""
    result = user.invoke(graph_id, {"text": text}, wait=True, **more).json()["result"]
    assert result["success"], result
    return str(result["output"]["text"])


def make(user: User, **body: object):
    answer = user.http.post(CONFIGS, json={"flow": None, "profile": "p", **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


def remove_all(user: User) -> None:
    for config in user.get(CONFIGS)["configs"]:
        path = f"{CONFIGS}/{config['config_id']}"
        assert user.http.delete(path).status_code == 204


@pytest.fixture(autouse=True)
def without_configs(own: User):
    yield
    remove_all(own)


def test_a_secret_is_set_replaced_listed_and_removed_and_never_shown(own: User, stranger: User):
    path = f"{SECRETS}/ANOTHER_1"
    made = own.http.put(path, json={"value": "first-value"})
    assert (made.status_code, made.json()) == (201, {"name": "ANOTHER_1", "created": True})
    again = own.http.put(path, json={"value": "second-value"})
    assert (again.status_code, again.json()) == (200, {"name": "ANOTHER_1", "created": False})
    listed = own.get(SECRETS)
    assert [row["name"] for row in listed["secrets"]] == ["ANOTHER_1", "TOKEN"]
    assert set(listed["secrets"][0]) == {"name", "created_at", "updated_at"}
    assert "value" not in json.dumps(listed)
    page = own.get(f"{SECRETS}?limit=1")
    assert own.get(f"{SECRETS}?cursor={page['next_cursor']}")["secrets"] == listed["secrets"][1:]
    assert stranger.get(SECRETS) == {"secrets": [], "next_cursor": None}
    assert stranger.http.delete(path).status_code == 404
    assert own.http.get(path).status_code == 405
    gone = own.http.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert own.http.delete(path).status_code == 404


@pytest.mark.parametrize("name", ["token", "1A", "_A", "A-B", "Ä", "A" * 101, "A B", "A%0A"])
def test_a_name_is_like_that_of_an_environment_variable(own: User, refused, name):
    (problem,) = refused(own.http.put(f"{SECRETS}/{name}", json={"value": "value"}), 422, "INVALID")
    assert problem.startswith("name: ")
    assert "value" not in problem
    assert own.http.delete(f"{SECRETS}/{name}").status_code == 404


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("abc", "fewer than 4"),
        ("", "fewer than 4"),
        ("  a  \n", "fewer than 4"),
        ("v" * 65_537, "64 KiB"),
        ("é" * 32_769, "64 KiB"),
        ("\ud800value", "surrogate"),
        (12345, "must be a text"),
        (None, "must be a text"),
    ],
)
def test_a_value_is_text_that_can_be_kept_out_of_logs(own: User, refused, value, words):
    answer = own.http.put(f"{SECRETS}/TOO", content=json.dumps({"value": value}))
    (problem,) = refused(answer, 422, "INVALID")
    assert problem.startswith("value: ")
    assert words in problem
    assert len(answer.text) < 500
    largest = own.http.put(f"{SECRETS}/LARGEST", json={"value": "v" * 65_536})
    assert largest.status_code in (200, 201)


def test_no_refusal_quotes_what_was_sent(own: User):
    for content in (
        '{"value": "s3cret-of-mine"',
        '{"value": "s3cret-of-mine", "extra": "s3cret-of-mine"}',
        '"s3cret-of-mine"',
        '{"value": ["s3cret-of-mine"]}',
    ):
        for method, path in (("PUT", f"{SECRETS}/T"), ("POST", CONFIGS)):
            answer = own.http.request(method, path, content=content)
            assert 400 <= answer.status_code < 500
            assert "s3cret" not in answer.text
    body = {"flow": None, "profile": "p", "secrets": {"A": "s3cret-of-mine", "b": "s3cret-too"}}
    answer = own.http.post(CONFIGS, json=body)
    assert answer.status_code == 422
    assert "s3cret" not in answer.text


def test_a_node_gets_its_secret_and_nothing_recorded_has_it(own: User, graph_id: str):
    assert told(own, graph_id, SPILL) == str(len(TOKEN))
    failed = own.invoke(graph_id, {"text": FAIL}, wait=True)
    result = failed.json()["result"]
    assert result["failure"]["message"].startswith("LookupError: refused [secret TOKEN]")
    for execution in own.get("/invocations/v1/executions?limit=2")["executions"]:
        events = own.execution(execution["execution_id"], "/events")
        said = json.dumps(events, ensure_ascii=False)
        assert "[secret TOKEN]" in said
        for part in (*TOKEN.split("\n"), json.dumps(TOKEN)[1:-1], repr(TOKEN)[1:-1]):
            assert part not in said
    # What a node returns is its own.
    assert told(own, graph_id) == TOKEN


def test_a_node_called_on_its_own_has_it_too_and_tells_it_not(own: User, refused):
    path = "/invocations/v1/nodes/acme/lab/2.0.0/Execute"
    assert own.http.post(path, json={"text": TELL}).json()["text"] == TOKEN
    answer = own.http.post(path, json={"text": FAIL})
    refused(answer, 422, "NODE_FAILED")
    assert "[secret TOKEN]" in answer.text
    config = make(own, profile="default", secrets={"TOKEN": "of the tenant's default"})
    assert own.http.post(path, json={"text": TELL}).json()["text"] == "of the tenant's default"
    assert own.http.delete(f"{CONFIGS}/{config['config_id']}").status_code == 204


def test_other_nodes_have_nothing_of_it(own: User):
    tell = "result = (ax.secrets.get('TOKEN'), ax.secrets.get('OPTIONAL'), dict(ax.config))"
    path = "/invocations/v1/nodes/acme/lab/2.0.0/Execute"
    given = own.http.post(path, json={"text": tell}).json()["text"]
    assert given == str(((TOKEN, True), ("", False), {"REGION": "eu"}))
    environment = "import os\nresult = [v for v in os.environ.values() if 'tenant' in v]"
    assert own.http.post(path, json={"text": environment}).json()["text"] == "[]"


@pytest.fixture
def without_token(own: User):
    assert own.http.delete(f"{SECRETS}/TOKEN").status_code == 204
    yield
    own.http.put(f"{SECRETS}/TOKEN", json={"value": TOKEN})


@pytest.mark.usefixtures("without_token")
def test_what_is_missing_is_a_warning_and_then_a_failure_that_is_not_tried_again(own: User):
    retry = {"max_attempts": 3, "initial_interval_ms": 1}
    document = executing(
        "lacking",
        ({"from": "only", "to": "rescue", "on_error": True},),
        only={"node": "Execute", "config": {"retry": retry}},
        rescue={"node": "Echo"},
    )
    document["edges"][0]["adapter"] = {"text": "value.kind + ' ' + value.message"}
    own.http.put(f"/app/v1/flows/{document['name']}", json=document)
    compiled = own.http.post(f"/app/v1/flows/{document['name']}/compile").json()
    (warning,) = compiled["warnings"]
    assert warning["path"] == "nodes[0]"
    assert "'only'" in warning["message"]
    assert "axiomd secrets set TOKEN" in warning["message"]
    graph_id = compiled["graph_id"]
    result = own.invoke(graph_id, {"text": TELL}, wait=True).json()["result"]
    assert result["success"], result
    assert result["output"]["text"].startswith("SECRET_MISSING the secret TOKEN is not set")
    identity = own.get("/invocations/v1/executions?limit=1")["executions"][0]["execution_id"]
    calls = own.execution(identity, "/events?node=only&kind=node_started")["events"]
    assert len(calls) == 1
    make(own, flow=document["name"], profile="default", secrets={"TOKEN": "of this flow"})
    again = own.http.post(f"/app/v1/flows/{document['name']}/compile").json()
    assert again["warnings"] == []


@pytest.mark.usefixtures("without_token")
def test_without_an_edge_for_it_a_missing_secret_fails_the_execution(own: User, graph_id: str):
    result = own.invoke(graph_id, {"text": TELL}, wait=True).json()["result"]
    assert not result["success"]
    assert result["failure"]["kind"] == "SECRET_MISSING"
    assert result["failure"]["attempts"] == 1


def test_a_config_is_made_shown_replaced_listed_and_removed(own: User, stranger: User):
    made = make(
        own,
        flow="acme/secretive",
        profile="staging",
        node_timeout_seconds=20,
        secrets={"TOKEN": "staging-token"},
    )
    shown = {key: made[key] for key in ("flow", "profile", "node_timeout_seconds", "secrets")}
    assert shown == {
        "flow": "acme/secretive",
        "profile": "staging",
        "node_timeout_seconds": 20.0,
        "secrets": ["TOKEN"],
    }
    path = f"{CONFIGS}/{made['config_id']}"
    assert own.get(path) == made
    assert stranger.http.get(path).status_code == 404
    assert stranger.http.put(path, json={"flow": None, "profile": "p"}).status_code == 404
    assert stranger.http.delete(path).status_code == 404
    assert stranger.get(CONFIGS) == {"configs": [], "next_cursor": None}
    wide = make(own)
    assert own.get(CONFIGS)["configs"] == [wide, made]
    page = own.get(f"{CONFIGS}?limit=1")
    assert page["configs"] == [wide]
    assert own.get(f"{CONFIGS}?cursor={page['next_cursor']}")["configs"] == [made]
    assert own.get(f"{CONFIGS}?flow=acme/secretive")["configs"] == [made]
    assert own.get(f"{CONFIGS}?flow=")["configs"] == [wide]
    body = {"flow": "acme/secretive", "profile": "live", "secrets": {"TOKEN": None}}
    replaced = own.http.put(path, json=body).json()
    assert replaced["secrets"] == ["TOKEN"]
    assert (replaced["profile"], replaced["node_timeout_seconds"]) == ("live", None)
    assert replaced["created_at"] == made["created_at"]
    assert own.http.delete(path).status_code == 204
    for method in ("GET", "DELETE"):
        assert own.http.request(method, path).status_code == 404


def test_a_profile_is_taken_once(own: User, refused):
    make(own, flow="acme/secretive", profile="p")
    body = {"flow": "acme/secretive", "profile": "p"}
    refused(own.http.post(CONFIGS, json=body), 409, "PROFILE_TAKEN")
    other = make(own, flow="acme/secretive", profile="q")
    path = f"{CONFIGS}/{other['config_id']}"
    refused(own.http.put(path, json=body), 409, "PROFILE_TAKEN")
    moved = own.http.put(path, json={"flow": "acme/other", "profile": "q"})
    assert refused(moved, 422, "INVALID")[0].startswith("flow: cannot be changed")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"flow": "nothing"}, "flow"),
        ({"profile": ""}, "profile"),
        ({"profile": "a\nb"}, "profile"),
        ({"profile": "x" * 101}, "profile"),
        ({"node_timeout_seconds": 0.9}, "node_timeout_seconds"),
        ({"node_timeout_seconds": 3601}, "node_timeout_seconds"),
        ({"node_timeout_seconds": "20"}, "node_timeout_seconds"),
        ({"secrets": {"TOKEN": "abc"}}, "secrets.TOKEN"),
        ({"secrets": {"token": "value"}}, "secrets.token"),
        ({"secrets": {"TOKEN": 1}}, "secrets.TOKEN"),
        ({"secrets": {"TOKEN": None}}, "secrets.TOKEN"),
        ({"timeout": 3}, "timeout"),
    ],
)
def test_a_wrong_config_is_refused_with_its_path(own: User, refused, change, path):
    body = {"flow": None, "profile": "p", **change}
    problems = refused(own.http.post(CONFIGS, json=body), 422, "INVALID")
    assert [problem.split(": ")[0] for problem in problems] == [path]


def test_a_flow_and_a_profile_have_to_be_said(own: User, refused):
    problems = refused(own.http.post(CONFIGS, json={}), 422, "INVALID")
    assert [problem.split(": ")[0] for problem in problems] == ["flow", "profile"]


def test_the_narrower_config_wins_and_the_named_one_over_all(own: User, graph_id: str):
    assert told(own, graph_id) == TOKEN
    make(own, profile="default", secrets={"TOKEN": "of all flows"})
    assert told(own, graph_id) == "of all flows"
    make(own, flow="acme/secretive", profile="default", secrets={"TOKEN": "of this flow"})
    assert told(own, graph_id) == "of this flow"
    named = make(own, flow="acme/secretive", profile="own", secrets={"TOKEN": "of the profile"})
    assert told(own, graph_id, config_id=named["config_id"]) == "of the profile"
    (execution,) = own.get("/invocations/v1/executions?limit=1")["executions"]
    assert execution["config_id"] == named["config_id"]
    assert own.execution(execution["execution_id"])["config_id"] == named["config_id"]
    bare = make(own, profile="bare")
    assert told(own, graph_id, config_id=bare["config_id"]) == "of this flow"


def test_a_node_timeout_holds_unless_the_placement_has_its_own(own: User, graph_id: str):
    config = make(own, flow=None, profile="quick", node_timeout_seconds=1)
    body = {"text": "import time\ntime.sleep(30)"}
    more = {"wait": True, "config_id": config["config_id"]}
    result = own.invoke(graph_id, body, **more).json()["result"]
    assert result["failure"]["kind"] == "TIMEOUT"
    assert "1 s" in result["failure"]["message"]
    patient = executing("patient", only={"node": "Execute", "config": {"timeout_seconds": 20}})
    nap = {"text": "import time\ntime.sleep(1.5)"}
    assert own.invoke(own.compile(patient), nap, **more).json()["result"]["success"]


@pytest.mark.parametrize("route", ["invoke", "stream", "debug"])
@pytest.mark.parametrize("which", ["other", "alien", "none", "", "x\x00"])
def test_another_flows_config_is_refused_wherever_one_is_named(
    own: User, stranger: User, refused, graph_id: str, graph, route, which
):
    ids = {"none": "01JX5M4ZV8QK3T0B9N2R7C6D1E"}
    ids["other"] = make(own, flow="acme/other")["config_id"]
    ids["alien"] = make(stranger, flow="acme/secretive")["config_id"]
    paths = {
        "invoke": (INVOKE, graph_id),
        "stream": (f"{INVOKE}/stream", graph("Split")),
        "debug": ("/app/v1/debug", graph_id),
    }
    path, artifact = paths[route]
    answer = own.http.post(path, json={"graph_id": artifact, "config_id": ids.get(which, which)})
    (problem,) = refused(answer, 422, "INVALID")
    assert problem.startswith("config_id: ")
    remove_all(stranger)


def test_a_debug_session_and_a_stream_are_given_their_config_too(own: User, graph_id, graph):
    config = make(own, secrets={"TOKEN": "of the profile"})["config_id"]
    body = {"graph_id": graph_id, "config_id": config, "input": {"text": TELL}}
    identity = own.http.post("/app/v1/debug", json=body).json()["execution_id"]
    assert own.ended(identity)["config_id"] == config
    output = own.execution(identity, "/output")["output"]
    assert output["text"] == "of the profile"
    body = {"graph_id": graph("Split"), "config_id": config, "input": {"count": 1}}
    with own.http.stream("POST", f"{INVOKE}/stream", json=body) as answer:
        assert answer.status_code == 200
    assert own.get("/invocations/v1/executions?limit=1")["executions"][0]["config_id"] == config


def test_children_forks_and_retries_go_on_with_what_was_given(own: User, graph_id: str):
    parent = own.compile(executing("parents", only={"subflow": graph_id, "package": None}))
    config = make(own, secrets={"TOKEN": "of the profile"})["config_id"]
    assert told(own, parent, config_id=config) == "of the profile"
    child, execution = own.get("/invocations/v1/executions?limit=2")["executions"]
    assert child["parent_id"] == execution["execution_id"]
    assert (child["config_id"], execution["config_id"]) == (config, config)
    failing = own.invoke(graph_id, {"text": FAIL}, wait=True, config_id=config).json()
    retried = own.http.post(f"/invocations/v1/executions/{failing['execution_id']}/retry").json()[
        "execution_id"
    ]
    ended = own.ended(retried)
    assert ended["config_id"] == config
    assert "of the profile" not in json.dumps(ended)
    two = own.compile(executing("two", ("only then",), then="Execute"))
    began = own.invoke(two, {"text": f"result = {TELL!r}"}, wait=True, config_id=config).json()
    assert began["result"]["output"]["text"] == "of the profile"
    fork = own.http.post(
        f"/invocations/v1/executions/{began['execution_id']}/fork", json={"from": "only"}
    ).json()["execution_id"]
    assert own.ended(fork)["config_id"] == config
    assert own.execution(fork, "/output")["output"]["text"] == "of the profile"
    # What is removed since is passed over.
    assert own.http.delete(f"{CONFIGS}/{config}").status_code == 204
    fork = own.http.post(
        f"/invocations/v1/executions/{began['execution_id']}/fork", json={"from": "only"}
    ).json()["execution_id"]
    assert own.ended(fork)["config_id"] == config
    assert own.execution(fork, "/output")["output"]["text"] == TOKEN
