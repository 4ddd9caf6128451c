"""A package that is whole passes; every way it can be broken is named with file and line."""

import pytest
from packages import FILES, bundle, problems

from axiomd.authoring.check import check
from axiomd.errors import Invalid

BASE = b'syntax = "proto3"; package acme.base; message Money { int64 cents = 1; }'
MANIFEST = FILES["axiom.yaml"]
PROTO = FILES["messages/messages.proto"]
UNARY = "nodes/take_order.py"
PIPELINE = "nodes/stream_orders.py"


def test_a_whole_package_passes_and_keeps_the_bundles_digest():
    checked = check(bundle())
    assert checked.digest == bundle().digest
    assert checked.pushed.ref == "acme/orders@1.0.0"
    assert checked.pushed.descriptor_set == checked.compiled.descriptor_set


def test_imported_messages_are_part_of_the_digest():
    manifest = MANIFEST + "imports: [{package: acme/base, version: 1.0.0}]\n"
    changes = {
        "axiom.yaml": manifest,
        "messages/messages.proto": PROTO.replace(
            "message Order {", 'import "acme/base/messages.proto";\nmessage Order {'
        ),
    }
    path = "acme/base/messages.proto"
    other = BASE.replace(b"int64", b"string")
    digests = [check(bundle(changes), {path: base}).digest for base in (BASE, other, BASE)]
    assert digests[0] == digests[2]
    assert len({*digests, bundle(changes).digest}) == 3
    unused = {path: BASE, "acme/more/messages.proto": BASE.replace(b"base", b"more")}
    assert check(bundle(changes), unused).digest == digests[0], "only what the messages reach"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("axiom.yaml", "axiom.yaml: is missing"),
        ("messages/messages.proto", "messages/messages.proto: is missing"),
        (UNARY, "nodes/take_order.py: is missing: the node TakeOrder is implemented in it"),
    ],
)
def test_a_missing_file_is_named(file, words):
    assert any(said.startswith(words) for said in problems({file: None}))


def test_a_misspelt_node_file_is_pointed_out():
    changes = {UNARY: None, "nodes/take_orders.py": FILES[UNARY]}
    assert "there is nodes/take_orders.py" in problems(changes)[0]


def test_an_unknown_message_names_the_nearest_with_its_line():
    (said,) = problems({"axiom.yaml": MANIFEST.replace("input: Order", "input: Ordr", 1)})
    assert said.startswith("axiom.yaml:6: nodes[0].input: unknown message 'Ordr', did you mean")
    assert "Order'" in said


def test_protos_that_do_not_compile_are_refused_with_their_line():
    broken = PROTO.replace("string id = 1; }\nmessage R", "Strng id = 1; }\nmessage R")
    (said,) = problems({"messages/messages.proto": broken})
    assert said == 'messages/messages.proto:3: "Strng" is not defined.'


def test_two_messages_under_one_name_are_refused():
    (said,) = problems({"messages/messages.proto": PROTO + "message Order {}\n"})
    assert said.startswith("messages/messages.proto:5:")
    assert '"Order" is already defined' in said


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        (b"def take_order(ax, input):\n    return '\xff'\n", 2, "is not UTF-8 text"),
        ("def take_order(ax, input):\n    return (\n", 2, "is not Python: '(' was never closed"),
        ("x = 1\x00", 1, "is not Python"),
        ("x = " + "(" * 5000, 1, "is not Python"),
        ("def take_orders(ax, input): ...", 1, "no function 'take_order'"),
        ("class A:\n    def take_order(ax, input): ...", 1, "no function 'take_order'"),
        ("take_order = print", 1, "no function 'take_order'"),
        ("\ndef take_order(input): ...", 2, "must take exactly two parameters: (ax, input)"),
        ("def take_order(ax, input, more=1): ...", 1, "exactly two parameters"),
        ("def take_order(ax, *inputs): ...", 1, "exactly two parameters"),
        ("def take_order(ax, input, *, more): ...", 1, "exactly two parameters"),
        ("def take_order(ax, input, **more): ...", 1, "exactly two parameters"),
        ("def take_order(ax, input):\n    yield 1", 2, "must return its output, not yield it"),
        ("def take_order(ax, input: Receipt): ...", 1, "input is annotated Receipt, but TakeOrder"),
        ("def take_order(ax, input) -> Order: ...", 1, "declares Receipt"),
        ("def take_order(ax, input: list[Order]): ...", 1, "input is annotated list[Order]"),
    ],
)
def test_a_unary_handler_of_the_wrong_shape_is_refused(source, line, words):
    (said,) = problems({UNARY: source})
    assert said.startswith(f"nodes/take_order.py:{line}: ")
    assert words in said


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def stream_orders(ax, inputs):\n    return []", "must be a generator"),
        (
            "def stream_orders(ax, inputs):\n    def f():\n        yield 1\n    return f()",
            "must be a",
        ),
        ("def stream_orders(ax, inputs: Order):\n    yield 1", "declares Iterator[Order]"),
        ("def stream_orders(ax, i: Iterator[Receipt]):\n    yield 1", "declares Iterator[Order]"),
        ("async def stream_orders(ax, i: Iterator[Order]):\n    yield 1", "AsyncIterator[Order]"),
        ("def stream_orders(ax, i) -> Receipt:\n    yield 1", "declares Iterator[Receipt]"),
    ],
)
def test_a_pipeline_handler_of_the_wrong_shape_is_refused(source, words):
    (said,) = problems({PIPELINE: source})
    assert words in said


