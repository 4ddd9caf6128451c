"""Described routes as an OpenAPI 3.1 document.

Pure: makes a document from `Route`s and from the types that they name. OpenAPI 3.1 has no words for
streams: the schema of one is that of each of its events (in OpenAPI 3.2, `itemSchema`).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import attrs

from axiomd.api.answers import envelope, error_headers
from axiomd.api.auth import COOKIE, CSRF_HEADER
from axiomd.api.described.parameters import PATH_PARAMETERS
from axiomd.api.described.route import (
    EVENTS_TYPE,
    JSON_TYPE,
    Answer,
    Body,
    Content,
    Page,
    Parameter,
    Route,
    Where,
)
from axiomd.api.schema import Schema, Schemas
from axiomd.errors import AxiomdError, Problem, TooMany, Unauthorized

Json = dict[str, Any]

OPENAPI = "3.1.0"
SCHEMAS = "#/components/schemas/"
"""Where schemas stand in a document."""
_KEY, _SESSION, _CSRF = "key", "session", "csrf"
_SECURITY: Mapping[str, Json] = {
    _KEY: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "64 hex characters",
        "description": "An API key. `axiomd keys create --name NAME` makes one.",
    },
    _SESSION: {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "The session of a browser, from `POST /app/v1/session`. Looked at only "
        "where there is no `Authorization` header.",
    },
    _CSRF: {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "With a session, what may change something needs its `csrf_token` too.",
    },
}
_PROBLEM: Schema = {
    "type": "object",
    "required": ["path", "message"],
    "properties": {
        "path": {"type": "string", "description": "Where: `input.lines[0]`; empty for all of it."},
        "message": {"type": "string"},
        "file": {"type": "string"},
        "line": {"type": "integer", "minimum": 1},
    },
}


class Builder:
    """One document while it is being made."""

    def __init__(self, schemas: Mapping[str, Schema] | None = None) -> None:
        """schemas: more of them that the document has, by name."""
        self._schemas = Schemas(SCHEMAS)
        self._schemas.named.update(schemas or {})
        self._schemas.named["Problem"] = _PROBLEM
        self._responses: dict[str, Json] = {}

    def document(
        self, routes: Iterable[Route], *, title: str, about: str, server: str = "/"
    ) -> Json:
        """The document of these routes.

        server: what their paths are below.
        """
        paths: dict[str, Json] = {}
        tags: dict[str, None] = {}
        for route in routes:
            paths.setdefault(route.path, {})[route.method.lower()] = self._operation(route)
            tags[route.tag] = None
        return {
            "openapi": OPENAPI,
            "info": {"title": title, "description": about, "version": version("axiomd")},
            "servers": [{"url": server}],
            "tags": [{"name": tag} for tag in tags],
            "paths": paths,
            "components": {
                "schemas": dict(sorted(self._schemas.named.items())),
                "responses": dict(sorted(self._responses.items())),
                "securitySchemes": dict(_SECURITY),
            },
        }

    def _operation(self, route: Route) -> Json:
        answers: dict[str, Json] = {str(one.status): self._answer(one) for one in route.answers}
        operation: Json = {
            "operationId": route.operation_id,
            "summary": route.summary,
            **({"description": route.about} if route.about else {}),
            "tags": [route.tag],
            "parameters": self._parameters(route),
            **({"requestBody": self._body(route.body)} if route.body is not None else {}),
            "responses": answers | self._refusals(route.all_refusals()),
            "security": _security(route),
            **route.extensions,
        }
        return operation

    def _parameters(self, route: Route) -> list[Json]:
        named = re.findall(r"\{(\w+)\}", route.path)
        placed: list[tuple[Where, Sequence[Parameter]]] = [
            ("path", [attrs.evolve(PATH_PARAMETERS[name], required=True) for name in named]),
            ("query", route.query),
            ("header", route.headers),
        ]
        return [_parameter(where, one) for where, several in placed for one in several]

    def _body(self, body: Body) -> Json:
        return {
            "description": body.about,
            "required": body.required,
            "content": self._content(body.kind, body.example, body.others),
        }

    def _answer(self, answer: Answer) -> Json:
        content = self._content(answer.kind, answer.example, answer.others)
        if answer.events:
            content[EVENTS_TYPE] = self._events(answer.events)
        headers = {one.name: _header(one) for one in answer.headers}
        return {
            "description": answer.about,
            **({"headers": headers} if headers else {}),
            **({"content": content} if content else {}),
        }

    def _content(self, kind: Any, example: Any, others: Sequence[Content]) -> dict[str, Json]:
        content = [Content(JSON_TYPE, self._schema(kind), example)] if kind is not None else []
        return {
            one.media_type: {
                "schema": one.schema,
                **({"example": one.example} if one.example is not None else {}),
            }
            for one in (*content, *others)
        }

    def _events(self, kinds: Sequence[Any]) -> Json:
        schemas = [kind if isinstance(kind, dict) else self._schemas.of(kind) for kind in kinds]
        return {
            "schema": {
                "type": "object",
                "description": "One event. Of a stream the schema is of each of its events.",
                "required": ["data"],
                "properties": {
                    "id": {"type": "string", "description": "For `Last-Event-ID`."},
                    "event": {"const": "message"},
                    "data": {
                        "type": "string",
                        "contentMediaType": JSON_TYPE,
                        "contentSchema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
                    },
                },
            }
        }

    def _schema(self, kind: Any) -> Schema:
        if not isinstance(kind, Page):
            return self._schemas.of(kind)
        return {
            "type": "object",
            "required": [kind.plural, "next_cursor"],
            "properties": {
                kind.plural: {"type": "array", "items": self._schemas.of(kind.item)},
                "next_cursor": {
                    "type": ["string", "null"],
                    "description": "The `cursor` of the next page; null if this is the last one.",
                },
            },
        }

    def _refusals(self, refusals: Iterable[type[AxiomdError]]) -> dict[str, Json]:
        """A response for each status, shared by all routes that refuse in the same ways."""
        by_status: dict[int, list[type[AxiomdError]]] = {}
        for refusal in sorted(refusals, key=lambda one: (one.status, one.code)):
            by_status.setdefault(refusal.status, []).append(refusal)
        found = {}
        for status, several in by_status.items():
            name = ".".join(refusal.code for refusal in several)
            self._responses[name] = _refusal(status, several)
            found[str(status)] = {"$ref": f"#/components/responses/{name}"}
        return found


def _security(route: Route) -> list[Json]:
    if not route.keyed:
        return []
    session: Json = {_SESSION: []} if route.method == "GET" else {_SESSION: [], _CSRF: []}
    return [{_KEY: []}, session]


def _parameter(where: Where, parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": where,
        "required": parameter.required,
        **({"explode": False} if parameter.commas else {}),
        **_header(parameter),
    }


def _header(parameter: Parameter) -> Json:
    return {
        "description": parameter.about,
        "schema": parameter.schema,
        **({"example": parameter.example} if parameter.example is not None else {}),
    }


def _refusal(status: int, refusals: Sequence[type[AxiomdError]]) -> Json:
    """How these are answered: what `answers.envelope` makes of them."""
    examples = {one.code: {"value": envelope(_example(one))} for one in refusals}
    codes = [one.code for one in refusals]
    schemas = []
    if any("code" not in example["value"] for example in examples.values()):
        schemas.append(_sentence(refusals))
    enveloped = [code for code in codes if "code" in examples[code]["value"]]
    if enveloped:
        schemas.append(_envelope(enveloped))
    headers = {
        name: _header(Parameter(name, _HEADERS[name]))
        for one in refusals
        for name in error_headers(_example(one))
    }
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}.",
        **({"headers": headers} if headers else {}),
        "content": {
            JSON_TYPE: {
                "schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas},
                "examples": examples,
            }
        },
    }


_HEADERS = {
    "Retry-After": "Seconds after which it may be tried again.",
    "WWW-Authenticate": "How to show who you are.",
    "Allow": "The methods that the route takes.",
}


def _example(refusal: type[AxiomdError]) -> AxiomdError:
    wrong = [Problem("input.amount", "must be a whole number, not a text")]
    return refusal(problems=wrong if refusal.status == 422 else ())


def _envelope(codes: Sequence[str]) -> Schema:
    """An error with one of these codes."""
    return {
        "type": "object",
        "required": ["error", "code", "problems"],
        "properties": {
            "error": {"type": "string", "description": "One sentence."},
            "code": {"type": "string", "enum": list(codes)},
            "problems": {
                "type": "array",
                "items": {"$ref": f"{SCHEMAS}Problem"},
                "description": "Everything that is wrong, and where.",
            },
        },
    }


def _sentence(refusals: Sequence[type[AxiomdError]]) -> Schema:
    """The refusals that are exactly one sentence."""
    said = [refusal().message for refusal in refusals if refusal in (Unauthorized, TooMany)]
    return {
        "type": "object",
        "required": ["error"],
        "properties": {"error": {"enum": said}},
        "additionalProperties": False,
    }
