"""The gate for documents people write: plain data in, typed values or every problem out.

Used by the wire, the flow source, the package manifest and the settings. Nothing is coerced:
a number is not a text, `"yes"` is not a boolean. Unknown keys are refused with the nearest
known one. Problems carry the path of what is wrong, and the line where it is known.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.cols import homogenous_tuple_structure_factory, mapping_structure_factory
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ClassValidationError,
    IterableValidationNote,
)

from axiomd.errors import Invalid, Problem, Refused, SettingsInvalid

T = TypeVar("T")

Lines = Mapping[str, int]
"""Path of a value in a document to its 1-based line."""


def structure(
    value: object,
    cls: type[T],
    *,
    root: str = "",
    file: str | None = None,
    lines: Lines | None = None,
    error: type[Refused] | type[SettingsInvalid] = Invalid,
    title: str | None = None,
) -> T:
    """`value` (mappings, lists, scalars) as a `cls`, or `error` with every problem in it.

    root: prefix of every path. file, lines: where the document came from. title: the error's
    message.
    """
    try:
        return _converter.structure(value, cls)
    except Exception as failure:  # noqa: BLE001 - hooks raise what they like; all of it is input trouble
        problems = [locate(found, file, lines) for found in _problems(failure, root)]
        raise error(title, problems=problems) from None


def locate(problem: Problem, file: str | None, lines: Lines | None) -> Problem:
    """`problem` with the file and, if its path or a parent of it has one, the line."""
    if file is None:
        return problem
    path = problem.path
    while lines is not None and path and path not in lines:
        path = parent_path(path)
    return attrs.evolve(problem, file=file, line=lines.get(path) if lines else None)


def parent_path(path: str) -> str:
    """The path one level up: `nodes[2].input` → `nodes[2]` → `nodes` → the empty path."""
    return re.sub(r"(^|\.)[^.\[\]]*$|\[\d+\]$", "", path)


def join(root: str, part: str | int) -> str:
    """The path of the key or index `part` below `root`."""
    if isinstance(part, int):
        return f"{root}[{part}]"
    return f"{root}.{part}" if root else part


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be."""
    return next(iter(difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)), None)


def unknown(kind: str, word: str, known: Iterable[str]) -> str:
    """The sentence that refuses `word` and names what would have been right."""
    names = sorted(known)
    guess = nearest(word, names)
    if guess is not None:
        return f"unknown {kind} {word!r}, did you mean {guess!r}?"
    return f"unknown {kind} {word!r}; known here: {', '.join(names) or 'none'}"


class Misfit(ValueError):
    """A value of the wrong kind; the message says what was expected."""


def _problems(failure: BaseException, path: str) -> Iterator[Problem]:
    """Every problem inside `failure`, each under the path that cattrs' notes spell out."""
    if isinstance(failure, BaseValidationError):
        for part in failure.exceptions:
            yield from _problems(part, path + _step(path, part))
    elif isinstance(failure, Misfit):
        yield Problem(path, str(failure))
    else:
        yield Problem(path, f"is not valid: {failure}")


def _step(path: str, failure: BaseException) -> str:
    for note in getattr(failure, "__notes__", ()):
        if isinstance(note, IterableValidationNote):
            index = note.index
            return join(path, index if isinstance(index, int) else str(index))[len(path) :]
        if isinstance(note, AttributeValidationNote):
            return join(path, note.name)[len(path) :]
    return ""


_WORDS: Mapping[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a mapping",
    list: "a list",
    type(None): "nothing",
}


def describe(value: object) -> str:
    """What kind of thing a plain value is, in words."""
    return _WORDS.get(type(value), type(value).__name__)


def _expect(value: object, kind: type) -> Any:
    if type(value) is not kind:
        raise Misfit(f"must be {_WORDS[kind]}, not {describe(value)}")
    return value


def _structure_float(value: object, _: type) -> float:
    if type(value) is int:
        return float(value)
    return float(_expect(value, float))


def _structure_literal(value: object, literal: Any) -> Any:
    allowed = get_args(literal)
    if value in allowed and type(value) in {type(option) for option in allowed}:
        return value
    raise Misfit(f"must be one of {', '.join(map(str, allowed))}, not {value!r}")


def _structure_optional(value: object, union: Any) -> Any:
    if value is None:
        return None
    (inner,) = (option for option in get_args(union) if option is not type(None))
    return _converter.structure(value, inner)


def _is_optional(kind: Any) -> bool:
    options = get_args(kind)
    return len(options) == 2 and type(None) in options and get_origin(kind) is not Literal


def _is_sequence(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is tuple and get_args(kind)[1:] == (Ellipsis,)


def _is_mapping(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is Mapping


def _is_literal(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is Literal


def key_of(field: "attrs.Attribute[Any]") -> str:
    """The key of an attrs field in documents: its name unless `metadata["key"]` differs."""
    key: str = field.metadata.get("key", field.name)
    return key


def in_documents(field: "attrs.Attribute[Any]") -> bool:
    """Whether documents may give the field: unless `metadata["document"]` is False."""
    return bool(field.metadata.get("document", True))


def _only(kind: type, inner: Any) -> Any:
    """`inner`, but for plain values that are exactly a `kind`."""

    def structure_only(value: object, target: Any) -> Any:
        return inner(_expect(value, kind), target)

    return structure_only


def _class_factory(cls: Any) -> Any:
    # Named by hand: generated code would need one keyword argument for each field.
    fields = {key_of(field): field for field in attrs.fields(cls) if in_documents(field)}

    def structure_class(value: object, _: Any) -> Any:
        document = _expect(value, dict)
        given: dict[str, Any] = {}
        problems: list[Exception] = []
        for key, field in fields.items():
            try:
                if key in document:
                    given[field.alias] = made = _converter.structure(document[key], field.type)
                    # Each by itself: the class would stop at the first that does not fit.
                    if field.validator is not None:
                        field.validator(None, field, made)
                elif field.default is attrs.NOTHING:
                    raise Misfit("is required")
            except Exception as failure:  # noqa: BLE001 - collected, reported together
                problems.append(_at(failure, key))
        problems += [
            _at(Misfit(unknown("key", str(key), fields)), str(key))
            for key in document
            if key not in fields
        ]
        if problems:
            raise ClassValidationError(f"not a {cls.__name__}", problems, cls)
        return cls(**given)

    return structure_class


def _at(failure: Exception, key: str) -> Exception:
    failure.add_note(AttributeValidationNote(key, key, object))
    return failure


_converter = Converter(detailed_validation=True)
_converter.register_structure_hook_factory(attrs.has, _class_factory)
_converter.register_structure_hook_factory(
    _is_sequence, lambda kind: _only(list, homogenous_tuple_structure_factory(kind, _converter))
)
_converter.register_structure_hook_factory(
    _is_mapping, lambda kind: _only(dict, mapping_structure_factory(kind, _converter))
)
_converter.register_structure_hook_func(_is_optional, _structure_optional)
_converter.register_structure_hook_func(_is_literal, _structure_literal)
_converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: value)
for _kind in (str, int, bool):
    _converter.register_structure_hook(_kind, _expect)
_converter.register_structure_hook(float, _structure_float)
