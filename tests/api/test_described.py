"""What is told of the routes is what there is: each one once, none that is not, in valid words."""

import re
from typing import Annotated, Any

import attrs
import pytest
from api.schemas import Described, operations
from openapi_spec_validator import validate

from axiomd.api import app as edge
from axiomd.api.box import Box
from axiomd.api.described.table import TABLE
from axiomd.api.documents import box_document
from axiomd.api.invoke import INVOKE_PATH
from axiomd.api.schema import Schemas, Words
from axiomd.errors import AxiomdError
from axiomd.settings import ServerSettings

DOCUMENT = box_document()
DESCRIBED = Described(DOCUMENT)


def served() -> set[tuple[str, str]]:
    """Method and path of every route, the one in front of the framework included."""
    parts: dict[str, Any] = {field.name: None for field in attrs.fields(Box)}
    parts["settings"] = ServerSettings()
    rules = edge.make_framework(Box(**parts)).url_map.iter_rules()
    found = {(m, rule.rule) for rule in rules for m in rule.methods or () if m in METHODS}
    paths = {(method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)) for method, path in found}
    return paths | {("POST", INVOKE_PATH)}


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def test_every_route_is_described_and_every_described_route_is_there():
    assert {(route.method, route.path) for route in TABLE} == served()


def test_every_route_is_described_once_and_has_a_name_of_its_own():
    assert len({(route.method, route.path) for route in TABLE}) == len(TABLE)
    assert len({route.operation_id for route in TABLE}) == len(TABLE)


def test_document_is_valid_openapi():
    validate(DOCUMENT)
    assert DOCUMENT["openapi"] == "3.1.0"


def test_every_example_is_what_its_schema_says():
    seen = 0
    for _, _, operation in operations(DOCUMENT):
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for content in contents:
            for media in content.values():
                if "example" in media:
                    DESCRIBED.check(media["schema"], media["example"])
                    seen += 1
        for parameter in operation["parameters"]:
            if "example" in parameter:
                DESCRIBED.check(parameter["schema"], parameter["example"])
                seen += 1
    for response in DOCUMENT["components"]["responses"].values():
        media = response["content"]["application/json"]
        for example in media["examples"].values():
            DESCRIBED.check(media["schema"], example["value"])
            seen += 1
    assert seen > 60


def test_every_body_has_an_example():
    bodies = [route for route in TABLE if route.body is not None and route.body.kind is not None]
    assert [route.path for route in bodies if route.body and route.body.example is None] == []


def test_routes_behind_a_key_say_so_and_the_others_need_none():
    for method, path, operation in operations(DOCUMENT):
        closed = path.startswith(("/invocations/", "/app/", "/metrics"))
        assert bool(operation["security"]) == (closed and path + method != "/app/v1/sessionpost")
        if operation["security"]:
            assert operation["security"][0] == {"key": []}
            assert ("csrf" in operation["security"][1]) == (method != "get")


def test_refusals_of_a_route_are_told_by_status_and_code():
    responses = dict(operations_by_id())["invoke"]["responses"]
    assert responses["409"] == {"$ref": "#/components/responses/IDEMPOTENCY_CONFLICT.WRONG_MODE"}
    unauthorized = DOCUMENT["components"]["responses"]["UNAUTHORIZED"]["content"]
    DESCRIBED.check(unauthorized["application/json"]["schema"], {"error": "unauthorized"})
    assert "Retry-After" in DOCUMENT["components"]["responses"]["TOO_MANY"]["headers"]


def test_bodies_are_described_by_the_types_that_read_them():
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["InvokeBody"]["required"] == ["graph_id"]
    assert schemas["InvokeBody"]["additionalProperties"] is False
    assert schemas["InvokeBody"]["properties"]["timeout_seconds"]["default"] == 30.0
    settle = schemas["SettleBody"]["properties"]
    assert settle["position"]["description"] == "The node visit in doubt, as text."
    edge_keys = schemas["EdgeSource"]["properties"]
    assert {"from", "to", "adapter"} <= set(edge_keys)
    assert "file" not in schemas["FlowSource"]["properties"]


def test_type_without_a_schema_is_a_mistake_of_ours():
    with pytest.raises(TypeError, match="has no schema"):
        Schemas().of(set[str])


def test_words_of_an_annotation_are_added_to_its_type():
    kind: Any = Annotated[str, Words(pattern="^a$")]
    assert Schemas().of(kind | None) == {"type": ["string", "null"], "pattern": "^a$"}


def test_every_route_may_meet_a_fault_of_ours():
    assert all(AxiomdError in route.all_refusals() for route in TABLE)


def operations_by_id() -> list[tuple[str, dict[str, Any]]]:
    return [(operation["operationId"], operation) for _, _, operation in operations(DOCUMENT)]
