"""A small right package as files, for tests to break."""

from collections.abc import Mapping

import pytest

from axiomd.authoring.bundle import Bundle
from axiomd.authoring.check import check
from axiomd.errors import Refused

FILES = {
    "axiom.yaml": """\
name: acme/orders
version: 1.0.0
language: python
nodes:
  - name: TakeOrder
    input: Order
    output: Receipt
  - name: StreamOrders
    input: Order
    output: Receipt
    type: pipeline
""",
    "messages/messages.proto": """\
syntax = "proto3";
package acme.orders;
message Order { string id = 1; }
message Receipt { string id = 1; }
""",
    "nodes/take_order.py": """\
from gen.messages_pb2 import Order, Receipt

def take_order(ax, input: Order) -> Receipt:
    return Receipt(id=input.id)
""",
    "nodes/stream_orders.py": """\
from collections.abc import Iterator
from gen.messages_pb2 import Order, Receipt

def stream_orders(ax, inputs: Iterator[Order]) -> Iterator[Receipt]:
    for order in inputs:
        yield Receipt(id=order.id)
""",
}


def bundle(changes: Mapping[str, str | bytes | None] | None = None) -> Bundle:
    """The right package with some files changed, added, or (None) taken away."""
    files = {**FILES, **(changes or {})}
    encoded = {
        path: text.encode() if isinstance(text, str) else text
        for path, text in files.items()
        if text is not None
    }
    return Bundle(encoded)


def problems(
    changes: Mapping[str, str | bytes | None], imports: Mapping[str, bytes] | None = None
) -> list[str]:
    """What `check` says of the package with these changes."""
    with pytest.raises(Refused) as caught:
        check(bundle(changes), imports)
    return [str(problem) for problem in caught.value.problems]
