"""Flows for tests of the compiler, over a package of nodes that pass things on."""

import pytest
from protos import descriptor_set

from axiomd.errors import CompileFailed
from axiomd.flow.compile import compile_flow
from axiomd.flow.messages import MessageTypes
from axiomd.flow.package import NodeSpec, PackageManifest, PushedPackage
from axiomd.flow.source import read_flow_json, read_flow_yaml

ORDERS = """
syntax = "proto3";
package acme.orders;
message Order { string id = 1; int32 qty = 2; repeated string tags = 3; }
message Wide { string id = 1; int64 qty = 2; }
message Bad { int32 id = 1; string qty = 2; string tags = 3; }
message Tally { string id = 1; string qty = 2; }
message Text { string text = 4; }
message Batch { repeated Order orders = 1; repeated Batch batches = 2; map<string, Order> by = 3; }
message Fault { string message = 1; string kind = 2; int32 attempts = 4; }
"""


def package(*nodes, ref="acme/orders@1.4.2", proto=ORDERS, digest="d1" * 32):
    name, _, version = ref.partition("@")
    specs = tuple(NodeSpec(*node) for node in nodes)
    manifest = PackageManifest(name, version, "python", nodes=specs)
    return PushedPackage(manifest, digest, descriptor_set(proto))


PASS = package(
    ("Pass", "Order", "Order"),
    ("Widen", "Wide", "Wide"),
    ("Break", "Bad", "Bad"),
    ("Stream", "Order", "Order", "", "pipeline"),
    ("Count", "Order", "Tally"),
    ("FromTally", "Tally", "Tally"),
    ("Talk", "Text", "Text"),
    ("Split", "Order", "Batch"),
    ("Batches", "Batch", "Batch"),
    ("Fix", "Fault", "Order"),
    ("Note", "Fault", "Fault"),
)


def placed(alias, node="Pass", ref="acme/orders@1.4.2", **more):
    return {"alias": alias, "package": ref, "node": node, **more}


def flow(arrows, nodes=None, **more):
    """A flow from `a>b` arrows, with a Pass node for each letter unless `nodes` says otherwise."""
    edges = [{"from": a, "to": b} for a, b in (arrow.split(">") for arrow in arrows.split())]
    aliases = sorted({edge[end] for edge in edges for end in ("from", "to")})
    return {
        "name": "acme/flow",
        "nodes": nodes or [placed(alias) for alias in aliases],
        "edges": edges,
        **more,
    }


def edged(value, *changes):
    """The flow with further keys of its edges, in their order."""
    for edge, change in zip(value["edges"], changes, strict=False):
        edge.update(change)
    return value


def compiled(value, *packages, graph_id="01JX", created_ns=7, **more):
    source = read_flow_yaml(value) if isinstance(value, str) else read_flow_json(value)
    pushed = {each.ref: each for each in packages or (PASS,)}
    cache = {}

    def types(pushed_package):
        if pushed_package.digest not in cache:
            cache[pushed_package.digest] = MessageTypes(pushed_package.descriptor_set)
        return cache[pushed_package.digest]

    return compile_flow(
        source,
        pushed,
        types,
        **{"tenant": "t1", "graph_id": graph_id, "created_ns": created_ns, **more},
    )


def refused(value, *packages, error=CompileFailed, **more):
    with pytest.raises(error) as failure:
        compiled(value, *packages, **more)
    return [(problem.path, problem.message) for problem in failure.value.problems]
