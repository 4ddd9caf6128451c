"""Values held against the schemas of an API document."""

from collections.abc import Iterator
from typing import Any

import jsonschema

Json = dict[str, Any]


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path and operation of everything that a document describes."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def check(document: Json, schema: Json, value: Any) -> None:
    """Fail unless the value is what the schema says, and holds nothing that it does not tell of."""
    whole = closed({**schema, "components": document.get("components", {})})
    formats = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(whole, format_checker=formats).validate(value)


def closed(schema: Any) -> Any:
    """A schema that takes no property which it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: part if key in _PLAIN else closed(part) for key, part in schema.items()}
    named = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return {"additionalProperties": False, **told} if named else told


_PLAIN = ("example", "examples", "enum", "const", "default")
