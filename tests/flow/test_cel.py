"""Expressions: what they may name, how they are checked, and what they make."""

from pathlib import Path

import pytest
import yaml
from protos import EVERYTHING, descriptor_set, types

from axiomd.flow.casting import overlaps
from axiomd.flow.cel import BadExpression, Fault, Scope
from axiomd.flow.messages import MessageTypes

CASES = yaml.safe_load(Path(__file__).with_name("cel_cases.yaml").read_text())
EVERY = MessageTypes(descriptor_set(EVERYTHING))
THING = EVERY.find("Everything")
SCALARS, LISTS, MAPS, KNOWN = map(EVERY.find, ("Scalars", "Lists", "Maps", "Known"))
ORDER = types(
    """message Order {
      string id = 1; double amount = 2; string type = 3; string package = 4;
      Customer customer = 5; repeated Customer people = 6; int64 count = 7;
    }
    message Customer { string name = 1; int32 age = 2; }""",
    "acme",
).find("Order")
BILLS = types(
    """message Bill {
      string id = 1; float total = 2; Customer customer = 3; repeated Customer people = 4;
      uint32 units = 5; oneof how { string card = 6; string cash = 7; }
    }
    message Customer { string name = 1; int64 age = 2; }""",
    "beta",
)
BILL = BILLS.find("Bill")
SCOPE = Scope({"value": ORDER, "inputs.a-b": BILL, "inputs.a": ORDER}, root=ORDER)
CONTENT = ORDER.parse_json(
    {
        "id": "o-1",
        "amount": 3.5,
        "type": "web",
        "package": "box",
        "customer": {"name": "Ada", "age": 36},
        "people": [{"name": "Bob"}, {"name": "Cy"}],
        "count": 7,
    }
)
GIVEN = {
    "": CONTENT,
    "value": CONTENT,
    "inputs.a": CONTENT,
    "inputs.a-b": BILL.parse_json({"total": 2}),
}
EVERYTHING_CONTENT = THING.parse_json(
    {
        "scalars": {"colour": "GREEN", "a_string": "hé", "an_int32": 5, "an_int64": 7},
        "optionals": {"maybe_int32": 0},
        "choice": {"text_value": ""},
        "maps": {"by_name": {"a": 3}},
        "lists": {"longs": [4, 5]},
    }
)


def refusal(check, *arguments):
    with pytest.raises(BadExpression) as refused:
        check(*arguments)
    return str(refused.value)


def made(name, text, destination, scope=SCOPE, given=GIVEN):
    scope.check_field(name, text, destination)
    return destination.to_json(scope.fields(((name, text),), destination)(given))


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case["cel"]) for group in CASES.values() for case in group]
)
def test_expressions_mean_what_the_language_says(case):
    scope = Scope({"value": THING, "known": KNOWN})
    given = {"value": EVERYTHING_CONTENT, "known": b""}
    listed = f"[dyn({case['cel']})]"
    if "refused" in case:
        refusal(scope.check_items, listed)
    elif "fails" in case:
        with pytest.raises(Fault):
            scope.items(listed)(given)
    else:
        assert scope.items(listed)(given) == [case["is"]]


@pytest.mark.parametrize(
    "text",
    [
        "amount > 3.0 && value.amount == amount",
        'type == "web" && package == "box"',
        "has(customer) && customer.name == 'Ada'",
        "!people.exists(amount, amount.age > 1)",
        "people.filter(id, id.name == 'Bob').map(id, id.name) == ['Bob'] && id == 'o-1'",
        "acme.Customer{name: id}.name == id",
        "inputs.a-b.total - amount < 0.0 && inputs.a.count-count == 0",
        '\'amount\' + """ id """ != id // amount',
    ],
)
def test_fields_are_variables_but_where_a_name_means_something_else(text):
    SCOPE.check_condition(text)
    assert SCOPE.condition(text)(GIVEN) is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("value.nope > 1", "1:7: undefined field 'nope' of acme.Order"),
        ('"é" == id &&\n  customer.nme == ""', "2:12: undefined field 'nme' of acme.Customer"),
        ("amont > 1.0", "1:1: unknown name 'amont', did you mean 'amount'?"),
        (
            "true && inputs.b.id == id",
            "1:9: unknown name 'inputs.b.id', did you mean 'inputs.a-b'?",
        ),
        ("amount > 1", "1:8: found no matching overload for '_>_' applied to '(double, int)'"),
        ("amount", "1:1: is a double, but a condition is a bool"),
        ("amount >", "1:9: Syntax error: mismatched input '<EOF>'"),
        ("", "1:1: Syntax error: mismatched input '<EOF>'"),
        ("1 / 0 == 1", "1:1: always fails: divide by zero"),
        ("'a'.matches('[')", "1:1: always fails: invalid regular expression: missing ]: ["),
    ],
)
def test_a_bad_condition_is_refused_with_its_place(text, said):
    assert refusal(SCOPE.check_condition, text) == said


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("id", "count", "1:1: is an int, but id is a string"),
        ("total", "id", "1:1: is a string, but total is a float"),
        ("id", "null", "1:1: is null, but id is a string"),
        ("units", "-1", "1:1: always fails: int64 out of uint64 range"),
        ("customer.age", "amount", "1:1: is a double, but customer.age is an int64"),
        ("people", "customer", "1:1: is an acme.Customer, but people is repeated beta.Customer"),
        ("people.name", "id", "people is repeated beta.Customer, which has no fields"),
        ("totl", "1.0", "unknown field 'totl', did you mean 'total'? (beta.Bill)"),
    ],
)
def test_a_field_takes_only_what_fits(name, text, said):
    assert refusal(SCOPE.check_field, name, text, BILL).startswith(said)


