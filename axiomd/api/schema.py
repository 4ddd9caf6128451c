"""Types as JSON Schema: what requests are parsed into, and what answers are typed as.

Request bodies are attrs classes, read strictly (`axiomd.strict`): a field without a default is
required, an unknown key is refused. Answers are TypedDicts: the type checker holds the views to
them. What a class or a field means is said by its docstring, which is read from the source; what
the type cannot say (bounds, patterns) is in the field's metadata, under `schema`, or in the
annotation (`Annotated[str, Words(format="date-time")]`).

A class becomes a schema of its own, under its name, and is referred to.
"""

import ast
import inspect
import itertools
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import attrs

from axiomd.strict import in_documents, key_of

Schema = dict[str, Any]

_SCALARS: Mapping[object, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    object: {},
    Any: {},
}
_PLAIN = (str, int, float, bool, list, dict)
_SUFFIX = "View"
"""Classes of answers are called after what they show."""


class Words:
    """Keywords of JSON Schema that an annotation adds to what the type says."""

    def __init__(self, **keywords: Any) -> None:
        self.keywords = keywords


class Schemas:
    """Schemas of types, and of every class that they refer to."""

    def __init__(self, root: str = "") -> None:
        """root: where the classes' schemas will stand."""
        self._root = root
        self.named: dict[str, Schema] = {}
        """By name, each class that was referred to."""

    def of(self, kind: Any) -> Schema:
        """The schema of a type."""
        if kind in _SCALARS:
            return dict(_SCALARS[kind])
        if is_typeddict(kind) or attrs.has(kind):
            return self._reference(kind)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"type": "string", "enum": [one.value for one in kind]}
        return self._generic(get_origin(kind), get_args(kind))

    def _generic(self, origin: Any, arguments: tuple[Any, ...]) -> Schema:
        if origin is Annotated:
            return _with(self.of(arguments[0]), *(words.keywords for words in arguments[1:]))
        if origin in (Required, NotRequired):
            return self.of(arguments[0])
        if origin is Literal:
            return _literal(arguments)
        if origin in (Union, UnionType):
            return _any_of([self.of(one) for one in arguments])
        if origin in (list, tuple):
            return {"type": "array", "items": self.of(arguments[0])}
        if origin in (dict, Mapping):
            values = self.of(arguments[1])
            return {"type": "object", **({"additionalProperties": values} if values else {})}
        raise TypeError(f"{origin} has no schema")

    def _reference(self, cls: type) -> Schema:
        name = schema_name(cls)
        if name not in self.named:
            # Before its fields are looked at: one of them may hold the class itself.
            self.named[name] = {}
            fields = self._answer(cls) if is_typeddict(cls) else self._body(cls)
            self.named[name].update({"type": "object", **_about(cls), **fields})
        return {"$ref": self._root + name}

    def _body(self, cls: type) -> Schema:
        """An attrs class: what it is not is refused."""
        hints, sentences = get_type_hints(cls, include_extras=True), field_sentences(cls)
        properties, required = {}, []
        for field in attrs.fields(cls):
            if not in_documents(field):
                continue
            told = [field.metadata.get("schema", {})]
            if field.default is attrs.NOTHING:
                required.append(key_of(field))
            else:
                told.append(_default(field.default))
            described = {"description": sentences[field.name]} if field.name in sentences else {}
            schema = _with(self.of(hints[field.name]), described, *told)
            properties[key_of(field)] = schema
        needed = {"required": required} if required else {}
        return {"properties": properties, **needed, "additionalProperties": False}

    def _answer(self, cls: Any) -> Schema:
        """A TypedDict: more may come to it with a later version."""
        sentences = field_sentences(cls)
        properties = {}
        for name, kind in get_type_hints(cls, include_extras=True).items():
            described = {"description": sentences[name]} if name in sentences else {}
            properties[name] = _with(self.of(kind), described)
        required = [name for name in properties if name in cls.__required_keys__]
        return {"properties": properties, **({"required": required} if required else {})}


def schema_name(cls: type) -> str:
    """What the schema of a class is called."""
    return cls.__name__.lstrip("_").removesuffix(_SUFFIX)


def _with(schema: Schema, *more: Mapping[str, Any]) -> Schema:
    """A schema with further words; they may stand beside a reference."""
    for words in more:
        schema = {**schema, **words}
    return schema


def _default(value: Any) -> Schema:
    made = value.factory() if isinstance(value, attrs.Factory) else value  # type: ignore[arg-type]
    made = list(made) if isinstance(made, tuple) else made
    return {"default": made} if isinstance(made, _PLAIN) else {}


def _literal(values: tuple[Any, ...]) -> Schema:
    if len(values) == 1:
        return {"const": values[0]}
    return {"type": "string", "enum": list(values)}


def _any_of(options: list[Schema]) -> Schema:
    """One of several; a plain type that may be null stays one schema."""
    null = _SCALARS[NoneType]
    rest = [option for option in options if option != null]
    if len(rest) == len(options):
        return {"anyOf": options}
    if len(rest) == 1 and isinstance(rest[0].get("type"), str):
        (option,) = rest
        enum = {"enum": [*option["enum"], None]} if "enum" in option else {}
        return {**option, "type": [option["type"], "null"], **enum}
    return {"anyOf": [*rest, dict(null)]}


def _about(cls: type) -> Schema:
    return {"description": " ".join(cls.__doc__.split())} if cls.__doc__ else {}


def field_sentences(cls: type) -> Mapping[str, str]:
    """What stands below the fields of a class in its source, those it inherits included.

    Nothing where there is no source to read.
    """
    bases = [*getattr(cls, "__orig_bases__", ()), *cls.__mro__[1:]]
    inherited = [field_sentences(base) for base in bases if is_typeddict(base) or attrs.has(base)]
    own = _sentences_of(cls.__module__).get(cls.__qualname__, {})
    return {name: words for said in (*inherited, own) for name, words in said.items()}


@cache
def _sentences_of(module: str) -> Mapping[str, Mapping[str, str]]:
    """For each class at the top of a module the sentences of its fields."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:
        return {}
    return {
        node.name: dict(_sentences(node.body))
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }


def _sentences(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, text in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            yield field.target.id, " ".join(text.value.value.split())
