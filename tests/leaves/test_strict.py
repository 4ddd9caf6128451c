"""The gate for documents people write: nothing coerced, nothing ignored, everything said."""

from collections.abc import Mapping
from typing import Literal

import attrs
import pytest

from axiomd.errors import Invalid, Problem
from axiomd.strict import join, locate, nearest, parent_path, structure, unknown


@attrs.frozen
class Inner:
    size: int
    ratio: float = 1.0


@attrs.frozen
class Outer:
    name: str
    kind: Literal["one", "two"] = "one"
    on: bool = False
    inners: tuple[Inner, ...] = ()
    named: Mapping[str, Inner] = attrs.field(factory=dict)
    maybe: str | None = None
    renamed: str = attrs.field(default="", metadata={"key": "from"})
    secret: int = attrs.field(default=7, metadata={"document": False})


def problems(document):
    with pytest.raises(Invalid) as caught:
        structure(document, Outer)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_a_document_becomes_what_it_says():
    document = {
        "name": "n",
        "kind": "two",
        "on": True,
        "inners": [{"size": 1, "ratio": 2}],
        "named": {"a": {"size": 3}},
        "maybe": None,
        "from": "here",
    }
    inner = Inner(1, 2.0)
    assert structure(document, Outer) == Outer(
        "n", "two", True, (inner,), {"a": Inner(3)}, None, "here"
    )


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"name": 1}, "name", "must be a text, not a whole number"),
        ({"name": None}, "name", "must be a text, not nothing"),
        ({"on": "yes"}, "on", "must be true or false, not a text"),
        ({"on": 1}, "on", "must be true or false"),
        ({"kind": "three"}, "kind", "must be one of one, two"),
        ({"inners": {}}, "inners", "must be a list, not a mapping"),
        ({"inners": [{"size": "1"}]}, "inners[0].size", "must be a whole number"),
        ({"inners": [{"size": 1}, {}]}, "inners[1].size", "is required"),
        ({"inners": [{"size": True}]}, "inners[0].size", "must be a whole number"),
        ({"named": {"a": {"size": 1.5}}}, "named", "must be a whole number"),
        ({"nane": 1}, "nane", "did you mean 'name'"),
        ({"secret": 1}, "secret", "unknown key"),
        ({"renamed": "x"}, "renamed", "unknown key"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path(change, path, words):
    found = problems({"name": "n", **change})
    (message,) = (text for where, text in found.items() if where.startswith(path))
    assert words in message


def test_all_problems_are_reported_at_once():
    found = problems({"kind": 1, "on": 2, "inners": [{}, {"size": "x"}], "more": 3})
    assert set(found) == {"name", "kind", "on", "inners[0].size", "inners[1].size", "more"}


@pytest.mark.parametrize("document", [None, [], "text", 1])
def test_what_is_no_mapping_is_refused_as_a_whole(document):
    assert "must be a mapping" in problems(document)[""]


def test_a_problem_is_found_at_the_nearest_line_above_it():
    lines = {"": 1, "inners": 4, "inners[1]": 6}
    places = {"inners[1].size": 6, "inners[2].size": 4, "name": 1}
    for path, line in places.items():
        found = locate(Problem(path, "no"), "flow.yaml", lines)
        assert (found.file, found.line) == ("flow.yaml", line if path != "name" else found.line)
        assert str(found).startswith("flow.yaml")


@pytest.mark.parametrize(
    ("path", "parent"),
    [("a[2].b", "a[2]"), ("a[2]", "a"), ("a", ""), ("a.b.c", "a.b"), ("", ""), ("[1]", "")],
)
def test_a_path_has_one_parent(path, parent):
    assert parent_path(path) == parent


def test_paths_are_joined():
    assert join("", "a") == "a"
    assert join("a", "b") == "a.b"
    assert join("a", 2) == "a[2]"


def test_a_typo_is_answered_with_what_was_meant():
    assert nearest("palcement", ["placement", "edge"]) == "placement"
    assert nearest("zzz", ["placement"]) is None
    assert unknown("key", "zzz", ()) == "unknown key 'zzz'; known here: none"
