"""What an artifact's expressions decide, and conditions on one field."""

import pytest
from protos import EVERYTHING, descriptor_set, types

from axiomd.flow.artifact import Artifact, Compensate, Edge, FanOut, Join, Placement
from axiomd.flow.cel import BadExpression, Scope
from axiomd.flow.leaf import leaf_text
from axiomd.flow.messages import MessageTypes
from axiomd.flow.node_error import NODE_ERROR, NodeError
from axiomd.flow.rules import EdgeFault, Way, compile_rules
from axiomd.flow.source import ConditionSource

EVERY = MessageTypes(descriptor_set(EVERYTHING))
THING, SCALARS, LISTS, KNOWN = map(EVERY.find, ("Everything", "Scalars", "Lists", "Known"))
SHOP = types(
    """message Order { string id = 1; double amount = 2; repeated Line lines = 3; }
    message Line { string sku = 1; int32 count = 2; }
    message Note { string text = 1; int32 number = 2; }""",
    "acme",
)
ORDER, LINE, NOTE = map(SHOP.find, ("Order", "Line", "Note"))


def placement(alias, **settings):
    return Placement(alias, "acme/shop@1.0.0", "N", "", "unary", "", "", **settings)


def rules_of(placements, edges, inputs, outputs=(ORDER,) * 4, undos=None):
    count = len(placements)
    artifact = Artifact(
        "", "t", "acme/f", "unary", tuple(placements), tuple(edges), 0, count - 1, ""
    )
    return compile_rules(artifact, inputs, outputs[:count], undos)


def order(**fields):
    return ORDER.parse_json(fields)


def note(text="", number=0):
    return NOTE.parse_json({"text": text, "number": number})


def test_an_edge_fires_when_its_condition_holds_and_makes_its_message():
    rules = rules_of(
        [placement("a"), placement("b"), placement("c"), placement("d")],
        [
            Edge(
                0, 1, fields=(("text", "id"), ("number", "lines.size()")), condition="amount > 1.0"
            ),
            Edge(0, 2, condition="amount <= 1.0"),
            Edge(0, 3),
        ],
        (ORDER, NOTE, ORDER, ORDER),
    )
    assert rules.ways(0, order(id="x", amount=2, lines=[{}])) == (
        Way(0, True, note("x", 1)),
        Way(1, False),
        Way(2, True),
    )
    assert rules.ways(0, order(id="x", amount=1)) == (Way(0, False), Way(1, True), Way(2, True))
    assert rules.ways(3, order()) == ()


def test_a_loop_that_is_taken_leaves_what_leads_on_unevaluated():
    back = Edge(1, 0, condition="lines.size() == 0", loop=True, max_iterations=5)
    rules = rules_of(
        [placement("a"), placement("b"), placement("c")],
        [Edge(0, 1), Edge(1, 2, fields=(("text", "lines[0].sku"),)), back],
        (ORDER, ORDER, NOTE),
    )
    assert rules.ways(1, order()) == (Way(1, False), Way(2, True))
    there = order(lines=[{"sku": "s"}])
    assert rules.ways(1, there) == (Way(1, True, note("s")), Way(2, False))


def test_a_loop_without_a_condition_leaves_what_leads_on_unevaluated_until_it_is_spent():
    rules = rules_of(
        [placement("a"), placement("b"), placement("c")],
        [
            Edge(0, 1),
            Edge(1, 2, fields=(("text", "lines[0].sku"),)),
            Edge(1, 0, loop=True, max_iterations=5),
        ],
        (ORDER, ORDER, NOTE),
    )
    assert rules.ways(1, order()) == (Way(1, False), Way(2, True))
    with pytest.raises(EdgeFault):
        rules.ways(1, order(), {2})
    there = order(lines=[{"sku": "s"}])
    assert rules.ways(1, there, {2}) == (Way(1, True, note("s")), Way(2, False))


def test_a_fault_names_its_edge():
    rules = rules_of(
        [placement("a"), placement("b")],
        [Edge(0, 1, fields=(("number", "1"), ("text", "lines[0].sku")))],
        (ORDER, NOTE),
    )
    with pytest.raises(EdgeFault, match=r"^text: Index error: index=0 size=0$") as fault:
        rules.ways(0, order())
    assert fault.value.edge == 0