def test_a_message_of_another_shape_is_refused_with_the_fields_that_differ():
    said = refusal(SCOPE.check_field, "customer", "value", BILL)
    assert "is an acme.Order, but customer is a beta.Customer: field 1" not in said
    assert "field 2: amount is sent as double, but age is taken as int64" in said


def test_one_expression_sees_messages_of_several_packages_with_the_same_file_name():
    assert made("id", "inputs.a.id + string(inputs.a-b.total)", BILL)["id"] == "o-12"


def test_messages_that_are_the_same_on_the_wire_are_passed_on():
    fields = (
        ("customer", "customer"),
        ("people", "people"),
        ("total", "count"),
        ("units", "count"),
    )
    output = BILL.to_json(SCOPE.fields(fields, BILL)(GIVEN))
    assert output["customer"] == {"name": "Ada", "age": "36"}
    assert [person["name"] for person in output["people"]] == ["Bob", "Cy"]
    assert (output["total"], output["units"]) == (7.0, 7)


def test_nested_fields_build_one_message():
    fields = (("customer.name", "id"), ("customer.age", "count"))
    assert BILL.to_json(SCOPE.fields(fields, BILL)(GIVEN))["customer"] == {
        "name": "o-1",
        "age": "7",
    }


@pytest.mark.parametrize(
    ("name", "text", "destination", "value"),
    [
        ("a_double", "7", SCALARS, 7.0),
        ("a_float", "7u", SCALARS, 7.0),
        ("an_int32", "7u", SCALARS, 7),
        ("a_uint64", "7", SCALARS, "7"),
        ("a_bool", "true", SCALARS, True),
        ("some_bytes", "b'a'", SCALARS, "YQ=="),
        ("colour", "2", SCALARS, "GREEN"),
        ("colour", "'RED' // by its name", SCALARS, "RED"),
        ("colours", "['RED', 'GREEN']", LISTS, ["RED", "GREEN"]),
        ("doubles", "[1, 2]", LISTS, [1.0, 2.0]),
        ("items", "[value.scalars]", LISTS, None),
        ("by_name", "{'a': 1}", MAPS, {"a": "1"}),
        ("by_flag", "{true: 1}", MAPS, {"true": "RED"}),
        ("long", "0", KNOWN, "0"),
        ("long", "null", KNOWN, None),
        ("text", "'x'", KNOWN, "x"),
        (
            "at",
            "timestamp('2024-01-02T03:04:05.123456789Z')",
            KNOWN,
            "2024-01-02T03:04:05.123456789Z",
        ),
        ("lasting", "duration('1.000000001s')", KNOWN, "1.000000001s"),
        ("struct", "{'a': [1.0, 'x', null]}", KNOWN, {"a": [1.0, "x", None]}),
        ("value", "dyn('x')", KNOWN, "x"),
        ("any", "value.inner", KNOWN, None),
    ],
)
def test_every_kind_of_field_takes_its_value(name, text, destination, value):
    scope = Scope({"value": THING})
    output = made(name, text, destination, scope, {"value": EVERYTHING_CONTENT})
    assert value is None or output[name] == value


def test_a_name_that_is_no_value_of_the_enum_is_refused_or_fails():
    scope = Scope({"value": SCALARS})
    said = refusal(scope.check_field, "colour", "'BLUE'", SCALARS)
    assert said == '1:1: always fails: acme.every.Colour has no value "BLUE"'
    make = scope.fields((("a_double", "1"), ("colour", "value.a_string")), SCALARS)
    with pytest.raises(Fault, match=r'colour: acme.every.Colour has no value "sky"'):
        make({"value": SCALARS.parse_json({"a_string": "sky"})})


def test_a_number_out_of_its_fields_range_fails_when_it_is_made_and_names_the_field():
    make = SCOPE.fields((("id", "id"), ("units", "count - 8")), BILL)
    with pytest.raises(Fault, match=r"^units: int64 out of uint64 range$"):
        make(GIVEN)


def test_fields_that_overlap_are_found():
    paths = ("customer", "customer.name", "card", "cash")
    assert list(overlaps(BILL.descriptor, paths)) == [
        ("customer.name", "is inside of customer, which has an expression of its own"),
        ("cash", "and card are one choice, how"),
    ]
    assert list(overlaps(BILL.descriptor, ("customer.name", "customer.age", "card"))) == []


def test_items_are_messages_or_plain_values():
    assert SCOPE.check_items("people").full_name == "acme.Customer"
    customers = SCOPE.items("people.filter(p, p.name == 'Cy')")(GIVEN)
    assert customers == [SCOPE.check_items("people").parse_json({"name": "Cy"})]
    item = SCOPE.check_items("people.map(p, p.name)")
    inner = Scope({"value": ORDER, "item": item}, root=ORDER)
    make = inner.fields((("id", "id + item"),), BILL)
    names = SCOPE.items("people.map(p, p.name)")(GIVEN)
    assert [BILL.to_json(make({**GIVEN, "item": n}))["id"] for n in names] == ["o-1Bob", "o-1Cy"]


def test_what_is_no_list_of_items_is_refused():
    assert refusal(SCOPE.check_items, "id").startswith("1:1: is a string, but the items")
    assert refusal(SCOPE.check_items, "[[1]]").startswith("1:1: is a list of a list<int>; items")
    assert refusal(SCOPE.check_items, "[timestamp(0)]").startswith("1:1: is a list of a timestamp")


def test_an_endless_evaluation_is_a_fault():
    numbers = "[" + ", ".join("1" for _ in range(100)) + "]"
    nested = f"{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, a + b + c + count > 0)))"
    with pytest.raises(Fault, match="Iteration budget exceeded"):
        SCOPE.condition(nested)(GIVEN)
