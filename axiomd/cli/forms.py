"""A form on the terminal, made from a JSON Schema: one question for each field of a message.

Enter keeps what is there, `""` empties a text. What cannot be is refused by the question itself;
the rest is the server's to judge.
"""

import json
from typing import Any

import rich_click as click

from axiomd.cli.output import count_of

Json = dict[str, Any]

_NONE = "(none)"


class Form:
    """The questions of one schema."""

    def __init__(self, schema: Json) -> None:
        self._schema = schema
        self._inner = schema.get("$defs", {})

    def ask(self, current: Any) -> Any:
        """Every question once; the answers as a JSON value."""
        if "properties" in self._schema:
            return self._fields("", self._schema, current)
        return self._value("value", self._schema, current)

    def _value(self, path: str, schema: Json, current: Any) -> Any:
        schema = (
            self._inner[schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema
        )
        if "enum" in schema:
            return _choose(path, schema["enum"], current)
        match schema.get("type"):
            case "object" if "properties" in schema and "@type" not in schema["properties"]:
                return self._message(path, schema, current)
            case "object" if isinstance(schema.get("additionalProperties"), dict):
                return self._map(path, schema["additionalProperties"], current)
            case "array" if "items" in schema:
                return self._list(path, schema["items"], current)
            case "boolean":
                return click.confirm(path, default=bool(current))
            case "integer":
                bounds = click.IntRange(schema.get("minimum"), schema.get("maximum"))
                return click.prompt(path, type=bounds, default=current or 0, show_choices=False)
            case "number":
                return _number(path, current)
            case "string" | ["string", "integer"]:
                return _text(path, schema, current)
            case _:
                return _json(path, current)

    def _fields(self, path: str, schema: Json, current: Any) -> Json:
        known = current if isinstance(current, dict) else {}
        choices: dict[str, list[str]] = schema.get("x-oneof", {})
        chosen = {
            name: _choose(f"{path}{name}", [*members, _NONE], _given(known, members))
            for name, members in choices.items()
        }
        left_out = {
            member
            for name, members in choices.items()
            for member in members
            if member != chosen[name]
        }
        filled = {}
        for name, field in schema["properties"].items():
            if name not in left_out:
                filled[name] = self._value(f"{path}{name}", field, known.get(name))
        return {name: value for name, value in filled.items() if value is not None}

    def _message(self, path: str, schema: Json, current: Any) -> Any:
        question = f"{path}: fill it in?" if current is None else f"{path}: change it?"
        if not click.confirm(question, default=False):
            return current
        return self._fields(f"{path}.", schema, current)

    def _list(self, path: str, schema: Json, current: Any) -> list[Any]:
        kept = _keep(path, current, "item")
        while click.confirm(f"{path}: add an item?", default=False):
            kept.append(self._item(f"{path}[{len(kept)}]", schema))
        return kept

    def _map(self, path: str, schema: Json, current: Any) -> Json:
        kept = dict(_keep(path, list((current or {}).items()), "entry"))
        while click.confirm(f"{path}: add an entry?", default=False):
            key = click.prompt(f"{path}: key")
            kept[key] = self._item(f"{path}[{key}]", schema)
        return kept

    def _item(self, path: str, schema: Json) -> Any:
        """One item: a message in it is asked for, since it was wanted."""
        inner = self._inner.get(str(schema.get("$ref")).removeprefix("#/$defs/"))
        if inner is not None:
            return self._fields(f"{path}.", inner, None)
        return self._value(path, schema, None)


def _keep(path: str, current: Any, noun: str) -> list[Any]:
    """The items that are there already, if they are wanted."""
    items = list(current or ())
    if items and not click.confirm(f"{path}: keep {count_of(len(items), noun)}?", default=True):
        return []
    return items


def _choose(path: str, options: list[str], current: Any) -> str:
    default = current if current in options else options[-1 if _NONE in options else 0]
    chosen: str = click.prompt(path, type=click.Choice(options), default=default)
    return chosen


def _given(known: Json, members: list[str]) -> str:
    return next((member for member in members if known.get(member) is not None), _NONE)


def _number(path: str, current: Any) -> Any:
    # `NaN` and `Infinity` are texts in JSON, and stay what they were.
    if isinstance(current, str):
        return click.prompt(path, default=current)
    return click.prompt(path, type=click.FLOAT, default=current or 0.0)


def _text(path: str, schema: Json, current: Any) -> str | None:
    said: str = click.prompt(path, default="" if current is None else str(current))
    text = "" if said == '""' else said
    plain = "format" not in schema and "pattern" not in schema
    # A time or a duration that is empty is none.
    return text if text or plain else None


def _json(path: str, current: Any) -> Any:
    while True:
        said = click.prompt(f"{path} (JSON)", default=json.dumps(current))
        try:
            return json.loads(said)
        except ValueError as failure:
            click.echo(f"Error: that is not JSON: {failure}", err=True)