def test_a_failure_goes_over_its_error_edges_as_a_node_error():
    error = NodeError("it broke", "TIMEOUT", "a", 2)
    rules = rules_of(
        [placement("a"), placement("b"), placement("c"), placement("d")],
        [
            Edge(0, 1, on_error=True),
            Edge(0, 2, fields=(("text", "kind + ': ' + value.message"),), on_error=True),
            Edge(0, 3, condition="attempts > 2", on_error=True),
        ],
        (ORDER, NODE_ERROR, NOTE, NODE_ERROR),
    )
    assert rules.rescues(0, error) == (
        Way(0, True, error.encode()),
        Way(1, True, note("TIMEOUT: it broke")),
        Way(2, False),
    )
    assert rules.rescues(1, error) == ()


def test_a_fan_out_is_given_each_item():
    fan_out = placement("b", fan_out=FanOut("value.lines"))
    given = order(id="x", lines=[{"sku": "s"}, {"sku": "t"}])
    bare = rules_of([placement("a"), fan_out], [Edge(0, 1)], (ORDER, LINE))
    items = tuple(LINE.parse_json({"sku": sku}) for sku in "st")
    assert bare.ways(0, given) == (Way(0, True, items=items),)
    assert bare.ways(0, order()) == (Way(0, True, items=()),)
    adapted = rules_of(
        [placement("a"), fan_out],
        [Edge(0, 1, fields=(("text", "id + item.sku"),), condition="id != ''")],
        (ORDER, NOTE),
    )
    assert adapted.ways(0, given) == (Way(0, True, items=(note("xs"), note("xt"))),)
    assert adapted.ways(0, order()) == (Way(0, False),)


def test_a_gate_composes_its_input_from_its_arms_and_absent_ones_are_empty():
    gate = placement(
        "gate",
        join=Join(),
        compose=(
            ("text", "inputs.left-arm.id + inputs.right.text"),
            ("number", "inputs.right.number"),
        ),
    )
    rules = rules_of(
        [placement("start"), placement("left-arm"), placement("right"), gate],
        [Edge(0, 1), Edge(0, 2), Edge(1, 3), Edge(2, 3, fields=(("text", "id"), ("number", "7")))],
        (ORDER, ORDER, ORDER, NOTE),
    )
    assert rules.compose(3, {2: order(id="l"), 3: note("r", 7)}) == note("lr", 7)
    assert rules.compose(3, {2: order(id="l")}) == note("l")


def test_a_compensation_is_given_what_went_in_and_what_came_out():
    fields = (("text", "input.id + output.id"),)
    undo = Compensate("acme/shop@1.0.0", "Undo", "", "", "", fields)
    plain = Compensate("acme/shop@1.0.0", "Undo", "", "", "")
    rules = rules_of(
        [placement("a", compensate=undo), placement("b", compensate=plain)],
        [Edge(0, 1)],
        (ORDER, ORDER),
        undos={0: NOTE},
    )
    assert rules.compensation(0, order(id="i"), order(id="o")) == note("io")
    assert rules.compensation(1, b"", order(id="o")) == order(id="o")


GIVEN = THING.parse_json(
    {
        "scalars": {
            "a_double": 100,
            "an_int32": 5,
            "a_uint64": 7,
            "a_string": "héllo",
            "colour": "RED",
        },
        "lists": {"strings": ["a", "b"], "colours": ["GREEN"]},
        "maps": {"by_name": {"k": 1}},
        "choice": {"text_value": "x"},
    }
)


def holds(op, field=None, value=None, message=THING, content=GIVEN):
    text = leaf_text(ConditionSource(op, field, value), message)
    scope = Scope({"value": message}, root=message)
    scope.check_condition(text)
    return scope.condition(text)({"": content, "value": content})


