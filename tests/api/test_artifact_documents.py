"""The document of an artifact: valid, of its own messages, and its commands work as they stand."""

import json
import subprocess

import jsonschema
import pytest
from api.schemas import Described
from openapi_spec_validator import validate
from system.box import Box, User
from system.lab import DIAMOND, NUMBERS, flow

INVOKE = "/invocations/v1/flows/invoke"
TOLD = flow("told", {"only": "Echo"}, description="Says what it was told.")


def document(user: User, graph_id: str):
    return user.get(f"/app/v1/artifacts/{graph_id}/openapi.json")


def body_schema(told) -> dict:
    (methods, *_) = told["paths"].values()
    schema = methods["post"]["requestBody"]["content"]["application/json"]["schema"]
    return {**schema, "components": told["components"]}


@pytest.mark.parametrize("flow_of", [DIAMOND, NUMBERS, TOLD], ids=lambda f: f["name"])
def test_document_is_valid_and_names_its_artifact(user: User, graph, flow_of):
    graph_id = graph(flow_of)
    told = document(user, graph_id)
    validate(told)
    assert told["info"]["title"] == f"{flow_of['name']} {graph_id}"
    assert told["info"]["description"].startswith(flow_of.get("description", "Artifact"))
    jsonschema.Draft202012Validator(body_schema(told)).validate({"graph_id": graph_id})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(body_schema(told)).validate({"graph_id": "another"})


def test_document_has_the_mode_of_the_artifact_and_not_the_other(user: User, graph):
    unary, pipeline = document(user, graph(DIAMOND)), document(user, graph(NUMBERS))
    assert list(unary["paths"]) == [INVOKE, "/invocations/v1/executions/{execution_id}/output"]
    assert list(pipeline["paths"]) == [
        f"{INVOKE}/stream",
        "/invocations/v1/executions/{execution_id}/stream",
    ]
    assert "InvokeBody" not in pipeline["components"]["schemas"]


def test_an_input_is_wrong_by_the_document_if_the_server_refuses_it(user: User, graph):
    graph_id = graph("Echo")
    validator = jsonschema.Draft202012Validator(body_schema(document(user, graph_id)))
    for given, right in (
        ({"text": "x", "count": "12"}, True),
        ({"words": ["a"], "nested": {"depth": 1, "items": [{}]}}, True),
        ({"text": 1}, False),
        ({"txet": "x"}, False),
        ({"nested": {"depth": 2**31}}, False),
    ):
        body = {"graph_id": graph_id, "input": given}
        assert validator.is_valid(body) == right
        assert user.http.post(INVOKE, json=body).status_code == (202 if right else 422)


def test_answers_are_what_the_document_of_the_artifact_says(user: User, graph):
    told = Described(document(user, graph(DIAMOND)))
    identity = user.accepted(graph(DIAMOND), {"text": "x"})
    user.ended(identity)
    for answer in (
        user.invoke(graph(DIAMOND), {"text": "x"}, wait=True),
        user.invoke(graph(DIAMOND), {"text": 7}, wait=True),
        user.http.get(f"/invocations/v1/executions/{identity}/output"),
    ):
        told.check_answer(answer)
    assert len(told.seen) == 3


def test_frames_are_what_the_document_of_the_artifact_says(user: User, graph):
    told = Described(document(user, graph(NUMBERS)))
    frames = user.streamed(graph(NUMBERS), {"count": 2})
    assert len(frames) == 3
    for frame in frames:
        told.check_event("POST", f"{INVOKE}/stream", frame.data)
    wrong = {**frames[0].data, "payload": {"number": 1}}
    with pytest.raises(jsonschema.ValidationError):
        told.check_event("POST", f"{INVOKE}/stream", wrong)


@pytest.mark.parametrize("flow_of", [DIAMOND, NUMBERS], ids=["unary", "pipeline"])
def test_the_command_that_is_shown_does_what_it_says(box: Box, user: User, graph, flow_of):
    told = document(user, graph(flow_of))
    (methods, *_) = told["paths"].values()
    (sample,) = methods["post"]["x-codeSamples"]
    assert box.key not in json.dumps(told)
    ended = subprocess.run(
        ["sh", "-c", sample["source"]],
        env={"AXIOMD_API_KEY": box.key, "PATH": "/usr/bin:/bin", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    if flow_of is DIAMOND:
        assert json.loads(ended.stdout)["result"]["success"], ended.stdout
    else:
        assert '"is_final": true, "success": true' in ended.stdout


def test_example_of_the_body_is_taken_as_it_stands(user: User, graph):
    told = document(user, graph("Shout"))
    media = told["paths"][INVOKE]["post"]["requestBody"]["content"]["application/json"]
    Described(told).check(media["schema"], media["example"])
    assert user.http.post(INVOKE, json=media["example"]).json()["result"]["success"]


def test_behind_a_proxy_with_tls_the_command_says_https(user: User, graph):
    path = f"/app/v1/artifacts/{graph('Echo')}/openapi.json"
    headers = {"X-Forwarded-Proto": "https", "Host": "box.example.com"}
    told = user.get(path, headers=headers)
    source = told["paths"][INVOKE]["post"]["x-codeSamples"][0]["source"]
    assert "https://box.example.com/invocations" in source
