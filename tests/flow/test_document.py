"""What YAML means here, and everything that is refused with file and line."""

import pytest

from axiomd.errors import Invalid, Malformed, Refused, TooLarge
from axiomd.flow.document import read_yaml
from axiomd.limits import DOCUMENT_BYTES_MAX


def refused(text: str | bytes, kind: type[Refused]) -> list[str]:
    with pytest.raises(kind) as caught:
        read_yaml(text, file="flow.yaml")
    assert all(problem.file == "flow.yaml" for problem in caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


def test_every_value_has_its_line():
    text = "name: a/b\nnodes:\n  - alias: x\n    config: {retry: {max: 3}}\n\n  - alias: y\n"
    document = read_yaml(text, file="flow.yaml")
    assert document.value == {
        "name": "a/b",
        "nodes": [{"alias": "x", "config": {"retry": {"max": 3}}}, {"alias": "y"}],
    }
    assert document.lines == {
        "": 1,
        "name": 1,
        "nodes": 2,
        "nodes[0]": 3,
        "nodes[0].alias": 3,
        "nodes[0].config": 4,
        "nodes[0].config.retry": 4,
        "nodes[0].config.retry.max": 4,
        "nodes[1]": 6,
        "nodes[1].alias": 6,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("2026-11-23", "2026-11-23"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("|\n  1\n", "1\n"),
        ("true", True),
        ("~", None),
        ("-12", -12),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("9" * 5000, "9" * 5000),
        ("1.4.2", "1.4.2"),
    ],
)
def test_scalars_follow_the_core_schema(text, value):
    found = read_yaml(f"key: {text}", file="f").value["key"]
    assert found == value
    assert type(found) is type(value)


def test_an_empty_document_is_nothing():
    assert read_yaml("# only a comment\n", file="f").value is None


def test_a_byte_order_mark_is_no_part_of_the_first_key():
    assert read_yaml("\ufeffname: x".encode(), file="f").value == {"name": "x"}


def test_aliases_stand_for_what_they_name():
    document = read_yaml("a: &x {k: [1]}\nb: *x\n", file="f")
    assert document.value == {"a": {"k": [1]}, "b": {"k": [1]}}
    assert document.lines["b"] == 2


def test_keys_given_twice_are_all_named():
    said = refused("a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n", Invalid)
    assert said == [
        "flow.yaml:3: a: is given twice, first in line 1",
        "flow.yaml:4: c.d: is given twice, first in line 4",
    ]


def test_a_dotted_key_is_not_the_nested_one():
    assert read_yaml("a: {b: 1}\na.b: 2", file="f").value == {"a": {"b": 1}, "a.b": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\n2: b", "flow.yaml:2: the key '2' must be a text"),
        ("true: b", "the key 'true' must be a text"),
        ("? [a, b]\n: c", "keys must be plain texts"),
        ("k" * 257 + ": 1", "keys must be plain texts"),
        ("a: !!python/object:os.system x", "tags such as"),
        ("a: !!str 1", "tags such as"),
        ("a: 1\nb: *nowhere", "flow.yaml:2: b: the alias 'nowhere' names no anchor"),
        ("a: &a [*a]", "the alias 'a' refers to itself"),
        ("--- a\n--- b\n", "flow.yaml:2: must be a single YAML document"),
    ],
)
def test_what_a_document_may_not_hold_is_refused(text, words):
    assert words in refused(text, Invalid)[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1,\nb: 2\nc: 3", "flow.yaml:3: is not YAML"),
        ("a: b\n\tc: d", "flow.yaml:2: is not YAML"),
        ("a: 'open", "is not YAML"),
        ("a: 1\nb: \x00", "flow.yaml:"),
        (b"a: 1\nb: \xff\xfe", "flow.yaml:2: is not UTF-8 text"),
        ("a: 1\nb: \ud800", "flow.yaml:2: is not UTF-8 text"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(text, words):
    assert words in refused(text, Malformed)[0]


def test_a_document_over_the_limit_is_refused_unread():
    refused("#" * (DOCUMENT_BYTES_MAX + 1), TooLarge)


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 50_000 + "x"])
def test_deep_nesting_is_refused(text):
    # Newer YAML parsers have a bound of their own, far beyond this one.
    (said, *_) = refused(text, (Invalid, Malformed))
    assert "is nested deeper than 100 levels" in said or "maximum nesting depth" in said


def test_nesting_beyond_the_bound_is_refused_in_our_own_words():
    assert "is nested deeper than 100 levels" in refused("[" * 150 + "]" * 150, Invalid)[0]


def test_nesting_by_aliases_counts_as_nesting():
    chain = "\n".join(["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 200)])
    assert "is nested deeper" in refused(chain, Invalid)[0]


def test_aliases_cannot_multiply_a_document():
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    text = "\n".join(["a0: &a0 [1, 2, 3]", *levels])
    assert "aliases expanded" in refused(text, Invalid)[-1]


def test_long_keys_at_great_depth_cost_no_memory():
    deep = "".join(" " * level + "k" * 255 + ":\n" for level in range(90))
    text = deep + "".join(" " * 90 + f"a{number}: 1\n" for number in range(8_000))
    document = read_yaml(text, file="f")
    assert len(document.lines) < 10