@pytest.mark.parametrize(
    "source",
    [
        "async def take_order(ax, input): ...",
        "def take_order(context, order, /): ...",
        "def take_order(ax, input: 'Order') -> 'pb.Receipt': ...",
        "from gen.messages_pb2 import Order as In\ndef take_order(ax, input: In): ...",
        "def take_order(ax, input: pb.Order) -> Any: ...",
        "def take_order(ax, input):\n    return sum(x for x in (lambda: (yield))())",
        "def take_order(ax): ...\ndef take_order(ax, input): ...",
        "\ufeffdef take_order(ax, input): ...",
    ],
)
def test_unary_handlers_may_be_written_in_many_ways(source):
    check(bundle({UNARY: source}))


@pytest.mark.parametrize(
    "source",
    [
        "async def stream_orders(ax, inputs):\n    async for i in inputs:\n        yield i",
        "def stream_orders(ax, i: Iterable[Order]) -> Generator[Receipt, None, None]:\n    yield 1",
        "async def stream_orders(ax, i: AsyncIterator['Order']):\n    yield 1",
        "def stream_orders(ax, i: Iterator) -> typing.Iterator[pb.Receipt]:\n    yield from i",
    ],
)
def test_pipeline_handlers_may_be_written_in_many_ways(source):
    check(bundle({PIPELINE: source}))


def test_code_is_looked_at_and_never_run():
    check(bundle({UNARY: "raise SystemExit(3)\n" + FILES[UNARY]}))


def test_problems_of_all_files_come_at_once():
    said = problems(
        {
            "axiom.yaml": MANIFEST.replace("output: Receipt\n    type", "output: Recipt\n    type"),
            UNARY: "def take_order(ax): ...",
            PIPELINE: None,
            "requirements.txt": "-r more.txt\n",
        }
    )
    assert [text.partition(":")[0] for text in said] == [
        *("axiom.yaml", "nodes/take_order.py", "nodes/stream_orders.py", "requirements.txt"),
    ]


def test_a_broken_manifest_does_not_hide_broken_messages():
    said = problems({"axiom.yaml": "name: [", "messages/messages.proto": 'syntax = "proto3"; x'})
    assert {text.partition(":")[0] for text in said} == {"axiom.yaml", "messages/messages.proto"}


def test_requirements_are_part_of_a_package():
    assert not check(bundle({"requirements.txt": "# nothing\n\n"})).requirements
    checked = check(bundle({"requirements.txt": "# some\nnumpy==2.0  # fast\n"}))
    assert checked.requirements.lines == ("numpy==2.0",)
    assert checked.digest != check(bundle()).digest


IMPORTING = {
    "axiom.yaml": MANIFEST.replace("output: Receipt", "output: Money", 1)
    + "imports:\n  - {package: acme/base, version: 1.0.0, messages: [Money]}\n",
    "messages/messages.proto": PROTO + 'import "acme/base/messages.proto";\n'
    "message Bill { acme.base.Money total = 1; }\n",
    UNARY: "def take_order(ax, input) -> Money: ...",
}


def test_messages_of_imported_packages_can_be_used():
    check(bundle(IMPORTING), {"acme/base/messages.proto": BASE})


def test_an_imported_package_that_is_not_there_is_named():
    said = problems(IMPORTING)
    assert any("the package acme/base@1.0.0 was not found" in text for text in said)
    assert any("acme/base/messages.proto" in text for text in said)


def test_an_imported_message_that_is_not_there_is_named():
    manifest = IMPORTING["axiom.yaml"].replace("[Money]", "[Mony]")
    said = problems({**IMPORTING, "axiom.yaml": manifest}, {"acme/base/messages.proto": BASE})
    assert "imports[0].messages[0]: unknown message 'Mony', did you mean 'Money'?" in said[0]


def test_a_package_without_nodes_is_whole():
    manifest = MANIFEST.partition("nodes:")[0]
    check(bundle({"axiom.yaml": manifest}))
    check(bundle({"axiom.yaml": manifest + "type: proto-only\n"}))


def test_the_number_of_problems_is_in_the_title():
    with pytest.raises(Invalid, match="not valid: 2 problems"):
        check(bundle({UNARY: None, PIPELINE: None}))
