"""Answers held against an API document: what a real server says, and whether it was announced."""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import attrs
import httpx
import jsonschema

Json = dict[str, Any]

JSON_TYPE = "application/json"
EVENTS_TYPE = "text/event-stream"
_PLAIN = ("example", "examples", "enum", "const", "default")


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path and operation of everything that a document describes."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def closed(schema: Any) -> Any:
    """A schema that takes no property which it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: part if key in _PLAIN else closed(part) for key, part in schema.items()}
    named = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return {"additionalProperties": False, **told} if named else told


@attrs.frozen(eq=False)
class Described:
    """A document, and the checks that it stands for."""

    document: Json
    seen: set[tuple[str, str, int]] = attrs.field(factory=set)
    """Method, path and status of every answer that was checked."""

    @cached_property
    def _components(self) -> Json:
        return {"schemas": closed(self.document["components"]["schemas"])}

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        # What is literal goes before what is in braces.
        paths = sorted(self.document["paths"], key=lambda path: (path.count("{"), path))
        return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in paths]

    def check(self, schema: Json, value: Any) -> None:
        """Fail unless the value is what the schema says, and nothing that it does not tell of."""
        whole = {**closed(schema), "components": self._components}
        formats = jsonschema.Draft202012Validator.FORMAT_CHECKER
        jsonschema.Draft202012Validator(whole, format_checker=formats).validate(value)

    def operation(self, method: str, path: str) -> tuple[str, Json] | None:
        """The path and the operation that a request is for; None if there is none."""
        name = next((name for pattern, name in self._paths if pattern.fullmatch(path)), None)
        operation = self.document["paths"].get(name, {}).get(method.lower())
        return (name, operation) if name is not None and operation is not None else None

    def check_answer(self, answer: httpx.Response) -> None:
        """Fail unless the answer was announced: its status, its type, its headers, its shape."""
        request = answer.request
        found = self.operation(request.method, request.url.path)
        if found is None:
            return
        path, operation = found
        told = operation["responses"].get(str(answer.status_code))
        assert told is not None, f"{request.method} {path} answered {answer.status_code}"
        told = self._resolved(told)
        for name in ("Retry-After", "WWW-Authenticate"):
            assert (name in answer.headers) == (name in told.get("headers", {}))
        kind = answer.headers.get("content-type", "").split(";")[0]
        if "content" not in told:
            assert (kind, answer.read()) == ("", b""), f"{request.method} {path} answered {kind}"
            self.seen.add((request.method, path, answer.status_code))
            return
        assert kind in told["content"], f"{request.method} {path} answered {kind}"
        if kind == JSON_TYPE:
            answer.read()
            self.check(told["content"][kind]["schema"], answer.json())
        self.seen.add((request.method, path, answer.status_code))

    def check_event(self, method: str, path: str, data: Any) -> None:
        """Fail unless a stream of this operation may tell that."""
        found = self.operation(method, path)
        assert found is not None
        event = found[1]["responses"]["200"]["content"][EVENTS_TYPE]["schema"]
        self.check(event["properties"]["data"]["contentSchema"], data)

    def _resolved(self, told: Json) -> Json:
        reference = told.get("$ref")
        if reference is None:
            return told
        response: Json = self.document["components"]["responses"][reference.split("/")[-1]]
        return response