@pytest.mark.parametrize(
    ("op", "field", "value"),
    [
        ("EQ", "scalars.a_double", "100"),
        ("GTE", "scalars.a_double", 100),
        ("NE", "scalars.a_string", "100"),
        ("GT", "scalars.an_int32", "4"),
        ("LT", "scalars.a_uint64", 8),
        ("EQ", "scalars.colour", "RED"),
        ("EQ", "scalars.colour", 1),
        ("EQ", "scalars.a_bool", "false"),
        ("IN", "scalars.an_int32", "4, 5"),
        ("IN", "scalars.colour", ["RED", "GREEN"]),
        ("NOT_IN", "scalars.a_string", ["a", "b"]),
        ("CONTAINS", "scalars.a_string", "ll"),
        ("CONTAINS", "lists.strings", "b"),
        ("CONTAINS", "lists.colours", "GREEN"),
        ("CONTAINS", "maps.by_name", "k"),
        ("NOT_CONTAINS", "lists.strings", "c"),
        ("EQ", "lists.strings", ["a", "b"]),
        ("STARTS_WITH", "scalars.a_string", "hé"),
        ("ENDS_WITH", "scalars.a_string", "o"),
        ("MATCHES", "scalars.a_string", "^h.l+o$"),
        ("EXISTS", "choice.text_value", None),
        ("NOT_EXISTS", "choice.number", None),
        ("NOT_EXISTS", "tree", None),
    ],
)
def test_a_condition_compares_a_field_with_a_value_of_its_type(op, field, value):
    assert holds(op, field, value) is True


def test_what_is_not_set_is_nothing_to_compare_with():
    assert holds("GT", "long", "1", KNOWN, b"") is False
    assert holds("NE", "long", "1", KNOWN, b"") is True
    assert holds("NOT_CONTAINS", "text", "a", KNOWN, b"") is True
    at = KNOWN.parse_json({"at": "2026-01-02T00:00:00Z", "long": 2})
    assert holds("GT", "long", "1", KNOWN, at) is True
    assert holds("GT", "at", "2026-01-01T00:00:00Z", KNOWN, at) is True
    assert holds("EQ", "lasting", "0s", KNOWN, at) is True


@pytest.mark.parametrize(
    ("op", "field", "value", "said"),
    [
        ("EQUALS", "scalars.a_bool", "x", "unknown op 'EQUALS'"),
        ("GTR", "scalars.a_bool", "x", "unknown op 'GTR', did you mean 'GT'?"),
        ("EQ", "scalars.a_dubble", "1", "unknown field 'a_dubble', did you mean 'a_double'? ("),
        ("EQ", "scalars.a_double", "lots", "the value of scalars.a_double must be a number"),
        ("EQ", "scalars.an_int32", "2147483648", "the value of scalars.an_int32 must be a whole"),
        ("EQ", "scalars.an_int32", "1.5", "the value of scalars.an_int32 must be a whole number"),
        ("EQ", "scalars.a_bool", "yes", "the value of scalars.a_bool must be true or false"),
        (
            "EQ",
            "scalars.colour",
            "REDD",
            "the value of scalars.colour: unknown value of acme.every",
        ),
        ("GT", "scalars.colour", "RED", "scalars.colour is an acme.every.Colour, which has no"),
        ("EQ", "scalars", "x", "scalars is an acme.every.Scalars: compare one of its fields"),
        ("GT", "lists.strings", "x", "lists.strings is repeated string: op GT compares one value"),
        ("CONTAINS", "scalars.an_int32", "1", "op CONTAINS is about texts; scalars.an_int32 is an"),
        ("MATCHES", "scalars.a_string", "[", "the value of scalars.a_string: invalid regular"),
        ("EQ", "scalars.a_string", None, "op EQ needs a value"),
        ("EXISTS", "scalars.a_string", "x", "op EXISTS takes no value"),
        ("EQ", None, "x", "op EQ needs a field, and no cel"),
        ("CEL", None, None, "op CEL needs cel, and no field or value"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(op, field, value, said):
    with pytest.raises(BadExpression) as refused:
        leaf_text(ConditionSource(op, field, value), THING)
    assert str(refused.value).startswith(said)


def test_op_cel_is_taken_as_it_is():
    assert leaf_text(ConditionSource("CEL", cel="amount > 1.0"), ORDER) == "amount > 1.0"
